package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/internal/transfer"
)

// place is a part of a store that nobody else uses.
type place struct {
	url    string // "": no other process can open it
	open   func(ctx context.Context, o adapter.Options) (adapter.Adapter, error)
	remove func(ctx context.Context) error // nil: nothing is left of it
}

// placeMaker returns the place of a name in the store of a URL. It makes nothing yet.
type placeMaker func(storeURL, name string) (place, error)

// byURL returns a place that is a store by itself.
func byURL(storeURL string, remove func(ctx context.Context) error) place {
	return place{url: storeURL, remove: remove, open: func(ctx context.Context, o adapter.Options) (adapter.Adapter, error) {
		return adapter.Open(ctx, storeURL, o)
	}}
}

// namespaces are those of a run, on one store.
type namespaces struct {
	storeURL, scheme, name string // names of namespaces begin with name
	make                   placeMaker
	newID                  func(n uint64) string
	plain                  bool // session tokens are stored as they are

	mu   sync.Mutex
	made int
	left map[string]place // to be removed
}

// removing is how long it may take to remove a namespace, also after a command was interrupted.
const removing = time.Minute

// namespaces returns those that something has on the store of the command, on which one can be made
// and removed.
func (a *app) namespaces(ctx context.Context, of string) (*namespaces, error) {
	storeURL, err := a.url()
	if err != nil {
		return nil, err
	}
	store, err := adapter.Open(ctx, storeURL)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // nothing was written
	scheme, _, _ := strings.Cut(storeURL, ":")
	n := &namespaces{
		storeURL: storeURL, scheme: strings.ToLower(scheme), name: "authstore-" + of + "-" + strings.ToLower(rand.Text()[:8]),
		newID: idsLike(store.NewID()), plain: transfer.SessionImporter(store) == nil, left: map[string]place{},
	}
	if n.make = placeMakers[n.scheme]; n.make == nil {
		return nil, fmt.Errorf("%s: %w: a %s URL cannot name a part of the store that it could have for itself", of, adapter.ErrUnsupported, n.scheme)
	}
	return n, n.try(ctx)
}

// try makes a namespace, asks the store in it whether it answers, and removes it.
func (n *namespaces) try(ctx context.Context) error {
	namespace, err := n.next(ctx)
	if err == nil {
		err = ping(ctx, namespace)
	}
	return errors.Join(err, n.removeAll())
}

func ping(ctx context.Context, n conformance.Namespace) error {
	store, err := n.Open(adapter.Options{})
	if err != nil {
		return err
	}
	if p, ok := adapter.As[adapter.Pinger](store); ok {
		err = p.Ping(ctx)
	}
	return errors.Join(err, store.Close())
}

// harness returns what the suite can do with a URL.
func (n *namespaces) harness() conformance.Harness {
	const unreachable = "what lies between a URL and its server is out of reach"
	h := conformance.Harness{
		Backend: n.scheme, Engine: "by URL", NewID: n.newID, Namespace: n.next,
		LeftOut: map[conformance.Feature]string{
			conformance.Faults: unreachable, conformance.RoundTrips: unreachable, conformance.Dump: unreachable,
			conformance.Foreign: "no other program writes to a namespace",
			conformance.Restart: "the server is left alone",
			conformance.ByURL:   "each URL opens a store of its own",
			conformance.Digests: "the layout has session tokens as they are",
		},
	}
	for _, f := range []conformance.Feature{conformance.Purge, conformance.SetUp, conformance.Mend, conformance.Import} {
		h.LeftOut[f] = "the store has no use for it"
	}
	return h
}

// next makes a namespace.
func (n *namespaces) next(ctx context.Context) (conformance.Namespace, error) {
	n.mu.Lock()
	n.made++
	name := fmt.Sprintf("%s-%04d", n.name, n.made) // none begins with another one
	n.mu.Unlock()
	p, err := n.make(n.storeURL, name)
	if err != nil {
		return conformance.Namespace{}, err
	}
	n.mu.Lock()
	n.left[name] = p
	n.mu.Unlock()
	return conformance.Namespace{
		Open:        func(o adapter.Options) (adapter.Adapter, error) { return p.open(ctx, o) },
		URL:         p.url,
		PlainTokens: n.plain,
		Close:       func() error { return n.remove(name) },
	}, setUp(ctx, p)
}

// setUp makes what the store needs: tables, indexes.
func setUp(ctx context.Context, p place) error {
	store, err := p.open(ctx, adapter.Options{})
	if err != nil {
		return err
	}
	if s, ok := adapter.As[adapter.Schema](store); ok {
		err = s.ApplySchema(ctx)
	}
	return errors.Join(err, store.Close())
}

// remove removes a namespace, whatever has become of the command.
func (n *namespaces) remove(name string) error {
	n.mu.Lock()
	p, there := n.left[name]
	delete(n.left, name)
	n.mu.Unlock()
	if !there || p.remove == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), removing)
	defer cancel()
	if err := p.remove(ctx); err != nil {
		return fmt.Errorf("%s is left, remove it: %w", name, err)
	}
	return nil
}

// removeAll removes the namespaces that are left.
func (n *namespaces) removeAll() error {
	n.mu.Lock()
	names := slices.Sorted(maps.Keys(n.left))
	n.mu.Unlock()
	var all []error
	for _, name := range names {
		all = append(all, n.remove(name))
	}
	return errors.Join(all...)
}
