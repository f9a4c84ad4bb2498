"""A person's browser without script: keeps cookies, follows links and redirects, fills in forms.

It holds the pages to rules that real browsers enforce: SameSite, and `form-action` along the redirects after a form.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2

REDIRECTS_MAX = 12
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    form: "Element | None" = None
    inputs: list["Element"] = field(default_factory=list)
    text: str = ""


class Page(HTMLParser):
    def __init__(self, url: str, response: httpx2.Response) -> None:
        super().__init__()
        self.url, self.status, self.headers, self.source = url, response.status_code, response.headers, response.text
        self._open: list[Element] = []
        self._by_id: dict[str, Element] = {}
        self.title = ""
        self.feed(response.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        form = next((element for element in reversed(self._open) if element.tag == "form"), None)
        element = Element(tag, {name: value or "" for name, value in attributes}, form)
        self._by_id.setdefault(element.attributes.get("id", ""), element)
        if tag == "input" and form:
            form.inputs.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
        if self._open and self._open[-1].tag == "h1":
            self.title += data

    def has(self, id: str) -> bool:
        return id in self._by_id

    def find(self, id: str) -> Element:
        assert id in self._by_id, f"no #{id} on {self.url}:\n{self.source}"
        return self._by_id[id]

    def text_of(self, id: str) -> str:
        return " ".join(self.find(id).text.split())


class Browser:
    def __init__(self) -> None:
        # Cookies know no ports (RFC 6265 §8.5), and Python's jar keeps them so too.
        self.http = httpx2.Client(follow_redirects=False, timeout=10)

    def open(self, url: str, stop_at: str | None = None) -> "Page | str":
        """Goes to an address, as if it had been typed. Stops short of `stop_at`, and gives that URL back unvisited."""
        return self._go(url, "none", stop_at=stop_at)

    def click(self, page: Page, id: str) -> "Page | str":
        url = urljoin(page.url, page.find(id).attributes["href"])
        return self._go(url, _site(page.url, url))

    def submit(
        self, page: Page, button: str, fields: dict[str, str] | None = None, stop_at: str | None = None
    ) -> "Page | str":
        """Fills in the form around a button and presses it."""
        pressed = page.find(button)
        form = pressed.form
        assert pressed.tag == "button" and form and form.attributes["method"].lower() == "post", page.source
        values = {
            element.attributes["name"]: element.attributes.get("value", "")
            for element in form.inputs
            if "name" in element.attributes
        }
        assert set(fields or {}) <= set(values), page.source
        values |= fields or {}
        if "name" in pressed.attributes:
            values[pressed.attributes["name"]] = pressed.attributes.get("value", "")
        url = urljoin(page.url, form.attributes.get("action", ""))
        return self._go(url, _site(page.url, url), body=values, form=page, stop_at=stop_at)

    def cookie(self, name: str) -> str | None:
        return self.http.cookies.get(name)

    def _go(
        self,
        url: str,
        site: str,
        *,
        body: dict[str, str] | None = None,
        form: Page | None = None,
        stop_at: str | None = None,
    ) -> "Page | str":
        for _ in range(REDIRECTS_MAX):
            if stop_at and url.split("?")[0] == stop_at:
                return url
            if form:
                _assert_form_may_lead_to(form, url)
            headers = {"Sec-Fetch-Site": site}
            request = self.http.build_request("GET" if body is None else "POST", url, data=body, headers=headers)
            if body is not None:
                request.headers["Origin"] = _origin(form.url)
                # Every cookie here is SameSite=Lax: not sent with a form that another site posts.
                if site == "cross-site":
                    request.headers.pop("Cookie", None)
            response = self.http.send(request)
            for line in response.headers.get_list("set-cookie"):
                lowered = line.lower()
                assert "httponly" in lowered and "samesite=lax" in lowered and "path=/" in lowered, line
            if "location" not in response.headers:
                return Page(url, response)
            # 307 and 308 would post the form, with the password in it, once more (RFC 9700 §4.12).
            assert response.status_code in (302, 303), f"{response.status_code} from {url}"
            onward = urljoin(url, response.headers["location"])
            site = _strictest(site, _site(url, onward))
            url, body = onward, None
        raise AssertionError(f"more than {REDIRECTS_MAX} redirects, the last to {url}")


def sign_in_at(
    browser: Browser,
    issuer: str,
    page: "Page | str",
    username: str,
    password: str,
    *,
    consent: str = "allow",
    stop_at: str | None = None,
) -> "tuple[Page | str, list[str]]":
    """Does what the pages of Doorward ask for, until the browser is somewhere else; says which pages there were."""
    seen = []
    while isinstance(page, Page) and _origin(page.url) == issuer and len(seen) < 4:
        if page.has("login-submit"):
            seen.append("sign-in")
            fields = {"username": username, "password": password}
            page = browser.submit(page, "login-submit", fields, stop_at)
        elif page.has("consent-allow"):
            seen.append("consent")
            page = browser.submit(page, f"consent-{consent}", stop_at=stop_at)
        else:
            break
    return page, seen


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _site(source: str, target: str) -> str:
    if _origin(source) == _origin(target):
        return "same-origin"
    return "same-site" if urlsplit(source).hostname == urlsplit(target).hostname else "cross-site"


def _strictest(one: str, other: str) -> str:
    order = ["same-origin", "same-site", "cross-site"]
    return one if one == "none" else max(one, other, key=order.index)


def _assert_form_may_lead_to(form: Page, url: str) -> None:
    """Chromium applies `form-action` also to every redirect after a form."""
    policy = re.search(r"form-action ([^;]*)", form.headers.get("content-security-policy", ""))
    if policy:
        allowed = {_origin(form.url) if source == "'self'" else source for source in policy[1].split()}
        assert _origin(url) in allowed, f"a browser would block the way from {form.url} to {url}: {policy[0]}"
