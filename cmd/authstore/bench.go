package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"gonum.org/v1/plot/plotter"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/drawing"
	"github.com/authstore/authstore/internal/load"
)

func newBench(a *app) *cobra.Command {
	var b benching
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure the store by more and more callers",
		Long: `Bench makes people with sessions in a namespace of its own, has more and more callers
look up and make sessions, each one after the other, and removes the namespace: of
MongoDB a database, of DynamoDB a table, of Redis the keys with a prefix, with a name
that begins with authstore-bench. Nothing else of the server is read or written, but it
has all the load that it can take: leave a server alone that others depend on, and mind
what requests cost in the cloud.

The figures are of this program, this machine and what lies between it and the server:
calls a second, and how long half of the calls took at the most, and 99 of 100. Calls
that fail are counted by themselves, with the exit code 1.`,
		Example: `  authstore bench --store redis://127.0.0.1:6379
  authstore bench --store env:STAGING --callers 1,16 --time 10s --svg .`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bench(cmd.Context(), b) },
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&b.callers, "callers", []int{1, 8, 64, 256}, "how many callers there are at once, step by step")
	flags.DurationVar(&b.time, "time", 2*time.Second, "how long a `step` takes")
	flags.IntVar(&b.users, "users", 1000, "how many people there are")
	flags.StringVar(&b.svg, "svg", "", "draw the figures into this `folder`: throughput-light.svg, latency-dark.svg and so on")
	return cmd
}

// benching is what bench is told.
type benching struct {
	callers []int
	time    time.Duration
	users   int
	svg     string
}

func (b benching) check() error {
	for _, n := range b.callers {
		if n < 1 || n > 10_000 {
			return errors.New("--callers are numbers from 1 to 10000, such as 1,8,64")
		}
	}
	switch {
	case len(b.callers) == 0:
		return errors.New("--callers has no number")
	case b.time < 10*time.Millisecond || b.time > time.Hour:
		return errors.New("--time is from 10ms to 1h")
	case b.users < 1 || b.users > 1_000_000:
		return errors.New("--users is from 1 to 1000000")
	case b.svg == "":
		return nil
	}
	if info, err := os.Stat(b.svg); err != nil {
		return fmt.Errorf("--svg: %w", err)
	} else if !info.IsDir() {
		return errors.New("--svg is a folder")
	}
	return nil
}

// measured has the figures of an operation by a number of callers.
type measured struct {
	Operation string  `json:"operation"`
	Callers   int     `json:"callers"`
	PerSecond float64 `json:"callsPerSecond"`
	P50       float64 `json:"p50Seconds"`
	P99       float64 `json:"p99Seconds"`
	Failed    int64   `json:"failed"` // not among the others
	FirstWhy  string  `json:"firstFailure,omitempty"`
}

func (a *app) bench(ctx context.Context, b benching) error {
	if err := b.check(); err != nil {
		return err
	}
	n, err := a.namespaces(ctx, "bench")
	if err != nil {
		return err
	}
	all, err := a.measure(ctx, n, b)
	if err := errors.Join(err, n.removeAll()); err != nil {
		return err
	}
	if b.svg != "" {
		if err := draw(b.svg, n.scheme, all); err != nil {
			return err
		}
	}
	return a.show(all)
}

// show prints figures. Calls that have failed are a problem.
func (a *app) show(all []measured) error {
	err := a.print(all, func(w io.Writer) {
		row(w, "OPERATION", "CALLERS", "CALLS/S", "P50", "P99", "FAILED")
		for _, m := range all {
			row(w, m.Operation, strconv.Itoa(m.Callers), fmt.Sprintf("%.0f", m.PerSecond), milliseconds(m.P50), milliseconds(m.P99), m.failures())
		}
	})
	if err == nil && slices.ContainsFunc(all, func(m measured) bool { return m.Failed > 0 }) {
		err = errProblems
	}
	return err
}

func (m measured) failures() string {
	if m.Failed == 0 {
		return "0"
	}
	return fmt.Sprintf("%d, the first: %s", m.Failed, m.FirstWhy)
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.3f ms", seconds*1000) }

// measure measures the operations in a namespace.
func (a *app) measure(ctx context.Context, n *namespaces, b benching) (all []measured, err error) {
	namespace, err := n.next(ctx)
	if err != nil {
		return nil, err
	}
	store, err := namespace.Open(adapter.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	people, err := crowd(ctx, store, b.users)
	if err != nil {
		return nil, err
	}
	operations := people.operations(store)
	bar := a.bar(len(operations)*len(b.callers), "steps")
	defer bar.Finish() //nolint:errcheck // of a terminal
	for _, o := range operations {
		for _, callers := range b.callers {
			m, err := o.by(ctx, callers, b.time)
			if err != nil {
				return nil, err
			}
			all = append(all, m)
			_ = bar.Add(1)
		}
	}
	return all, nil
}

// sessions are those of a crowd, one of each.
type sessions []adapter.Session

// crowd makes people who are signed in.
func crowd(ctx context.Context, store adapter.Adapter, size int) (sessions, error) {
	const atOnce = 16
	all := make(sessions, size)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range all {
		g.Go(func() error {
			email := fmt.Sprintf("person%d@example.com", i)
			u, _, err := store.CreateUserWithAccount(ctx, adapter.User{Name: "Ada Lovelace", Email: email, EmailVerified: time.Now()},
				adapter.Account{Type: adapter.AccountOIDC, Provider: "example", ProviderAccountID: strconv.Itoa(i)})
			if err != nil {
				return err
			}
			all[i], err = store.CreateSession(ctx, signedIn(u.ID))
			return err
		})
	}
	return all, g.Wait()
}

func signedIn(userID string) adapter.Session {
	return adapter.Session{UserID: userID, Expires: time.Now().Add(time.Hour)}
}

// operation is what is measured.
type operation struct {
	name string
	call load.Call
}

// The operations that are measured.
const (
	lookedUp = "GetSessionAndUser"
	made     = "CreateSession"
)

func (s sessions) operations(store adapter.Adapter) []operation {
	return []operation{
		{lookedUp, func(ctx context.Context, i int) error {
			_, _, err := store.GetSessionAndUser(ctx, s[i%len(s)].SessionToken)
			return err
		}},
		{made, func(ctx context.Context, i int) error {
			_, err := store.CreateSession(ctx, signedIn(s[i%len(s)].UserID))
			return err
		}},
	}
}

// by measures an operation by some callers, for longer if no call ends in the time.
func (o operation) by(ctx context.Context, callers int, d time.Duration) (measured, error) {
	m := measured{Operation: o.name, Callers: callers}
	for limit := 8 * d; d <= limit; d *= 2 {
		took, err := load.Run(ctx, callers, d, m.counting(ctx, o.call))
		if err != nil {
			return m, fmt.Errorf("bench: %s by %s: %w", o.name, counted(callers, "caller"), err)
		}
		if len(took) > 0 {
			m.PerSecond = float64(len(took)) / d.Seconds()
			m.P50, m.P99 = load.Percentile(took, 50).Seconds(), load.Percentile(took, 99).Seconds()
			return m, nil
		}
		if m.Failed > 0 {
			return m, nil
		}
	}
	return m, fmt.Errorf("bench: no %s by %s ended in %s: give it more --time", o.name, counted(callers, "caller"), d/2)
}

// counting counts the calls that fail while the context lasts.
func (m *measured) counting(whole context.Context, call load.Call) load.Call {
	var mu sync.Mutex
	return func(ctx context.Context, i int) error {
		err := call(ctx, i)
		if err == nil || whole.Err() != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if m.Failed++; m.Failed == 1 {
			m.FirstWhy = err.Error()
		}
		return load.ErrFailed
	}
}

// draw writes the drawings of figures into a folder.
func draw(folder, store string, all []measured) error {
	throughput := drawing.Drawing{Title: "Calls a second", Series: []string{lookedUp, made}, Parts: []drawing.Part{
		{Name: store, Series: []plotter.XYs{points(all, lookedUp, perSecond), points(all, made, perSecond)}},
	}}
	latency := drawing.Drawing{Title: "Microseconds of a call", Series: []string{"half of the calls", "99 of 100"}}
	for _, operation := range []string{lookedUp, made} {
		latency.Parts = append(latency.Parts, drawing.Part{Name: store + ", " + operation, Series: []plotter.XYs{
			points(all, operation, func(m measured) float64 { return m.P50 * 1e6 }), points(all, operation, func(m measured) float64 { return m.P99 * 1e6 }),
		}})
	}
	for name, d := range map[string]drawing.Drawing{"throughput": throughput, "latency": latency} {
		for kind := range drawing.Palettes {
			svg, err := d.SVG(kind)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(folder, name+"-"+kind+".svg"), svg, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func perSecond(m measured) float64 { return m.PerSecond }

// points returns a figure of an operation by callers.
func points(all []measured, operation string, figure func(measured) float64) (xys plotter.XYs) {
	for _, m := range all {
		if m.Operation == operation {
			xys = append(xys, plotter.XY{X: float64(m.Callers), Y: figure(m)})
		}
	}
	return xys
}
