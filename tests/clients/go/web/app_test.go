package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/doorward/notes"
	"golang.org/x/oauth2"
)

const notesAPI = "https://notes.example/api"

// world is what tests/clients/run prepared, and the web app in it, with the notes API behind it, on free ports.
type world struct {
	*testing.T
	issuer, password string
	settings         Settings
	app              *App
	signIn           *SignIn
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Getenv("CLIENTS_WORLD") == "" {
		t.Fatal("CLIENTS_WORLD is not set: start these tests with tests/clients/run")
	}
	w := &world{T: t, issuer: os.Getenv("CLIENTS_ISSUER"), password: read(t, "password")}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.settings = Settings{
		Issuer: w.issuer, ClientID: "web-go", ClientSecret: w.secret("web-go"),
		Origin: "http://" + listener.Addr().String(), Audience: notesAPI, NotesURL: w.startNotes(),
		HTTP: &http.Client{Timeout: 5 * time.Second},
	}
	if w.signIn, err = NewSignIn(t.Context(), w.settings); err != nil {
		t.Fatal(err)
	}
	w.app = NewApp(w.settings, w.signIn)
	server := &http.Server{Handler: w.app.Handler(), ReadHeaderTimeout: time.Second}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return w
}

// startNotes serves an API behind the guard of the package beside this one.
func (w *world) startNotes() string {
	w.Helper()
	verifier, err := notes.NewVerifier(w.Context(), http.DefaultClient, w.issuer, notesAPI)
	if err != nil {
		w.Fatal(err)
	}
	list := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode([]string{"Buy milk", "Call the plumber"})
	})
	server := httptest.NewServer(verifier.Authenticate(notes.RequireRole("editor", list)))
	w.Cleanup(server.Close)
	return server.URL
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{os.Getenv("CLIENTS_WORLD")}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (w *world) secret(clientID string) string {
	w.Helper()
	var client struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(read(w.T, "clients", clientID+".json")), &client); err != nil {
		w.Fatal(err)
	}
	return client.Secret
}

func (w *world) sub(username string) string {
	w.Helper()
	var user struct{ Sub string }
	if err := json.Unmarshal([]byte(read(w.T, "users", username+".json")), &user); err != nil {
		w.Fatal(err)
	}
	return user.Sub
}

// goOn does what the pages of Doorward ask for, until the browser is somewhere else; it says which pages there were.
func (w *world) goOn(b *browser, at *page, username, consent string) (*page, []string) {
	w.Helper()
	var seen []string
	for !at.stopped() && origin(at.url) == w.issuer && len(seen) < 4 {
		switch {
		case at.find("login-submit") != nil:
			seen = append(seen, "sign-in")
			at = b.submit(at, "login-submit", "username", username, "password", w.password)
		case at.find("consent-allow") != nil:
			seen = append(seen, "consent")
			at = b.submit(at, "consent-"+consent)
		default:
			return at, seen
		}
	}
	return at, seen
}

func (w *world) signInAs(b *browser, username, path string) *page {
	w.Helper()
	at, _ := w.goOn(b, b.open(w.settings.Origin+path), username, "allow")
	return at
}

// answered is the answer to an attempt, not yet shown to the libraries.
func (w *world) answered(b *browser, extra ...oauth2.AuthCodeOption) (url.Values, Attempt) {
	w.Helper()
	b.stopAt = w.settings.Origin + "/callback"
	defer func() { b.stopAt = "" }()
	start, attempt := w.signIn.Start(extra...)
	at, _ := w.goOn(b, b.open(start), "alice", "allow")
	return at.url.Query(), attempt
}

func (w *world) granted(b *browser) *Tokens {
	w.Helper()
	answer, attempt := w.answered(b)
	tokens, _, err := w.signIn.Finish(w.Context(), answer, attempt)
	if err != nil {
		w.Fatal(err)
	}
	return tokens
}

func (w *world) refresh(token string) (*oauth2.Token, error) {
	return w.signIn.oauth.TokenSource(w.Context(), &oauth2.Token{RefreshToken: token}).Token()
}

func (w *world) mustBeOver(err error) {
	w.Helper()
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || !IsOver(err) || refused.Response.StatusCode != http.StatusBadRequest {
		w.Errorf("want a 400 invalid_grant, got %v", err)
	}
}

// only is what the app keeps of the one who is signed in, or nil.
func (w *world) only() *session {
	for _, held := range w.app.sessions {
		if held.tokens != nil {
			return held
		}
	}
	return nil
}

func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	var decoded map[string]any
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &decoded)
	}
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func (w *world) want(what string, got, want any) {
	w.Helper()
	if got != want {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestAPersonSignsInIsAskedOnceAndTheAppShowsWhoTheyAre(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	at, seen := w.goOn(b, b.open(w.settings.Origin+"/login"), "emil", "allow")
	if !slices.Equal(seen, []string{"sign-in", "consent"}) {
		t.Errorf("the pages were %q", seen)
	}
	w.want("the title", at.title(), "Hello Emil Ende")
	w.want("sub", at.text("claim-sub"), w.sub("emil"))
	w.want("email", at.text("claim-email"), "emil@example.com")
	w.want("email_verified", at.text("claim-email_verified"), "false")
	// Doorward knows by now who this is and what they allowed.
	w.want("the title", b.open(w.settings.Origin+"/login").title(), "Hello Emil Ende")
}

func TestTheIDTokenIsAboutThePersonAndHoldsNoMoreThanThat(t *testing.T) {
	w := newWorld(t)
	tokens := w.granted(newBrowser(t))
	id := claims(t, tokens.IDToken)
	w.want("iss", id["iss"], w.issuer)
	w.want("aud", id["aud"], "web-go")
	w.want("sub", id["sub"], w.sub("alice"))
	for _, name := range []string{"auth_time", "acr", "amr", "at_hash", "sid", "nonce"} {
		if id[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	for _, name := range []string{"name", "email", "preferred_username"} {
		if id[name] != nil {
			t.Errorf("%s is in the ID token", name)
		}
	}
	w.want("the type", tokens.Type(), "Bearer")
	if left := time.Until(tokens.Expiry); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("the access token is good for %s", left)
	}
}

func TestTheAppCallsTheNotesAPIForThePerson(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	// Back where they wanted to go before they were signed in.
	at := w.signInAs(b, "alice", "/notes")
	w.want("the address", at.url.String(), w.settings.Origin+"/notes")
	w.want("the notes", at.text("list"), "Buy milk Call the plumber")
	// Emil has no role there.
	other := newBrowser(t)
	w.want("the status", w.signInAs(other, "emil", "/notes").status, http.StatusServiceUnavailable)
}

func TestALinkDoesNotSendPeopleElsewhereAfterTheySignedIn(t *testing.T) {
	w := newWorld(t)
	for _, elsewhere := range []string{"//elsewhere.example/", "https://elsewhere.example/", `/\elsewhere.example`} {
		at := w.signInAs(newBrowser(t), "alice", "/login?return_to="+url.QueryEscape(elsewhere))
		w.want("the address", at.url.String(), w.settings.Origin+"/")
	}
}

func TestATokenThatHasGrownOldIsRenewedOnTheWay(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	w.signInAs(b, "alice", "/login")
	before := *w.only().tokens
	for range 2 {
		w.only().tokens.Expiry = time.Now()
		w.want("the notes", b.open(w.settings.Origin+"/notes").text("list"), "Buy milk Call the plumber")
	}
	after := w.only().tokens
	if after.RefreshToken == before.RefreshToken || after.AccessToken == before.AccessToken {
		t.Error("nothing was renewed")
	}
	old, fresh := claims(t, before.IDToken), claims(t, after.IDToken)
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "sid"} {
		w.want(name, fresh[name], old[name])
	}
	if fresh["nonce"] != nil {
		t.Error("the refreshed ID token has a nonce")
	}
}

func TestRefreshesThatRaceGetOneAndTheSameSuccessor(t *testing.T) {
	w := newWorld(t)
	first := w.granted(newBrowser(t)).RefreshToken
	var mutex sync.Mutex
	successors := map[string]bool{}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			fresh, err := w.refresh(first)
			if err != nil {
				t.Error(err)
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			successors[fresh.RefreshToken] = true
		})
	}
	group.Wait()
	if len(successors) != 1 || successors[first] {
		t.Fatalf("%d successors", len(successors))
	}
	successor := slices.Collect(maps.Keys(successors))[0]
	// Once it is in use, its predecessor is good for nothing; and who tries it so soon ends nothing.
	next, err := w.refresh(successor)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.refresh(first)
	w.mustBeOver(err)
	if _, err := w.refresh(next.RefreshToken); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerToSomethingElseIsRefusedAndItsCodeNotSpent(t *testing.T) {
	w := newWorld(t)
	answer, attempt := w.answered(newBrowser(t))
	changed := func(name, value string) url.Values {
		other := maps.Clone(answer)
		other.Set(name, value)
		return other
	}
	for _, bad := range []url.Values{
		changed("state", "another"), changed("state", ""), changed("iss", "https://login.example"), changed("iss", ""),
	} {
		if _, _, err := w.signIn.Finish(t.Context(), bad, attempt); !errors.Is(err, ErrNotOurs) {
			t.Errorf("want a refusal, got %v", err)
		}
	}
	other := attempt
	other.Verifier = oauth2.GenerateVerifier()
	_, _, err := w.signIn.Finish(t.Context(), answer, other)
	w.mustBeOver(err)
	tokens, _, err := w.signIn.Finish(t.Context(), answer, attempt)
	if err != nil {
		t.Fatal(err)
	}
	// A second use is theft: it ends what came of the first.
	_, _, err = w.signIn.Finish(t.Context(), answer, attempt)
	w.mustBeOver(err)
	_, err = w.refresh(tokens.RefreshToken)
	w.mustBeOver(err)
}

func TestAnIDTokenWithAnotherNonceIsRefused(t *testing.T) {
	w := newWorld(t)
	answer, attempt := w.answered(newBrowser(t))
	attempt.Nonce = "another"
	if _, _, err := w.signIn.Finish(t.Context(), answer, attempt); !errors.Is(err, ErrNotOurs) {
		t.Errorf("want a refusal, got %v", err)
	}
}

func TestTheAnswerToOneBrowserDoesNothingInAnother(t *testing.T) {
	w, attacker, victim := newWorld(t), newBrowser(t), newBrowser(t)
	attacker.stopAt = w.settings.Origin + "/callback"
	answer := w.signInAs(attacker, "alice", "/login")
	if !answer.stopped() {
		t.Fatal("no answer came")
	}
	w.want("the title", victim.open(answer.url.String()).title(), "Please start again")
	w.want("the title", victim.open(w.settings.Origin).title(), "Notes")
}

func TestWhoDoesNotAllowItIsToldThatNothingWasShared(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	at, _ := w.goOn(b, b.open(w.settings.Origin+"/login"), "dora", "deny")
	w.want("the status", at.status, http.StatusForbidden)
	w.want("the text", at.text("sorry"), "You did not allow it. Nothing was shared.")
	if w.only() != nil {
		t.Error("somebody is signed in")
	}
	if b.open(w.settings.Origin+"/login").find("consent-allow") == nil {
		t.Error("not asked again")
	}
}

func TestSilentSignInShowsNoPage(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	silent := w.settings.Origin + "/login/silent"
	w.want("the title", b.open(silent).title(), "Notes")
	w.signInAs(b, "alice", "/login")
	before := claims(t, w.only().tokens.IDToken)
	w.want("the title", b.open(silent).title(), "Hello Alice Ames")
	after := claims(t, w.only().tokens.IDToken)
	w.want("auth_time", after["auth_time"], before["auth_time"])
	w.want("sid", after["sid"], before["sid"])
}

func TestWhoSignsOutIsSignedOutHereAtDoorwardAndOfEverythingThatCameOfIt(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	at := w.signInAs(b, "alice", "/login")
	tokens := *w.only().tokens
	out := b.submit(at, "sign-out")
	w.want("the address", origin(out.url)+out.url.Path, w.settings.Origin+"/signed-out")
	w.want("the title", out.title(), "Signed out")
	w.want("the title", b.open(w.settings.Origin).title(), "Notes")
	if w.only() != nil {
		t.Error("the app still keeps tokens")
	}

	_, err := w.refresh(tokens.RefreshToken)
	w.mustBeOver(err)
	if _, err := w.signIn.person(t.Context(), tokens.Token, tokens.Subject); err == nil {
		t.Error("userinfo still answers")
	}
	answer, attempt := w.answered(b, oauth2.SetAuthURLParam("prompt", "none"))
	var refused *Refused
	if _, _, err := w.signIn.Finish(t.Context(), answer, attempt); !errors.As(err, &refused) || refused.Code != "login_required" {
		t.Errorf("want login_required, got %v", err)
	}
	if b.open(w.settings.Origin+"/login").find("login-submit") == nil {
		t.Error("the password was not asked for")
	}
}
