package web

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// browser is a person's browser without script: it keeps cookies, follows links and redirects, and fills in forms. It
// holds the pages to rules that real browsers enforce: SameSite, and form-action along the redirects after a form.
type browser struct {
	t *testing.T
	// By host alone: cookies know no ports (RFC 6265 §8.5).
	cookies map[string]map[string]string
	// An address that is not visited: the way ends there, in stopped.
	stopAt string
}

func newBrowser(t *testing.T) *browser {
	return &browser{t: t, cookies: map[string]map[string]string{}}
}

type page struct {
	t      *testing.T
	url    *url.URL
	status int
	header http.Header
	source string
	root   *html.Node
}

// stopped is a page that was not visited.
func (p *page) stopped() bool { return p.root == nil }

func (p *page) find(id string) *html.Node {
	if p.root == nil {
		return nil
	}
	for node := range p.root.Descendants() {
		if attribute(node, "id") == id {
			return node
		}
	}
	return nil
}

func (p *page) text(id string) string {
	p.t.Helper()
	node := p.find(id)
	if node == nil {
		p.t.Fatalf("no #%s on %s:\n%s", id, p.url, p.source)
	}
	return textOf(node)
}

func (p *page) title() string {
	p.t.Helper()
	if p.stopped() {
		p.t.Fatalf("the way ended before %s", p.url)
	}
	for node := range p.root.Descendants() {
		if node.Type == html.ElementNode && node.Data == "h1" {
			return textOf(node)
		}
	}
	return ""
}

func textOf(node *html.Node) string {
	var text strings.Builder
	for each := range node.Descendants() {
		if each.Type == html.TextNode {
			text.WriteString(each.Data)
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

func attribute(node *html.Node, name string) string {
	for _, each := range node.Attr {
		if each.Key == name {
			return each.Val
		}
	}
	return ""
}

// open goes to an address, as if it had been typed.
func (b *browser) open(address string) *page {
	b.t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.visit(parsed, "none", nil, nil)
}

// submit fills in the form around a button and presses it; fields are names and values in turn.
func (b *browser) submit(from *page, button string, fields ...string) *page {
	b.t.Helper()
	pressed := from.find(button)
	if pressed == nil {
		b.t.Fatalf("no #%s on %s:\n%s", button, from.url, from.source)
	}
	form := pressed
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil || !strings.EqualFold(attribute(form, "method"), "post") {
		b.t.Fatalf("#%s is in no form that posts:\n%s", button, from.source)
	}
	values := url.Values{}
	for node := range form.Descendants() {
		if node.Type == html.ElementNode && node.Data == "input" {
			values.Set(attribute(node, "name"), attribute(node, "value"))
		}
	}
	for at := 0; at < len(fields); at += 2 {
		if !values.Has(fields[at]) {
			b.t.Fatalf("the form has no field %q", fields[at])
		}
		values.Set(fields[at], fields[at+1])
	}
	if name := attribute(pressed, "name"); name != "" {
		values.Set(name, attribute(pressed, "value"))
	}
	target, err := from.url.Parse(attribute(form, "action"))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.visit(target, site(from.url, target), values, from)
}

func (b *browser) visit(target *url.URL, site string, body url.Values, form *page) *page {
	b.t.Helper()
	for range 12 {
		if b.stopAt != "" && origin(target)+target.Path == b.stopAt {
			return &page{t: b.t, url: target}
		}
		if form != nil {
			b.mayLeadTo(form, target)
		}
		response := b.fetch(target, site, body, form)
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			b.t.Fatal(err)
		}
		location := response.Header.Get("Location")
		if location == "" {
			root, err := html.Parse(strings.NewReader(string(text)))
			if err != nil {
				b.t.Fatal(err)
			}
			return &page{b.t, target, response.StatusCode, response.Header, string(text), root}
		}
		// 307 and 308 would post the form, with the password in it, once more (RFC 9700 §4.12).
		if response.StatusCode != http.StatusFound && response.StatusCode != http.StatusSeeOther {
			b.t.Fatalf("%d from %s", response.StatusCode, target)
		}
		onward, err := target.Parse(location)
		if err != nil {
			b.t.Fatal(err)
		}
		site, target, body = strictest(site, target, onward), onward, nil
	}
	b.t.Fatalf("too many redirects, the last to %s", target)
	return nil
}

func (b *browser) fetch(target *url.URL, site string, body url.Values, form *page) *http.Response {
	b.t.Helper()
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, target.String(), strings.NewReader(body.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Site", site)
	if body != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", origin(form.url))
	}
	// Every cookie here is SameSite=Lax: not sent with a form that another site posts.
	if body == nil || site != "cross-site" {
		for name, value := range b.cookies[target.Hostname()] {
			request.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	client := http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, cookie := range response.Cookies() {
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
			b.t.Errorf("a cookie without care: %s", cookie.Raw)
		}
		if b.cookies[target.Hostname()] == nil {
			b.cookies[target.Hostname()] = map[string]string{}
		}
		if cookie.MaxAge < 0 {
			delete(b.cookies[target.Hostname()], cookie.Name)
		} else {
			b.cookies[target.Hostname()][cookie.Name] = cookie.Value
		}
	}
	return response
}

var formAction = regexp.MustCompile(`form-action ([^;]*)`)

// mayLeadTo: Chromium applies form-action also to every redirect after a form.
func (b *browser) mayLeadTo(form *page, target *url.URL) {
	b.t.Helper()
	policy := formAction.FindStringSubmatch(form.header.Get("Content-Security-Policy"))
	if policy == nil {
		return
	}
	for _, source := range strings.Fields(policy[1]) {
		if source == origin(target) || source == "'self'" && origin(form.url) == origin(target) {
			return
		}
	}
	b.t.Errorf("a browser would block the way from %s to %s: %s", form.url, target, policy[0])
}

func origin(of *url.URL) string { return fmt.Sprintf("%s://%s", of.Scheme, of.Host) }

func site(from, to *url.URL) string {
	switch {
	case origin(from) == origin(to):
		return "same-origin"
	case from.Hostname() == to.Hostname():
		return "same-site"
	default:
		return "cross-site"
	}
}

// strictest: a chain that left the site once stays cross-site.
func strictest(before string, from, to *url.URL) string {
	now := site(from, to)
	if before == "none" || before == "cross-site" || now == "same-origin" {
		return before
	}
	return now
}
