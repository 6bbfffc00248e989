package fauna

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/fauna/internal/wire"
	"github.com/authstore/authstore/internal/attempt"
)

func init() {
	driver.Register("fauna", openURL)
	driver.Register("fauna+http", openURL)
}

// openURL opens a store by URL: fauna uses TLS, fauna+http does not.
func openURL(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
	u, err := driver.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if u.User != nil {
		return nil, adapter.Invalid("URL", "must not hold the secret, which is read from the environment")
	}
	if u.Fragment != "" {
		return nil, adapter.Invalid("URL", "must have no #: percent-encode it as %23")
	}
	p, err := parseParameters(u.RawQuery)
	if err != nil {
		return nil, err
	}
	secret := os.Getenv(p.secretEnv)
	if u.Hostname() == "" || secret == "" {
		return nil, adapter.Invalid("URL", fmt.Sprintf("must name a host, and the environment variable %s must hold the secret", p.secretEnv))
	}
	if strings.TrimSpace(secret) != secret || strings.ContainsFunc(secret, unicode.IsControl) {
		return nil, adapter.Invalid("URL", fmt.Sprintf("must have its secret in the environment variable %s without white space around it", p.secretEnv))
	}
	scheme := "https"
	if u.Scheme == "fauna+http" {
		scheme = "http"
	}
	endpoint := url.URL{Scheme: scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	c := wire.New()
	p.Options.Options = o
	s, err := newStore(newClient(endpoint.String(), secret, p.RequestTimeout, c), p.Options)
	if err != nil {
		return nil, err
	}
	s.closeConnections = c.Close
	return driver.Guard(s, backend, s.options, nil), nil
}

// parameters are those of a URL.
type parameters struct {
	Options
	secretEnv string
}

// parseParameters parses the parameters of a URL. No error contains a value, which may be a
// secret put in the wrong place.
func parseParameters(raw string) (p parameters, err error) {
	if strings.Contains(raw, ";") {
		return p, adapter.Invalid("URL", `must have "&" between its parameters, and a ";" in a value as %3B`)
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return p, adapter.Invalid("URL", "must have special characters in its parameters percent-encoded")
	}
	timeout := ""
	known := map[string]*string{
		"secret_env": &p.secretEnv, "timeout": &timeout, "users": &p.Collections.Users, "accounts": &p.Collections.Accounts,
		"sessions": &p.Collections.Sessions, "verification_tokens": &p.Collections.VerificationTokens, "authenticators": &p.Collections.Authenticators,
	}
	for name, values := range query {
		switch into := known[name]; {
		case into == nil:
			return p, adapter.Invalid("URL", fmt.Sprintf("has the unknown parameter %q: there are %q", name, slices.Sorted(maps.Keys(known))))
		case len(values) > 1 || values[0] == "":
			return p, adapter.Invalid("URL", fmt.Sprintf("must have the parameter %s once, and a value for it", name))
		default:
			*into = values[0]
		}
	}
	p.secretEnv = cmp.Or(p.secretEnv, fauna.EnvFaunaSecret)
	if timeout == "" {
		return p, nil
	}
	p.RequestTimeout, err = time.ParseDuration(timeout)
	if err != nil || p.RequestTimeout < minTimeout {
		return p, adapter.Invalid("URL", "must have a timeout such as 10s")
	}
	return p, nil
}

// minTimeout is the shortest timeout that a URL can set.
const minTimeout = 10 * time.Millisecond

// newClient returns the client of a store that is opened by URL. The server's time limit is
// shorter than the adapter's, so that its answer about a time-out arrives.
func newClient(endpoint, secret string, limit time.Duration, c *wire.Connections) *fauna.Client {
	timeouts := fauna.Timeouts{QueryTimeout: cmp.Or(limit, attempt.Default) * 4 / 5}
	return fauna.NewClient(secret, timeouts, append(clientOptions(c), fauna.URL(endpoint), fauna.WithLogger(discard{}))...)
}

// discard is a logger that logs nothing: requests contain tokens.
type discard struct{ fauna.Logger }

func (discard) LogResponse(context.Context, []byte, *http.Response) {}
