package conformance

import (
	"context"
	"slices"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
)

// Harness is how the suite gets at a store.
type Harness struct {
	Backend string // "mongo", or "redis (cluster)" where one backend runs on several engines
	Engine  string // name and version of what it runs on

	// Namespace returns a fresh, empty part of the store. It is called for each
	// test, whose ID is [TestID] of the context.
	Namespace func(ctx context.Context) (Namespace, error)

	// NewID returns the n-th ID that this store takes as a user's ID, always the
	// same one for the same n. Nil: UUIDs.
	NewID func(n uint64) string

	// Budget has the operations that may take more round trips than the contract's
	// table says, by method, with their most, as the store's documentation has them;
	// everything else is a failure.
	Budget map[string]int

	// MaxRecord is how many bytes a record can have at most, of which the tests then prove
	// that the store says so. 0: they go as far as 2 MiB.
	MaxRecord int

	// ShowCauses has a failed test show what a driver said, which the adapter's errors keep
	// back: it may quote what a store holds, or what signs requests. For servers of the tests' own.
	ShowCauses bool

	// LeftOut has the features that no namespace provides, with the reason. That of
	// [Foreign] is also the reason for the records that a ForeignWriter has no place for.
	LeftOut map[Feature]string
}

// Feature is what a test needs beyond two adapters on one store: something of the
// namespace, or an optional interface of the adapter.
type Feature string

// The features.
const (
	Dump       Feature = "a look at what is stored"
	Faults     Feature = "fault injection"
	RoundTrips Feature = "a count of round trips"
	Ping       Feature = "adapter.Pinger"
	Purge      Feature = "adapter.Purger"
	SetUp      Feature = "adapter.Schema"
	Enumerate  Feature = "adapter.Enumerator"
	Mend       Feature = "adapter.Repairer"
	Import     Feature = "adapter.SessionImporter"
	Digests    Feature = "session tokens stored as digests"
	Foreign    Feature = "records of other programs"
	ByURL      Feature = "a URL that adapter.Open takes"
	Restart    Feature = "a store that is killed and started again"

	// Live is a store that answers whatever it is asked. A harness that answers from
	// what was recorded of a store leaves it out: tests whose calls differ from run to
	// run, such as races, are then not provided, and all others make the same calls in
	// every run, one after another.
	Live Feature = "a live store"
)

// Namespace is an empty part of a store, for one test.
type Namespace struct {
	// Open returns an adapter on the namespace. It is called more than once: each
	// adapter stands for a process of its own. The test closes it.
	Open func(adapter.Options) (adapter.Adapter, error)

	// Dump returns every stored record with its keys as text, each value in a form
	// that can be searched for its strings. Optional.
	Dump func(ctx context.Context) ([]string, error)

	// Faults hits the steps of every adapter of the namespace. Optional.
	Faults *fault.Injector

	// RoundTrips returns how many round trips the adapters of the namespace have
	// made. Optional; often Faults.Count.
	RoundTrips func() int64

	// PlainTokens: the layout has session tokens as they are, whatever the options say.
	PlainTokens bool

	// URL opens the namespace with adapter.Open. Optional.
	URL string

	// Restart ends the store as a crash does, without a chance to write anything more, and
	// starts it again with what it has stored: it kills the server, or has an embedded
	// store forget all that is not in its files. Adapters that are opened afterwards use
	// it. Optional: [Needs] tells for which tests.
	Restart func(ctx context.Context) error

	// Foreign writes what another program on the same store does. Optional.
	Foreign *ForeignWriter

	// Close removes the namespace. Optional.
	Close func() error
}

// ForeignWriter is another program on the store, which does not keep the contract: it
// writes in the layout that the adapter reads, without a look at what is there.
type ForeignWriter struct {
	// Put stores a record with just these members; one that is there is replaced.
	// errors.ErrUnsupported: the layout has no such record, such as one without what its
	// key is made of, or the store no such value.
	Put func(ctx context.Context, r ForeignRecord) error
	// Has reports whether a record of this kind is stored that is found by the same
	// members: those that name it in the layout.
	Has func(ctx context.Context, r ForeignRecord) (bool, error)
}

// ForeignRecord is a record by the names of Auth.js: id, userId, sessionToken, provider,
// providerAccountId, access_token, … A session's sessionToken is a plain token, which is
// stored as it is.
type ForeignRecord struct {
	Kind string // "User", "Account", "Session", "VerificationToken" or "Authenticator"
	// Members has values of the types of adapter.Attributes, NaN too. A time.Time is
	// stored as the Auth.js adapter of the store has times, nil as null. An id or userId
	// that is a string in the form of the store's IDs is stored as one, a [ForeignText] as
	// text. A user has always an id, and most other records what their keys are made of.
	Members map[string]any
}

// ForeignText is text that is stored as text, whatever it looks like.
type ForeignText string

type testKey struct{}

// TestID returns the ID of the test whose context it is.
func TestID(ctx context.Context) string {
	test, _ := ctx.Value(testKey{}).(Test)
	return test.ID
}

// Needs reports whether the test whose context it is needs a feature, for a namespace to
// which the feature is dear.
func Needs(ctx context.Context, f Feature) bool {
	test, _ := ctx.Value(testKey{}).(Test)
	return slices.Contains(test.Needs, f)
}

// live reports whether the store answers whatever it is asked.
func (h *Harness) live() bool {
	_, leftOut := h.LeftOut[Live]
	return !leftOut
}

// provides reports whether the namespace has a feature of its own.
func (n Namespace) provides(f Feature) bool {
	switch f {
	case Dump:
		return n.Dump != nil
	case Faults:
		return n.Faults != nil
	case RoundTrips:
		return n.RoundTrips != nil
	case Digests:
		return !n.PlainTokens
	case Foreign:
		return n.Foreign != nil
	case ByURL:
		return n.URL != ""
	case Restart:
		return n.Restart != nil
	}
	return f == Live // as the harness is
}
