"""A person's browser: cookies as RFC 6265bis keeps them, redirects followed by GET, forms read from the HTML.

It ends where an application begins: an address of another origin is an `Answer`, and nothing is sent there.
"""

import html
import re
import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

REDIRECTS_MAX = 10
PAGES_MAX = 6


def open_wire(ca_file: str) -> httpx.Client:
    """It keeps no cookies and follows nothing by itself. Each request has a connection of its own, so that none meets
    one that the server is about to close.
    """
    trust = ssl.create_default_context(cafile=ca_file)
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(verify=trust, cookies=no_cookies, trust_env=False, timeout=30, limits=limits)


@dataclass
class Cookie:
    name: str
    value: str
    attributes: dict[str, str]


class Jar:
    """The cookies of one host; takes none that a browser would refuse."""

    def __init__(self) -> None:
        self.cookies: dict[str, Cookie] = {}
        self.refused: list[str] = []

    def take(self, url: str, line: str) -> None:
        pair, *rest = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        attributes = {}
        for part in rest:
            key, _, text = part.partition("=")
            attributes[key.strip().lower()] = text.strip()
        over_https = urlsplit(url).scheme == "https"
        if "secure" in attributes and not over_https:
            self.refused.append(line)
        elif name.startswith("__Host-") and not (
            over_https and "secure" in attributes and attributes.get("path") == "/" and "domain" not in attributes
        ):
            self.refused.append(line)
        elif attributes.get("max-age", "1").lstrip("-") == "0" or attributes.get("max-age", "").startswith("-"):
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = Cookie(name, value, attributes)

    def header(self, url: str, *, cross_site_post: bool) -> str:
        parts = urlsplit(url)

        def goes(cookie: Cookie) -> bool:
            if "secure" in cookie.attributes and parts.scheme != "https":
                return False
            path = cookie.attributes.get("path", "/")
            if not (parts.path or "/").startswith(path):
                return False
            # Lax, which is also what browsers take a missing SameSite for: no cookie with a foreign site's form.
            return not (cross_site_post and cookie.attributes.get("samesite", "lax").lower() != "none")

        return "; ".join(f"{c.name}={c.value}" for c in self.cookies.values() if goes(c))


@dataclass
class Form:
    attributes: dict[str, str]
    fields: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    form: Form | None


class Page(HTMLParser):
    """A page of the provider."""

    def __init__(self, url: str, response: httpx.Response) -> None:
        super().__init__()
        self.url, self.status, self.headers = url, response.status_code, response.headers
        self.source = response.text
        self.elements: list[Element] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self.feed(self.source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._form = Form(named)
            self.forms.append(self._form)
        self.elements.append(Element(tag, named, self._form))
        if tag == "input" and self._form and "name" in named:
            self._form.fields.append((named["name"], named.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def find(self, id: str) -> Element | None:
        return next((e for e in self.elements if e.attributes.get("id") == id), None)

    def has(self, id: str) -> bool:
        return self.find(id) is not None

    def value(self, id: str) -> str:
        element = self.find(id)
        assert element, f"no #{id} on {self.url}"
        return element.attributes.get("value", "")

    @property
    def lang(self) -> str:
        return next(e.attributes.get("lang", "") for e in self.elements if e.tag == "html")

    @property
    def kind(self) -> str:
        """What the page asks for, by the ids that automated browsers drive it with."""
        ids = {
            "sign-in": "login-submit",
            "consent": "consent-allow",
            "select-account": "account-continue",
            "logout": "logout-yes",
            "form-post": "form-post",
        }
        return next((kind for kind, id in ids.items() if self.has(id)), "other")

    @property
    def text(self) -> str:
        return html.unescape(re.sub(r"<[^>]+>", " ", self.source))


@dataclass
class Answer:
    """What an application gets back through the browser."""

    url: str
    mode: str
    pairs: list[tuple[str, str]]
    # The pages that the person saw on the way.
    pages: list[str]
    # The answer of the provider that carried it.
    response: httpx.Response

    @property
    def parameters(self) -> dict[str, str]:
        named = dict(self.pairs)
        assert len(named) == len(self.pairs), f"a parameter stands twice: {self.pairs}"
        return named

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]

    def __contains__(self, name: str) -> bool:
        return name in self.parameters


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Browser:
    def __init__(self, wire: httpx.Client, origin: str, language: str = "en") -> None:
        self.wire, self.origin, self.language = wire, origin, language
        self.jar = Jar()
        self.pages: list[str] = []
        self.responses: list[httpx.Response] = []

    def send(
        self, method: str, url: str, *, site: str = "none", body: list[tuple[str, str]] | None = None
    ) -> httpx.Response:
        headers = {"Accept": "text/html", "Accept-Language": self.language, "Sec-Fetch-Site": site}
        content = None
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded"}
            headers |= {"Origin": "https://rp.example" if site == "cross-site" else self.origin}
            content = urlencode(body)
        cookies = self.jar.header(url, cross_site_post=site == "cross-site" and method == "POST")
        if cookies:
            headers["Cookie"] = cookies
        response = self.wire.request(method, url, headers=headers, content=content)
        for line in response.headers.get_list("set-cookie"):
            self.jar.take(url, line)
        self.responses.append(response)
        return response

    def open(self, url: str) -> Page | Answer:
        """Follows a link on the application's page."""
        return self._follow(url, self.send("GET", url, site="cross-site"))

    def post(self, url: str, fields: list[tuple[str, str]], site: str = "cross-site") -> Page | Answer:
        """Submits a form of the application's page."""
        return self._follow(url, self.send("POST", url, site=site, body=fields))

    def press(self, page: Page, id: str, **filled: str) -> Page | Answer:
        button = page.find(id)
        assert button and button.form, f"no button #{id} on {page.url}"
        form = button.form
        fields = [(name, filled.pop(name, value)) for name, value in form.fields]
        assert not filled, f"the form has no field {sorted(filled)}"
        if "name" in button.attributes:
            fields.append((button.attributes["name"], button.attributes.get("value", "")))
        assert form.attributes.get("method", "get").lower() == "post"
        url = urljoin(page.url, form.attributes.get("action", ""))
        assert origin_of(url) == self.origin, f"a form of the provider goes elsewhere: {url}"
        return self._follow(url, self.send("POST", url, site="same-origin", body=fields))

    def _follow(self, url: str, response: httpx.Response) -> Page | Answer:
        for _ in range(REDIRECTS_MAX):
            if not response.is_redirect:
                page = Page(url, response)
                if page.kind == "form-post":
                    form = page.forms[0]
                    target = form.attributes["action"]
                    return Answer(target, "form_post", form.fields, list(self.pages), response)
                self.pages.append(page.kind)
                return page
            # 307 and 308 would send a posted password on (RFC 9700 §4.12).
            assert response.status_code in (302, 303), f"{response.status_code} from {url}"
            url = urljoin(url, response.headers["location"])
            if origin_of(url) != self.origin:
                pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
                return Answer(url, "query", pairs, list(self.pages), response)
            response = self.send("GET", url, site="same-origin")
        raise AssertionError(f"more than {REDIRECTS_MAX} redirects, the last to {url}")
