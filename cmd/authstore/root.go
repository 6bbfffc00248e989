package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"

	// Each import makes the URLs of one backend known to adapter.Open.
	_ "github.com/authstore/authstore/dynamodb/open"
	_ "github.com/authstore/authstore/fauna"
	_ "github.com/authstore/authstore/memory"
	_ "github.com/authstore/authstore/mongo"
	_ "github.com/authstore/authstore/redis"
	_ "github.com/authstore/authstore/redis/upstash"
)

// The exit codes.
const (
	exitDone     = 0
	exitProblems = 1
	exitFailed   = 2
)

// errProblems ends a command that did its work and has shown problems.
var errProblems = errors.New("problems were found")

// urlVariable is the environment variable that names the store.
const urlVariable = "AUTHSTORE_URL"

const rootHelp = `Authstore looks after a store of users, accounts, sessions and passkeys.

The store is named by its URL, in --store or in AUTHSTORE_URL. Other users of the
machine see a password in the arguments of a command, so put such a URL into the
environment: --store env:NAME takes it from the variable NAME.

  mongodb://host/database           mongodb+srv://…
  dynamodb://table?region=…         credentials are the AWS SDK's
  redis://host  rediss://host       redis+cluster://…  redis+sentinel://…
  redis+upstash://host              the layout of Auth.js on Redis
  fauna://host                      the secret is in FAUNA_SECRET

What destroys shows what it would do, and does it with --yes. The exit code is 0
if all is done and well, 1 if problems were found, 2 if the work could not be done.`

const rootExample = `  export AUTHSTORE_URL=mongodb://127.0.0.1:27017/app
  authstore ping
  authstore schema check
  authstore users show ada@example.com
  authstore sessions revoke ada@example.com --all --yes
  authstore copy env:OLD env:NEW`

// streams are where a command writes.
type streams struct{ out, err io.Writer }

// app is what the commands share.
type app struct {
	streams
	storeURL string
	json     bool
	timeout  time.Duration
	cancel   context.CancelFunc
}

// version returns that of the tag which the program was built of, or what Go says of another build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
}

// newRoot returns the command with all others.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use: "authstore", Short: "Look after a store of users, accounts, sessions and passkeys",
		Long: rootHelp, Example: rootExample, Version: version(),
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			if a.timeout > 0 {
				var ctx context.Context
				ctx, a.cancel = context.WithTimeout(cmd.Context(), a.timeout)
				cmd.SetContext(ctx)
			}
		},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.storeURL, "store", "", "`URL` of the store, or env:NAME (default: AUTHSTORE_URL)")
	flags.BoolVar(&a.json, "json", false, "print JSON, for scripts")
	flags.DurationVar(&a.timeout, "timeout", 0, "end the command after this `time`, such as 30s (default: never)")
	// All commands, in the order of the help.
	cobra.EnableCommandSorting = false
	root.AddCommand(
		newPing(a), newSchema(a), newRepair(a), newPurge(a),
		newUsers(a), newSessions(a), newAccounts(a),
		newCopy(a), newVerify(a), newExport(a), newImport(a),
		newConformance(a), newBench(a), newServe(a), newMan(a),
	)
	return root
}

// run runs a command and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s, cancel: func() {}}
	root := newRoot(a)
	root.SetArgs(args)
	a.json = slices.Contains(args, "--json") // also if another argument cannot be understood
	err := root.ExecuteContext(ctx)
	a.cancel()
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errProblems):
		return exitProblems
	}
	a.fail(err)
	return exitFailed
}

// fail says why a command could not do its work.
func (a *app) fail(err error) {
	text := strings.TrimPrefix(safe(err.Error()), "authstore: ")
	switch {
	case errors.Is(err, context.Canceled):
		text = "interrupted: " + text
	case errors.Is(err, context.DeadlineExceeded):
		text = "out of time (--timeout): " + text
	}
	if a.json {
		_ = json.NewEncoder(a.err).Encode(map[string]string{"error": text, "code": adapter.Code(err)})
		return
	}
	fmt.Fprintln(a.err, "authstore:", text)
	if strings.HasPrefix(text, "unknown") || strings.Contains(text, "arg(s)") {
		fmt.Fprintln(a.err, "authstore --help has all commands")
	}
}

// What may be a secret in a URL: what is before an "@", and what a parameter may hold.
var (
	urlUser   = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*:/{0,2})[^\s"']*@`)
	urlSecret = regexp.MustCompile(`(?i)([?&;][^=&\s"']*(?:password|secret|token|key)[^=&\s"']*=)[^&\s"']*`)
)

// safe returns a text without the secrets of URLs that somebody may have put in the wrong place.
func safe(text string) string {
	return urlSecret.ReplaceAllString(urlUser.ReplaceAllString(text, "$1…@"), "$1…")
}

// storeOf returns the URL that an argument names: itself, or what is in the variable NAME of
// env:NAME.
func storeOf(arg string) (string, error) {
	name, isVariable := strings.CutPrefix(arg, "env:")
	if !isVariable {
		return arg, nil
	}
	if v := os.Getenv(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("the environment variable %s, which is to hold the URL of a store, is empty", name)
}

// url returns the URL of the store of a command.
func (a *app) url() (string, error) {
	arg := cmp.Or(a.storeURL, os.Getenv(urlVariable))
	if arg == "" {
		return "", errors.New("name the store: --store URL, or AUTHSTORE_URL in the environment")
	}
	return storeOf(arg)
}

// open opens the store of a command.
func (a *app) open(ctx context.Context) (adapter.Adapter, error) {
	storeURL, err := a.url()
	if err != nil {
		return nil, err
	}
	return adapter.Open(ctx, storeURL)
}

// with opens the store, and closes it after the work.
func (a *app) with(cmd *cobra.Command, work func(ctx context.Context, store adapter.Adapter) error) error {
	store, err := a.open(cmd.Context())
	if err != nil {
		return err
	}
	return errors.Join(work(cmd.Context(), store), store.Close())
}
