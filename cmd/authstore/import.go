package main

import (
	"context"
	"errors"
	"io"
	"os"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/transfer"
)

func newImport(a *app) *cobra.Command {
	var identity string
	var yes bool
	var o transfer.Options
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Read users from a file that export has written",
		Long: `Import makes the users of the store those of the file, with what belongs to them, as
copy does with those of another store. It may be interrupted and repeated: who is
there already, and the same, is left alone. A file that was cut is refused at its end.`,
		Example: `  authstore import people.jsonl
  authstore import people.jsonl.age --identity key.txt
  authstore import people.jsonl --conflict overwrite --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Conflict == transfer.Overwrite && !yes {
				return errNeedsYes
			}
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				o.Destination, o.Report = store, a.report
				return a.importFile(ctx, args[0], identity, o)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&identity, "identity", "", "the `file` with the age key that the file is encrypted for")
	flags.StringVar((*string)(&o.Conflict), "conflict", "fail", "what a user who differs is: fail, skip or overwrite")
	flags.StringVar((*string)(&o.IDs), "ids", "keep", "the IDs of users in the store: keep, uuid, objectid or number")
	flags.IntVar(&o.Workers, "workers", 8, "how many users are under way at a time")
	flags.BoolVar(&yes, "yes", false, "change what the store has")
	return cmd
}

func (a *app) importFile(ctx context.Context, file, identity string, o transfer.Options) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	r, err := decrypted(f, identity)
	if err != nil {
		return err
	}
	a.announce(transfer.NotCarried(o))
	counts, err := transfer.Import(ctx, o, r)
	return a.written(counts, err)
}

// decrypted returns what decrypts a file by the keys in another one, if that is named.
func decrypted(r io.Reader, identity string) (io.Reader, error) {
	if identity == "" {
		return r, nil
	}
	f, err := os.Open(identity)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	keys, err := age.ParseIdentities(f)
	if err != nil {
		return nil, errors.New("--identity names a file with a secret key of age: age-keygen writes it")
	}
	return age.Decrypt(r, keys...)
}
