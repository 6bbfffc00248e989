package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/internal/transfer"
)

func newVerify(a *app) *cobra.Command {
	var t transferring
	cmd := &cobra.Command{
		Use: "verify SRC DST", Short: "Compare two stores, user by user",
		Long: `Verify reads all users of both stores with their accounts, passkeys and sessions,
and lists what differs: what DST lacks (missing), what only it has (extra), and which
fields are not the same (changed). No value is shown. Accounts and passkeys are named
by a digest of their IDs. It changes nothing, holds one page of users in memory, and
goes on from its checkpoint if it was interrupted. The exit code is 1 if anything
differs.

Times that SRC does not know, because Auth.js wrote the record, are 1970 in DST, and
not compared. With other IDs (--ids) sessions are not compared, and users whom only
DST has are not looked for. Verification tokens are not: no store lists them.`,
		Example: `  authstore verify env:OLD env:NEW
  authstore verify env:OLD env:NEW --json | jq -r .user | sort -u`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), args, t) },
	}
	transferFlags(cmd, &t, "authstore-verify.json")
	return cmd
}

func (a *app) verify(ctx context.Context, args []string, t transferring) error {
	counts, err := a.transfer(ctx, args, t, transfer.Verify)
	if err != nil {
		return err
	}
	verdict := map[string]int{"users": counts.Users, "differences": counts.Problems}
	err = a.conclude(verdict, func(w io.Writer) {
		found := "no difference"
		if counts.Problems > 0 {
			found = counted(counts.Problems, "difference")
		}
		row(w, counted(counts.Users, "user")+" compared: "+found)
	})
	if err == nil && counts.Problems > 0 {
		err = errProblems
	}
	return err
}
