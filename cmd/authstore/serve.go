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
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authjshttp"

	// Each import makes the URLs of one backend known to adapter.Open.
	_ "github.com/authstore/authstore/dynamodb/open"
	_ "github.com/authstore/authstore/fauna"
	_ "github.com/authstore/authstore/memory"
	_ "github.com/authstore/authstore/mongo"
	_ "github.com/authstore/authstore/redis"
	_ "github.com/authstore/authstore/redis/upstash"
)

// The variables of the environment that serve reads, so that no secret is in a list of processes.
const (
	storeVariable  = "AUTHSTORE_STORE"
	secretVariable = "AUTHSTORE_SECRET"
)

// serving is what serve is told.
type serving struct {
	store, addr         string
	secretFile          string
	tlsCert, tlsKey     string
	signed, applySchema bool
	timeout             time.Duration
}

// newServeCommand returns the command serve.
func newServeCommand() *cobra.Command {
	var s serving
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve a store to applications of Auth.js over HTTP",
		Long: `Serve a store to applications of Auth.js over HTTP, whose adapter is the npm package
@authstore/authjs-adapter, until a signal ends it.

Secrets are in AUTHSTORE_SECRET, separated by white space, or in a file, one a line. Each
holds, so that one can be replaced. Without any, only this machine is served.`,
		Example: `  authstore serve --store memory:
  AUTHSTORE_STORE=mongodb://db:27017/app AUTHSTORE_SECRET="$(openssl rand -base64 32)" authstore serve --addr :8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			return s.serve(cmd.Context(), log, os.Getenv)
		},
	}
	flags := c.Flags()
	flags.StringVar(&s.store, "store", "", "the store's `URL` (default $"+storeVariable+")")
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "the `address` to listen on")
	flags.StringVar(&s.secretFile, "secret-file", "", "a `file` of secrets, one a line, instead of $"+secretVariable)
	flags.BoolVar(&s.signed, "signed", false, "take signed requests instead of bearer secrets")
	flags.StringVar(&s.tlsCert, "tls-cert", "", "a `file` with the certificate and its chain, in PEM")
	flags.StringVar(&s.tlsKey, "tls-key", "", "a `file` with the certificate's key, in PEM")
	flags.BoolVar(&s.applySchema, "apply-schema", false, "create missing tables, collections and indexes first")
	flags.DurationVar(&s.timeout, "timeout", 0, "how long a call may take (default 8s)")
	return c
}

// serve serves until the context ends.
func (s serving) serve(ctx context.Context, log *slog.Logger, getenv func(string) string) (err error) {
	secrets, err := s.secrets(getenv)
	if err != nil {
		return err
	}
	store, err := s.open(ctx, getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	handler, err := authjshttp.New(store, authjshttp.Options{Secrets: secrets, Signed: s.signed, Timeout: s.timeout, Logger: log})
	if err != nil {
		return err
	}
	listener, err := s.listen()
	if err != nil {
		return err
	}
	log.Info("serving", slog.String("address", listener.Addr().String()), slog.Bool("tls", s.tlsCert != ""), slog.Int("secrets", len(secrets)), slog.Bool("signed", s.signed))
	return handler.Serve(ctx, listener)
}

// secrets returns those of the file or the environment.
func (s serving) secrets(getenv func(string) string) ([]string, error) {
	if s.secretFile == "" {
		return strings.Fields(getenv(secretVariable)), nil
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

// open opens the store, and applies its schema if it is told to.
func (s serving) open(ctx context.Context, getenv func(string) string) (adapter.Adapter, error) {
	url := s.store
	if url == "" {
		url = getenv(storeVariable)
	}
	if url == "" {
		return nil, fmt.Errorf("no store: give --store or %s a URL, such as \"memory:\" for a try", storeVariable)
	}
	store, err := adapter.Open(ctx, url)
	if err != nil || !s.applySchema {
		return store, err
	}
	if schema, ok := adapter.As[adapter.Schema](store); ok {
		if err := schema.ApplySchema(ctx); err != nil {
			return nil, errors.Join(err, store.Close())
		}
	}
	return store, nil
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
