package conformance

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
)

// T is what a test works with: its stores, its clock, and the methods by which it
// fails, which are those of testing.T.
type T struct {
	// Clock is the clock of every adapter that the test opens.
	Clock *Clock

	harness   *Harness
	test      Test
	ctx       context.Context
	namespace Namespace
	store     adapter.Adapter
	second    adapter.Adapter
	opened    []adapter.Adapter
	ids       atomic.Uint64
	secrets   atomic.Uint64

	mu       sync.Mutex
	log      []string
	failed   bool
	skipped  string // the reason
	finished bool
}

// Context ends when the test must.
func (t *T) Context() context.Context { return t.ctx }

// Name returns the test's ID.
func (t *T) Name() string { return t.test.ID }

// Store returns the test's adapter.
func (t *T) Store() adapter.Adapter { return t.store }

// Second returns another adapter on the same namespace, as another process has it.
func (t *T) Second() adapter.Adapter {
	t.Helper()
	if t.second == nil {
		t.second = t.Open(t.Options())
	}
	return t.second
}

// Both returns the two adapters on the namespace.
func (t *T) Both() [2]adapter.Adapter {
	t.Helper()
	return [2]adapter.Adapter{t.Store(), t.Second()}
}

// Options returns the options for an adapter of this test: its clock, and IDs and
// secrets that are the same in every run.
func (t *T) Options() adapter.Options {
	return adapter.Options{Clock: t.Clock.Now, NewID: t.NewID, NewSecret: t.newSecret}
}

// Open returns one more adapter on the namespace. It is closed after the test.
func (t *T) Open(o adapter.Options) adapter.Adapter {
	t.Helper()
	a, err := t.namespace.Open(o)
	if err != nil {
		t.Fatalf("the harness cannot open an adapter: %v", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened = append(t.opened, a)
	return a
}

// NewID returns an ID for a user that no other call in the test has returned.
func (t *T) NewID() string {
	n := t.ids.Add(1)
	if t.harness.NewID != nil {
		return t.harness.NewID(n)
	}
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", crc32.ChecksumIEEE([]byte(t.test.ID)), n)
}

func (t *T) newSecret() [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%s/%d", t.test.ID, t.secrets.Add(1)))
}

// Helper does nothing: a failure names the rule.
func (t *T) Helper() {}

// Log notes something that is printed if the test fails.
func (t *T) Log(args ...any) { t.note(fmt.Sprintln(args...)) }

// Logf notes something that is printed if the test fails.
func (t *T) Logf(format string, args ...any) { t.note(fmt.Sprintf(format, args...)) }

// Error fails the test, which goes on.
func (t *T) Error(args ...any) {
	t.Log(args...)
	t.Fail()
}

// Errorf fails the test, which goes on.
func (t *T) Errorf(format string, args ...any) {
	t.Logf(format, args...)
	t.Fail()
}

// Fatal fails and ends the test. Like FailNow it must be called by the test's own
// goroutine.
func (t *T) Fatal(args ...any) {
	t.Log(args...)
	t.FailNow()
}

// Fatalf fails and ends the test.
func (t *T) Fatalf(format string, args ...any) {
	t.Logf(format, args...)
	t.FailNow()
}

// Fail fails the test, which goes on.
func (t *T) Fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
}

// FailNow fails and ends the test.
func (t *T) FailNow() {
	t.Fail()
	runtime.Goexit()
}

// Failed reports whether the test has failed.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// Skip ends the test as not provided.
func (t *T) Skip(args ...any) {
	t.skip(strings.TrimSpace(fmt.Sprintln(args...)))
}

// Skipf ends the test as not provided.
func (t *T) Skipf(format string, args ...any) { t.skip(fmt.Sprintf(format, args...)) }

// SkipNow ends the test as not provided.
func (t *T) SkipNow() { t.skip("no reason given") }

func (t *T) skip(reason string) {
	t.mu.Lock()
	t.skipped = reason
	t.mu.Unlock()
	runtime.Goexit()
}

// note keeps what a test says, until its end has been reported.
func (t *T) note(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.finished {
		t.log = append(t.log, strings.TrimRight(s, "\n"))
	}
}

// ok ends the test unless err is nil.
func (t *T) ok(doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s\n  got:  %v%s\n  want: no error", doing, err, t.causes(err))
	}
}

// causes returns what is behind an error and not in its text, if the harness shows that.
func (t *T) causes(err error) string {
	if t.harness == nil || !t.harness.ShowCauses || err == nil {
		return ""
	}
	return hidden(err, err.Error())
}

// hidden returns the texts of the errors in a tree that a text does not have.
func hidden(err error, text string) (found string) {
	if own := err.Error(); !strings.Contains(text, own) {
		return "\n  from: " + own
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		if next := err.Unwrap(); next != nil {
			return hidden(next, text)
		}
	case interface{ Unwrap() []error }:
		for _, next := range err.Unwrap() {
			found += hidden(next, text)
		}
	}
	return found
}

// is fails the test unless err is of a kind.
func (t *T) is(doing string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s\n  got:  %v%s\n  want: an error that is %q", doing, err, t.causes(err), kind)
	}
	t.named(doing, err)
}

// named fails the test if a person has to do something about err, and it does not say about
// what.
func (t *T) named(doing string, err error) {
	t.Helper()
	var record *adapter.RecordError
	if errors.Is(err, adapter.ErrUnreadable) && (!errors.As(err, &record) || record.Place == "" || record.Field == "") {
		t.Errorf("%s\n  got:  %v\n  want: an *adapter.RecordError with the record's place and field", doing, err)
	}
	var setup *adapter.SetupError
	if errors.Is(err, adapter.ErrSetup) && (!errors.As(err, &setup) || setup.Problem == "" || setup.Remedy == "") {
		t.Errorf("%s\n  got:  %v\n  want: an *adapter.SetupError with problem and remedy", doing, err)
	}
}

// absent fails the test unless err is that of what is not there, whether it has ever been.
func (t *T) absent(doing string, err error) {
	t.Helper()
	if !errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrExpired) {
		t.Errorf("%s\n  got:  %v\n  want: ErrNotFound, and not ErrExpired", doing, err)
	}
}

// conflict fails the test unless err is a conflict on a field.
func (t *T) conflict(doing string, err error, field string) {
	t.Helper()
	var c *adapter.ConflictError
	if !errors.As(err, &c) || !errors.Is(err, adapter.ErrConflict) || c.Field != field {
		t.Errorf("%s\n  got:  %v\n  want: a conflict on %s", doing, err, field)
	}
}

// invalid fails the test unless err refuses a field.
func (t *T) invalid(doing string, err error, field string) {
	t.Helper()
	var i *adapter.InvalidError
	if !errors.As(err, &i) || !errors.Is(err, adapter.ErrInvalid) || i.Field != field {
		t.Errorf("%s\n  got:  %v\n  want: %s refused as invalid", doing, err, field)
	}
}

// equal fails the test unless got is want.
func (t *T) equal(what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n  got:  %s\n  want: %s\n  difference (-want +got):\n%s", what, brief(got), brief(want), diff)
	}
}

// brief prints a value, long ones cut.
func brief(v any) string {
	const most = 600
	s := fmt.Sprintf("%+v", v)
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
