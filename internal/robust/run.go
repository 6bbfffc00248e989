package robust

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/authstore/authstore/adapter"
)

// Run is a run of client processes on one store, while something breaks.
type Run struct {
	Config
	// Command starts a client process, which calls [Work]. Nil: the clients are
	// goroutines of this process, with Openers.
	Command func() *exec.Cmd
	Openers map[string]Opener
	// Vary changes the Config of a client process. Optional.
	Vary func(*Config)
	// Break breaks something until its context ends, mends it all before it returns, and
	// returns how often it did. Optional.
	Break func(ctx context.Context) (int, error)
	// Uncommitted is whether calls may see what a failover takes away afterwards, because
	// nobody was told that it is done: only what was written is judged, and what is there
	// in the end.
	Uncommitted bool
	// Loses is whether answered writes may be lost. Histories are then only counted, and one that the
	// checker cannot soon judge is left undecided.
	Loses bool
}

// errGone says that a fault has ended its goroutine, as FailNow of a test does.
var errGone = errors.New("it ended in the middle")

// Do makes the run and checks its histories.
func (r Run) Do(ctx context.Context) (*Report, error) {
	r.Start = time.Now().Add(time.Second)
	clients, err := r.start(ctx)
	defer func() {
		for _, c := range clients {
			c.stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	breaking, mend := context.WithDeadline(ctx, r.Start.Add(r.For))
	defer mend()
	broken := make(chan error, 1)
	report := &Report{Run: r, histories: map[int][]Operation{}}
	go func() {
		err := errGone
		defer func() { broken <- err }()
		if r.Break == nil {
			err = nil
			return
		}
		var n int
		n, err = r.Break(breaking)
		report.broke(n)
	}()
	err = collectAll(clients, report)
	mend()
	if broken := <-broken; broken != nil {
		err = errors.Join(err, fmt.Errorf("the fault could not be made or mended: %w", broken))
	}
	if err != nil {
		return nil, err
	}
	if err := clients[0].readAll(report); err != nil {
		return nil, err
	}
	report.check()
	return report, nil
}

// client is a client process.
type client struct {
	in   io.WriteCloser
	out  *json.Decoder
	stop func()
}

func (r Run) start(ctx context.Context) (all []*client, err error) {
	for n := range r.Workers {
		c := r.Config
		c.Worker = n
		if r.Vary != nil {
			r.Vary(&c)
		}
		process, err := r.launch()
		if err != nil {
			return all, err
		}
		all = append(all, process)
		if err := json.NewEncoder(process.in).Encode(c); err != nil {
			return all, err
		}
	}
	return all, ctx.Err()
}

func (r Run) launch() (*client, error) {
	if r.Command == nil {
		return r.inside(), nil
	}
	cmd := r.Command()
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	stop := func() {
		_ = in.Close()
		kill := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
	}
	return &client{in, decoder(out), stop}, cmd.Start()
}

// inside is a client that is no process of its own.
func (r Run) inside() *client {
	configs, in := io.Pipe()
	out, messages := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		messages.CloseWithError(Work(configs, messages, r.Openers))
	}()
	stop := func() {
		_ = in.Close()
		_ = out.Close()
		<-ended
	}
	return &client{in, decoder(out), stop}
}

func decoder(r io.Reader) *json.Decoder { return json.NewDecoder(bufio.NewReaderSize(r, 1<<20)) }

// collectAll takes what all client processes say at once, since they wait for it.
func collectAll(clients []*client, report *Report) error {
	errs := make(chan error)
	for _, c := range clients {
		go func() { errs <- c.collect(report) }()
	}
	var all error
	for range clients {
		all = errors.Join(all, <-errs)
	}
	return all
}

// collect takes what a client process says until it has done a part of its work.
func (c *client) collect(report *Report) error {
	for {
		var m Message
		if err := c.out.Decode(&m); err != nil {
			return fmt.Errorf("a client process ended: %w", err)
		}
		switch {
		case m.Operation != nil:
			report.add(*m.Operation)
		case m.Done:
			report.broke(m.Hits)
			return nil
		}
	}
}

func (c *client) readAll(report *Report) error {
	if err := json.NewEncoder(c.in).Encode(true); err != nil {
		return err
	}
	return c.collect(report)
}

// add takes an operation into its history.
func (r *Report) add(o Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Operations++
	if o.Answer.Kind == unknown {
		r.Unknown++
	}
	if live := o.Client < r.Workers; live && r.Uncommitted && (o.Answer.Kind != ok || isRead(o.Call.Op)) {
		o.Answer = Answer{Kind: unknown} // what it saw may be lost
	}
	if o.Answer.Kind != unknown || !isRead(o.Call.Op) {
		r.histories[o.World] = append(r.histories[o.World], o)
	}
	if o.Error != "" {
		r.Strange = append(r.Strange, o)
	}
}

func (r *Report) broke(times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Faults += times
}

// checking has one run at a time be judged, since that takes every processor, and the checker's patience
// is time.
var checking sync.Mutex

// check judges every history, one on each processor.
func (r *Report) check() {
	checking.Lock()
	defer checking.Unlock()
	var (
		mu      sync.Mutex
		judges  sync.WaitGroup
		pending = make(chan int)
	)
	for range runtime.GOMAXPROCS(0) {
		judges.Go(func() {
			for world := range pending {
				result := judge(r.histories[world], !r.Loses)
				mu.Lock()
				switch result {
				case porcupine.Illegal:
					r.Illegal = append(r.Illegal, world)
				case porcupine.Unknown:
					r.Undecided = append(r.Undecided, world)
				}
				mu.Unlock()
			}
		})
	}
	for world := range r.histories {
		pending <- world
	}
	close(pending)
	judges.Wait()
}

// How long the checker looks for an order of a history, and then of each view of it.
const (
	patience     = 2 * time.Second
	viewPatience = 10 * time.Second
)

// judge looks for a legal order of a history. If that takes too long, it looks for one of
// each view, if it is to be thorough: what has an order as a whole has one in each view.
func judge(history []Operation, thorough bool) porcupine.CheckResult {
	result := porcupine.CheckOperationsTimeout(model, expand(history), patience)
	if result != porcupine.Unknown || !thorough {
		return result
	}
	result = porcupine.Ok
	for _, view := range views(history) {
		switch porcupine.CheckOperationsTimeout(model, view, viewPatience) {
		case porcupine.Illegal:
			return porcupine.Illegal
		case porcupine.Unknown:
			result = porcupine.Unknown
		}
	}
	return result
}

// views returns parts of a history, each about one record beside the users, or about the
// users alone.
func views(history []Operation) (all [][]porcupine.Operation) {
	operations := expand(history)
	seen := map[Call]bool{}
	add := func(record Call) {
		if !seen[record] {
			seen[record] = true
			all = append(all, view(operations, record))
		}
	}
	add(Call{})
	for _, o := range operations {
		c := o.Input.(Call)
		for _, record := range []Call{{Account: c.Account}, {Session: c.Session}, {Token: c.Token}, {Credential: c.Credential}} {
			add(record)
		}
	}
	return all
}

// view returns what a history says of the users and of one record. A sign-up with another
// record is one without. Lists are of more than one.
func view(operations []porcupine.Operation, record Call) (all []porcupine.Operation) {
	for _, o := range operations {
		c := o.Input.(Call)
		theirs := Call{Account: c.Account, Session: c.Session, Token: c.Token, Credential: c.Credential}
		switch {
		case c.Op == listAccounts || c.Op == listSessions:
			continue
		case theirs == record:
		case record.Token != 0:
			continue // a token is of no user
		case theirs == Call{}:
		case c.Op != signUp && c.Op != signUpByPasskey:
			continue
		case o.Output.(Answer).Field == adapter.FieldAccount || o.Output.(Answer).Field == adapter.FieldCredentialID:
			continue
		default:
			c.Account, c.Credential = 0, 0
			o.Input = c
		}
		all = append(all, o)
	}
	return all
}

// expand returns a history as porcupine takes it. A call without an answer has no end.
func expand(history []Operation) (all []porcupine.Operation) {
	for _, o := range history {
		ended := o.Ended
		if o.Answer.Kind == unknown {
			ended = math.MaxInt64
		}
		add := func(c Call, begun int64, a Answer) {
			all = append(all, porcupine.Operation{ClientId: o.Client, Input: c, Call: begun, Output: a, Return: ended})
		}
		for _, c := range parts(o.Call) {
			add(c, o.Begun, o.Answer)
		}
		if o.Call.Op == deleteUser && o.Answer.Kind == ok {
			add(Call{Op: endDeletion, User: o.Call.User}, ended, o.Answer)
		}
		if c, may := stray(o, history); may {
			add(c, o.Begun, Answer{Kind: unknown})
		}
	}
	return all
}
