package robust

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

// inMemory is a run of goroutines on the store in memory, with a bug in front of it.
func inMemory(t *testing.T, bug func(adapter.Adapter) adapter.Adapter) *Report {
	t.Helper()
	store := memory.NewStore()
	run := Run{
		Config: Config{
			Engine: "memory", Seed: rand.Uint64N(1e6), Workers: 4, Calls: 12, Every: 10 * time.Millisecond, For: 3 * time.Second, Timeout: time.Second,
		},
		Openers: map[string]Opener{"memory": func(context.Context, Config) (adapter.Adapter, error) {
			return bug(memory.New(memory.Options{Store: store})), nil
		}},
	}
	report, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Operations < 5000 {
		t.Fatalf("only %d operations", report.Operations)
	}
	return report
}

// A fault that ends its goroutine ends the run with an error: nobody waits for it.
func TestAFaultThatEndsItsGoroutine(t *testing.T) {
	run := Run{
		Config:  Config{Engine: "memory", Workers: 1, Calls: 1, Every: 10 * time.Millisecond, For: 50 * time.Millisecond, Timeout: time.Second},
		Openers: map[string]Opener{"memory": func(context.Context, Config) (adapter.Adapter, error) { return memory.New(memory.Options{}), nil }},
		Break: func(context.Context) (int, error) {
			runtime.Goexit()
			return 0, nil
		},
	}
	if _, err := run.Do(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("got %v, want %v", err, errGone)
	}
}

// The store in memory keeps the contract: a history that is illegal here is a bug of the
// model.
func TestLegalHistories(t *testing.T) {
	report := inMemory(t, func(a adapter.Adapter) adapter.Adapter { return a })
	t.Log(report.Row("memory"))
	for _, world := range report.Illegal {
		text, err := report.Explain(world, t.TempDir())
		t.Errorf("an illegal history of the store in memory, %v:\n%s", err, text)
	}
	if len(report.Undecided)+len(report.Strange) > 0 {
		t.Errorf("undecided: %v, strange: %v", report.Undecided, report.Strange)
	}
	lies, caught := 0, 0
	for _, history := range report.histories {
		for _, view := range views(history) {
			if porcupine.CheckOperationsTimeout(model, view, viewPatience) == porcupine.Illegal {
				t.Errorf("a view of a legal history is illegal: %v", view)
			}
		}
		if lying, ok := lie(history); ok {
			lies++
			if judge(lying, true) == porcupine.Illegal {
				caught++
			}
		}
	}
	t.Logf("%d of %d false answers were found", caught, lies)
	if lies < 100 || caught < lies*7/10 {
		t.Errorf("%d of %d false answers were found, want seven of ten", caught, lies)
	}
}

// A sign-up of several writes may leave a passkey that leads nowhere, if its user is deleted while
// it goes on, and at no other time.
func TestStrayRecordsOfSignUps(t *testing.T) {
	history := func(inSteps bool, deleted int) []Operation {
		return []Operation{
			{Client: 0, Call: Call{Op: signUpByPasskey, User: 1, Credential: 1}, Answer: Answer{Kind: ok}, InSteps: inSteps, Begun: 1, Ended: 20},
			{Client: 1, Call: Call{Op: deleteUser, User: deleted}, Answer: Answer{Kind: ok}, Begun: 2, Ended: 3},
			{Client: 1, Call: Call{Op: createCredential, User: 3, Credential: 1, Value: firstCount}, Answer: Answer{Kind: ok}, Begun: 4, Ended: 5},
			{Client: 1, Call: Call{Op: count, Credential: 1, Value: 2}, Answer: Answer{Kind: ok, User: 3, Value: 2}, Begun: 6, Ended: 7},
			{Client: 1, Call: Call{Op: count, Credential: 1, Value: 3}, Answer: Answer{Kind: ok, User: 1, Value: 3}, Begun: 8, Ended: 9},
			{Client: 1, Call: Call{Op: getUser, User: 1}, Answer: Answer{Kind: notFound}, Begun: 10, Ended: 11},
		}
	}
	for _, c := range []struct {
		name    string
		history []Operation
		want    porcupine.CheckResult
	}{
		{"of several writes, and the user is deleted", history(true, 1), porcupine.Ok},
		{"of several writes, and another user is deleted", history(true, 2), porcupine.Illegal},
		{"of one write", history(false, 1), porcupine.Illegal},
	} {
		if got := judge(c.history, true); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// lie plants a false answer in a history: a read is answered as the same read was at
// another time.
func lie(history []Operation) ([]Operation, bool) {
	lying := append([]Operation(nil), history...)
	for _, i := range rand.Perm(len(lying)) {
		for _, j := range rand.Perm(len(lying)) {
			here, there := &lying[i], lying[j]
			if isRead(here.Call.Op) && here.Call == there.Call && here.Answer != there.Answer {
				here.Answer = there.Answer
				return lying, true
			}
		}
	}
	return nil, false
}

// Bugs that races alone show are found, each in a run of a few seconds.
func TestBugsAreFound(t *testing.T) {
	for name, bug := range map[string]func(adapter.Adapter) adapter.Adapter{
		"an update writes what it has read":                       func(a adapter.Adapter) adapter.Adapter { return wholeUpdates{a} },
		"a token is read and then removed":                        func(a adapter.Adapter) adapter.Adapter { return twoSteps{a, new(sync.Map)} },
		"an address is looked for and then taken":                 func(a adapter.Adapter) adapter.Adapter { return lateEmail{a} },
		"a session that was opened is remembered for a moment":    func(a adapter.Adapter) adapter.Adapter { return &cached{Adapter: a} },
		"a counter is refused that is compared with a later one":  func(a adapter.Adapter) adapter.Adapter { return lateCounter{a} },
		"an account that was unlinked is linked by a late writer": func(a adapter.Adapter) adapter.Adapter { return lateLink{a} },
	} {
		t.Run(name, func(t *testing.T) {
			report := inMemory(t, bug)
			t.Logf("%d of %d histories are illegal", len(report.Illegal), report.Histories())
			if len(report.Illegal) == 0 {
				t.Error("no history is illegal")
			}
		})
	}
}

// moment lets others come between two steps.
func moment() { time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) }

type wholeUpdates struct{ adapter.Adapter }

func (w wholeUpdates) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := w.GetUser(ctx, id)
	if err != nil {
		return u, err
	}
	moment()
	up.Name, up.Image = cmp.Or(up.Name, &u.Name), cmp.Or(up.Image, &u.Image)
	return w.Adapter.UpdateUser(ctx, id, up)
}

type twoSteps struct {
	adapter.Adapter
	used *sync.Map
}

func (w twoSteps) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	t, err := w.Adapter.UseVerificationToken(ctx, identifier, token)
	if err != nil {
		if seen, ok := w.used.LoadAndDelete(identifier + token); ok { // a second reader, as if it had come before the removal
			return seen.(adapter.VerificationToken), nil
		}
		return t, err
	}
	w.used.Store(identifier+token, t)
	return t, nil
}

type lateEmail struct{ adapter.Adapter }

func (w lateEmail) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if _, err := w.GetUserByEmail(ctx, u.Email); err == nil {
		return u, adapter.Conflict(adapter.FieldUserEmail)
	}
	moment()
	created, err := w.Adapter.CreateUser(ctx, u)
	if errors.Is(err, adapter.ErrConflict) {
		u.Email = ""
		return w.Adapter.CreateUser(ctx, u)
	}
	return created, err
}

type cached struct {
	adapter.Adapter
	seen sync.Map
}

func (w *cached) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if s, ok := w.seen.LoadAndDelete(token); ok {
		u, err := w.GetUser(ctx, s.(adapter.Session).UserID)
		return s.(adapter.Session), u, err
	}
	s, u, err := w.Adapter.GetSessionAndUser(ctx, token)
	if err == nil {
		w.seen.Store(token, s)
	}
	return s, u, err
}

type lateCounter struct{ adapter.Adapter }

func (w lateCounter) UpdateAuthenticatorCounter(ctx context.Context, id string, n uint32) (adapter.Authenticator, error) {
	_, before := w.GetAuthenticator(ctx, id)
	moment()
	if a, err := w.GetAuthenticator(ctx, id); before != nil && err == nil {
		return a, adapter.Conflict(adapter.FieldCounter)
	}
	return w.Adapter.UpdateAuthenticatorCounter(ctx, id, n)
}

type lateLink struct{ adapter.Adapter }

func (w lateLink) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	owned, there := w.GetAccount(ctx, a.Key())
	moment()
	if there == nil {
		_, _ = w.Adapter.LinkAccount(ctx, owned)
	}
	return w.Adapter.LinkAccount(ctx, a)
}
