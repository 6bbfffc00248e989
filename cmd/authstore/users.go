package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
)

const whoHelp = "WHO is a user's ID or e-mail address."

func newUsers(a *app) *cobra.Command {
	users := &cobra.Command{
		Use: "users", Short: "List, show and remove users",
		Example: `  authstore users ls --limit 20
  authstore users show ada@example.com
  authstore users rm ada@example.com --yes`,
	}
	users.AddCommand(newUsersList(a), newUsersShow(a), newUsersRemove(a))
	return users
}

// who returns the user whom an argument names.
func who(ctx context.Context, store adapter.Adapter, arg string) (adapter.User, error) {
	if strings.Contains(arg, "@") {
		u, err := store.GetUserByEmail(ctx, arg)
		if !errors.Is(err, adapter.ErrNotFound) {
			return u, err
		}
	}
	u, err := store.GetUser(ctx, arg)
	if errors.Is(err, adapter.ErrNotFound) {
		err = fmt.Errorf("no user has this ID or e-mail address: %w", err)
	}
	return u, err
}

// named returns the ID of the user whom an argument names, also of one whose record cannot be read: such a
// user is removed, and signed out, like any other (R19).
func named(ctx context.Context, store adapter.Adapter, arg string) (string, error) {
	u, err := who(ctx, store, arg)
	var record *adapter.RecordError
	switch {
	case !errors.As(err, &record):
		return u.ID, err
	case record.UserID != "":
		return record.UserID, nil
	case strings.Contains(arg, "@"):
		return "", fmt.Errorf("%w, or name the user by the ID", err)
	}
	return arg, nil
}

func newUsersList(a *app) *cobra.Command {
	var cursor string
	var limit int
	var all, values bool
	cmd := &cobra.Command{
		Use: "ls", Short: "List users, a page at a time or all of them",
		Long: `Ls lists users in an order of the store's own. A page ends with the cursor of the
next one. With --all --json there is an object a line, however many there are.`,
		Example: `  authstore users ls --limit 20
  authstore users ls --all --json | jq -r .email`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				e, ok := adapter.As[adapter.Enumerator](store)
				if !ok {
					return fmt.Errorf("users ls: %w", adapter.ErrUnsupported)
				}
				if all {
					return a.listAll(ctx, e, values)
				}
				return a.listPage(ctx, e, cursor, limit, values)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "how many users a page has at most, up to 1000")
	cmd.Flags().StringVar(&cursor, "cursor", "", "where the page begins")
	cmd.Flags().BoolVar(&all, "all", false, "all users")
	attributesFlag(cmd, &values)
	return cmd
}

func attributesFlag(cmd *cobra.Command, values *bool) {
	cmd.Flags().BoolVar(values, "attributes", false, "show the values of attributes, which may be secrets, not only their names")
}

func userRow(w io.Writer, v userView) {
	row(w, v.ID, v.Email, v.Name, shownTime(v.CreatedAt))
}

// listPage shows a page. One without users is passed over while others follow.
func (a *app) listPage(ctx context.Context, e adapter.Enumerator, cursor string, limit int, values bool) error {
	var page adapter.UserPage
	var err error
	for {
		if page, err = e.EnumerateUsers(ctx, cursor, limit); err != nil {
			return err
		}
		if cursor = page.Next; cursor == "" || len(page.Users)+len(page.Unreadable) > 0 {
			break
		}
	}
	users := views(page.Users, viewUser, values)
	err = a.print(map[string]any{"users": users, "next": page.Next}, func(w io.Writer) {
		row(w, "ID", "EMAIL", "NAME", "CREATED")
		for _, v := range users {
			userRow(w, v)
		}
	})
	if err == nil && page.Next != "" && !a.json {
		fmt.Fprintf(a.err, "there are more: --cursor %s\n", page.Next)
	}
	return errors.Join(err, a.unreadable(page))
}

// unreadable says which users cannot be read.
func (a *app) unreadable(page adapter.UserPage) error {
	for _, err := range page.Unreadable {
		fmt.Fprintln(a.err, safe(err.Error()))
	}
	if len(page.Unreadable) > 0 {
		return errProblems
	}
	return nil
}

// listAll shows all users, and holds a page of them.
func (a *app) listAll(ctx context.Context, e adapter.Enumerator, values bool) error {
	lines := json.NewEncoder(a.out)
	lines.SetEscapeHTML(false)
	var problems error
	for cursor := ""; ; {
		page, err := e.EnumerateUsers(ctx, cursor, 1000)
		if err != nil {
			return err
		}
		for _, u := range page.Users {
			if v := viewUser(u, values); a.json {
				err = lines.Encode(v)
			} else {
				_, err = fmt.Fprintln(a.out, strings.Join([]string{clean(v.ID), clean(v.Email), clean(v.Name), shownTime(v.CreatedAt)}, "  "))
			}
			if err != nil {
				return err
			}
		}
		if err := a.unreadable(page); err != nil {
			problems = err
		}
		if cursor = page.Next; cursor == "" {
			return problems
		}
	}
}

// personView is a user with what belongs to it.
type personView struct {
	User     userView      `json:"user"`
	Accounts []accountView `json:"accounts"`
	Passkeys []passkeyView `json:"passkeys"`
	Sessions []sessionView `json:"sessions"`
}

// readBelongings returns what belongs to a user.
func readBelongings(ctx context.Context, store adapter.Adapter, userID string, values bool) (p personView, err error) {
	accounts, err := store.ListAccounts(ctx, userID)
	if err != nil {
		return p, err
	}
	passkeys, err := store.ListAuthenticators(ctx, userID)
	if err != nil {
		return p, err
	}
	sessions, err := store.ListSessions(ctx, userID)
	return personView{Accounts: views(accounts, viewAccount, values), Passkeys: views(passkeys, viewPasskey, values), Sessions: views(sessions, viewSession, values)}, err
}

func newUsersShow(a *app) *cobra.Command {
	var values bool
	cmd := &cobra.Command{
		Use: "show WHO", Short: "Show a user with accounts, passkeys and sessions",
		Long: whoHelp + ` No token, key or digest of a token's secret is shown; of attributes only
the names are, unless --attributes asks for the values.`,
		Example: `  authstore users show ada@example.com
  authstore users show 6565f2a17ce4d3a9b0c1d2e3 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				u, err := who(ctx, store, args[0])
				if err != nil {
					return err
				}
				p, err := readBelongings(ctx, store, u.ID, values)
				if err != nil {
					return err
				}
				p.User = viewUser(u, values)
				return a.print(p, p.write)
			})
		},
	}
	attributesFlag(cmd, &values)
	return cmd
}

func (p personView) write(w io.Writer) {
	u := p.User
	for _, field := range [][2]string{
		{"id", u.ID}, {"name", u.Name}, {"e-mail", u.Email}, {"verified", shownTime(u.EmailVerified)}, {"image", u.Image},
		{"attributes", shownAttributes(u.Attributes)}, {"created", shownTime(u.CreatedAt)}, {"updated", shownTime(u.UpdatedAt)},
	} {
		row(w, field[0], field[1])
	}
	if len(p.Accounts) > 0 {
		fmt.Fprintln(w)
		writeAccounts(w, p.Accounts)
	}
	if len(p.Passkeys) > 0 {
		fmt.Fprintln(w)
		row(w, "PASSKEY", "DEVICE", "CREATED", "ATTRIBUTES")
		for _, v := range p.Passkeys {
			row(w, v.CredentialID, v.DeviceType, shownTime(v.CreatedAt), shownAttributes(v.Attributes))
		}
	}
	if len(p.Sessions) > 0 {
		fmt.Fprintln(w)
		writeSessions(w, p.Sessions)
	}
}

func newUsersRemove(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "rm WHO", Short: "Remove a user with all that belongs to it",
		Long:    whoHelp + " Accounts, passkeys and sessions go with the user. It cannot be undone.",
		Example: "  authstore users rm ada@example.com\n  authstore users rm ada@example.com --yes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				id, err := named(ctx, store, args[0])
				if err != nil {
					return err
				}
				p, err := readBelongings(ctx, store, id, false)
				if err != nil {
					return err
				}
				if yes {
					if err := store.DeleteUser(ctx, id); err != nil {
						return err
					}
				}
				err = a.print(map[string]any{"removed": yes, "user": id, "accounts": len(p.Accounts), "passkeys": len(p.Passkeys), "sessions": len(p.Sessions)}, func(w io.Writer) {
					row(w, fmt.Sprintf("%s the user %s with %s, %s, %s", would(yes, "removed", "remove"), id,
						counted(len(p.Accounts), "account"), counted(len(p.Passkeys), "passkey"), counted(len(p.Sessions), "session")))
				})
				a.hint(yes)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}
