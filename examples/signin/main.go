// Signin is a web page that shows how an application uses authstore: sign-in by
// e-mail link, by passkey and by an identity of another site, and the list of a
// person's sessions. Start it and open the address that it prints:
//
//	go run ./examples/signin
//
// What to look at:
//
//   - server.go: how the parts of package authhttp are put together, and what stands
//     in front of it all
//   - signin.go, sessions.go, account.go: what an application adds of its own
//   - problems.go: what the errors of the packages mean to a person
//   - static/passkeys.js: the browser's part of passkeys
//
// Two things are stand-ins. No mail is sent: it appears in a mailbox on the page
// (mailbox.go), so that whoever opens the page can sign in with any address. And
// the provider, Example ID, is a real OpenID provider in this program that asks for no
// password (provider.go).
//
// The data is gone when the program ends, unless -store names a store that lasts.
// Then set AUTHSTORE_SIGNIN_SECRET too, so that links outlive a restart.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/authstore/authstore/adapter"

	// Each import makes the URLs of one backend known to adapter.Open.
	_ "github.com/authstore/authstore/dynamodb/open"
	_ "github.com/authstore/authstore/fauna"
	_ "github.com/authstore/authstore/memory"
	_ "github.com/authstore/authstore/mongo"
	_ "github.com/authstore/authstore/redis"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "signin:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("signin", flag.ContinueOnError)
	flags.SetOutput(out)
	storeURL := flags.String("store", "memory:", "the store's `URL`")
	addr := flags.String("addr", "127.0.0.1:8080", "the `address` to listen on")
	public := flags.String("url", "", "the `URL` that people reach the page at; https makes cookies Secure (default from -addr)")
	if err := flags.Parse(args); err != nil {
		return err
	}

	store, err := openStore(ctx, *storeURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	base, err := parseBase(cmp.Or(*public, localURL(listener.Addr())))
	if err != nil {
		return err
	}
	handler, err := newServer(config{
		Store:  store,
		Base:   base,
		Secret: cmp.Or(os.Getenv("AUTHSTORE_SIGNIN_SECRET"), rand.Text()),
		Now:    time.Now,
		Log:    slog.Default(),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "open %s\n", base)
	return serve(ctx, listener, handler)
}

// openStore opens a store and sets it up, if it is of a kind that needs that.
func openStore(ctx context.Context, storeURL string) (adapter.Adapter, error) {
	store, err := adapter.Open(ctx, storeURL)
	if err != nil {
		return nil, err
	}
	if schema, ok := adapter.As[adapter.Schema](store); ok {
		if err := schema.ApplySchema(ctx); err != nil {
			return nil, errors.Join(err, store.Close())
		}
	}
	return store, nil
}

// localURL returns the URL of an address of this machine. "All addresses" is no
// place to go to, and browsers make no passkeys for an address of IPv4: both become
// localhost.
func localURL(addr net.Addr) string {
	tcp := addr.(*net.TCPAddr)
	if tcp.IP.IsUnspecified() || tcp.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		return fmt.Sprintf("http://localhost:%d", tcp.Port)
	}
	return "http://" + tcp.String()
}

// parseBase parses the URL that the page is reached at, which is scheme and host.
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("-url must be of the form https://example.com")
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, errors.New("-url must have nothing after the host: the page is at the root")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// serve serves until the context ends, then lets the requests that are under way
// finish.
func serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return srv.Shutdown(ctx)
}
