package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authstore/authstore/adapter"
)

// The figures are of both operations by each number of callers, and are drawn.
func TestBench(t *testing.T) {
	folder := t.TempDir()
	out, errOut, code := try(t, "bench", "--json", "--store", "memory:", "--callers", "1,4", "--time", "20ms", "--users", "3", "--svg", folder)
	if code != exitDone {
		t.Fatalf("%d: %s", code, errOut)
	}
	var all []measured
	check(t, json.Unmarshal([]byte(out), &all))
	var got []string
	for _, m := range all {
		got = append(got, strings.Join([]string{m.Operation, counted(m.Callers, "caller")}, " by "))
		if m.PerSecond <= 0 || m.P50 <= 0 || m.P99 < m.P50 || m.P99 > 1 {
			t.Errorf("got %+v", m)
		}
	}
	if want := "GetSessionAndUser by 1 caller, GetSessionAndUser by 4 callers, CreateSession by 1 caller, CreateSession by 4 callers"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
	for name, title := range map[string]string{"throughput": "Calls a second", "latency": "Microseconds of a call"} {
		for _, kind := range []string{"light", "dark"} {
			svg, err := os.ReadFile(filepath.Join(folder, name+"-"+kind+".svg"))
			check(t, err)
			for _, want := range []string{title, "memory", "callers at once"} {
				if !strings.Contains(string(svg), want) {
					t.Errorf("%s for %s pages does not say %q", name, kind, want)
				}
			}
		}
	}
}

func TestBenchRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"--store memory: --callers 0":             "--callers are numbers from 1 to 10000",
		"--store memory: --callers one":           "invalid argument",
		"--store memory: --time 1ms":              "--time is from",
		"--store memory: --users 0":               "--users is from",
		"--store memory: --svg none":              "no such file",
		"--store fauna://127.0.0.1":               "bench: not supported",
		"--store redis://127.0.0.1:1":             "connection refused",
		"--store memory: --time 1h --timeout 1ms": "out of time",
	} {
		t.Setenv("FAUNA_SECRET", "hunter2")
		if out, errOut, code := try(t, append([]string{"bench"}, strings.Fields(args)...)...); code != exitFailed || !strings.Contains(errOut, want) {
			t.Errorf("%s: %d: %s%s", args, code, out, errOut)
		}
	}
}

// However it ends, the namespace is removed.
func TestBenchLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		end  func(cancel context.CancelFunc) error
		want error
	}{
		"done":        {func(context.CancelFunc) error { return nil }, nil},
		"failures":    {func(context.CancelFunc) error { return broken }, nil},
		"interrupted": {func(cancel context.CancelFunc) error { cancel(); return nil }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rooms{there: map[string]bool{}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := &namespaces{scheme: "rooms", name: "x", left: map[string]place{}, make: func(storeURL, name string) (place, error) {
				p, err := r.place(storeURL, name)
				open := p.open
				p.open = func(ctx context.Context, o adapter.Options) (adapter.Adapter, error) {
					a, err := open(ctx, o)
					return ending{a, func() error { return test.end(cancel) }}, err
				}
				return p, err
			}}
			a := &app{streams: streams{out: t.Output(), err: t.Output()}}
			_, err := a.measure(ctx, n, benching{callers: []int{1, 2}, time: 100 * time.Millisecond, users: 2})
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			check(t, n.removeAll())
			if len(r.there) != 1 || r.there["x-0001"] {
				t.Errorf("left: %v", r.there)
			}
		})
	}
}

// Calls that fail are counted, with the first one's reason, and are not among those that are measured.
func TestBenchCountsFailures(t *testing.T) {
	answering := func(ofFour ...error) operation { // in a millisecond, to each of four callers
		return operation{"GetUser", func(_ context.Context, i int) error {
			time.Sleep(time.Millisecond)
			return ofFour[i%4]
		}}
	}
	failed := adapter.ErrUnavailable
	synctest.Test(t, func(t *testing.T) {
		m, err := answering(nil, failed, nil, failed).by(t.Context(), 4, time.Second)
		if err != nil || m.Failed < 2000 || m.FirstWhy != failed.Error() || m.PerSecond != 2000 {
			t.Errorf("half of the calls fail: got %+v, %v", m, err)
		}
		if m, err := answering(failed, failed, failed, failed).by(t.Context(), 4, time.Second); err != nil || m.Failed < 4000 || m.PerSecond != 0 {
			t.Errorf("all calls fail: got %+v, %v", m, err)
		}
	})
	for name, test := range map[string]struct {
		m    measured
		want error
		row  string
	}{
		"none":  {measured{Operation: "GetUser"}, nil, "0.000 ms  0\n"},
		"three": {measured{Operation: "GetUser", Failed: 3, FirstWhy: "no answer"}, errProblems, "3, the first: no answer\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			a := &app{streams: streams{out: &out, err: t.Output()}}
			if err := a.show([]measured{test.m}); !errors.Is(err, test.want) || !strings.HasSuffix(out.String(), test.row) {
				t.Errorf("got %v and\n%s", err, &out)
			}
		})
	}
}

// ending is a store at whose session look-ups something ends.
type ending struct {
	adapter.Adapter
	end func() error
}

func (e ending) Unwrap() adapter.Adapter { return e.Adapter }

func (e ending) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := e.Adapter.GetSessionAndUser(ctx, token)
	return s, u, errors.Join(err, e.end())
}
