package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
)

func newAccounts(a *app) *cobra.Command {
	accounts := &cobra.Command{
		Use: "accounts", Short: "List and unlink the provider accounts of a user",
		Example: `  authstore accounts ls ada@example.com
  authstore accounts unlink ada@example.com github 1815 --yes`,
	}
	accounts.AddCommand(newAccountsList(a), newAccountsUnlink(a))
	return accounts
}

func newAccountsList(a *app) *cobra.Command {
	var values bool
	cmd := &cobra.Command{
		Use: "ls WHO", Short: "List the accounts of a user",
		Long:    whoHelp + " Of the provider's tokens it is shown which there are.",
		Example: "  authstore accounts ls ada@example.com",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				u, err := who(ctx, store, args[0])
				if err != nil {
					return err
				}
				accounts, err := store.ListAccounts(ctx, u.ID)
				if err != nil {
					return err
				}
				shown := views(accounts, viewAccount, values)
				return a.print(shown, func(w io.Writer) { writeAccounts(w, shown) })
			})
		},
	}
	attributesFlag(cmd, &values)
	return cmd
}

func writeAccounts(w io.Writer, accounts []accountView) {
	if len(accounts) == 0 {
		row(w, "no accounts")
		return
	}
	row(w, "PROVIDER", "ACCOUNT", "TYPE", "CREATED", "TOKENS", "ATTRIBUTES")
	for _, v := range accounts {
		row(w, v.Provider, v.ProviderAccountID, v.Type, shownTime(v.CreatedAt), strings.Join(v.Tokens, ", "), shownAttributes(v.Attributes))
	}
}

func newAccountsUnlink(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "unlink WHO PROVIDER ACCOUNT", Short: "Unlink an account from a user",
		Long: whoHelp + ` PROVIDER and ACCOUNT are as accounts ls shows them. Whoever owns the
account at the provider can then sign up with it anew. If the user is left without
an account and a passkey, that is said.`,
		Example: "  authstore accounts unlink ada@example.com github 1815 --yes",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				return a.unlink(ctx, store, args[0], adapter.AccountKey{Provider: args[1], ProviderAccountID: args[2]}, yes)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}

func (a *app) unlink(ctx context.Context, store adapter.Adapter, arg string, key adapter.AccountKey, yes bool) error {
	userID, err := named(ctx, store, arg)
	if err != nil {
		return err
	}
	p, err := readBelongings(ctx, store, userID, false)
	if err != nil {
		return err
	}
	account, err := store.GetAccount(ctx, key)
	var record *adapter.RecordError
	if errors.As(err, &record) { // it is unlinked like any other
		account.UserID, err = record.UserID, nil
	}
	if errors.Is(err, adapter.ErrNotFound) || err == nil && account.UserID != userID {
		return errors.New("the user has no such account: accounts ls shows them")
	}
	if err != nil {
		return err
	}
	if yes {
		if err := store.UnlinkAccount(ctx, key); err != nil {
			return err
		}
	}
	last := len(p.Accounts) == 1 && len(p.Passkeys) == 0
	err = a.print(map[string]any{"unlinked": yes, "user": userID, "last": last}, func(w io.Writer) {
		row(w, fmt.Sprintf("%s the account at %s from the user %s", would(yes, "unlinked", "unlink"), key.Provider, userID))
		if last {
			row(w, "it is the last account, and there is no passkey: sign-in is by e-mail link alone, if the application has that")
		}
	})
	a.hint(yes)
	return err
}
