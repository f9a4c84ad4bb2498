package notes

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwt"
)

type bearerKey struct{}

var bearer = regexp.MustCompile(`^(?i:bearer) +([\w.~+/-]+=*)$`)

// Authenticate lets only bearers of a good token through. The token is taken from the header, never from the query
// string: URLs end up in logs, histories and Referer headers (RFC 9700 §4.3.2).
func (v *Verifier) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		match := bearer.FindStringSubmatch(r.Header.Get("Authorization"))
		if match == nil {
			// Nothing was sent, so nothing was wrong with it: the challenge carries no error code (RFC 6750 §3.1).
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "send an access token", http.StatusUnauthorized)
			return
		}
		claims, err := v.Verify(r.Context(), match[1])
		switch {
		case errors.Is(err, ErrInvalidToken):
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "the token is not acceptable here", http.StatusUnauthorized)
		case err != nil:
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bearerKey{}, claims)))
		}
	})
}

// Claims are those of the caller. Only for handlers behind Authenticate.
func Claims(ctx context.Context) jwt.Token {
	claims, _ := ctx.Value(bearerKey{}).(jwt.Token)
	return claims
}

// RequireRole lets those through who held the role when the token was issued.
func RequireRole(role string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims := Claims(r.Context())
		// Wired without Authenticate in front of it: a mistake that must not open the door.
		if claims == nil || !slices.Contains(roles(claims), role) {
			http.Error(w, "this needs the role "+role, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func roles(claims jwt.Token) []string {
	var listed []any
	if claims.Get("roles", &listed) != nil {
		return nil
	}
	var names []string
	for _, role := range listed {
		if name, ok := role.(string); ok {
			names = append(names, name)
		}
	}
	return names
}
