package conformance

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	reportFile = flag.String("conformance.report", "", "write the suite's JSON report to `FILE`")
	timeout    = flag.Duration("conformance.timeout", 2*time.Minute, "how long one test of the suite may take")

	// manySessions is how many sessions the tests give to one user that are of many.
	manySessions = flag.Int("conformance.sessions", 1000, "how many sessions the user has who has many")
)

// Test is one rule of the contract, and its proof.
type Test struct {
	ID     string    // stable: "SES-004"
	Rule   string    // in one sentence
	Source string    // where the rule is written
	Needs  []Feature // what the harness must provide beyond two adapters
	Run    func(*T)
}

// Run runs the suite, and more tests if there are any, each as a subtest named by
// its ID.
func Run(t *testing.T, h Harness, more ...Test) {
	t.Helper()
	report := newReport(Report{Backend: h.Backend, Engine: h.Engine})
	for _, test := range append(Tests(), more...) {
		t.Run(test.ID, func(t *testing.T) {
			t.Helper()
			report.add(t, Result{ID: test.ID, Rule: test.Rule, Source: test.Source, Status: Failed, Detail: "the process ended in this test"})
			result := h.run(t.Context(), test)
			report.end(t, result)
			announce(t, &h, result)
		})
	}
}

// announce tells the testing package how a test of the suite ended.
func announce(t *testing.T, h *Harness, r Result) {
	t.Helper()
	switch r.Status {
	case Failed:
		t.Errorf("%s: %s\n  source: %s\n%s\n  alone:  go test -run '%s' .", r.ID, r.Rule, r.Source, r.Detail, pattern(t.Name()))
	case NotProvided:
		if os.Getenv("CI") != "" && !h.listed(r) {
			t.Errorf("%s is not provided, and Harness.LeftOut does not say why: %s", r.ID, r.Detail)
		}
		t.Skipf("not provided: %s", r.Detail)
	}
}

// pattern returns the -run pattern of one subtest.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// Check runs tests outside of the testing package and returns their outcome.
func Check(ctx context.Context, h Harness, tests ...Test) Report {
	report := Report{Backend: h.Backend, Engine: h.Engine}
	for _, test := range tests {
		report.Results = append(report.Results, h.run(ctx, test))
	}
	return report
}

// listed reports whether a result is not provided for a reason that is listed.
func (h *Harness) listed(r Result) bool {
	for _, reason := range h.LeftOut {
		if r.Detail == reason {
			return true
		}
	}
	return false
}

// run runs one test in a namespace of its own, watched.
func (h *Harness) run(ctx context.Context, test Test) Result {
	result := Result{ID: test.ID, Rule: test.Rule, Source: test.Source}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, testKey{}, test), *timeout)
	defer cancel()
	t := &T{Clock: &Clock{now: Start}, harness: h, test: test, ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.main()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.expired(done)
	}
	result.Status, result.Detail = t.outcome()
	return result
}

// reaction is how long a test may take to notice that its time is over.
const reaction = 5 * time.Second

// expired waits a little for a test whose time is over, and if it hangs says where.
func (t *T) expired(done <-chan struct{}) {
	select {
	case <-done:
		t.Errorf("the test did not end within %v", *timeout)
	case <-time.After(reaction):
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Errorf("the test hangs, %v after its time of %v; all goroutines:\n%s", reaction, *timeout, stacks)
	}
}

// main is the test's own goroutine.
func (t *T) main() {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		t.closeAll()
	}()
	if !t.harness.live() && slices.Contains(t.test.Needs, Live) {
		t.Skip(t.harness.whyNot(Live))
	}
	namespace, err := t.harness.Namespace(t.ctx)
	t.ok("the harness makes a namespace", err)
	t.namespace = namespace
	for _, f := range t.test.Needs {
		if !namespace.provides(f) {
			t.Skip(t.harness.whyNot(f))
		}
	}
	t.store = t.Open(t.Options())
	t.test.Run(t)
}

// whyNot returns the reason why the harness leaves a feature out.
func (h *Harness) whyNot(f Feature) string {
	if reason, ok := h.LeftOut[f]; ok {
		return reason
	}
	return fmt.Sprintf("%s is not provided", f)
}

// closeAll closes what the test opened, also after it failed.
func (t *T) closeAll() {
	for _, a := range t.opened {
		if err := a.Close(); err != nil {
			t.Errorf("Close\n  got:  %v\n  want: no error", err)
		}
	}
	if t.namespace.Close != nil {
		if err := t.namespace.Close(); err != nil {
			t.Errorf("the harness cannot remove the namespace: %v", err)
		}
	}
}

// outcome returns how the test ended. What a hanging test says later is dropped.
func (t *T) outcome() (Status, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finished = true
	switch {
	case t.failed:
		return Failed, strings.Join(t.log, "\n")
	case t.skipped != "":
		return NotProvided, t.skipped
	}
	return Passed, ""
}
