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
	"sync/atomic"
	"time"
	"unicode"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/fauna/internal/wire"
	"github.com/authstore/authstore/internal/attempt"
)

// backend is the name in errors.
const backend = "fauna"

func init() {
	driver.Register("fauna", openURL)
	driver.Register("fauna+http", openURL)
}

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// Collections are the names of the collections.
	Collections Collections

	// RequestTimeout is how long a query may take. 0: as long as the call's context has
	// time, and 10 seconds if it has no deadline. The first attempt of a query that changes
	// nothing gets a second of it, then another connection is tried.
	RequestTimeout time.Duration
}

// Collections are names of collections. An empty one is the default, which is that of
// the Auth.js adapter where it has the collection.
type Collections struct {
	Users              string // "User"
	Accounts           string // "Account"
	Sessions           string // "Session"
	VerificationTokens string // "VerificationToken"
	Authenticators     string // "Authenticator"
}

func (c Collections) withDefaults() Collections {
	return Collections{
		Users:              cmp.Or(c.Users, "User"),
		Accounts:           cmp.Or(c.Accounts, "Account"),
		Sessions:           cmp.Or(c.Sessions, "Session"),
		VerificationTokens: cmp.Or(c.VerificationTokens, "VerificationToken"),
		Authenticators:     cmp.Or(c.Authenticators, "Authenticator"),
	}
}

// ClientOptions are the options that a client should be made with. Reads see what any
// other process has written before (Linearized). A transaction that others got in the way
// of is repeated by the adapter alone: the server, repeating it, would say the same of one
// that then timed out, and was applied after all. Connections are the adapter's (HTTPClient):
// one that has died is left for another, and what is no Fauna server is named. An
// HTTPClient of the application's, such as one for tracing, goes after them.
func ClientOptions() []fauna.ClientConfigFn { return clientOptions(wire.New()) }

func clientOptions(c *wire.Connections) []fauna.ClientConfigFn {
	return []fauna.ClientConfigFn{fauna.Linearized(true), fauna.MaxContentionRetries(0), fauna.HTTPClient(c.Client())}
}

// New returns an adapter on a client of the application's, made with [ClientOptions].
// No other goroutine may be making the client's first query meanwhile: the driver does
// not guard what it keeps of that one. Afterwards all may share it.
func New(client *fauna.Client, o Options) adapter.Adapter {
	s := newStore(client, o)
	return driver.Guard(s, backend, s.options, nil)
}

// store is the contract on Fauna, for valid input (see driver.Guard).
type store struct {
	client  *fauna.Client
	options adapter.Options
	names   Collections
	limit   time.Duration // of a query; 0: see limited
	idle    func()        // closes the connections of a client that was opened by URL
	closed  atomic.Bool
	suspect atomic.Bool // a query had no answer, so the connections may be dead
}

// WithDefaults returns the options with nothing empty that has a default.
func (o Options) WithDefaults() Options {
	if o.NewID == nil {
		o.NewID = newID
	}
	o.Options = o.Options.WithDefaults()
	o.Collections = o.Collections.withDefaults()
	return o
}

func newStore(client *fauna.Client, o Options) *store {
	o = o.WithDefaults()
	settle(client)
	return &store{client: client, options: o.Options, names: o.Collections, limit: o.RequestTimeout}
}

// settle has the driver keep the address that it makes at its first query, where two
// goroutines would race for it. A query without a context fails before it is sent.
func settle(client *fauna.Client) {
	var none context.Context
	if q, err := fauna.FQL(ping, nil); err == nil {
		_, _ = client.Query(q, fauna.QueryContext(none))
	}
}

// openURL opens a store by URL: fauna is https, fauna+http is not encrypted.
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
	s := newStore(newClient(endpoint.String(), secret, p.RequestTimeout, c), Options{Options: o, Collections: p.Collections, RequestTimeout: p.RequestTimeout})
	s.idle = c.Close
	return driver.Guard(s, backend, s.options, nil), nil
}

// parameters are those of a URL.
type parameters struct {
	Options
	secretEnv string
}

// parseParameters reads a URL's parameters. No error quotes a value: somebody may have
// put the secret there.
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

// minTimeout is the shortest timeout that a URL may have.
const minTimeout = 10 * time.Millisecond

// newClient returns the client of a store that was opened by URL. The server has a little
// less time for a query than the adapter waits, so that it has the time to say so.
func newClient(endpoint, secret string, limit time.Duration, c *wire.Connections) *fauna.Client {
	timeouts := fauna.Timeouts{QueryTimeout: cmp.Or(limit, attempt.Default) * 4 / 5}
	return fauna.NewClient(secret, timeouts, append(clientOptions(c), fauna.URL(endpoint), fauna.WithLogger(discard{}))...)
}

// discard keeps what the driver would log out of logs: requests hold tokens.
type discard struct{ fauna.Logger }

func (discard) LogResponse(context.Context, []byte, *http.Response) {}

// Close ends the adapter, and closes the connections of a client that was opened by
// URL.
func (s *store) Close() error {
	s.closed.Store(true)
	if s.idle != nil {
		s.idle()
	}
	return nil
}

// Ping implements adapter.Pinger.
func (s *store) Ping(ctx context.Context) error {
	_, err := s.query(ctx, ping, nil)
	return err
}
