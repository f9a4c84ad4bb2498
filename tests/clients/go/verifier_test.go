package notes

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"golang.org/x/oauth2"
)

const (
	notesAPI   = "https://notes.example/api"
	billingAPI = "https://billing.example/api"
)

// world is what tests/clients/run prepared: a real Doorward and the clients that were created in it.
type world struct {
	*testing.T
	issuer   string
	metadata *Metadata
}

func newWorld(t *testing.T) *world {
	t.Helper()
	issuer := os.Getenv("CLIENTS_ISSUER")
	if os.Getenv("CLIENTS_WORLD") == "" || issuer == "" {
		t.Fatal("CLIENTS_WORLD is not set: start these tests with tests/clients/run")
	}
	metadata, err := Discover(t.Context(), http.DefaultClient, issuer)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, issuer, metadata}
}

func (w *world) secret(clientID string) string {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("CLIENTS_WORLD"), "clients", clientID+".json"))
	if err != nil {
		w.Fatal(err)
	}
	var client struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(text, &client); err != nil {
		w.Fatal(err)
	}
	return client.Secret
}

func (w *world) token(clientID, resource string, scopes ...string) string {
	w.Helper()
	token, err := Service(w.metadata, clientID, w.secret(clientID), resource, scopes...).Token(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return token.AccessToken
}

func (w *world) verifier(client *http.Client) *Verifier {
	w.Helper()
	verifier, err := NewVerifier(w.Context(), client, w.issuer, notesAPI)
	if err != nil {
		w.Fatal(err)
	}
	return verifier
}

func (w *world) mustRefuse(verifier *Verifier, token string) {
	w.Helper()
	if _, err := verifier.Verify(w.Context(), token); !errors.Is(err, ErrInvalidToken) {
		w.Errorf("want an invalid token, got %v", err)
	}
}

func segment(value any) string {
	text, _ := json.Marshal(value)
	return base64.RawURLEncoding.EncodeToString(text)
}

func TestATokenForThisAPIIsAccepted(t *testing.T) {
	w := newWorld(t)
	claims, err := w.verifier(http.DefaultClient).Verify(t.Context(), w.token("notes-bot", notesAPI, "notes:read"))
	if err != nil {
		t.Fatal(err)
	}
	if subject, _ := claims.Subject(); subject != "notes-bot" {
		t.Errorf("sub is %q", subject)
	}
	if audience, _ := claims.Audience(); len(audience) != 1 || audience[0] != notesAPI {
		t.Errorf("aud is %q", audience)
	}
	// The role it was given, and the one it includes.
	if held := roles(claims); !slices.Equal(held, []string{"editor", "viewer"}) {
		t.Errorf("roles are %q", held)
	}
	var scope string
	if err := claims.Get("scope", &scope); err != nil || scope != "notes:read" {
		t.Errorf("scope is %q (%v)", scope, err)
	}
}

type countingTransport struct {
	path  string
	count atomic.Int64
}

func (c *countingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if strings.HasSuffix(request.URL.Path, c.path) {
		c.count.Add(1)
	}
	return http.DefaultTransport.RoundTrip(request)
}

func TestTheKeysAreFetchedOnceForManyTokens(t *testing.T) {
	w := newWorld(t)
	counting := &countingTransport{path: "/jwks"}
	verifier := w.verifier(&http.Client{Transport: counting})
	token := w.token("notes-bot", notesAPI, "notes:read")
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := verifier.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	// A key id that nobody knows: within the cooldown it costs the issuer nothing.
	header := segment(map[string]string{"alg": "RS256", "typ": "at+jwt", "kid": "unknown"})
	w.mustRefuse(verifier, header+token[strings.Index(token, "."):])
	if fetched := counting.count.Load(); fetched != 1 {
		t.Errorf("the keys were fetched %d times", fetched)
	}
}

func TestAnUnknownKeyCausesOneFetchAfterTheCooldown(t *testing.T) {
	w := newWorld(t)
	counting := &countingTransport{path: "/jwks"}
	verifier := w.verifier(&http.Client{Transport: counting})
	verifier.refreshedAt = time.Now().Add(-refreshCooldown)
	token := w.token("notes-bot", notesAPI, "notes:read")
	header := segment(map[string]string{"alg": "RS256", "typ": "at+jwt", "kid": "unknown"})
	for range 3 {
		w.mustRefuse(verifier, header+token[strings.Index(token, "."):])
	}
	if fetched := counting.count.Load(); fetched != 2 {
		t.Errorf("the keys were fetched %d times", fetched)
	}
}

func TestATamperedTokenIsRefused(t *testing.T) {
	w := newWorld(t)
	verifier := w.verifier(http.DefaultClient)
	parts := strings.Split(w.token("notes-bot", notesAPI, "notes:read"), ".")

	var claims map[string]any
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	claims["roles"] = []string{"admin"}
	w.mustRefuse(verifier, parts[0]+"."+segment(claims)+"."+parts[2])

	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	signature[0] ^= 1
	w.mustRefuse(verifier, parts[0]+"."+parts[1]+"."+base64.RawURLEncoding.EncodeToString(signature))
	w.mustRefuse(verifier, parts[0]+"."+parts[1]+".")
	w.mustRefuse(verifier, "nonsense")
}

func TestATokenWithAnotherAlgorithmIsRefused(t *testing.T) {
	w := newWorld(t)
	verifier := w.verifier(http.DefaultClient)
	token := w.token("notes-bot", notesAPI, "notes:read")
	payload := strings.Split(token, ".")[1]
	message, err := jws.ParseString(token)
	if err != nil {
		t.Fatal(err)
	}
	kid, _ := message.Signatures()[0].ProtectedHeaders().KeyID()

	w.mustRefuse(verifier, segment(map[string]string{"alg": "none", "typ": "at+jwt", "kid": kid})+"."+payload+".")

	// The public key as a shared secret.
	key, _ := verifier.keys.LookupKeyID(kid)
	pem, err := jwk.Pem(key)
	if err != nil {
		t.Fatal(err)
	}
	signed := segment(map[string]string{"alg": "HS256", "typ": "at+jwt", "kid": kid}) + "." + payload
	mac := hmac.New(sha256.New, pem)
	mac.Write([]byte(signed))
	w.mustRefuse(verifier, signed+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}

func TestAStrangersSignatureIsRefused(t *testing.T) {
	w := newWorld(t)
	verifier := w.verifier(http.DefaultClient)
	token := w.token("notes-bot", notesAPI, "notes:read")
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := jwt.ParseInsecure([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	message, err := jws.ParseString(token)
	if err != nil {
		t.Fatal(err)
	}
	headers := message.Signatures()[0].ProtectedHeaders()
	forged, err := jwt.Sign(claims, jwt.WithKey(jwa.RS256(), stranger, jws.WithProtectedHeaders(headers)))
	if err != nil {
		t.Fatal(err)
	}
	w.mustRefuse(verifier, string(forged))
}

func TestAnotherKindOfTokenOrAnIncompleteOneIsRefusedUnderAGoodSignature(t *testing.T) {
	w := newWorld(t)
	// Doorward signs its ID tokens with the same keys. Here we play the issuer, to have such tokens at hand.
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	published, err := jwk.Import(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	published.Set(jwk.KeyIDKey, "ours")
	published.Set(jwk.AlgorithmKey, jwa.RS256())
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"keys": []any{published}})
	})
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(Metadata{Issuer: server.URL, JWKSURI: server.URL + "/jwks"})
	})
	verifier, err := NewVerifier(t.Context(), http.DefaultClient, server.URL, notesAPI)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(typ, without string) string {
		token, err := jwt.ParseInsecure([]byte(w.token("notes-bot", notesAPI, "notes:read")))
		if err != nil {
			t.Fatal(err)
		}
		token.Set(jwt.IssuerKey, server.URL)
		token.Remove(without)
		headers := jws.NewHeaders()
		headers.Set(jws.KeyIDKey, "ours")
		headers.Set(jws.TypeKey, typ)
		signed, err := jwt.Sign(token, jwt.WithKey(jwa.RS256(), private, jws.WithProtectedHeaders(headers)))
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}

	if _, err := verifier.Verify(t.Context(), sign("at+jwt", "")); err != nil {
		t.Error(err)
	}
	for _, typ := range []string{"JWT", "logout+jwt", ""} {
		w.mustRefuse(verifier, sign(typ, ""))
	}
	for _, name := range []string{"iss", "sub", "aud", "client_id", "exp", "iat", "jti"} {
		w.mustRefuse(verifier, sign("at+jwt", name))
	}
}

func TestATokenForAnotherAPIIsRefused(t *testing.T) {
	w := newWorld(t)
	w.mustRefuse(w.verifier(http.DefaultClient), w.token("billing-bot", billingAPI, "billing:read"))
}

func TestATokenOfAnotherIssuerIsRefused(t *testing.T) {
	w := newWorld(t)
	verifier := w.verifier(http.DefaultClient)
	verifier.issuer = "https://login.example"
	w.mustRefuse(verifier, w.token("notes-bot", notesAPI, "notes:read"))
}

func TestATokenIsRefusedOnceItHasExpiredAndBeforeItsTime(t *testing.T) {
	w := newWorld(t)
	token := w.token("notes-bot", notesAPI, "notes:read")
	for _, offset := range []time.Duration{time.Hour, -time.Hour} {
		verifier := w.verifier(http.DefaultClient)
		verifier.clock = jwt.ClockFunc(func() time.Time { return time.Now().Add(offset) })
		w.mustRefuse(verifier, token)
	}
}

func TestTheSecretGoesWhereTheClientIsRegisteredToSendIt(t *testing.T) {
	w := newWorld(t)
	other := Service(w.metadata, "other", w.secret("other"), notesAPI, "notes:read")
	other.AuthStyle = oauth2.AuthStyleInParams
	if _, err := other.Token(t.Context()); err != nil {
		t.Error(err)
	}

	other.AuthStyle = oauth2.AuthStyleInHeader
	var refused *oauth2.RetrieveError
	if _, err := other.Token(t.Context()); !errors.As(err, &refused) {
		t.Fatalf("want a refusal, got %v", err)
	}
	if refused.ErrorCode != "invalid_client" || refused.Response.StatusCode != http.StatusUnauthorized {
		t.Errorf("refused with %d %s", refused.Response.StatusCode, refused.ErrorCode)
	}
	if challenge := refused.Response.Header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Basic") {
		t.Errorf("the challenge is %q", challenge)
	}
}

func TestTheGuardOpensOnlyForAGoodTokenWithTheRole(t *testing.T) {
	w := newWorld(t)
	statistics := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) })
	server := httptest.NewServer(w.verifier(http.DefaultClient).Authenticate(RequireRole("editor", statistics)))
	defer server.Close()
	good := w.token("notes-bot", notesAPI, "notes:read")

	for _, example := range []struct {
		name, query, authorization string
		status                     int
		challenge                  string
	}{
		{"a good token", "", "Bearer " + good, http.StatusOK, ""},
		{"the scheme in another case", "", "bearer " + good, http.StatusOK, ""},
		{"no token", "", "", http.StatusUnauthorized, "Bearer"},
		{"a token in the query string", "?access_token=" + good, "", http.StatusUnauthorized, "Bearer"},
		{"a bad token", "", "Bearer nonsense", http.StatusUnauthorized, `Bearer error="invalid_token"`},
		{"a token without the role", "", "Bearer " + w.token("nobody", notesAPI, "notes:read"), http.StatusForbidden, ""},
	} {
		t.Run(example.name, func(t *testing.T) {
			request, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+example.query, nil)
			if example.authorization != "" {
				request.Header.Set("Authorization", example.authorization)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != example.status || response.Header.Get("WWW-Authenticate") != example.challenge {
				t.Errorf("got %d with challenge %q", response.StatusCode, response.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestAServiceClientCallsTheAPIAndReusesItsToken(t *testing.T) {
	w := newWorld(t)
	counting := &countingTransport{path: "/token"}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: counting})
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, _ := Claims(r.Context()).Subject()
		w.Write([]byte(subject))
	})
	server := httptest.NewServer(w.verifier(http.DefaultClient).Authenticate(hello))
	defer server.Close()

	client := Service(w.metadata, "notes-bot", w.secret("notes-bot"), notesAPI, "notes:read").Client(ctx)
	for range 3 {
		response, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
	}
	if fetched := counting.count.Load(); fetched != 1 {
		t.Errorf("%d tokens were fetched for three calls", fetched)
	}
}
