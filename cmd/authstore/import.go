package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/transfer"
	"github.com/authstore/authstore/internal/transfer/foreign"
)

const importHelp = `Import makes the users of the store those of the files, with what belongs to them, as
copy does with those of another store. It may be interrupted and repeated: who is
there already, and the same, is left alone. The form of a file is in its first line,
or in --from:

  authstore     what export has written. A file that was cut is refused at its end
  mongoexport   of the collections of the Auth.js adapter for MongoDB, without
                --jsonArray: name the files of all of them
  dynamodb      DynamoDB's export of the table of Auth.js to Amazon S3: a full one, in
                DynamoDB JSON. Name all files of its folder data

Files may be compressed by gzip. A record that cannot be read is shown with its
place, and the others are imported. These two forms do not say where a file ends.`

func newImport(a *app) *cobra.Command {
	var i importing
	cmd := &cobra.Command{
		Use: "import FILE...", Short: "Read users from files of export, mongoexport or DynamoDB",
		Long: importHelp,
		Example: `  authstore import people.jsonl
  authstore import people.jsonl.age --identity key.txt
  authstore import people.jsonl --conflict overwrite --yes
  authstore import users.json accounts.json sessions.json --ids uuid
  authstore import data/one.json.gz data/two.json.gz --from dynamodb`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if i.Conflict == transfer.Overwrite && !i.yes {
				return errNeedsYes
			}
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				i.Destination, i.Report = store, a.report
				return a.importFiles(ctx, args, i)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&i.from, "from", "", "the `form` of the files: authstore, mongoexport or dynamodb (default: by the first line)")
	flags.StringVar(&i.identity, "identity", "", "the `file` with the age key that the file of an export is encrypted for")
	flags.StringVar((*string)(&i.Conflict), "conflict", "fail", "what a user who differs is: fail, skip or overwrite")
	flags.StringVar((*string)(&i.IDs), "ids", "keep", "the IDs of users in the store: keep, uuid, objectid or number")
	flags.IntVar(&i.Workers, "workers", 8, "how many users are under way at a time")
	flags.BoolVar(&i.yes, "yes", false, "change what the store has")
	return cmd
}

// importing is what import is told.
type importing struct {
	transfer.Options
	from, identity string
	yes            bool
}

// ownForm is the form of what export writes.
const ownForm = "authstore"

// importFiles imports files in the form that they have.
func (a *app) importFiles(ctx context.Context, files []string, i importing) error {
	form, err := i.form(files[0])
	switch {
	case err != nil:
		return err
	case form != ownForm && i.identity != "":
		return errors.New("--identity is for files that export has encrypted")
	case form != ownForm:
		a.announce(transfer.NotImported(i.Options))
		counts, err := transfer.ImportExports(ctx, i.Options, foreign.Form(form), files)
		return a.written(counts, err)
	case len(files) > 1:
		return errors.New("import one file of export at a time: each is whole")
	}
	return a.importFile(ctx, files[0], i.identity, i.Options)
}

// form returns the form of the files: the one that was named, or that of the first one, which for
// want of another is of export.
func (i importing) form(file string) (string, error) {
	switch i.from {
	case ownForm, string(foreign.MongoDB), string(foreign.DynamoDB):
		return i.from, nil
	case "":
	default:
		return "", fmt.Errorf("--from is authstore, mongoexport or dynamodb, not %q", i.from)
	}
	if i.identity != "" {
		return ownForm, nil
	}
	form, err := transfer.FormOf(file)
	return cmp.Or(string(form), ownForm), err
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
