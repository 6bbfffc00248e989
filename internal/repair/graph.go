package repair

import (
	"time"

	"github.com/authstore/authstore/adapter"
)

// Graph is what a survey found in a store: users, what belongs to them, and what leads to
// them. It holds facts; Decide draws the conclusions. A survey may leave out what can break
// no rule, but not one of several users with one address, or of several records with one
// key. R is what a store needs to find a node again, and to tell whether it has changed.
type Graph[R any] struct {
	Users   map[string]*User[R] // by a key of the store's. Of two unused users the first key stays
	Records []Record[R]
	Entries []Entry[R]
	Unread  []Unread

	UserNoun  string // what a problem calls a user, before its name: "user "
	EntryNoun string // and an entry: "guard"
}

// User is a user, or somebody who is gone and whom something still names.
type User[R any] struct {
	Name     string // the ID, for texts
	Email    string // as it is stored
	There    bool   // there is a record of it
	Unread   bool   // which cannot be read
	Blank    bool   // which says nothing of anybody: an update of a user who was gone made it
	Ghost    bool   // Blank, and surely never created
	More     bool   // which an application gave attributes, such as a password
	Verified bool   // whose address is verified
	Led      bool   // the stored address leads to the user. An entry that says so may be left out then
	Misfiled bool   // a copy of the address by which the store searches differs from it
	Removed  bool   // Repair has removed it, and can put it back
	Cut      Cut
	Owns     int // how many records it has
	Ref      R
}

// Gone reports whether there is no user, and none that may come back or is being deleted.
func (u *User[R]) Gone() bool { return !u.There && !u.Removed && u.Cut == NotCut }

// Cut is what a call on a user was cut in.
type Cut uint8

// What a call may have been cut in.
const (
	NotCut Cut = iota
	SignUp
	Deletion
)

// Kind is what a record is, or what an entry leads to.
type Kind uint8

// The kinds of records and entries.
const (
	Session Kind = iota + 1
	Account
	Authenticator
	Token   // a verification token, which belongs to nobody
	Pointer // a key beside a user's record, which goes with it
	Address // of entries: an e-mail address
	List    // of entries: the list of a user's authenticators
)

// Record is what belongs to a user.
type Record[R any] struct {
	Kind    Kind
	Guarded bool     // an Entry of its kind and key has to lead to it
	Key     string   // what only one record can have; "": nothing
	ID      string   // tells it from others of its key and kind: of two that are alike the last one stays
	Place   string   // what a problem calls it
	Owner   *User[R] // nil: nobody
	Expires time.Time
	Ref     R
}

// Entry is a guard, an entry of an index or a list, by which something of a user is found.
type Entry[R any] struct {
	Kind  Kind
	Key   string // an address or the key of a record, by which others are kept from it
	Owner *User[R]
	Ref   R

	// Of a List:
	Stored   bool // there is one
	Complete bool // it has all that the user has, each once
}

// Unread is a record that cannot be read.
type Unread struct {
	Place string
	Err   error // a [adapter.RecordError], or else it has another record's key
}

// Do is what a store is asked to do.
type Do uint8

// What a store can be asked to do. It does so if what the decision relies on is still so.
const (
	Leave          Do = iota // nothing: a person has to decide
	FinishSignUp             // of User, or remove it
	FinishDeletion           // of User
	PutBack                  // User, whom Repair has removed
	DeleteOrphan             // Record, whose user is gone
	DeleteUser               // User, whom nothing belongs to, because of Stays if it is not nil
	LetFind                  // User by Email, if Others, who had it, have it no longer
	DeleteTwin               // Record, beside Keeps
	MakeEntry                // that leads to Record
	DeleteEntry              // Entry
	MakeList                 // Entry
)

// Task is a problem, and what to do about it.
type Task[R any] struct {
	adapter.Repair
	Do            Do
	User          *User[R]
	Stays         *User[R]
	Others        []*User[R]
	Email         string // normalized
	Record, Keeps *Record[R]
	Entry         *Entry[R]
}
