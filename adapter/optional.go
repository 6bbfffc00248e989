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

// SchemaPrinter is an adapter that can write down, for the tools that set stores up, what its
// store needs and what a user of its store must be allowed.
type SchemaPrinter interface {
	// PrintSchema asks nothing of the store.
	PrintSchema(ctx context.Context) ([]SchemaText, error)
}

// SchemaText is what one tool takes.
type SchemaText struct {
	Name string // "terraform", "indexes", "acl": unique for a store
	Use  string // what it is, and what takes it: "for terraform, as authstore.tf.json"
	Text string
}

// SessionImporter is an adapter that takes over sessions of another store, of which only digests
// are known: what a list of sessions returns is enough.
type SessionImporter interface {
	// ImportSession stores a session by its ID, so that whoever has the token stays signed in.
	// Where SessionToken is given, it is ignored. [ErrConflict] if there is a session of this
	// ID. An unknown user is treated as CreateSession does. [ErrUnsupported] with
	// [Options.PlainSessionTokens], since nobody can tell a token from its digest.
	//
	// Round trips as CreateSession with a token that was made elsewhere.
	ImportSession(ctx context.Context, s Session) error
}

// Enumerator is an adapter that can return all users, however many there are.
type Enumerator interface {
	// EnumerateUsers returns at most limit users, 1 to 1000, and the cursor of the page that
	// follows; "" is the cursor of the first page. A page may have fewer users than limit,
	// and none, while others follow.
	//
	// A user who is there from the first page to the last is returned once, or more than
	// once where the store's page in docs says so. One who is made, changed or deleted
	// meanwhile may be missing, or be there as before. The order is the store's own and
	// stays. A cursor is good as long as the backend's page in docs says, in any process;
	// one that is not is [ErrInvalid]: begin again.
	//
	// A page takes a bounded number of round trips, and memory for limit users.
	EnumerateUsers(ctx context.Context, cursor string, limit int) (UserPage, error)
}

// UserPage is a page of [Enumerator].
type UserPage struct {
	Users []User
	// Unreadable has a [*RecordError] for each user of the page that cannot be read.
	Unreadable []error
	Next       string // the cursor of the next page; "": this is the last one
}

// Unwrapper is an adapter that stands in front of another one.
type Unwrapper interface {
	Unwrap() Adapter
}

// extended is an adapter with a backend behind it: that of package driver.
type extended interface {
	// Extension returns the optional interfaces of the backend under the rules that all
	// calls keep to, if the backend has the one that is asked for. Else nil.
	Extension(has func(backend any) bool) any
}

// As returns the first adapter of type T among a and those behind it:
//
//	if p, ok := adapter.As[adapter.Pinger](store); ok { … }
//
// The interfaces of this package keep to the rules that all calls keep to: after Close
// they return [ErrClosed], and all their errors are [*Error].
func As[T any](a Adapter) (T, bool) {
	for a != nil {
		if t, ok := a.(T); ok {
			return t, true
		}
		if e, ok := a.(extended); ok {
			if t, ok := e.Extension(func(inner any) bool { _, has := inner.(T); return has }).(T); ok {
				return t, true
			}
			break
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
