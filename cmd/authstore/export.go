package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/transfer"
)

func newExport(a *app) *cobra.Command {
	var recipients []string
	cmd := &cobra.Command{
		Use: "export FILE", Short: "Write all users into a file",
		Long: `Export writes all users with accounts, passkeys and sessions, as JSON Lines: the first
has the version, each other one a user, the last one their number. The file is there
only if it is whole. It has the tokens of providers, and addresses: --recipient
encrypts it with age, for a public key or several. Of sessions it has digests.
Verification tokens are not in it: no store lists them.`,
		Example: `  authstore export people.jsonl
  authstore export people.jsonl.age --recipient age1…`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				return a.export(ctx, store, args[0], recipients)
			})
		},
	}
	cmd.Flags().StringArrayVar(&recipients, "recipient", nil, "encrypt for this age `key` (age1…); may be repeated")
	return cmd
}

// export writes beside the file, and puts it in its place when it is whole.
func (a *app) export(ctx context.Context, store adapter.Adapter, file string, recipients []string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is not there any more if all is well
	w, err := encrypted(f, recipients)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	counts, err := transfer.Export(ctx, transfer.Options{Source: store, Report: a.report}, w)
	problems := errors.Is(err, transfer.ErrProblems)
	if problems {
		err = nil
	}
	if err = errors.Join(err, w.Close(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	err = a.conclude(counts, func(w io.Writer) {
		row(w, fmt.Sprintf("%s with %s, %s, %s written", counted(counts.Users, "user"),
			counted(counts.Accounts, "account"), counted(counts.Passkeys, "passkey"), counted(counts.Sessions, "session")))
	})
	if err == nil && problems {
		err = errProblems
	}
	return err
}

// nopCloser is a file that somebody else closes.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// encrypted returns what encrypts for recipients, if there are any.
func encrypted(w io.Writer, recipients []string) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return nopCloser{w}, nil
	}
	var keys []age.Recipient
	for _, r := range recipients {
		parsed, err := age.ParseRecipients(strings.NewReader(r)) // the post-quantum ones too
		if err != nil {
			return nil, errors.New("--recipient is a public key of age, which begins with age1: age-keygen prints it")
		}
		keys = append(keys, parsed...)
	}
	return age.Encrypt(w, keys...)
}
