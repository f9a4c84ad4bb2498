// Package web is a small web app whose people sign in with Doorward, by go-oidc and x/oauth2.
package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Settings say who this app is. It is registered with <Origin>/callback and <Origin>/signed-out.
type Settings struct {
	Issuer, ClientID, ClientSecret string
	// Where people reach this app.
	Origin string
	// The identifier of the notes API, and where it is.
	Audience, NotesURL string
	// For requests to Doorward and the API. Give it a timeout.
	HTTP *http.Client
}

// Attempt is what must be remembered, with the browser, until the answer comes.
type Attempt struct {
	State, Nonce, Verifier, ReturnTo string
}

// Tokens of somebody who is signed in.
type Tokens struct {
	Subject string
	IDToken string
	*oauth2.Token
}

// Refused is the answer of Doorward that there will be no code: the person, or `prompt=none`, said no.
type Refused struct{ Code string }

func (r *Refused) Error() string { return "refused: " + r.Code }

// ErrNotOurs says that the answer belongs to no attempt of this browser, or comes from another issuer.
var ErrNotOurs = errors.New("not an answer to what was asked")

// SignIn knows nothing of HTTP handlers and of sessions.
type SignIn struct {
	settings   Settings
	provider   *oidc.Provider
	verifier   *oidc.IDTokenVerifier
	oauth      oauth2.Config
	endSession string
}

// NewSignIn reads the metadata of the issuer. The keys are fetched when they are needed, for as long as ctx lives.
func NewSignIn(ctx context.Context, settings Settings) (*SignIn, error) {
	// Refused before the first request: over plain http anybody on the way could put in keys of their own.
	if !strings.HasPrefix(settings.Issuer, "https://") && !isLocal(settings.Issuer) {
		return nil, errors.New("the issuer must be an https URL")
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, settings.HTTP), settings.Issuer)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	// The registered method, said outright: the default tries both, and shows the secret in two places.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &SignIn{
		settings: settings,
		provider: provider,
		verifier: provider.Verifier(&oidc.Config{
			ClientID: settings.ClientID,
			// Our list, never the token's own word (RFC 8725 §3.1).
			SupportedSigningAlgs: []string{oidc.RS256},
		}),
		oauth: oauth2.Config{
			ClientID:     settings.ClientID,
			ClientSecret: settings.ClientSecret,
			Endpoint:     endpoint,
			RedirectURL:  settings.Origin + "/callback",
			Scopes:       []string{oidc.ScopeOpenID, "profile", "email", "notes:read"},
		},
		endSession: metadata.EndSession,
	}, nil
}

// Start says where to send the browser, and what to remember.
func (s *SignIn) Start(extra ...oauth2.AuthCodeOption) (string, Attempt) {
	attempt := Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), ReturnTo: "/"}
	options := append([]oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(attempt.Verifier),
		oidc.Nonce(attempt.Nonce),
		// The API the access token is for (RFC 8707).
		oauth2.SetAuthURLParam("resource", s.settings.Audience),
	}, extra...)
	return s.oauth.AuthCodeURL(attempt.State, options...), attempt
}

// Finish takes the answer. The libraries check the ID token (signature, iss, aud, exp) and the subject of userinfo is
// compared here; state, iss and nonce are ours to check.
func (s *SignIn) Finish(ctx context.Context, answer url.Values, attempt Attempt) (*Tokens, map[string]any, error) {
	ctx = oidc.ClientContext(ctx, s.settings.HTTP)
	if !same(answer.Get("state"), attempt.State) {
		return nil, nil, fmt.Errorf("%w: another state", ErrNotOurs)
	}
	// Before the code is shown to anyone: it could be another issuer's (RFC 9207; Doorward always names itself).
	if answer.Get("iss") != s.settings.Issuer {
		return nil, nil, fmt.Errorf("%w: another issuer", ErrNotOurs)
	}
	if code := answer.Get("error"); code != "" {
		return nil, nil, &Refused{code}
	}
	token, err := s.oauth.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(attempt.Verifier))
	if err != nil {
		return nil, nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := s.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	if !same(verified.Nonce, attempt.Nonce) {
		return nil, nil, fmt.Errorf("%w: another nonce", ErrNotOurs)
	}
	if err := verified.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, nil, err
	}
	person, err := s.person(ctx, token, verified.Subject)
	if err != nil {
		return nil, nil, err
	}
	return &Tokens{verified.Subject, raw, token}, person, nil
}

// Name and address come from userinfo. It must be about the same person as the ID token (OpenID Connect Core §5.3.2).
func (s *SignIn) person(ctx context.Context, token *oauth2.Token, subject string) (map[string]any, error) {
	info, err := s.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, err
	}
	if info.Subject != subject {
		return nil, errors.New("userinfo is about somebody else")
	}
	person := map[string]any{}
	return person, info.Claims(&person)
}

// Fresh gives tokens that are good for a while: the same, or new ones that must be kept, because the refresh token is
// good once. Two calls at the same time get the same successor.
func (s *SignIn) Fresh(ctx context.Context, tokens *Tokens) (*Tokens, error) {
	if time.Until(tokens.Expiry) > 30*time.Second {
		return tokens, nil
	}
	ctx = oidc.ClientContext(ctx, s.settings.HTTP)
	// Without an access token the source has nothing to hold on to, and renews.
	fresh, err := s.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: tokens.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	renewed := &Tokens{tokens.Subject, tokens.IDToken, fresh}
	if raw, ok := fresh.Extra("id_token").(string); ok {
		verified, err := s.verifier.Verify(ctx, raw)
		if err != nil {
			return nil, err
		}
		// It must speak of the same person (OpenID Connect Core §12.2).
		if verified.Subject != tokens.Subject {
			return nil, errors.New("the refreshed ID token is about somebody else")
		}
		renewed.IDToken = raw
	}
	return renewed, nil
}

// IsOver tells that the session at Doorward has ended (signed out, disabled, expired): sign in again.
func IsOver(err error) bool {
	var refused *oauth2.RetrieveError
	return errors.As(err, &refused) && refused.ErrorCode == "invalid_grant"
}

// SignOutURL is where to send the browser, so that the person is signed out at Doorward too.
func (s *SignIn) SignOutURL(tokens *Tokens, state string) string {
	query := url.Values{
		"id_token_hint":            {tokens.IDToken},
		"post_logout_redirect_uri": {s.settings.Origin + "/signed-out"},
		"state":                    {state},
	}
	return s.endSession + "?" + query.Encode()
}

// isLocal: plain http is for a developer's own machine, and nowhere else.
func isLocal(issuer string) bool {
	parsed, err := url.Parse(issuer)
	return err == nil && parsed.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, parsed.Hostname())
}

func same(one, other string) bool {
	return other != "" && subtle.ConstantTimeCompare([]byte(one), []byte(other)) == 1
}
