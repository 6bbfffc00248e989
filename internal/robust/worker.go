package robust

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Config is what a client process is told.
type Config struct {
	Engine  string // which of the process's openers
	URL     string
	Space   string // database, table or prefix, empty at the start
	Seed    uint64
	Worker  int
	Workers int
	Calls   int           // that a client makes in a world
	Start   time.Time     // of the first world
	Every   time.Duration // a world begins
	For     time.Duration // worlds begin
	Timeout time.Duration // of a call
	Ahead   time.Duration // of the adapter's clock before the machine's
	Options map[string]int
	Only    []string // what is called, such as "CreateUser"; empty: all
	Network *Network // what breaks; nil is nothing
}

// Opener opens an adapter for a client process. Its connections come from dial, if it is
// not nil.
type Opener func(ctx context.Context, c Config) (adapter.Adapter, error)

// objectIDs has the engines whose user IDs are ObjectIDs.
var objectIDs = map[string]bool{"mongo": true}

// inSteps has the engines whose sign-ups with an account or a passkey take several writes.
var inSteps = map[string]bool{"mongo": true}

func (c Config) world(n int) world {
	return world{n: n, prefix: fmt.Sprintf("r%d", c.Seed), objectIDs: objectIDs[c.Engine]}
}

// worlds is how many worlds a run has at most.
func (c Config) worlds() int { return int(c.For / c.Every) }

// crowd is how many worlds a client process is in at once: if calls hang, worlds are left
// out rather than piled up.
const crowd = 12

// Message is a line from a client process: an operation, or the end of a part of its work.
type Message struct {
	Operation *Operation `json:",omitempty"`
	Done      bool       `json:",omitempty"`
	Hits      int        `json:",omitempty"` // connections that were broken so far
}

// Work is a client process. It reads its Config, makes its calls and writes them down, and
// then, if it is told to read all, does that.
func Work(in io.Reader, out io.Writer, openers map[string]Opener) error {
	lines := json.NewDecoder(bufio.NewReader(in))
	var c Config
	if err := lines.Decode(&c); err != nil {
		return err
	}
	open := openers[c.Engine]
	if open == nil {
		return fmt.Errorf("no opener for %q", c.Engine)
	}
	if c.Network != nil {
		c.Network.Seed = c.Seed<<8 | uint64(c.Worker)
	}
	store, err := open(context.Background(), c)
	if err != nil {
		return err
	}
	w := &worker{config: c, store: store, out: json.NewEncoder(out)}
	w.live()
	w.say(Message{Done: true, Hits: c.hits()})
	var readAll bool
	if err := lines.Decode(&readAll); err == nil && readAll {
		w.readAll()
		w.say(Message{Done: true})
	}
	return errors.Join(w.failed, store.Close())
}

func (c Config) hits() int {
	if c.Network == nil {
		return 0
	}
	return c.Network.Hits()
}

type worker struct {
	config Config
	store  adapter.Adapter

	mu     sync.Mutex
	out    *json.Encoder
	failed error
	seen   []int // worlds
}

func (w *worker) say(m Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = errors.Join(w.failed, w.out.Encode(m))
}

// live is in one world after the other.
func (w *worker) live() {
	places := make(chan struct{}, crowd)
	var running sync.WaitGroup
	for n := range w.config.worlds() {
		time.Sleep(time.Until(w.config.Start.Add(time.Duration(n) * w.config.Every)))
		select {
		case places <- struct{}{}:
		default:
			continue // too many calls hang
		}
		w.mu.Lock()
		w.seen = append(w.seen, n)
		w.mu.Unlock()
		running.Go(func() {
			defer func() { <-places }()
			w.visit(w.config.world(n))
		})
	}
	running.Wait()
}

// visit makes a client's calls in a world.
func (w *worker) visit(world world) {
	client := w.config.Worker
	random := rand.New(rand.NewPCG(w.config.Seed, uint64(world.n)*31+uint64(client)))
	for _, c := range world.calls(w.config.Seed, client, w.config.Workers, w.config.Calls) {
		time.Sleep(time.Duration(random.IntN(4)) * time.Millisecond)
		w.call(world, client, c)
	}
}

// call makes a call and writes it down. A read without an answer says nothing.
func (w *worker) call(world world, client int, c Call) {
	if len(w.config.Only) > 0 && !slices.Contains(w.config.Only, c.Op) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.config.Timeout)
	defer cancel()
	o := Operation{World: world.n, Client: client, Call: c, InSteps: inSteps[w.config.Engine], Begun: time.Now().UnixNano()}
	answer, err := world.make(ctx, w.store, c)
	o.Answer, o.Ended = answer, time.Now().UnixNano()
	if err != nil {
		o.Error = err.Error()
	}
	if answer.Kind != unknown || !isRead(c.Op) || err != nil {
		w.say(Message{Operation: &o})
	}
}

// readAll reads all worlds when nothing breaks any more.
func (w *worker) readAll() {
	var readers sync.WaitGroup
	next := make(chan int)
	for range crowd {
		readers.Go(func() {
			for n := range next {
				world := w.config.world(n)
				for _, c := range world.last() {
					w.call(world, w.config.Workers, c)
				}
			}
		})
	}
	for _, n := range w.seen {
		next <- n
	}
	close(next)
	readers.Wait()
}

// Now is the time by the clock of the client process's adapter.
func (c Config) Now() time.Time { return time.Now().Add(c.Ahead) }
