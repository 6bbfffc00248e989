package conformance_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/robust"
	"github.com/authstore/authstore/memory"
)

// unseen are race mutants whose bugs are not in a history of answers, with the reason.
var unseen = map[string]string{
	"CreateUser checks the ID, and then writes":                                       "each ID is given by one client, in one call after the other",
	"CreateSession checks the user, and opens although the user is deleted meanwhile": "it is one of tokens that are generated, and clients have to know them beforehand",
	"a driver repeats deletions of sessions":                                          "the model leaves open what they take of what is made while they go on",
	"a driver repeats deletions of verification tokens":                               "the model leaves open what they take of what is made while they go on",
}

// The checker of histories knows nothing of the suite, and finds its race mutants too.
func TestRaceMutantsHaveIllegalHistories(t *testing.T) {
	for _, m := range raceMutants {
		t.Run(m.bug, func(t *testing.T) {
			if reason := unseen[m.bug]; reason != "" {
				t.Log("not looked for: " + reason)
				return
			}
			t.Parallel()
			for calls := 0; calls < enough; {
				report := m.history(t)
				calls += report.Operations
				if n := len(report.Illegal); n > 0 {
					t.Logf("%d of %d histories are illegal, after %d calls", n, report.Histories(), calls)
					return
				}
			}
			t.Errorf("no illegal history in %d calls", enough)
		})
	}
}

// What the clients do in one run, and how many calls they make in all before a bug counts as not
// found: five minutes of them on a machine that has time for all. The rarest bug, that of repeated
// deletes, is found once in some 80,000 calls, so that it is missed by chance once in tens of
// millions of runs.
const (
	calling          = 2 * time.Second
	every            = 10 * time.Millisecond
	workers, perTurn = 4, 12
	enough           = int(5*time.Minute/every) * workers * perTurn
)

// history has clients call the broken adapter, each by an adapter of its own on one store.
func (m mutant) history(t *testing.T) *robust.Report {
	e := env{store: memory.NewStore(), faults: &fault.Injector{}, shared: &shared{}}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	mode := fault.HoldUp
	switch {
	case m.ids[0] == "REP-007":
		mode = fault.Late
	case strings.HasPrefix(m.ids[0], "REP-"):
		mode = fault.LoseReply
	}
	go disturb(ctx, e.faults, mode)
	report, err := robust.Run{
		Config: robust.Config{
			Engine: "memory", Seed: rand.Uint64N(1e6), Workers: workers, Calls: perTurn, Every: every, For: calling, Timeout: time.Second,
		},
		Openers: map[string]robust.Opener{"memory": func(context.Context, robust.Config) (adapter.Adapter, error) {
			e := e
			return m.make(e.inner(e.options), &e), nil
		}},
	}.Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// disturb has one step after the other take a moment, in which others call: before it is carried out,
// with its reply lost after it, or after its call has ended. Steps in memory are otherwise over before anybody else can come between two.
func disturb(ctx context.Context, faults *fault.Injector, mode fault.Mode) {
	for ctx.Err() == nil {
		faults.Arm(fault.Plan{Step: 1 + rand.IntN(8), Mode: mode, Once: true, Meanwhile: func() { time.Sleep(4 * time.Millisecond) }})
		time.Sleep(5 * time.Millisecond)
		faults.Deliver()
	}
}
