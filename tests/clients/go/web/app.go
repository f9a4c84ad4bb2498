package web

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/oauth2"
)

//go:embed pages.html
var source string

var pages = template.Must(template.New("pages").Parse(source))

// Begun and not finished, in so many tabs at most.
const attemptsMax = 5

// session is what the browser holds only the id of: a script that gets into a page finds no token to take away.
type session struct {
	attempts  []Attempt
	tokens    *Tokens
	person    map[string]any
	signedOut string
}

// App is the web app. Sessions are kept in the memory of this process: put your database in that place.
type App struct {
	settings Settings
	signIn   *SignIn
	cookie   string

	mutex    sync.Mutex
	sessions map[string]*session
}

// NewApp makes the app.
func NewApp(settings Settings, signIn *SignIn) *App {
	app := &App{settings: settings, signIn: signIn, cookie: "notes", sessions: map[string]*session{}}
	if app.isSecure() {
		// `__Host-`: https, this very host and path `/` only. Over plain http browsers refuse such a cookie.
		app.cookie = "__Host-notes"
	}
	return app
}

func (a *App) isSecure() bool { return strings.HasPrefix(a.settings.Origin, "https://") }

// Handler routes the requests.
func (a *App) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { a.leave(w, r) })
	// Signs in whoever is signed in at Doorward already, and shows no page to those who are not.
	mux.HandleFunc("GET /login/silent", func(w http.ResponseWriter, r *http.Request) {
		a.leave(w, r, oauth2.SetAuthURLParam("prompt", "none"))
	})
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("GET /notes", a.notes)
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("GET /signed-out", a.signedOut)
	// A form of another site does nothing here.
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		// Browsers hold the redirect after a form to `form-action` too: signing out leads to the issuer.
		header.Set("Content-Security-Policy",
			"default-src 'none'; form-action 'self' "+a.settings.Issuer+"; frame-ancestors 'none'")
		header.Set("Cache-Control", "no-store")
		// The answer from Doorward has a code in its URL.
		header.Set("Referrer-Policy", "no-referrer")
		protected.ServeHTTP(w, r)
	})
}

func (a *App) home(w http.ResponseWriter, r *http.Request) {
	_, held := a.session(r)
	show(w, http.StatusOK, "home", held.person)
}

func (a *App) leave(w http.ResponseWriter, r *http.Request, extra ...oauth2.AuthCodeOption) {
	url, attempt := a.signIn.Start(extra...)
	attempt.ReturnTo = localPath(r.URL.Query().Get("return_to"))
	id, held := a.session(r)
	held.attempts = append(held.attempts, attempt)
	held.attempts = held.attempts[max(0, len(held.attempts)-attemptsMax):]
	if id == "" {
		id = rand.Text()
		a.setCookie(w, id)
	}
	a.keep(id, held)
	http.Redirect(w, r, url, http.StatusSeeOther)
}

func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id, held := a.session(r)
	attempt, ok := held.take(query.Get("state"))
	if !ok {
		// Begun in another browser, or never: taking it would sign this person in as somebody else (login CSRF).
		sorry(w, http.StatusBadRequest, "Please start again", "This sign-in was not begun in this browser.")
		return
	}
	a.keep(id, held)
	tokens, person, err := a.signIn.Finish(r.Context(), query, attempt)
	if err != nil {
		refused(w, r, err)
		return
	}
	// A new session id, so that one who planted the old one has nothing (session fixation).
	a.drop(id)
	id = rand.Text()
	a.setCookie(w, id)
	a.keep(id, session{tokens: tokens, person: person})
	http.Redirect(w, r, attempt.ReturnTo, http.StatusSeeOther)
}

func refused(w http.ResponseWriter, r *http.Request, err error) {
	var no *Refused
	if errors.As(err, &no) {
		switch no.Code {
		case "access_denied":
			sorry(w, http.StatusForbidden, "Not signed in", "You did not allow it. Nothing was shared.")
			return
		case "login_required", "consent_required":
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
	}
	log.Printf("the sign-in was refused: %v", err)
	sorry(w, http.StatusBadRequest, "That did not work", "You are not signed in. Please try again.")
}

func (a *App) notes(w http.ResponseWriter, r *http.Request) {
	id, held := a.session(r)
	if held.tokens == nil {
		toLogin(w, r)
		return
	}
	tokens, err := a.signIn.Fresh(r.Context(), held.tokens)
	if IsOver(err) {
		a.drop(id)
		toLogin(w, r)
		return
	}
	var notes []string
	if err == nil {
		a.renewed(id, held.tokens, tokens)
		notes, err = a.fetchNotes(r, tokens)
	}
	switch {
	case errors.Is(err, errUnauthorized):
		// Revoked before its time: the way to a new token is a new sign-in.
		toLogin(w, r)
	case err != nil:
		log.Printf("no notes: %v", err)
		sorry(w, http.StatusServiceUnavailable, "Out of order", "Something does not answer. Please try again later.")
	default:
		show(w, http.StatusOK, "notes", notes)
	}
}

var errUnauthorized = errors.New("the API does not take the token")

func (a *App) fetchNotes(r *http.Request, tokens *Tokens) ([]string, error) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, a.settings.NotesURL+"/notes", nil)
	if err != nil {
		return nil, err
	}
	tokens.SetAuthHeader(request)
	response, err := a.settings.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		var notes []string
		return notes, json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&notes)
	case http.StatusUnauthorized:
		return nil, errUnauthorized
	default:
		return nil, fmt.Errorf("the notes API answered %s", response.Status)
	}
}

func (a *App) logout(w http.ResponseWriter, r *http.Request) {
	id, held := a.session(r)
	if held.tokens == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	a.drop(id)
	id, state := rand.Text(), rand.Text()
	a.setCookie(w, id)
	a.keep(id, session{signedOut: state})
	http.Redirect(w, r, a.signIn.SignOutURL(held.tokens, state), http.StatusSeeOther)
}

func (a *App) signedOut(w http.ResponseWriter, r *http.Request) {
	id, held := a.session(r)
	if !same(r.URL.Query().Get("state"), held.signedOut) {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	a.drop(id)
	sorry(w, http.StatusOK, "Signed out", "You are signed out here and at Doorward.")
}

// session gives a copy: requests of one browser may come at once.
func (a *App) session(r *http.Request) (string, session) {
	cookie, err := r.Cookie(a.cookie)
	if err != nil {
		return "", session{}
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if held := a.sessions[cookie.Value]; held != nil {
		return cookie.Value, *held
	}
	// An id that we never gave, or have forgotten, is not taken up.
	return "", session{}
}

func (a *App) keep(id string, held session) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.sessions[id] = &held
}

// renewed keeps new tokens, unless the person has signed out meanwhile or another request was first.
func (a *App) renewed(id string, old, fresh *Tokens) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if held := a.sessions[id]; held != nil && held.tokens == old {
		held.tokens = fresh
	}
}

func (a *App) drop(id string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	delete(a.sessions, id)
}

func (a *App) setCookie(w http.ResponseWriter, id string) {
	http.SetCookie(w, &http.Cookie{
		Name: a.cookie, Value: id, Path: "/", HttpOnly: true, Secure: a.isSecure(),
		// A form of another site that posts here carries no cookie, a link from there does.
		SameSite: http.SameSiteLaxMode,
	})
}

// take removes the attempt with this state.
func (s *session) take(state string) (Attempt, bool) {
	for at, attempt := range s.attempts {
		if same(state, attempt.State) {
			others := append([]Attempt{}, s.attempts[:at]...)
			s.attempts = append(others, s.attempts[at+1:]...)
			return attempt, true
		}
	}
	return Attempt{}, false
}

func show(w http.ResponseWriter, status int, page string, data any) {
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, page, data); err != nil {
		log.Printf("page %s: %v", page, err)
		http.Error(w, "something went wrong here", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(text.Bytes())
}

func sorry(w http.ResponseWriter, status int, title, text string) {
	show(w, status, "sorry", map[string]string{"Title": title, "Text": text})
}

func toLogin(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/login?return_to="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
}

var local = regexp.MustCompile(`^/([\w.-][\w./-]*)?$`)

// localPath lets only a path of this app through: else our link could send people anywhere after they signed in.
func localPath(path string) string {
	if local.MatchString(path) {
		return path
	}
	return "/"
}
