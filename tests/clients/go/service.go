package notes

import (
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Service configures a client that acts for itself. Its Client method gives an *http.Client that attaches a token, and
// renews it before it expires.
func Service(metadata *Metadata, clientID, secret, resource string, scopes ...string) *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID:     clientID,
		ClientSecret: secret,
		TokenURL:     metadata.TokenEndpoint,
		Scopes:       scopes,
		// The API the token is for (RFC 8707): it becomes the audience, and no other API accepts it.
		EndpointParams: url.Values{"resource": {resource}},
		// The registered method, said outright: the default tries both, and shows the secret in two places.
		AuthStyle: oauth2.AuthStyleInHeader,
	}
}
