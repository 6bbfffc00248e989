package adapter

import "context"

// Pinger is an adapter that can tell whether its store answers.
type Pinger interface {
	// Ping returns nil if the store answers, in one round trip.
	Ping(ctx context.Context) error
}

// Purger is an adapter that can remove what has expired by its clock. Stores do
// so by themselves, at their own pace; this is for those who cannot wait.
type Purger interface {
	// PurgeExpired removes expired sessions and verification tokens and returns
	// how many there were.
	PurgeExpired(ctx context.Context) (int, error)
}

// Schema is an adapter whose store needs set-up: tables, collections, indexes,
// expiry.
type Schema interface {
	// CheckSchema compares the store with what the adapter needs and changes
	// nothing. Without a problem the store is ready.
	CheckSchema(ctx context.Context) ([]SchemaProblem, error)
	// ApplySchema creates what is missing. It never drops or rewrites data, and
	// may be repeated and raced.
	ApplySchema(ctx context.Context) error
}

// SchemaProblem is one thing that differs from what the adapter needs.
type SchemaProblem struct {
	// Object is the table, collection, index or record. It holds no token and no
	// e-mail address.
	Object string
	Detail string // what is wrong, and what to do about it
	// Blocking: ApplySchema cannot mend it; somebody has to, or Repair.
	Blocking bool
}

// Repairer is an adapter whose store may have records that break a rule of the
// contract, because a program wrote them that does not keep it, as the JavaScript
// adapters of Auth.js do not. Its CheckSchema lists them.
type Repairer interface {
	Schema
	// Repair puts right what can be put right without knowing the application, and
	// returns what it found. It takes nothing away by which somebody could sign in,
	// and changes no record that another program has changed meanwhile. It may be
	// repeated and raced. A dry run changes nothing.
	Repair(ctx context.Context, dryRun bool) ([]Repair, error)
}

// Repair is one record that breaks a rule.
type Repair struct {
	SchemaProblem
	// Action is what was done, or in a dry run what would be done. "": a person has
	// to decide, see Detail; the problem is then Blocking.
	Action string
}

// Unwrapper is an adapter that stands in front of another one.
type Unwrapper interface {
	Unwrap() Adapter
}

// As returns the first adapter of type T among a and those behind it:
//
//	if p, ok := adapter.As[adapter.Pinger](store); ok { … }
func As[T any](a Adapter) (T, bool) {
	for a != nil {
		if t, ok := a.(T); ok {
			return t, true
		}
		u, ok := a.(Unwrapper)
		if !ok {
			break
		}
		a = u.Unwrap()
	}
	var none T
	return none, false
}
