package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
)

func newSessions(a *app) *cobra.Command {
	sessions := &cobra.Command{
		Use: "sessions", Short: "List and revoke the sessions of a user",
		Example: `  authstore sessions ls ada@example.com
  authstore sessions revoke ada@example.com --all --yes`,
	}
	sessions.AddCommand(newSessionsList(a), newSessionsRevoke(a))
	return sessions
}

func newSessionsList(a *app) *cobra.Command {
	var values bool
	cmd := &cobra.Command{
		Use: "ls WHO", Short: "List the live sessions of a user",
		Long:    whoHelp + " A session's ID is the digest of its token: it signs nobody in.",
		Example: "  authstore sessions ls ada@example.com --attributes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				u, err := who(ctx, store, args[0])
				if err != nil {
					return err
				}
				sessions, err := store.ListSessions(ctx, u.ID)
				if err != nil {
					return err
				}
				shown := views(sessions, viewSession, values)
				return a.print(shown, func(w io.Writer) { writeSessions(w, shown) })
			})
		},
	}
	attributesFlag(cmd, &values)
	return cmd
}

func writeSessions(w io.Writer, sessions []sessionView) {
	if len(sessions) == 0 {
		row(w, "no sessions")
		return
	}
	row(w, "SESSION", "CREATED", "UPDATED", "EXPIRES", "ATTRIBUTES")
	for _, s := range sessions {
		row(w, s.ID, shownTime(s.CreatedAt), shownTime(s.UpdatedAt), shownTime(s.Expires), shownAttributes(s.Attributes))
	}
}

// revocation is which sessions of a user are to end.
type revocation struct {
	ids, except []string
	all, yes    bool
}

func newSessionsRevoke(a *app) *cobra.Command {
	var r revocation
	cmd := &cobra.Command{
		Use: "revoke WHO {--session ID… | --all [--except ID…]}", Short: "End sessions of a user",
		Long: whoHelp + ` --session ends those with these IDs, which sessions ls shows; --all ends all
of them, and --all --except all but some.`,
		Example: `  authstore sessions revoke ada@example.com --all --yes
  authstore sessions revoke ada@example.com --all --except nS…Kc --yes
  authstore sessions revoke 6565f2a17ce4d3a9b0c1d2e3 --session nS…Kc --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.all == (len(r.ids) > 0) || len(r.except) > 0 && !r.all {
				return errors.New("say which sessions: --session ID, --all, or --all --except ID")
			}
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error { return a.revoke(ctx, store, args[0], r) })
		},
	}
	cmd.Flags().StringArrayVar(&r.ids, "session", nil, "the `ID` of a session to end; may be repeated")
	cmd.Flags().StringArrayVar(&r.except, "except", nil, "the `ID` of a session to keep; may be repeated")
	cmd.Flags().BoolVar(&r.all, "all", false, "end all sessions")
	cmd.Flags().BoolVar(&r.yes, "yes", false, "do it")
	return cmd
}

func (a *app) revoke(ctx context.Context, store adapter.Adapter, arg string, r revocation) error {
	userID, err := named(ctx, store, arg)
	if err != nil {
		return err
	}
	sessions, err := store.ListSessions(ctx, userID)
	if err != nil {
		return err
	}
	var chosen []string
	for _, s := range sessions {
		if r.all && !slices.Contains(r.except, s.ID) || slices.Contains(r.ids, s.ID) {
			chosen = append(chosen, s.ID)
		}
	}
	for _, id := range slices.Concat(r.ids, r.except) {
		if !slices.ContainsFunc(sessions, func(s adapter.Session) bool { return s.ID == id }) {
			return fmt.Errorf("the user has no session %q: sessions ls shows them", id)
		}
	}
	if r.yes {
		if err := end(ctx, store, userID, chosen, r); err != nil {
			return err
		}
	}
	err = a.print(map[string]any{"revoked": r.yes, "user": userID, "sessions": slices.Concat([]string{}, chosen)}, func(w io.Writer) {
		row(w, fmt.Sprintf("%s %s of the user %s", would(r.yes, "revoked", "revoke"), counted(len(chosen), "session"), userID))
	})
	a.hint(r.yes)
	return err
}

// end ends sessions: all of them by one call, so that none stays that was made before it.
func end(ctx context.Context, store adapter.Adapter, userID string, chosen []string, r revocation) error {
	if r.all && len(r.except) == 0 {
		return store.DeleteSessions(ctx, userID)
	}
	for _, id := range chosen {
		if err := store.DeleteSessionByID(ctx, userID, id); err != nil {
			return err
		}
	}
	return nil
}
