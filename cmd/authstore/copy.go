package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/transfer"
)

// transferring is what copy and verify are told.
type transferring struct {
	transfer.Options
	since, mapFile string
	yes, count     bool
	mapped         *bufio.Writer
}

const copyHelp = `Copy makes the users of DST those of SRC, with their accounts, passkeys and
sessions. SRC and DST are URLs, or env:NAME. What cannot be carried is said before
it begins. DST must be set up (schema apply), and serve nobody yet.

It may be interrupted at any moment, also by kill -9: the same command goes on from
its checkpoint. It may be repeated: a user who is there already, and the same, is
left alone. One who differs is a conflict: by --conflict the copy ends (fail), leaves
the user and reports it (skip), or makes it what the source has (overwrite).

To move while people go on using SRC: copy; copy again with --since last, which
passes over users of whom nothing was written since the last copy began; then stop
what writes to SRC, copy a last time with --conflict overwrite --delete, which also
sees what was deleted, and verify. --since sees no deletions.

IDs stay, or are made anew for a store that takes only its own: from the old ID, so
that they are the same in every pass. --map writes them down for an application's
own tables. --redact copies for a place where nobody may be recognised.`

func newCopy(a *app) *cobra.Command {
	var t transferring
	cmd := &cobra.Command{
		Use: "copy SRC DST", Short: "Copy all users from one store to another",
		Long: copyHelp,
		Example: `  authstore copy env:OLD env:NEW
  authstore copy env:OLD env:NEW --since last --yes
  authstore copy env:OLD env:NEW --conflict overwrite --delete --yes
  authstore copy env:PRODUCTION env:STAGING --redact
  authstore copy env:FAUNA mongodb://host/app --ids objectid --map ids.jsonl`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.copy(cmd.Context(), args, t) },
	}
	transferFlags(cmd, &t, "authstore-copy.json")
	flags := cmd.Flags()
	flags.StringVar((*string)(&t.Conflict), "conflict", "", "what a user who differs is: fail, skip or overwrite (default fail; with --since overwrite)")
	flags.StringVar(&t.since, "since", "", "pass over users of whom nothing was written since this `time`: last, or as in 2006-01-02T15:04:05Z")
	flags.BoolVar(&t.Delete, "delete", false, "delete users whom only DST has")
	flags.BoolVar(&t.Redact, "redact", false, "replace names, addresses and accounts, and leave out the rest")
	flags.StringVar(&t.mapFile, "map", "", "append old and new IDs to this `file`, as JSON Lines")
	flags.BoolVar(&t.yes, "yes", false, "change and delete what DST has")
	return cmd
}

func transferFlags(cmd *cobra.Command, t *transferring, checkpoint string) {
	flags := cmd.Flags()
	flags.IntVar(&t.Workers, "workers", 8, "how many users are under way at a time")
	flags.IntVar(&t.Page, "page", 1000, "how many users are in memory, and from one checkpoint to the next")
	flags.StringVar(&t.Checkpoint, "checkpoint", checkpoint, "the `file` that says how far it has come")
	flags.BoolVar(&t.count, "count", false, "count the users of SRC first, by one more walk through it, to show the time left")
	flags.StringVar((*string)(&t.IDs), "ids", "keep", "the IDs of users in DST: keep, uuid, objectid or number")
}

// errNeedsYes: a copy is to change what is there, without --yes.
var errNeedsYes = errors.New("this may change or delete what the destination has: verify shows what differs, and --yes does it")

// when reads --since.
func (t *transferring) when() (err error) {
	if t.since != "" && t.Conflict == "" {
		t.Conflict = transfer.Overwrite
	}
	switch t.since {
	case "":
	case "last":
		t.SinceLast = true
	default:
		if t.Since, err = time.Parse(time.RFC3339, t.since); err != nil {
			return errors.New("--since is last, or a time as in 2006-01-02T15:04:05Z")
		}
	}
	if (t.Delete || t.Conflict == transfer.Overwrite) && !t.yes {
		return errNeedsYes
	}
	return nil
}

func (a *app) copy(ctx context.Context, args []string, t transferring) (err error) {
	if err := t.when(); err != nil {
		return err
	}
	if t.mapFile != "" {
		f, openErr := os.OpenFile(t.mapFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if openErr != nil {
			return openErr
		}
		t.mapped = bufio.NewWriter(f)
		t.Mapped = func(from, to string) error {
			return json.NewEncoder(t.mapped).Encode(map[string]string{"from": from, "to": to})
		}
		defer func() { err = errors.Join(err, t.mapped.Flush(), f.Close()) }()
	}
	counts, err := a.transfer(ctx, args, t, func(ctx context.Context, o transfer.Options) (transfer.Counts, error) {
		a.announce(transfer.NotCarried(o))
		return transfer.Copy(ctx, o)
	})
	return a.written(counts, err)
}

// written shows what was written.
func (a *app) written(counts transfer.Counts, err error) error {
	if err != nil && !errors.Is(err, transfer.ErrProblems) {
		return err
	}
	printErr := a.conclude(counts, func(w io.Writer) {
		row(w, fmt.Sprintf("%s: %d created, %d changed, %d as they were, %d not copied", counted(counts.Users, "user"),
			counts.Created, counts.Changed, counts.Unchanged, counts.Problems))
		row(w, fmt.Sprintf("%s, %s, %s written", counted(counts.Accounts, "account"), counted(counts.Passkeys, "passkey"), counted(counts.Sessions, "session")))
		if counts.Deleted > 0 {
			row(w, counted(counts.Deleted, "user")+" deleted that the source does not have")
		}
	})
	if err != nil {
		err = errProblems
	}
	return errors.Join(printErr, err)
}

// announce says what is left behind.
func (a *app) announce(all []string) {
	if a.json {
		_ = json.NewEncoder(a.err).Encode(map[string][]string{"notCopied": all})
		return
	}
	for _, what := range all {
		fmt.Fprintln(a.err, "not copied:", what)
	}
}

// transfer opens two stores, does something with them, and shows how far it comes.
func (a *app) transfer(ctx context.Context, args []string, t transferring, do func(context.Context, transfer.Options) (transfer.Counts, error)) (counts transfer.Counts, err error) {
	for i, arg := range args {
		storeURL, err := storeOf(arg)
		if err != nil {
			return counts, err
		}
		store, err := adapter.Open(ctx, storeURL)
		if err != nil {
			return counts, err
		}
		defer store.Close() //nolint:errcheck // it was read, or each write has returned
		t.Names[i] = transfer.Name(storeURL)
		if i == 0 {
			t.Source = store
		} else {
			t.Destination = store
		}
	}
	if t.Names[0] == t.Names[1] {
		return counts, errors.New("SRC and DST are one store")
	}
	t.Report = a.report
	most := -1
	if t.count {
		if most, err = count(ctx, t.Source); err != nil {
			return counts, err
		}
	}
	bar := a.bar(most, "users")
	defer bar.Finish() //nolint:errcheck // of a terminal
	t.Progress = func(n transfer.Counts) {
		_ = bar.Set(n.Users)
		if t.mapped != nil {
			_ = t.mapped.Flush()
		}
	}
	counts, err = do(ctx, t.Options)
	if err != nil && (ctx.Err() != nil || errors.Is(err, adapter.ErrUnavailable)) && t.Checkpoint != "" {
		err = fmt.Errorf("%w (the same command goes on from %s)", err, t.Checkpoint)
	}
	return counts, err
}

// count returns how many users a store has, 1 if it has none: a bar has an end.
func count(ctx context.Context, store adapter.Adapter) (int, error) {
	users, ok := adapter.As[adapter.Enumerator](store)
	if !ok {
		return -1, nil // which the transfer says
	}
	n := 0
	for cursor := ""; ; {
		page, err := users.EnumerateUsers(ctx, cursor, 1000)
		if err != nil {
			return n, err
		}
		if n += len(page.Users); page.Next == "" {
			return max(n, 1), nil
		}
		cursor = page.Next
	}
}

// bar returns a progress bar, which is shown on a terminal. How many there are may be -1: unknown.
func (a *app) bar(most int, what string) *progressbar.ProgressBar {
	f, isFile := a.err.(*os.File)
	return progressbar.NewOptions(most, progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetVisibility(isFile && term.IsTerminal(int(f.Fd()))))
}

// report shows a difference, as soon as it is known: there may be many.
func (a *app) report(d transfer.Difference) {
	d.How = safe(d.How)
	if a.json {
		_ = json.NewEncoder(a.out).Encode(d)
		return
	}
	text := fmt.Sprintf("user %s: %s: %s", clean(d.UserID), clean(d.Record), d.How)
	for i, field := range d.Fields {
		separator := ", "
		if i == 0 {
			separator = ": "
		}
		text += separator + clean(field)
	}
	fmt.Fprintln(a.out, text)
}
