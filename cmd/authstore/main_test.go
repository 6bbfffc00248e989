package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/memory"
)

// The stores of the tests stay when a command closes them: test://NAME, and for one that keeps
// session tokens as they are test+plain://NAME.
var (
	stores  = map[string]*memory.Store{}
	noon    = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	forever = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
)

func init() {
	open := func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
		return openTest(rawURL, o), nil
	}
	driver.Register("test", open)
	driver.Register("damaged", func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
		return damaged{openTest(strings.Replace(rawURL, "damaged", "test", 1), o)}, nil
	})
}

// damaged is a store in which Ada's record, and that of her account, cannot be read.
type damaged struct{ adapter.Adapter }

func (d damaged) Unwrap() adapter.Adapter { return d.Adapter }

func (d damaged) GetUser(_ context.Context, id string) (adapter.User, error) {
	return adapter.User{}, &adapter.RecordError{Place: "users", Field: "email"}
}

func (d damaged) GetUserByEmail(context.Context, string) (adapter.User, error) {
	return adapter.User{}, &adapter.RecordError{Place: "users", UserID: adaID, Field: "email"}
}

func (d damaged) GetAccount(context.Context, adapter.AccountKey) (adapter.Account, error) {
	return adapter.Account{}, &adapter.RecordError{Place: "accounts", UserID: adaID, Field: "type"}
}

func openTest(rawURL string, o adapter.Options) adapter.Adapter {
	if stores[rawURL] == nil {
		stores[rawURL] = memory.NewStore()
	}
	o.Clock = func() time.Time { return noon }
	return memory.New(memory.Options{Options: o, Store: stores[rawURL]})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	adaID   = "1815c0de-0000-4000-8000-000000000001"
	graceID = "1906c0de-0000-4000-8000-000000000002"
)

// token is that of a session of Ada's.
func token(i byte) string { return adapter.NewSessionToken(adaID, [32]byte{i}) }

// seed fills a new store with two people, and returns its URL.
func seed(t *testing.T, name string) string {
	t.Helper()
	storeURL := "test://" + name
	delete(stores, storeURL)
	ctx, s := t.Context(), openTest(storeURL, adapter.Options{})
	defer func() { check(t, s.Close()) }()
	for _, u := range []adapter.User{
		{ID: adaID, Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: noon, Attributes: adapter.Attributes{"role": "admin", "apiKey": "hunter2"}},
		{ID: graceID, Name: "Grace\x1b[2J Hopper", Email: "grace@example.com"},
	} {
		_, err := s.CreateUser(ctx, u)
		check(t, err)
	}
	_, err := s.LinkAccount(ctx, adapter.Account{
		UserID: adaID, Type: adapter.AccountOIDC, Provider: "google", ProviderAccountID: "1815", AccessToken: "hunter2", RefreshToken: "hunter2", Scope: "openid",
	})
	check(t, err)
	_, err = s.CreateAuthenticator(ctx, adapter.Authenticator{UserID: graceID, CredentialID: "Y3JlZGVudGlhbA", CredentialPublicKey: "hunter2", CredentialDeviceType: "multiDevice", Transports: []string{"internal"}})
	check(t, err)
	for i := range byte(3) {
		_, err = s.CreateSession(ctx, adapter.Session{UserID: adaID, SessionToken: token(i), Expires: forever, Attributes: adapter.Attributes{"ip": fmt.Sprint("192.0.2.", i)}})
		check(t, err)
	}
	return storeURL
}

// try runs a command in a folder of its own and returns what it prints.
func try(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	t.Chdir(t.TempDir())
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{out: &o, err: &e})
	for _, text := range []string{o.String(), e.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "\x1b") || strings.Contains(text, token(1)) {
			t.Errorf("%q prints a secret, or what a terminal obeys: %q", args, text)
		}
	}
	return o.String(), e.String(), code
}

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		name, args string
		code       int
		want       []string // in what is printed
	}{
		{"ping", "ping", exitDone, []string{"the store answers"}},
		{"no store", "ping", exitFailed, []string{"AUTHSTORE_URL"}},
		{"an unknown scheme", "ping --store oracle://u:hunter2@h", exitFailed, []string{"scheme of an imported backend"}},
		{"an empty variable", "ping --store env:AUTHSTORE_NONE", exitFailed, []string{"AUTHSTORE_NONE"}},
		{"a URL in the wrong place", "redis://u:hunter2@h", exitFailed, []string{"unknown command"}},
		{"a secret in the wrong place", "ping redis://h?password=hunter2", exitFailed, []string{"unknown command"}},
		{"out of time", "ping --timeout 1ns", exitFailed, []string{"--timeout"}},
		{"schema check", "schema check", exitDone, []string{needsNoSchema}},
		{"schema apply", "schema apply", exitDone, []string{needsNoSchema}},
		{"schema print", "schema print", exitDone, []string{needsNoSchema}},
		{"schema print: a list", "schema print --store mongodb://u:hunter2@h/people", exitDone, []string{"schema-role", "mongosh"}},
		{"schema print: one", "schema print role --store mongodb://u:hunter2@h/people", exitDone, []string{`"db":"people"`}},
		{"schema print: none", "schema print terraform --store mongodb://h/people", exitFailed, []string{"there is indexes, role, schema-role"}},
		{"repair", "repair", exitDone, []string{"nothing to repair"}},
		{"purge", "purge", exitDone, []string{"would remove", "--yes"}},
		{"purge --yes", "purge --yes", exitDone, []string{"removed 0 records"}},
		{"users ls", "users ls", exitDone, []string{adaID, "grace@example.com", "Grace\ufffd[2J Hopper"}},
		{"users ls: a page", "users ls --limit 1", exitDone, []string{adaID, "--cursor " + adaID}},
		{"users ls: the next", "users ls --limit 1 --cursor " + adaID, exitDone, []string{graceID}},
		{"users ls: a limit", "users ls --limit 0", exitFailed, []string{"from 1 to 1000"}},
		{"users ls --all", "users ls --all", exitDone, []string{adaID, graceID}},
		{"users ls --all --json", "users ls --all --json", exitDone, []string{`{"id":"` + adaID}},
		{"users show: an address", "users show ADA@example.com", exitDone, []string{adaID, "apiKey, role", "1815", "access, refresh", adapter.SessionID(token(1))}},
		{"users show: an ID", "users show " + graceID, exitDone, []string{"Y3JlZGVudGlhbA"}},
		{"users show: nobody", "users show nobody@example.com", exitFailed, []string{"no user has this ID"}},
		{"users rm", "users rm ada@example.com", exitDone, []string{"would remove the user " + adaID + " with 1 account, 0 passkeys, 3 sessions", "--yes"}},
		{"sessions ls", "sessions ls ada@example.com", exitDone, []string{adapter.SessionID(token(2)), "2099-01-01"}},
		{"sessions ls: values", "sessions ls ada@example.com --attributes", exitDone, []string{`{"ip":"192.0.2.1"}`}},
		{"sessions ls: none", "sessions ls grace@example.com", exitDone, []string{"no sessions"}},
		{"sessions revoke: which", "sessions revoke ada@example.com", exitFailed, []string{"--session ID, --all"}},
		{"sessions revoke: both", "sessions revoke ada@example.com --all --session x", exitFailed, []string{"--session ID, --all"}},
		{"sessions revoke: no such", "sessions revoke ada@example.com --session x --yes", exitFailed, []string{"no session"}},
		{"sessions revoke", "sessions revoke ada@example.com --all", exitDone, []string{"would revoke 3 sessions", "--yes"}},
		{"accounts ls", "accounts ls ada@example.com", exitDone, []string{"google", "1815", "access, refresh"}},
		{"accounts unlink", "accounts unlink ada@example.com google 1815", exitDone, []string{"would unlink", "last account"}},
		{"accounts unlink: another's", "accounts unlink grace@example.com google 1815 --yes", exitFailed, []string{"no such account"}},
		{"copy: what for", "copy test://a", exitFailed, []string{"accepts 2 arg"}},
		{"copy: itself", "copy test://a test://a", exitFailed, []string{"one store"}},
		{"copy: overwrites", "copy test://a test://b --conflict overwrite", exitFailed, []string{"--yes"}},
		{"copy: deletes", "copy test://a test://b --delete", exitFailed, []string{"--yes"}},
		{"copy: since when", "copy test://a test://b --since yesterday", exitFailed, []string{"2006-01-02"}},
		{"copy: IDs", "copy test://a test://b --ids roman", exitFailed, []string{"keep, uuid, objectid or number"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(urlVariable, seed(t, "app"))
			if tt.name == "no store" {
				t.Setenv(urlVariable, "")
			}
			args := strings.Fields(tt.args)
			out, errOut, code := try(t, args...)
			for _, want := range tt.want {
				if !strings.Contains(out+errOut, want) {
					t.Errorf("got %q and %q, want %q in it", out, errOut, want)
				}
			}
			if code != tt.code {
				t.Errorf("got the exit code %d, want %d: %s", code, tt.code, errOut)
			}
			_, errOut, code = try(t, append(args, "--json")...)
			if code != tt.code {
				t.Errorf("with --json: got the exit code %d, want %d", code, tt.code)
			}
			var failure struct{ Error, Code string }
			if code == exitFailed {
				lines := strings.Split(strings.TrimSpace(errOut), "\n")
				if err := json.Unmarshal([]byte(lines[len(lines)-1]), &failure); err != nil || failure.Error == "" || failure.Code == "" {
					t.Errorf("with --json: got %q", errOut)
				}
			}
		})
	}
}

// left is what a store has of Ada: sessions and accounts, or nothing.
func left(t *testing.T, storeURL string) (sessions, accounts int, there bool) {
	t.Helper()
	s := openTest(storeURL, adapter.Options{})
	defer func() { check(t, s.Close()) }()
	_, err := s.GetUser(t.Context(), adaID)
	if errors.Is(err, adapter.ErrNotFound) {
		return 0, 0, false
	}
	check(t, err)
	listed, err := s.ListSessions(t.Context(), adaID)
	check(t, err)
	linked, err := s.ListAccounts(t.Context(), adaID)
	check(t, err)
	return len(listed), len(linked), true
}

// What destroys does nothing without --yes, and with it what it said.
func TestDestroys(t *testing.T) {
	kept := adapter.SessionID(token(1))
	for _, tt := range []struct {
		args               string
		sessions, accounts int
		there              bool
	}{
		{"users rm " + adaID, 0, 0, false},
		{"sessions revoke ada@example.com --all", 0, 1, true},
		{"sessions revoke ada@example.com --all --except " + kept, 1, 1, true},
		{"sessions revoke ada@example.com --session " + kept, 2, 1, true},
		{"accounts unlink ada@example.com google 1815", 3, 0, true},
		{"users rm ada@example.com --store damaged://app", 0, 0, false},
		{"users rm " + adaID + " --store damaged://app", 0, 0, false},
		{"sessions revoke ada@example.com --all --store damaged://app", 0, 1, true},
		{"sessions revoke " + adaID + " --session " + kept + " --store damaged://app", 2, 1, true},
		{"accounts unlink " + adaID + " google 1815 --store damaged://app", 3, 0, true},
	} {
		t.Run(tt.args, func(t *testing.T) {
			storeURL := seed(t, "app")
			t.Setenv(urlVariable, storeURL)
			args := strings.Fields(tt.args)
			if _, errOut, code := try(t, args...); code != exitDone {
				t.Errorf("without --yes: %d, %s", code, errOut)
			}
			if sessions, accounts, there := left(t, storeURL); sessions != 3 || accounts != 1 || !there {
				t.Errorf("without --yes something is gone: %d, %d, %t", sessions, accounts, there)
			}
			if _, errOut, code := try(t, append(args, "--yes")...); code != exitDone {
				t.Errorf("%d, %s", code, errOut)
			}
			if sessions, accounts, there := left(t, storeURL); sessions != tt.sessions || accounts != tt.accounts || there != tt.there {
				t.Errorf("got %d sessions, %d accounts, %t, want %+v", sessions, accounts, there, tt)
			}
		})
	}
}

func TestCopyAndVerify(t *testing.T) {
	source := seed(t, "old")
	t.Setenv("OLD", source)
	t.Setenv("NEW", "test://new")
	delete(stores, "test://new")
	out, errOut, code := try(t, "copy", "env:OLD", "env:NEW")
	if code != exitDone || !strings.Contains(out, "2 users: 2 created") || !strings.Contains(errOut, "not copied: verification tokens") {
		t.Fatalf("%d: %s%s", code, out, errOut)
	}
	if out, errOut, code = try(t, "verify", "env:OLD", "env:NEW"); code != exitDone || !strings.Contains(out, "2 users compared: no difference") {
		t.Fatalf("%d: %s%s", code, out, errOut)
	}
	if _, errOut, code = try(t, "sessions", "revoke", adaID, "--session", adapter.SessionID(token(2)), "--yes", "--store", "test://new"); code != exitDone {
		t.Fatal(errOut)
	}
	out, errOut, code = try(t, "verify", "env:OLD", "env:NEW", "--json")
	want := `{"user":"` + adaID + `","record":"session ` + adapter.SessionID(token(2)) + `","how":"missing"}` + "\n" + `{"differences":1,"users":2}` + "\n"
	if code != exitProblems || out != want {
		t.Fatalf("%d: %s%s", code, out, errOut)
	}
	if out, errOut, code = try(t, "copy", "env:OLD", "test://mapped", "--ids", "objectid", "--map", filepath.Join(t.TempDir(), "ids")); code != exitDone {
		t.Fatalf("%d: %s%s", code, out, errOut)
	}
	if !strings.Contains(errOut, "old ID") {
		t.Errorf("it is not said that sessions stay behind: %s", errOut)
	}
}

// With --count the bar knows its end.
func TestCount(t *testing.T) {
	delete(stores, "test://empty")
	for storeURL, want := range map[string]int{seed(t, "counted"): 2, "test://empty": 1} {
		store, err := adapter.Open(t.Context(), storeURL)
		check(t, err)
		if n, err := count(t.Context(), store); n != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", storeURL, n, err, want)
		}
	}
	t.Setenv("OLD", seed(t, "old"))
	delete(stores, "test://new")
	if out, errOut, code := try(t, "copy", "env:OLD", "test://new", "--count"); code != exitDone || !strings.Contains(out, "2 users: 2 created") {
		t.Errorf("%d: %s%s", code, out, errOut)
	}
}

func TestExportAndImport(t *testing.T) {
	storeURL := seed(t, "app")
	t.Setenv(urlVariable, storeURL)
	dir := t.TempDir()
	identity, err := age.GenerateX25519Identity()
	check(t, err)
	hybrid, err := age.GenerateHybridIdentity()
	check(t, err)
	key, postQuantum := filepath.Join(dir, "key.txt"), filepath.Join(dir, "pq.txt")
	check(t, os.WriteFile(key, []byte(identity.String()+"\n"), 0o600))
	check(t, os.WriteFile(postQuantum, []byte(hybrid.String()+"\n"), 0o600))
	for name, with := range map[string]struct{ export, read []string }{
		"plain":        {nil, nil},
		"encrypted":    {[]string{"--recipient", identity.Recipient().String()}, []string{"--identity", key}},
		"post-quantum": {[]string{"--recipient", hybrid.Recipient().String()}, []string{"--identity", postQuantum}},
	} {
		file := filepath.Join(dir, name)
		if out, errOut, code := try(t, append([]string{"export", file}, with.export...)...); code != exitDone || !strings.Contains(out, "2 users with 1 account") {
			t.Fatalf("%s: %d: %s%s", name, code, out, errOut)
		}
		info, err := os.Stat(file)
		check(t, err)
		text, err := os.ReadFile(file)
		check(t, err)
		if info.Mode().Perm() != 0o600 || strings.Contains(string(text), "ada@example.com") != (with.read == nil) {
			t.Errorf("%s: the file has the mode %v", name, info.Mode())
		}
		delete(stores, "test://imported")
		if out, errOut, code := try(t, append([]string{"import", file, "--store", "test://imported"}, with.read...)...); code != exitDone || !strings.Contains(out, "2 users: 2 created") {
			t.Fatalf("%s: %d: %s%s", name, code, out, errOut)
		}
		if out, errOut, code := try(t, "verify", storeURL, "test://imported"); code != exitDone {
			t.Errorf("%s: %s%s", name, out, errOut)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if check(t, err); len(left) > 0 {
		t.Errorf("files are left: %q", left)
	}
	for _, args := range []string{"export x --recipient hunter2", "import " + key, "import " + key + " --identity /dev/null", "import " + key + " --conflict overwrite"} {
		if _, errOut, code := try(t, strings.Fields(args)...); code != exitFailed || strings.Contains(errOut, identity.String()) {
			t.Errorf("%s: %d: %s", args, code, errOut)
		}
	}
}

// exported has files as mongoexport writes them; the second session is of nobody.
var exported = map[string]string{
	"users.json":    `{"_id":{"$oid":"65a0c0de0000000000000001"},"name":"Alan Turing","email":"alan@example.com","image":null,"emailVerified":{"$date":"2026-03-01T12:00:00Z"}}` + "\n",
	"accounts.json": `{"_id":{"$oid":"65a0c0de0000000000000002"},"userId":{"$oid":"65a0c0de0000000000000001"},"type":"oauth","provider":"github","providerAccountId":"1912","access_token":"hunter2"}` + "\n",
	"sessions.json": `{"_id":{"$oid":"65a0c0de0000000000000003"},"sessionToken":"hunter2","userId":{"$oid":"65a0c0de0000000000000001"},"expires":{"$date":"2099-01-01T00:00:00Z"}}` + "\n" +
		`{"_id":{"$oid":"65a0c0de0000000000000004"},"sessionToken":"hunter22","userId":{"$oid":"65a0c0de0000000000000009"},"expires":{"$date":"2099-01-01T00:00:00Z"}}` + "\n",
}

// writeExported writes them into a folder.
func writeExported(t *testing.T, dir string) (files []string) {
	t.Helper()
	for _, name := range []string{"users.json", "accounts.json", "sessions.json"} {
		files = append(files, filepath.Join(dir, name))
		check(t, os.WriteFile(files[len(files)-1], []byte(exported[name]), 0o600))
	}
	return files
}

// import reads what other stores' tools write, in the form that it has or that is named.
func TestImportOfOtherForms(t *testing.T) {
	files := writeExported(t, t.TempDir())
	into := func(args ...string) []string {
		return append([]string{"import", "--store", "test://imported"}, args...)
	}
	item := filepath.Join(t.TempDir(), "item.json")
	check(t, os.WriteFile(item, []byte(`{"Item":{"pk":{"S":"USER#u"},"sk":{"S":"USER#u"},"email":{"S":"u@example.com"}}}`), 0o600))
	for name, tt := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"recognized":         {into(files...), exitProblems, []string{"1 user: 1 created", "1 account, 0 passkeys, 1 session written", "user 65a0c0de0000000000000009: sessions.json, line 2: not imported", "verification tokens"}},
		"named":              {into(append(slices.Clone(files), "--from", "mongoexport")...), exitProblems, []string{"1 user: 1 created"}},
		"JSON":               {into(append(slices.Clone(files), "--json")...), exitProblems, []string{`"record":"sessions.json, line 2"`, `"problems":1`}},
		"without problems":   {into(files[:2]...), exitDone, []string{"1 user: 1 created"}},
		"DynamoDB":           {into(item), exitDone, []string{"1 user: 1 created"}},
		"another than named": {into(files[0], "--from", "dynamodb"), exitProblems, []string{"users.json, line 1: unreadable"}},
		"of export":          {into(files[0], "--from", "authstore"), exitFailed, []string{"line 1 is not one of an export"}},
		"an unknown form":    {into(files[0], "--from", "csv"), exitFailed, []string{"--from is authstore, mongoexport or dynamodb"}},
		"several of export":  {into(files[0], files[1], "--from", "authstore"), exitFailed, []string{"one file of export at a time"}},
		"encrypted":          {into(files[0], "--from", "mongoexport", "--identity", "key"), exitFailed, []string{"--identity is for files that export"}},
		"overwrites":         {into(files[0], "--conflict", "overwrite"), exitFailed, []string{"--yes"}},
		"no file":            {into("none.json"), exitFailed, []string{"no such file"}},
	} {
		delete(stores, "test://imported")
		out, errOut, code := try(t, tt.args...)
		for _, want := range tt.want {
			if !strings.Contains(out+errOut, want) {
				t.Errorf("%s: got %q and %q, want %q in it", name, out, errOut, want)
			}
		}
		if code != tt.code {
			t.Errorf("%s: got the exit code %d, want %d: %s", name, code, tt.code, errOut)
		}
	}
}

// A command that is interrupted ends, and says so.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var o, e bytes.Buffer
	if code := run(ctx, []string{"ping", "--store", "memory:"}, streams{&o, &e}); code != exitFailed || !strings.HasPrefix(e.String(), "authstore: interrupted") {
		t.Errorf("%d: %s", code, e.String())
	}
	t.Chdir(t.TempDir())
	e.Reset()
	if code := run(ctx, []string{"copy", seed(t, "old"), "test://new"}, streams{&o, &e}); code != exitFailed || !strings.Contains(e.String(), "interrupted") || !strings.Contains(e.String(), "goes on from authstore-copy.json") {
		t.Errorf("%d: %s", code, e.String())
	}
}

// Each command teaches: it has a text and an example, which is one that the command takes.
func TestHelpTeaches(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Name() == "help" || sub.Name() == "completion" {
				continue
			}
			if sub.Short == "" || sub.Example == "" || sub.Runnable() && sub.Long == "" && sub.Name() != "man" {
				t.Errorf("%s: help is missing", sub.CommandPath())
			}
			for line := range strings.Lines(sub.Example) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), " | ")
				line, _, _ = strings.Cut(line, " > ")
				fields := strings.Fields(strings.ReplaceAll(line, "'", ""))
				found, rest, err := c.Root().Find(fields[1:])
				if err != nil || !found.Runnable() {
					t.Errorf("the example %q is none of a command", line)
					continue
				}
				fresh, _, err := newRoot(&app{}).Find(fields[1:])
				check(t, err)
				if err := fresh.ParseFlags(rest); err != nil {
					t.Errorf("the example %q: %v", line, err)
				}
				if err := fresh.ValidateArgs(fresh.Flags().Args()); err != nil {
					t.Errorf("the example %q: %v", line, err)
				}
			}
			visit(sub)
		}
	}
	visit(newRoot(&app{}))
}

func TestMan(t *testing.T) {
	dir := t.TempDir()
	if _, errOut, code := try(t, "man", dir); code != exitDone {
		t.Fatal(errOut)
	}
	page, err := os.ReadFile(filepath.Join(dir, "authstore-copy.1"))
	check(t, err)
	if !strings.Contains(string(page), "checkpoint") {
		t.Errorf("got %s", page)
	}
	if out, errOut, code := try(t, "completion", "bash"); code != exitDone || !strings.Contains(out, "authstore") {
		t.Error(errOut)
	}
}
