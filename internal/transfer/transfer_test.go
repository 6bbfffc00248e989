package transfer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/memory"
)

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now   = func() time.Time { return start }
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func store(t *testing.T) adapter.Adapter {
	s := memory.New(memory.Options{Options: adapter.Options{Clock: now}})
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func userID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// sign signs up a user with two accounts, a passkey and two sessions.
func sign(t *testing.T, s adapter.Adapter, i int) {
	t.Helper()
	ctx, made := t.Context(), start.Add(-time.Duration(i+1)*time.Hour)
	u := adapter.User{
		ID: userID(i), Name: fmt.Sprint("User ", i), Email: fmt.Sprintf("user%d@example.com", i), EmailVerified: made,
		Attributes: adapter.Attributes{"role": "admin", "seen": made, "n": int64(i), "list": []any{"a", nil, 2.5}}, CreatedAt: made, UpdatedAt: made.Add(time.Minute),
	}
	_, err := s.CreateUser(ctx, u)
	check(t, err)
	for _, provider := range []string{"github", "google"} {
		_, err = s.LinkAccount(ctx, adapter.Account{
			UserID: u.ID, Type: adapter.AccountOAuth, Provider: provider, ProviderAccountID: fmt.Sprint(i), AccessToken: "access", ExpiresAt: 7, CreatedAt: made,
		})
		check(t, err)
	}
	_, err = s.CreateAuthenticator(ctx, adapter.Authenticator{
		UserID: u.ID, CredentialID: fmt.Sprint("credential", i), CredentialPublicKey: "key", Counter: 7, Transports: []string{"usb", "nfc"}, CreatedAt: made,
	})
	check(t, err)
	for _, token := range []string{adapter.NewSessionToken(u.ID, [32]byte{1}), fmt.Sprint("made-elsewhere-", i)} {
		_, err = s.CreateSession(ctx, adapter.Session{SessionToken: token, UserID: u.ID, Expires: start.Add(time.Hour), Attributes: adapter.Attributes{"ip": "::1"}, CreatedAt: made})
		check(t, err)
	}
}

// people returns a store with users.
func people(t *testing.T, n int) adapter.Adapter {
	s := store(t)
	for i := range n {
		sign(t, s, i)
	}
	return s
}

// options are those of a test, which fails on what is reported unless it takes it itself.
func options(t *testing.T, source, destination adapter.Adapter) Options {
	return Options{
		Source: source, Destination: destination, Now: now, Names: [2]string{"a", "b"}, Checkpoint: filepath.Join(t.TempDir(), "checkpoint"),
		Report: func(d Difference) { t.Errorf("reported: %+v", d) },
	}
}

// differences returns what Verify reports.
func differences(t *testing.T, source, destination adapter.Adapter, change func(*Options)) []string {
	t.Helper()
	o := options(t, source, destination)
	var all []string
	o.Report = func(d Difference) {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", d.UserID[len(d.UserID)-1:], d.Record, d.How, strings.Join(d.Fields, ","))))
	}
	if change != nil {
		change(&o)
	}
	counts, err := Verify(t.Context(), o)
	check(t, err)
	if counts.Problems != len(all) {
		t.Errorf("%d problems were counted, and %d reported", counts.Problems, len(all))
	}
	slices.Sort(all)
	return all
}

func same(t *testing.T, source, destination adapter.Adapter) {
	t.Helper()
	if got := differences(t, source, destination, nil); len(got) > 0 {
		t.Errorf("they differ: %q", got)
	}
}

func TestCopy(t *testing.T) {
	source, destination := people(t, 450), store(t) // three pages
	o := options(t, source, destination)
	counts, err := Copy(t.Context(), o)
	check(t, err)
	if want := (Counts{Users: 450, Created: 450, Accounts: 900, Passkeys: 450, Sessions: 900}); counts != want {
		t.Errorf("got %+v, want %+v", counts, want)
	}
	same(t, source, destination)
	for _, token := range []string{adapter.NewSessionToken(userID(7), [32]byte{1}), "made-elsewhere-7"} {
		if s, u, err := destination.GetSessionAndUser(t.Context(), token); err != nil || u.Name != "User 7" || !s.Expires.Equal(start.Add(time.Hour)) {
			t.Errorf("the session is not open in the copy: %+v, %+v, %v", s, u, err)
		}
	}
	counts, err = Copy(t.Context(), o)
	check(t, err)
	if want := (Counts{Users: 450, Unchanged: 450}); counts != want {
		t.Errorf("again: got %+v, want %+v", counts, want)
	}
}

// Verify finds a record that is missing, one that is changed and one too many, and names no value.
func TestVerifyFindsDamage(t *testing.T) {
	source := people(t, 3)
	for name, tt := range map[string]struct {
		damage func(ctx context.Context, s adapter.Adapter) error
		want   string
	}{
		"an account is missing": {func(ctx context.Context, s adapter.Adapter) error {
			return s.UnlinkAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
		}, "1 account github #" + brief("1") + " missing"},
		"an attribute is changed": {func(ctx context.Context, s adapter.Adapter) error {
			_, err := s.UpdateUser(ctx, userID(2), adapter.UserUpdate{Attributes: adapter.Attributes{"role": "root"}})
			return err
		}, "2 user changed UpdatedAt,attribute role"},
		"a session too many": {func(ctx context.Context, s adapter.Adapter) error {
			_, err := s.CreateSession(ctx, adapter.Session{UserID: userID(0), SessionToken: "secret", Expires: start.Add(time.Hour)})
			return err
		}, "0 session " + adapter.SessionID("secret") + " extra"},
		"a passkey is missing": {func(ctx context.Context, s adapter.Adapter) error {
			return s.DeleteAuthenticator(ctx, "credential1")
		}, "1 passkey #" + brief("credential1") + " missing"},
		"a user is missing": {func(ctx context.Context, s adapter.Adapter) error { return s.DeleteUser(ctx, userID(1)) }, "1 user missing"},
		"a user too many": {func(ctx context.Context, s adapter.Adapter) error {
			_, err := s.CreateUser(ctx, adapter.User{ID: userID(9)})
			return err
		}, "9 user extra"},
	} {
		t.Run(name, func(t *testing.T) {
			destination := store(t)
			_, err := Copy(t.Context(), options(t, source, destination))
			check(t, err)
			check(t, tt.damage(t.Context(), destination))
			if got := differences(t, source, destination, nil); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Whatever step a copy dies at, on either side, the same call goes on and ends with the same.
func TestCopyGoesOn(t *testing.T) {
	const users = 4
	source := people(t, users)
	for step := 1; ; step++ {
		var faults fault.Injector
		inner := store(t)
		destination := imports{fault.Wrap(inner, &faults), &faults}
		o := options(t, source, destination)
		o.Workers, o.Pause = 1, func(context.Context, time.Duration) error { return errDied }
		faults.Arm(fault.Plan{Step: step, Mode: []fault.Mode{fault.LoseCommand, fault.LoseReply}[step%2]})
		_, err := Copy(t.Context(), o)
		if err == nil {
			if step < users*5 {
				t.Errorf("a copy of %d users took %d steps", users, step)
			}
			return
		}
		faults.Disarm()
		_, err = Copy(t.Context(), o)
		check(t, err)
		same(t, source, inner)
		if t.Failed() {
			t.Fatalf("died at step %d", step)
		}
	}
}

var errDied = errors.New("died")

// imports counts imports as steps too.
type imports struct {
	adapter.Adapter
	faults *fault.Injector
}

func (s imports) Unwrap() adapter.Adapter { return s.Adapter }

func (s imports) ImportSession(ctx context.Context, session adapter.Session) error {
	i, _ := adapter.As[adapter.SessionImporter](s.Adapter)
	var answer error
	if err := s.faults.Step(ctx, func(ctx context.Context) error { answer = i.ImportSession(ctx, session); return nil }); err != nil {
		return driver.Caused(adapter.ErrUnavailable, err)
	}
	return answer
}

// What a retry may mend is tried again, and adds only what is missing.
func TestRepetition(t *testing.T) {
	source := people(t, 3)
	for step := 1; step <= 18; step++ {
		var faults fault.Injector
		inner := store(t)
		o := options(t, source, imports{fault.Wrap(inner, &faults), &faults})
		o.Workers, o.Pause = 1, func(context.Context, time.Duration) error { return nil }
		faults.Arm(fault.Plan{Step: step, Mode: fault.LoseReply, Once: true})
		_, err := Copy(t.Context(), o)
		check(t, err)
		if !faults.Disarm() {
			t.Errorf("there is no step %d", step)
		}
		same(t, source, inner)
	}
}

// A store that is too slow for a page of many users is asked for fewer.
func TestPagesThatAStoreIsInTimeFor(t *testing.T) {
	source, destination := people(t, 3*maxPage), store(t)
	o := options(t, slow{source, maxPage / 3}, destination)
	o.Page, o.Pause = maxPage, func(context.Context, time.Duration) error { return nil }
	_, err := Copy(t.Context(), o)
	check(t, err)
	same(t, source, destination)
}

// slow answers nobody in time who asks for more than so many users.
type slow struct {
	adapter.Adapter
	users int
}

func (s slow) Unwrap() adapter.Adapter { return s.Adapter }

func (s slow) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	if limit > s.users {
		return adapter.UserPage{}, driver.Caused(adapter.ErrUnavailable, context.DeadlineExceeded)
	}
	e, _ := adapter.As[adapter.Enumerator](s.Adapter)
	return e.EnumerateUsers(ctx, cursor, limit)
}

// A checkpoint saves the pages that are done.
func TestCheckpoint(t *testing.T) {
	source, destination := people(t, 3*maxPage), store(t)
	o := options(t, source, destination)
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(n Counts) {
		if n.Users == maxPage {
			cancel()
		}
	}
	if _, err := Copy(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it is interrupted", err)
	}
	read := &counting{Adapter: source}
	o.Source, o.Progress = read, nil
	_, err := Copy(t.Context(), o)
	check(t, err)
	if got := read.users.Load(); got != 2*maxPage {
		t.Errorf("the second run read %d users, want the %d that were left", got, 2*maxPage)
	}
	same(t, source, destination)

	o.Names[0] = "another"
	if _, err := Copy(t.Context(), o); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("a checkpoint of other stores: got %v", err)
	}
}

// counting counts the users of which something is read.
type counting struct {
	adapter.Adapter
	users atomic.Int64
}

func (c *counting) Unwrap() adapter.Adapter { return c.Adapter }

func (c *counting) ListAccounts(ctx context.Context, id string) ([]adapter.Account, error) {
	c.users.Add(1)
	return c.Adapter.ListAccounts(ctx, id)
}

// change does to a store what people do between two passes.
func change(t *testing.T, s adapter.Adapter) {
	t.Helper()
	ctx := t.Context()
	sign(t, s, 20)
	_, err := s.UpdateUser(ctx, userID(20), adapter.UserUpdate{Name: new("just signed up")})
	check(t, err)
	_, err = s.UpdateUser(ctx, userID(0), adapter.UserUpdate{Name: new("changed"), Email: new("new@example.com")})
	check(t, err)
	_, err = s.UpdateUser(ctx, userID(5), adapter.UserUpdate{Email: new("user0@example.com")}) // which another one had
	check(t, err)
	_, err = s.UpdateSession(ctx, "made-elsewhere-1", adapter.SessionUpdate{Expires: new(start.Add(2 * time.Hour))})
	check(t, err)
	_, err = s.UpdateAuthenticatorCounter(ctx, "credential2", 100)
	check(t, err)
	_, err = s.UpdateAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "3"}, adapter.AccountUpdate{AccessToken: new("newer")})
	check(t, err)
}

func TestSecondPass(t *testing.T) {
	source, destination := people(t, 10), store(t)
	o := options(t, source, destination)
	_, err := Copy(t.Context(), o)
	check(t, err)
	change(t, source)
	o.Conflict, o.SinceLast = Overwrite, true
	_, err = Copy(t.Context(), o)
	check(t, err)
	same(t, source, destination)

	check(t, source.DeleteUser(t.Context(), userID(4)))
	check(t, source.DeleteSessions(t.Context(), userID(6)))
	_, err = source.UpdateUser(t.Context(), userID(7), adapter.UserUpdate{Email: new("user4@example.com")}) // of who is gone
	check(t, err)
	o.SinceLast, o.Delete = false, true
	counts, err := Copy(t.Context(), o)
	check(t, err)
	if counts.Deleted != 1 {
		t.Errorf("got %+v, want one user deleted", counts)
	}
	same(t, source, destination)
}

// A source that is empty, as one with a wrong name is, deletes nobody.
func TestDeleteNeedsASource(t *testing.T) {
	destination := people(t, 2)
	o := options(t, store(t), destination)
	o.Conflict, o.Delete = Overwrite, true
	if counts, err := Copy(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no users") || counts.Deleted > 0 {
		t.Errorf("got %+v, %v", counts, err)
	}
	same(t, people(t, 2), destination)
}

// Users of whom nothing was written since are not asked for in the destination.
func TestSince(t *testing.T) {
	source, destination := people(t, 10), store(t)
	o := options(t, source, destination)
	o.Since = start.Add(-5*time.Hour + time.Second)
	counts, err := Copy(t.Context(), o)
	check(t, err)
	if counts.Users != 10 || counts.Created != 5 || counts.Unchanged != 5 {
		t.Errorf("got %+v, want the 5 users of whom something was written in the last 5 hours", counts)
	}
	o = options(t, source, destination)
	o.SinceLast = true
	if _, err := Copy(t.Context(), o); err == nil || !strings.Contains(err.Error(), "without --since") {
		t.Errorf("--since last without a copy: got %v", err)
	}
}

func TestConflicts(t *testing.T) {
	ctx := t.Context()
	source := people(t, 3)
	for strategy, want := range map[Conflicts]string{Fail: "other data", Skip: "skipped", Overwrite: ""} {
		destination := store(t)
		sign(t, destination, 1)
		_, err := destination.UpdateUser(ctx, userID(1), adapter.UserUpdate{Name: new("another")})
		check(t, err)
		var reported string
		o := options(t, source, destination)
		o.Conflict, o.Report = strategy, func(d Difference) { reported += d.How }
		_, err = Copy(ctx, o)
		if err != nil && !errors.Is(err, ErrProblems) {
			reported = err.Error()
		}
		if !strings.Contains(reported, want) || want == "" && (reported != "" || err != nil) {
			t.Errorf("%s: got %q, %v", strategy, reported, err)
		}
		u, err := destination.GetUser(ctx, userID(1))
		check(t, err)
		if overwritten := u.Name == "User 1"; overwritten != (strategy == Overwrite) {
			t.Errorf("%s: the user is %q", strategy, u.Name)
		}
	}
	// An address that is another user's there.
	destination := store(t)
	_, err := destination.CreateUser(ctx, adapter.User{ID: "another", Email: "user1@example.com"})
	check(t, err)
	var reported []string
	o := options(t, source, destination)
	o.Conflict, o.Report = Skip, func(d Difference) { reported = append(reported, d.UserID+d.How) }
	if _, err := Copy(ctx, o); !errors.Is(err, ErrProblems) || len(reported) != 1 || !strings.Contains(reported[0], adapter.FieldUserEmail) || strings.Contains(reported[0], "@") {
		t.Errorf("got %q, %v", reported, err)
	}
}

// A user who cannot become what the source has, since others in the destination have what it needs and keep
// it, stays as it is: nothing of it is deleted before.
func TestWhatOthersKeep(t *testing.T) {
	ctx := t.Context()
	const stranger = "00000000-0000-4000-8000-00000000000a"
	for field, holds := range map[string]func(t *testing.T, s adapter.Adapter){
		adapter.FieldUserEmail: func(t *testing.T, s adapter.Adapter) {
			_, err := s.UpdateUser(ctx, userID(1), adapter.UserUpdate{Email: new("old@example.com")})
			check(t, err)
			_, err = s.UpdateUser(ctx, stranger, adapter.UserUpdate{Email: new("user1@example.com")})
			check(t, err)
		},
		adapter.FieldAccount: func(t *testing.T, s adapter.Adapter) {
			check(t, s.UnlinkAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}))
			_, err := s.LinkAccount(ctx, adapter.Account{UserID: stranger, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"})
			check(t, err)
		},
		adapter.FieldCredentialID: func(t *testing.T, s adapter.Adapter) {
			check(t, s.DeleteAuthenticator(ctx, "credential1"))
			_, err := s.CreateAuthenticator(ctx, adapter.Authenticator{UserID: stranger, CredentialID: "credential1", CredentialPublicKey: "key"})
			check(t, err)
		},
	} {
		source := people(t, 3)
		file := export(t, source)
		for name, run := range map[string]func(o Options) (Counts, error){
			"copy":   func(o Options) (Counts, error) { return Copy(ctx, o) },
			"import": func(o Options) (Counts, error) { o.Source = nil; return Import(ctx, o, strings.NewReader(file)) },
		} {
			t.Run(field+", "+name, func(t *testing.T) {
				destination := people(t, 2)
				_, err := destination.CreateUser(ctx, adapter.User{ID: stranger})
				check(t, err)
				_, err = destination.UpdateUser(ctx, userID(1), adapter.UserUpdate{Name: new("another")})
				check(t, err)
				holds(t, destination)
				before, _, err := find(ctx, destination, userID(1))
				check(t, err)
				var reported []string
				o := options(t, source, destination)
				o.Conflict, o.Report = Overwrite, func(d Difference) { reported = append(reported, d.UserID+": "+d.How) }
				counts, err := run(o)
				if !errors.Is(err, ErrProblems) || len(reported) != 1 || !strings.HasPrefix(reported[0], userID(1)) || !strings.Contains(reported[0], field) {
					t.Errorf("got %q, %v", reported, err)
				}
				if counts.Created != 1 || counts.Changed != 0 {
					t.Errorf("got %+v, want one user who is created", counts)
				}
				if after, _, err := find(ctx, destination, userID(1)); err != nil || len(compare(before, after)) > 0 {
					t.Errorf("the user changed: %v, %v", compare(before, after), err)
				}
			})
		}
	}
}

// A user of whom the destination refuses a part stays as it is: what was deleted to be made anew is put back,
// and a store that does not answer meanwhile is asked again.
func TestWhatTheDestinationRefuses(t *testing.T) {
	ctx := t.Context()
	for refused, change := range map[string]func(t *testing.T, s adapter.Adapter){
		"CreateUser": func(t *testing.T, s adapter.Adapter) {
			_, err := s.UpdateUser(ctx, userID(1), adapter.UserUpdate{Name: new("another")})
			check(t, err)
		},
		"LinkAccount": func(t *testing.T, s adapter.Adapter) {
			_, err := s.UpdateAccount(ctx, adapter.AccountKey{Provider: "google", ProviderAccountID: "1"}, adapter.AccountUpdate{AccessToken: new("another")})
			check(t, err)
		},
		"CreateAuthenticator": func(t *testing.T, s adapter.Adapter) {
			_, err := s.UpdateUser(ctx, userID(1), adapter.UserUpdate{Email: new("old@example.com")})
			check(t, err)
			check(t, s.DeleteSession(ctx, "made-elsewhere-1"))
		},
	} {
		for _, kind := range []error{adapter.Invalid("Field", "refused"), adapter.Setup("refused", "mend it")} {
			for step := range 12 {
				inner := people(t, 2)
				change(t, inner)
				before, _, err := find(ctx, inner, userID(1))
				check(t, err)
				source, reported := people(t, 2), 0
				var faults fault.Injector
				destination := &refusing{Adapter: fault.Wrap(inner, &faults), call: refused, kind: kind}
				destination.met = func() { faults.Arm(fault.Plan{Step: step, Mode: fault.LoseReply, Once: true}) }
				o := options(t, source, destination)
				o.Conflict, o.Report, o.Workers = Overwrite, func(Difference) { reported++ }, 1
				o.Pause = func(context.Context, time.Duration) error { return nil }
				_, err = Copy(ctx, o)
				faults.Disarm()
				if errors.Is(kind, adapter.ErrInvalid) && (!errors.Is(err, ErrProblems) || reported != 1) || errors.Is(kind, adapter.ErrSetup) && !errors.Is(err, adapter.ErrSetup) {
					t.Errorf("%s, step %d: got %v, and %d problems", refused, step, err, reported)
				}
				if after, _, err := find(ctx, inner, userID(1)); err != nil || len(compare(before, after)) > 0 {
					t.Errorf("%s, step %d: the user changed: %v, %v", refused, step, compare(before, after), err)
				}
			}
		}
	}
}

// A copy that is ended finishes those whom it has begun to make anew.
func TestEndedWhileOverwriting(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	source, inner := people(t, 3), people(t, 3)
	_, err := inner.UpdateUser(ctx, userID(1), adapter.UserUpdate{Name: new("another")})
	check(t, err)
	o := options(t, source, ending{inner, end})
	o.Conflict, o.Page = Overwrite, 1
	if _, err := Copy(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was ended", err)
	}
	same(t, source, inner)
}

// ending ends a copy when it deletes a user.
type ending struct {
	adapter.Adapter
	end func()
}

func (s ending) Unwrap() adapter.Adapter { return s.Adapter }

func (s ending) DeleteUser(ctx context.Context, id string) error {
	defer s.end()
	return s.Adapter.DeleteUser(ctx, id)
}

// refusing is a store that refuses what a call brings of the user 1, once.
type refusing struct {
	adapter.Adapter
	call string
	kind error
	met  func()
}

func (s *refusing) Unwrap() adapter.Adapter { return s.Adapter }

func (s *refusing) refuse(call, id string) error {
	if call != s.call || id != userID(1) || s.met == nil {
		return nil
	}
	s.met()
	s.met = nil
	return s.kind
}

func (s *refusing) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if _, err := s.GetUser(ctx, u.ID); errors.Is(err, adapter.ErrNotFound) {
		if err := s.refuse("CreateUser", u.ID); err != nil {
			return u, err
		}
	}
	return s.Adapter.CreateUser(ctx, u)
}

func (s *refusing) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	if err := s.refuse("LinkAccount", a.UserID); err != nil {
		return a, err
	}
	return s.Adapter.LinkAccount(ctx, a)
}

func (s *refusing) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	if err := s.refuse("CreateAuthenticator", a.UserID); err != nil {
		return a, err
	}
	return s.Adapter.CreateAuthenticator(ctx, a)
}

// noSessions is a store that has tokens as they are.
type noSessions struct{ adapter.Adapter }

func (noSessions) NewID() string { return "x" }

func (s noSessions) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	e, _ := adapter.As[adapter.Enumerator](s.Adapter)
	return e.EnumerateUsers(ctx, cursor, limit)
}

func TestNotCarried(t *testing.T) {
	source, destination := people(t, 1), store(t)
	plain := memory.New(memory.Options{Options: adapter.Options{Clock: now, PlainSessionTokens: true}})
	for name, tt := range map[string]struct {
		o    Options
		want []string
	}{
		"plain tokens": {Options{Destination: plain}, []string{"verification tokens", "a digest cannot become a token"}},
		"sessions":     {Options{Destination: destination}, []string{"verification tokens"}},
		"none":         {Options{Destination: noSessions{destination}}, []string{"verification tokens", "a digest cannot become a token"}},
		"other IDs":    {Options{Destination: destination, IDs: UUIDs}, []string{"verification tokens", "old ID", "user IDs inside attributes"}},
		"is redacted":  {Options{Destination: destination, Redact: true}, []string{"verification tokens", "passkeys"}},
	} {
		got := NotCarried(tt.o)
		if len(got) != len(tt.want) {
			t.Errorf("%s: got %q", name, got)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want %q", name, got[i], want)
			}
		}
	}
	for _, plain := range []adapter.Adapter{noSessions{destination}, plain} {
		_, err := Copy(t.Context(), options(t, source, plain))
		check(t, err)
		if got := differences(t, source, plain, nil); len(got) > 0 {
			t.Errorf("they differ: %q", got)
		}
	}
}

func TestOtherIDs(t *testing.T) {
	source, destination := people(t, 5), store(t)
	o := options(t, source, destination)
	o.IDs = ObjectIDs
	mapped := map[string]string{}
	o.Mapped = func(from, to string) error { mapped[from] = to; return nil }
	for range 2 {
		_, err := Copy(t.Context(), o)
		check(t, err)
	}
	if len(mapped) != 5 || len(mapped[userID(2)]) != 24 {
		t.Errorf("got %v", mapped)
	}
	u, err := destination.GetUserByAccount(t.Context(), adapter.AccountKey{Provider: "google", ProviderAccountID: "2"})
	check(t, err)
	if u.ID != mapped[userID(2)] {
		t.Errorf("got the user %q", u.ID)
	}
	if got := differences(t, source, destination, func(o *Options) { o.IDs = ObjectIDs }); len(got) > 0 {
		t.Errorf("they differ: %q", got)
	}
	check(t, destination.DeleteAuthenticator(t.Context(), "credential3"))
	if got := differences(t, source, destination, func(o *Options) { o.IDs = ObjectIDs }); len(got) != 1 {
		t.Errorf("got %q, want the passkey that is missing", got)
	}
}

// Nothing of a person is in a redacted copy, which is the same in every pass.
func TestRedact(t *testing.T) {
	source, destination := people(t, 5), store(t)
	o := options(t, source, destination)
	o.Redact = true
	for _, want := range []Counts{{Users: 5, Created: 5, Accounts: 10}, {Users: 5, Unchanged: 5}} {
		got, err := Copy(t.Context(), o)
		check(t, err)
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	p, _, err := find(t.Context(), destination, userID(3))
	check(t, err)
	text := fmt.Sprintf("%+v", p)
	for _, secret := range []string{"example.com", "User 3 ", "admin", "access", "key", "ProviderAccountID:3 "} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
	if !strings.HasSuffix(p.user.Email, "@redacted.invalid") || len(p.accounts) != 2 {
		t.Errorf("got %s", text)
	}
}

// Records are equal only if each field is.
func TestEveryFieldCounts(t *testing.T) {
	full := person{
		user: adapter.User{ID: "u"}, accounts: []adapter.Account{{UserID: "u"}},
		authenticators: []adapter.Authenticator{{UserID: "u"}}, sessions: []adapter.Session{{ID: "s", UserID: "u"}},
	}
	before := full.digest()
	for _, r := range []any{&full.user, &full.accounts[0], &full.authenticators[0], &full.sessions[0]} {
		v := reflect.ValueOf(r).Elem()
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			if name == "Session.SessionToken" {
				continue // lists have none
			}
			old := reflect.ValueOf(v.Field(i).Interface())
			switch f := v.Field(i); f.Interface().(type) {
			case string, adapter.AccountType:
				f.SetString("changed")
			case int64:
				f.SetInt(7)
			case uint32:
				f.SetUint(7)
			case bool:
				f.SetBool(true)
			case []string:
				f.Set(reflect.ValueOf([]string{"usb"}))
			case time.Time:
				f.Set(reflect.ValueOf(start))
			case adapter.Attributes:
				f.Set(reflect.ValueOf(adapter.Attributes{"a": nil}))
			default:
				t.Fatalf("%s has a type that the test does not know", name)
			}
			if full.digest() == before {
				t.Errorf("%s is not compared", name)
			}
			v.Field(i).Set(old)
		}
	}
	if full.digest() != before {
		t.Error("the test has not put everything back")
	}
	a, b := record{}, record{}
	a.value("attribute a", start)
	b.value("attribute a", start.Format(time.RFC3339Nano))
	if a.digest() == b.digest() {
		t.Error("a time is equal to its text")
	}
}

// What cannot be read is reported, and hides nobody else.
func TestUnreadable(t *testing.T) {
	source := unreadableSource{people(t, 3)}
	destination := store(t)
	var reported []string
	o := options(t, source, destination)
	o.Report = func(d Difference) { reported = append(reported, d.UserID) }
	counts, err := Copy(t.Context(), o)
	if !errors.Is(err, ErrProblems) || counts.Created != 2 || !slices.Equal(reported, []string{userID(1)}) {
		t.Errorf("got %+v, %q, %v", counts, reported, err)
	}
	// Whom the source has is not deleted, whatever can be read of it.
	sign(t, destination, 1)
	reported, o.Delete = nil, true
	counts, err = Copy(t.Context(), o)
	if !errors.Is(err, ErrProblems) || counts.Deleted != 0 || counts.Unchanged != 2 || !slices.Equal(reported, []string{userID(1)}) {
		t.Errorf("with --delete: got %+v, %q, %v", counts, reported, err)
	}
}

type unreadableSource struct{ adapter.Adapter }

func (s unreadableSource) Unwrap() adapter.Adapter { return s.Adapter }

func (s unreadableSource) GetUser(ctx context.Context, id string) (adapter.User, error) {
	if id == userID(1) {
		return adapter.User{}, &adapter.RecordError{Place: "p", UserID: id, Field: "f"}
	}
	return s.Adapter.GetUser(ctx, id)
}

func (s unreadableSource) ListAccounts(ctx context.Context, id string) ([]adapter.Account, error) {
	if id == userID(1) {
		return nil, &adapter.RecordError{Place: "p", UserID: id, Field: "f"}
	}
	return s.Adapter.ListAccounts(ctx, id)
}
