package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authjshttp"
)

// secretVariable is the variable of the environment with the secrets, so that none is in a list of
// processes.
const secretVariable = "AUTHSTORE_SECRET"

// serving is what serve is told.
type serving struct {
	addr, secretFile    string
	tlsCert, tlsKey     string
	signed, applySchema bool
	timeout             time.Duration
}

func newServe(a *app) *cobra.Command {
	var s serving
	c := &cobra.Command{
		Use: "serve", Short: "Serve the store to applications of Auth.js over HTTP",
		Long: `Serve the store to applications of Auth.js over HTTP, whose adapter is the npm package
@authstore/authjs-adapter, until a signal ends it.

Secrets are in AUTHSTORE_SECRET, separated by white space, or in a file, one a line. Each
holds, so that one can be replaced. Without any, only this machine is served.`,
		Example: `  authstore serve --store memory:
  authstore serve --store env:PRODUCTION --addr :8080 --secret-file secrets --apply-schema`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				return s.serve(ctx, store, slog.New(slog.NewJSONHandler(a.err, nil)))
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "the `address` to listen on")
	flags.StringVar(&s.secretFile, "secret-file", "", "a `file` of secrets, one a line, instead of $"+secretVariable)
	flags.BoolVar(&s.signed, "signed", false, "take signed requests instead of bearer secrets")
	flags.StringVar(&s.tlsCert, "tls-cert", "", "a `file` with the certificate and its chain, in PEM")
	flags.StringVar(&s.tlsKey, "tls-key", "", "a `file` with the certificate's key, in PEM")
	flags.BoolVar(&s.applySchema, "apply-schema", false, "create missing tables, collections and indexes first")
	flags.DurationVar(&s.timeout, "call-timeout", 0, "how long a call may take (default 8s)")
	return c
}

// serve serves until the context ends, which is no error.
func (s serving) serve(ctx context.Context, store adapter.Adapter, log *slog.Logger) error {
	secrets, err := s.secrets()
	if err != nil {
		return err
	}
	handler, err := authjshttp.New(store, authjshttp.Options{Secrets: secrets, Signed: s.signed, Timeout: s.timeout, Logger: log})
	if err != nil {
		return err
	}
	if schema, ok := adapter.As[adapter.Schema](store); ok && s.applySchema {
		if err := schema.ApplySchema(ctx); err != nil {
			return err
		}
	}
	listener, err := s.listen()
	if err != nil {
		return err
	}
	collectLess()
	log.Info("serving", slog.String("address", listener.Addr().String()), slog.Bool("tls", s.tlsCert != ""), slog.Int("secrets", len(secrets)), slog.Bool("signed", s.signed))
	return handler.Serve(ctx, listener)
}

// collectLess has the garbage collector wait for four times as much garbage as by default, unless GOGC says how much.
// A service has a few megabytes at a time, which would be looked through tens of times a second.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// secrets returns those of the file or the environment.
func (s serving) secrets() ([]string, error) {
	if s.secretFile == "" {
		return strings.Fields(os.Getenv(secretVariable)), nil
	}
	text, err := os.ReadFile(s.secretFile)
	if err != nil {
		return nil, fmt.Errorf("the file of secrets cannot be read: %w", withoutPath(err))
	}
	secrets := strings.Fields(string(text))
	if len(secrets) == 0 {
		return nil, errors.New("the file of secrets has none: write one a line, of 32 characters or more")
	}
	return secrets, nil
}

func (s serving) listen() (net.Listener, error) {
	if (s.tlsCert == "") != (s.tlsKey == "") {
		return nil, errors.New("TLS needs both --tls-cert and --tls-key")
	}
	if s.tlsCert == "" {
		return net.Listen("tcp", s.addr)
	}
	certificate, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be used: %w", withoutPath(err))
	}
	return tls.Listen("tcp", s.addr, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
}

// withoutPath returns what is wrong with a file. Its name is the caller's own, and known to them.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
