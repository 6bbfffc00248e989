package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/conformance"
)

func TestSuite(t *testing.T) {
	const least = 120
	if len(suite) < least {
		t.Errorf("%d tests, want %d at least", len(suite), least)
	}
	form := regexp.MustCompile(`^[A-Z]{3}-\d{3}$`)
	seen := map[string]bool{} // IDs, and rules with their families
	for _, test := range suite {
		if !form.MatchString(test.ID) {
			t.Fatalf("%q is no ID", test.ID)
		}
		for _, name := range []string{test.ID, test.ID[:3] + " " + test.Rule} {
			if seen[name] {
				t.Errorf("there are two tests: %s", name)
			}
			seen[name] = true
		}
		if len(test.Rule) < 10 || !strings.HasSuffix(test.Rule, ".") || strings.Contains(test.Rule, "\n") {
			t.Errorf("%s has no sentence for a rule: %q", test.ID, test.Rule)
		}
		if test.Source == "" || test.Run == nil {
			t.Errorf("%s lacks the source or the test", test.ID)
		}
		for _, f := range test.Needs {
			if f == "" {
				t.Errorf("%s needs a feature without a name", test.ID)
			}
		}
	}
}

// one runs one test on a healthy store.
func one(t *testing.T, h conformance.Harness, test conformance.Test) conformance.Result {
	t.Helper()
	report := conformance.Check(t.Context(), h, test)
	if len(report.Results) != 1 || report.Results[0].ID != test.ID || report.Results[0].Rule != test.Rule || report.Results[0].Source != test.Source {
		t.Fatalf("got %+v, want one result, of the test %+v", report, test)
	}
	return report.Results[0]
}

// is fails the test unless a result has a status and a detail that holds texts.
func is(t *testing.T, got conformance.Result, status conformance.Status, texts ...string) {
	t.Helper()
	if got.Status != status {
		t.Errorf("got the status %q, want %q; detail: %s", got.Status, status, got.Detail)
	}
	for _, text := range texts {
		if !strings.Contains(got.Detail, text) {
			t.Errorf("the detail holds no %q:\n%s", text, got.Detail)
		}
	}
}

func TestCheck(t *testing.T) {
	h := harness(healthy)
	broken := h
	broken.Namespace = func(context.Context) (conformance.Namespace, error) {
		return conformance.Namespace{}, errors.New("no space")
	}
	notClosing := h
	notClosing.Namespace = func(ctx context.Context) (conformance.Namespace, error) {
		n, err := h.Namespace(ctx)
		n.Close = func() error { return errors.New("in use") }
		return n, err
	}
	unopened := h
	unopened.Namespace = func(ctx context.Context) (conformance.Namespace, error) {
		n, err := h.Namespace(ctx)
		n.Open = func(adapter.Options) (adapter.Adapter, error) { return nil, errors.New("no route") }
		return n, err
	}
	bare := h
	bare.Namespace = func(ctx context.Context) (conformance.Namespace, error) {
		n, err := h.Namespace(ctx)
		return conformance.Namespace{Open: n.Open}, err
	}
	reasoned := bare
	reasoned.LeftOut = map[conformance.Feature]string{conformance.Dump: "it is encrypted"}
	dump := []conformance.Feature{conformance.Dump}
	replayed := h
	replayed.LeftOut = map[conformance.Feature]string{conformance.Live: "it was recorded"}
	live := []conformance.Feature{conformance.Live}

	tests := []struct {
		name    string
		harness conformance.Harness
		needs   []conformance.Feature
		run     func(*conformance.T)
		status  conformance.Status
		detail  []string
	}{
		{"a test that says nothing passes", h, nil, func(t *conformance.T) { t.Log("aside") }, conformance.Passed, nil},
		{"a test that fails says why", h, nil, func(t *conformance.T) { t.Error("one"); t.Errorf("two: %d", 2) }, conformance.Failed, []string{"one", "two: 2"}},
		{"a test that fails for good ends", h, nil, func(t *conformance.T) { t.Fatal("end"); t.Error("more") }, conformance.Failed, []string{"end"}},
		{"a test that panics is named", h, nil, func(*conformance.T) { panic("out of cheese") }, conformance.Failed, []string{"panic: out of cheese", "TestCheck"}},
		{"a panic of the runtime is too", h, nil, func(*conformance.T) { _ = []int{}[len(h.Backend)] }, conformance.Failed, []string{"panic: runtime error: index out of range"}},
		{"a failure after a skip counts", h, nil, func(t *conformance.T) { t.Error("first"); t.Skip("then") }, conformance.Failed, []string{"first"}},
		{"a skipped test is not provided", h, nil, func(t *conformance.T) { t.Skipf("%d reasons", 2) }, conformance.NotProvided, []string{"2 reasons"}},
		{"a feature that is there is provided", h, dump, func(*conformance.T) {}, conformance.Passed, nil},
		{"a feature that is not there is named", bare, dump, func(*conformance.T) {}, conformance.NotProvided, []string{string(conformance.Dump)}},
		{"a feature is left out for a reason", reasoned, dump, func(*conformance.T) {}, conformance.NotProvided, []string{"it is encrypted"}},
		{"a store is live if nobody says that it is not", bare, live, func(*conformance.T) {}, conformance.Passed, nil},
		{"a store that is not live is left out for a reason", replayed, live, func(*conformance.T) {}, conformance.NotProvided, []string{"it was recorded"}},
		{"a test without a namespace fails", broken, nil, func(*conformance.T) {}, conformance.Failed, []string{"no space"}},
		{"a namespace that cannot be removed fails", notClosing, nil, func(*conformance.T) {}, conformance.Failed, []string{"in use"}},
		{"an adapter that cannot be opened fails", unopened, nil, func(*conformance.T) {}, conformance.Failed, []string{"no route"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := one(t, test.harness, conformance.Test{ID: "TST-001", Rule: "A rule.", Source: "here", Needs: test.needs, Run: test.run})
			is(t, got, test.status, test.detail...)
			if test.status == conformance.Passed && got.Detail != "" {
				t.Errorf("got the detail %q, want none", got.Detail)
			}
			if strings.Contains(got.Detail, "more") {
				t.Errorf("the test went on: %s", got.Detail)
			}
		})
	}
}

// failing is a store whose driver has a word to say.
type failing struct{ adapter.Adapter }

func (failing) CreateUser(ctx context.Context, _ adapter.User) (adapter.User, error) {
	return adapter.User{}, driver.Wrap(ctx, "example", "CreateUser", driver.Caused(adapter.ErrUnavailable, errors.New("reset by peer")))
}

// What a driver said is shown where the harness wants that, and nowhere else.
func TestShowCauses(t *testing.T) {
	h := harness(healthy)
	within := h.Namespace
	h.Namespace = func(ctx context.Context) (conformance.Namespace, error) {
		n, err := within(ctx)
		open := n.Open
		n.Open = func(o adapter.Options) (adapter.Adapter, error) {
			a, err := open(o)
			return failing{a}, err
		}
		return n, err
	}
	for _, shown := range []bool{false, true} {
		h.ShowCauses = shown
		got := one(t, h, find(t, []string{"USR-001"})[0])
		is(t, got, conformance.Failed, "store unavailable")
		if strings.Contains(got.Detail, "from: reset by peer") != shown {
			t.Errorf("with ShowCauses %t the detail is %s", shown, got.Detail)
		}
	}
}

// TestWithoutALiveStore runs what does not need one twice: the same calls in the same
// order, as far as the tests decide it. Of a race nothing is run.
func TestWithoutALiveStore(t *testing.T) {
	var tests []conformance.Test
	for _, test := range suite {
		switch test.ID {
		case "RAC-001", "CLO-003", "CAS-011", "KEY-008", "RTT-101":
			tests = append(tests, test)
		}
	}
	var made [2][]string
	for i := range made {
		h := harness(healthy)
		h.LeftOut = map[conformance.Feature]string{conformance.Live: "it was recorded"}
		namespace := h.Namespace
		h.Namespace = func(ctx context.Context) (conformance.Namespace, error) {
			n, err := namespace(ctx)
			open, id := n.Open, conformance.TestID(ctx)
			n.Open = func(o adapter.Options) (adapter.Adapter, error) {
				a, err := open(o)
				return noting{a, func(identifier, token string) { made[i] = append(made[i], id+" "+identifier+" "+token) }}, err
			}
			return n, err
		}
		report := conformance.Check(t.Context(), h, tests...)
		if passed, left := report.Count(conformance.Passed), report.Count(conformance.NotProvided); passed != 3 || left != 2 {
			t.Errorf("got %+v, want 3 passed and 2 not provided", report)
		}
	}
	if len(made[0]) < 300 || !strings.HasPrefix(made[0][0], "CAS-011 ") || !slices.Equal(made[0], made[1]) {
		t.Errorf("two runs make %d and %d calls, want the same ones", len(made[0]), len(made[1]))
	}
}

// noting notes the uses of one-time tokens.
type noting struct {
	adapter.Adapter
	note func(identifier, token string)
}

func (n noting) Unwrap() adapter.Adapter { return n.Adapter }

func (n noting) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	n.note(identifier, token)
	return n.Adapter.UseVerificationToken(ctx, identifier, token)
}

// TestWatchdog hangs, so that it takes as long as a test is given to notice that
// its time is over.
func TestWatchdog(t *testing.T) {
	set(t, "conformance.timeout", "20ms")
	t.Run("a test that heeds its context", func(t *testing.T) {
		got := one(t, harness(healthy), conformance.Test{ID: "TST-001", Rule: "A rule.", Run: func(t *conformance.T) { <-t.Context().Done() }})
		is(t, got, conformance.Failed, "did not end within 20ms")
	})
	t.Run("a test that hangs", func(t *testing.T) {
		t.Parallel()
		ended, end := make(chan struct{}), make(chan struct{})
		got := one(t, harness(healthy), conformance.Test{ID: "TST-001", Rule: "A rule.", Run: func(t *conformance.T) {
			defer close(ended)
			hangHere(end)
			t.Error("said too late")
		}})
		is(t, got, conformance.Failed, "hangs", "hangHere", "mutants_runner_test.go")
		close(end)
		<-ended
		if strings.Contains(got.Detail, "said too late") {
			t.Error("what was said after the end was reported")
		}
	})
	t.Run("a store that hangs", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		got := one(t, harness(func(inner adapter.Adapter, _ *env) adapter.Adapter {
			return hangs{base{inner}, ctx}
		}), find(t, []string{"USR-006"})[0])
		is(t, got, conformance.Failed, "hangs", "hangs.GetUserByEmail")
	})
}

func hangHere(end <-chan struct{}) { <-end }

// hangs does not answer, whatever the context says, until the test is over.
type hangs struct {
	base
	over context.Context
}

func (m hangs) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	<-m.over.Done()
	return m.Adapter.GetUserByEmail(ctx, email)
}

// set sets a flag until the test has ended.
func set(t *testing.T, name, value string) {
	t.Helper()
	f := flag.Lookup(name)
	if f == nil {
		t.Fatalf("there is no flag -%s", name)
	}
	before := f.Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, before) })
}

// inside is set where TestRunInside is run by TestRun, to what it shall do.
const inside = "CONFORMANCE_INSIDE"

// TestRunInside runs the suite in a process of its own. See TestRun.
func TestRunInside(t *testing.T) {
	what, ok := os.LookupEnv(inside)
	if !ok {
		t.Skip("is run by TestRun")
	}
	h := harness(healthy)
	if what == "broken" {
		h = harness(func(inner adapter.Adapter, _ *env) adapter.Adapter { return zeroForAbsent{base{inner}} })
	}
	if what == "unlisted" {
		h.LeftOut = nil
	}
	h.Backend, h.Engine = "example", "1.2"
	conformance.Run(t, h, conformance.Test{ID: "TST-001", Rule: "One more.", Source: "here", Run: func(*conformance.T) {}})
}

// runInside runs some tests in a process of its own, and returns what it printed,
// its report and whether it passed.
func runInside(t *testing.T, what, ci string, ids ...string) (output string, report conformance.File, passed bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestRunInside$/^("+strings.Join(ids, "|")+")$", "-conformance.report="+file)
	cmd.Env = append(os.Environ(), inside+"="+what, "CI="+ci)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text, readErr := os.ReadFile(file)
	if readErr != nil {
		t.Fatalf("no report: %v\n%s", readErr, out)
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatalf("the report is no JSON: %v\n%s", err, text)
	}
	return string(out), report, err == nil
}

// statuses returns the results of a report as "ID status".
func statuses(f conformance.File) []string {
	var all []string
	for _, r := range f.Reports {
		for _, result := range r.Results {
			all = append(all, result.ID+" "+string(result.Status))
		}
	}
	return all
}

func TestRun(t *testing.T) {
	t.Run("a store without a bug", func(t *testing.T) {
		out, file, passed := runInside(t, "healthy", "", "USR-006", "EXT-003", "TST-001")
		if !passed {
			t.Errorf("the process failed:\n%s", out)
		}
		if want := []string{"USR-006 passed", "EXT-003 not provided", "TST-001 passed"}; !slices.Equal(statuses(file), want) {
			t.Errorf("got the results %q, want %q", statuses(file), want)
		}
		if r := file.Reports[0]; r.Backend != "example" || r.Engine != "1.2" || r.Count(conformance.Passed) != 2 || r.Results[2].Rule != "One more." || r.Results[1].Detail != noSchema {
			t.Errorf("got the report %+v", r)
		}
	})
	t.Run("a store with a bug", func(t *testing.T) {
		out, file, passed := runInside(t, "broken", "", "USR-005", "USR-006")
		if passed {
			t.Errorf("the process passed:\n%s", out)
		}
		if want := []string{"USR-005 failed", "USR-006 failed"}; !slices.Equal(statuses(file), want) {
			t.Errorf("got the results %q, want %q", statuses(file), want)
		}
		rule := find(t, []string{"USR-006"})[0]
		for _, text := range []string{
			"USR-006: " + rule.Rule, "source: " + rule.Source, "got:  <nil>", `want: an error that is "not found"`,
			"go test -run '^TestRunInside$/^USR-006$' .",
		} {
			if !strings.Contains(out, text) {
				t.Errorf("the output holds no %q:\n%s", text, out)
			}
		}
	})
	t.Run("what is left out without a reason", func(t *testing.T) {
		out, _, passed := runInside(t, "unlisted", "", "EXT-003")
		if !passed || !strings.Contains(out, "not provided") {
			t.Errorf("passed at home: %t, want true:\n%s", passed, out)
		}
		out, _, passed = runInside(t, "unlisted", "true", "EXT-003")
		if passed || !strings.Contains(out, "LeftOut") {
			t.Errorf("passed in CI: %t, want false, and LeftOut named:\n%s", passed, out)
		}
		if out, _, passed = runInside(t, "healthy", "true", "EXT-003"); !passed {
			t.Errorf("with a reason it fails in CI:\n%s", out)
		}
	})
}

func TestClock(t *testing.T) {
	got := one(t, harness(healthy), conformance.Test{ID: "TST-001", Rule: "A rule.", Run: func(t *conformance.T) {
		t.Clock.Advance(time.Minute)
		u, err := t.Store().CreateUser(t.Context(), adapter.User{})
		if want := conformance.Start.Add(time.Minute); err != nil || !u.CreatedAt.Equal(want) {
			t.Errorf("got %v, %v, want %v", u.CreatedAt, err, want)
		}
		if seen, err := t.Second().GetUser(t.Context(), u.ID); err != nil || seen.ID != u.ID {
			t.Errorf("the second adapter sees %+v, %v", seen, err)
		}
		if t.Name() != "TST-001" {
			t.Errorf("got the name %q", t.Name())
		}
	}})
	is(t, got, conformance.Passed)
}
