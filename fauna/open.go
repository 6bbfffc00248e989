package fauna

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
)

// backend is the name in errors.
const backend = "fauna"

func init() {
	adapter.Register("fauna", openURL)
	adapter.Register("fauna+http", openURL)
}

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// Collections are the names of the collections.
	Collections Collections
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
// that then timed out, and was applied after all.
func ClientOptions() []fauna.ClientConfigFn {
	return []fauna.ClientConfigFn{fauna.Linearized(true), fauna.MaxContentionRetries(0)}
}

// New returns an adapter on a client of the application's, made with [ClientOptions].
// No other goroutine may be making the client's first query meanwhile: the driver does
// not guard what it keeps of that one. Afterwards all may share it.
func New(client *fauna.Client, o Options) adapter.Adapter {
	s := newStore(client, o)
	return adapter.Guard(s, backend, s.options)
}

// store is the contract on Fauna, for valid input (see adapter.Guard).
type store struct {
	client  *fauna.Client
	options adapter.Options
	names   Collections
	idle    func() // closes the connections of a client that was opened by URL
	closed  atomic.Bool
}

func newStore(client *fauna.Client, o Options) *store {
	if o.NewID == nil {
		o.NewID = newID
	}
	settle(client)
	return &store{client: client, options: o.WithDefaults(), names: o.Collections.withDefaults()}
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
	u, err := adapter.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if u.User != nil {
		return nil, adapter.Invalid("URL", "must not hold the secret, which is read from the environment")
	}
	query := u.Query()
	take := func(name string) string {
		defer query.Del(name)
		return query.Get(name)
	}
	env := cmp.Or(take("secret_env"), fauna.EnvFaunaSecret)
	names := Collections{
		Users: take("users"), Accounts: take("accounts"), Sessions: take("sessions"),
		VerificationTokens: take("verification_tokens"), Authenticators: take("authenticators"),
	}
	timeout, err := time.ParseDuration(cmp.Or(take("timeout"), "10s"))
	if err != nil || timeout <= 0 {
		return nil, adapter.Invalid("URL", "must have a timeout such as 10s")
	}
	for name := range query {
		return nil, adapter.Invalid("URL", fmt.Sprintf("has the unknown parameter %q: see the package comment", name))
	}
	secret := os.Getenv(env)
	if u.Host == "" || secret == "" {
		return nil, adapter.Invalid("URL", fmt.Sprintf("must name a host, and the environment variable %s must hold the secret", env))
	}
	scheme := "https"
	if u.Scheme == "fauna+http" {
		scheme = "http"
	}
	endpoint := url.URL{Scheme: scheme, Host: u.Host, Path: u.Path}
	transport := newTransport(timeout)
	s := newStore(newClient(endpoint.String(), secret, timeout, transport), Options{Options: o, Collections: names})
	s.idle = transport.CloseIdleConnections
	return adapter.Guard(s, backend, s.options), nil
}

// buffer is how long a reply may take beyond the time that the server has for a query.
const buffer = 5 * time.Second

// newTransport keeps as many connections as there may be calls at once; the driver's
// own keeps two.
func newTransport(timeout time.Duration) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = t.MaxIdleConns
	t.ResponseHeaderTimeout = timeout + buffer
	return t
}

func newClient(endpoint, secret string, timeout time.Duration, transport http.RoundTripper) *fauna.Client {
	return fauna.NewClient(secret, fauna.Timeouts{QueryTimeout: timeout}, append(ClientOptions(),
		fauna.URL(endpoint), fauna.HTTPClient(&http.Client{Transport: transport}), fauna.WithLogger(silent{}))...)
}

// silent keeps what the driver would log out of logs: requests hold tokens.
type silent struct{ fauna.Logger }

func (silent) LogResponse(context.Context, []byte, *http.Response) {}

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
	return adapter.WrapError(ctx, backend, "Ping", err)
}
