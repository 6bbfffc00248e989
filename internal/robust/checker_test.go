package robust

import (
	"context"
	"math/rand/v2"
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
	lies := 0
	var caught int
	for _, history := range report.histories {
		if lying, ok := lie(history); ok {
			lies++
			if judge(lying) == porcupine.Illegal {
				caught++
			}
		}
	}
	t.Logf("%d of %d false answers were found", caught, lies)
	if lies < 100 || caught < lies*7/10 {
		t.Errorf("%d of %d false answers were found", caught, lies)
	}
}

// lie plants a false answer in a history: of a read, one that it could have had at another
// time.
func lie(history []Operation) ([]Operation, bool) {
	lying := append([]Operation(nil), history...)
	for _, i := range rand.Perm(len(lying)) {
		o := &lying[i]
		if o.Answer.Kind == unknown {
			continue
		}
		switch o.Call.Op {
		case getUser, getUserByEmail, getUserByAccount, openSession, getCredential, useToken:
			if o.Answer.Kind == notFound {
				o.Answer = Answer{Kind: ok, User: 1}
				if o.Call.Op == useToken {
					o.Answer.User = 0
				}
			} else {
				o.Answer = Answer{Kind: notFound}
			}
			return lying, true
		}
	}
	return nil, false
}
