package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
)

func newPing(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "ping", Short: "Ask whether the store answers, and say why not",
		Long: `Ping asks the store in one round trip. If it does not answer as it should, the
error says what is wrong, and what to do about it: an address, a password, a
privilege, TLS.`,
		Example: `  authstore ping --store redis://127.0.0.1:6379
  authstore ping --store env:PRODUCTION --timeout 3s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.with(cmd, a.ping) },
	}
}

func (a *app) ping(ctx context.Context, store adapter.Adapter) error {
	p, ok := adapter.As[adapter.Pinger](store)
	if !ok {
		return fmt.Errorf("ping: %w", adapter.ErrUnsupported)
	}
	began := time.Now()
	if err := p.Ping(ctx); err != nil {
		return err
	}
	took := time.Since(began).Round(10 * time.Microsecond)
	return a.print(map[string]any{"ok": true, "seconds": took.Seconds()}, func(w io.Writer) {
		row(w, fmt.Sprintf("the store answers (%s)", took))
	})
}
