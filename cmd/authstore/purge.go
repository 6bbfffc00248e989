package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
)

func newPurge(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "purge", Short: "Remove expired sessions and verification tokens now",
		Long: `Purge removes what has expired. Nobody can use it any more, and most stores remove
it by themselves, later: this is for where that is not soon enough.`,
		Example: "  authstore purge --store redis+upstash://127.0.0.1:6379 --yes",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error { return a.purge(ctx, store, yes) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}

func (a *app) purge(ctx context.Context, store adapter.Adapter, yes bool) error {
	p, ok := adapter.As[adapter.Purger](store)
	removed, text := 0, "this store removes by itself what has expired"
	switch {
	case ok && yes:
		n, err := p.PurgeExpired(ctx)
		if err != nil {
			return err
		}
		removed, text = n, "removed "+counted(n, "record")
	case ok:
		text = "would remove the sessions and verification tokens that have expired"
	}
	err := a.print(map[string]int{"removed": removed}, func(w io.Writer) { row(w, text) })
	if ok {
		a.hint(yes)
	}
	return err
}
