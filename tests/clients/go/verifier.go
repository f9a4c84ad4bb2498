// Package notes shows how a Go API accepts the access tokens of Doorward: verified offline (RFC 9068) through its
// published keys, which are cached and refreshed in the background.
package notes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// ErrInvalidToken says that the token itself is bad: 401. Any other error means "could not check": 503.
var ErrInvalidToken = errors.New("invalid token")

// An unknown key id causes a fetch at most this often: invented ids must not make us hammer the issuer.
const refreshCooldown = 30 * time.Second

// Metadata is what this package needs of an authorization server (RFC 8414).
type Metadata struct {
	Issuer        string `json:"issuer"`
	JWKSURI       string `json:"jwks_uri"`
	TokenEndpoint string `json:"token_endpoint"`
}

// Discover reads the metadata of an issuer.
func Discover(ctx context.Context, client *http.Client, issuer string) (*Metadata, error) {
	url := issuer + "/.well-known/oauth-authorization-server"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	var metadata Metadata
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&metadata); err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	// The document must speak for the very server it was asked of (RFC 8414 §3.3): else one issuer could pose as another.
	if metadata.Issuer != issuer {
		return nil, fmt.Errorf("%s is the metadata of %q", url, metadata.Issuer)
	}
	return &metadata, nil
}

// Verifier checks access tokens for one API. It is safe for concurrent use.
type Verifier struct {
	issuer, audience, jwksURI string

	cache *jwk.Cache
	keys  jwk.Set
	clock jwt.Clock

	mutex       sync.Mutex
	refreshedAt time.Time
}

// NewVerifier fetches the keys once and keeps them fresh until ctx ends. Give the client a timeout.
func NewVerifier(ctx context.Context, client *http.Client, issuer, audience string) (*Verifier, error) {
	metadata, err := Discover(ctx, client, issuer)
	if err != nil {
		return nil, err
	}
	cache, err := jwk.NewCache(ctx, httprc.NewClient())
	if err != nil {
		return nil, err
	}
	// Between these bounds the cache obeys the issuer's Cache-Control. The library's own lower bound of a quarter of an
	// hour could be longer than a new key is published before it signs.
	err = cache.Register(ctx, metadata.JWKSURI, jwk.WithHTTPClient(client),
		jwk.WithMinInterval(time.Minute), jwk.WithMaxInterval(10*time.Minute))
	if err != nil {
		return nil, err
	}
	keys, err := cache.CachedSet(metadata.JWKSURI)
	if err != nil {
		return nil, err
	}
	return &Verifier{
		issuer: issuer, audience: audience, jwksURI: metadata.JWKSURI,
		cache: cache, keys: keys, clock: jwt.ClockFunc(time.Now), refreshedAt: time.Now(),
	}, nil
}

// Verify returns the claims of a good token.
func (v *Verifier) Verify(ctx context.Context, token string) (jwt.Token, error) {
	if err := v.checkHeader(ctx, token); err != nil {
		return nil, err
	}
	verified, err := jwt.ParseString(token,
		// The key is found by `kid`, and its own `alg` must be the token's.
		jwt.WithKeySet(v.keys),
		jwt.WithContext(ctx),
		jwt.WithIssuer(v.issuer),
		// A token for another API of the same issuer is somebody else's: RFC 9068 §4, RFC 8707.
		jwt.WithAudience(v.audience),
		jwt.WithRequiredClaim("sub"),
		jwt.WithRequiredClaim("client_id"),
		jwt.WithRequiredClaim("exp"),
		jwt.WithRequiredClaim("iat"),
		jwt.WithRequiredClaim("jti"),
		jwt.WithAcceptableSkew(5*time.Second),
		jwt.WithClock(v.clock),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return verified, nil
}

// checkHeader looks at what jwt.Parse does not: the type, and our own list of algorithms.
func (v *Verifier) checkHeader(ctx context.Context, token string) error {
	message, err := jws.ParseString(token, jws.WithCompact())
	if err != nil || len(message.Signatures()) != 1 {
		return fmt.Errorf("%w: malformed", ErrInvalidToken)
	}
	header := message.Signatures()[0].ProtectedHeaders()
	// Never the token's own word: shuts out `none`, and HMAC keyed with the public key (RFC 8725 §3.1).
	if algorithm, _ := header.Algorithm(); algorithm != jwa.RS256() {
		return fmt.Errorf("%w: algorithm not allowed", ErrInvalidToken)
	}
	// An ID token of the same issuer is not an access token (RFC 9068 §4).
	if kind, _ := header.Type(); !slices.Contains([]string{"at+jwt", "application/at+jwt"}, strings.ToLower(kind)) {
		return fmt.Errorf("%w: not an access token", ErrInvalidToken)
	}
	kid, _ := header.KeyID()
	return v.ensureKey(ctx, kid)
}

// ensureKey fetches the keys again if this one is unknown, so that a sudden rotation needs no restart.
func (v *Verifier) ensureKey(ctx context.Context, kid string) error {
	if _, known := v.keys.LookupKeyID(kid); known || !v.mayRefresh() {
		return nil
	}
	if _, err := v.cache.Refresh(ctx, v.jwksURI); err != nil {
		return fmt.Errorf("the signing keys cannot be fetched: %w", err)
	}
	return nil
}

func (v *Verifier) mayRefresh() bool {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if time.Since(v.refreshedAt) < refreshCooldown {
		return false
	}
	v.refreshedAt = time.Now()
	return true
}
