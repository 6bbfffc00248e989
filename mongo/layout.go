package mongo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/attribute"
)

// Layout says in which collections and under which names records are stored, so that a
// program that is not Auth.js can share them. The zero value is the layout of the Auth.js
// adapter; [Prisma], [TypeORMv3], [PrismaLegacy] and [BetterAuth] return those of others.
//
// A layout is data: a field that has another name there is one line.
//
//	layout := mongo.Prisma()
//	layout.Users.Collection = "users"                             // @@map("users")
//	layout.Accounts.Fields["userId"] = mongo.Field{Name: "user_id"} // @map("user_id")
//	store, err := mongo.New(db, mongo.Options{Layout: layout})
//
// What a record has in Auth.js and not in the other program is stored under the name that it
// has in Auth.js, and the other program ignores it. What it has there and not in Auth.js is an
// attribute. The page docs/layouts.md has what each side sees of the other's records.
type Layout struct {
	Users, Accounts, Sessions, VerificationTokens, Authenticators Record

	// IDs is the form of the IDs of users and records.
	IDs IDForm

	// PlainSessionTokens has session tokens stored as they are, whatever
	// [adapter.Options.PlainSessionTokens] says, because the other program looks for them.
	PlainSessionTokens bool
}

// Record says how records of one kind are stored.
type Record struct {
	// Collection is the name of the collection. Empty: that of the Auth.js adapter.
	Collection string

	// Fields has what differs from Auth.js, by the name that a field has in Auth.js:
	// "providerAccountId", "expires_at". The contract's own are "createdAt", "updatedAt" and a
	// verification token's "value". The ID of a record is always its _id.
	Fields map[string]Field

	// Derived are the members that the other program needs and Auth.js does not have. They are
	// written with a new record, and never read.
	Derived []Member
}

// Field says how one field is stored.
type Field struct {
	// Name is the name of the field in the store. Empty: as in Auth.js. The credentialID of an
	// authenticator, which is unique, may be "_id".
	Name string

	// Form is the form of the value.
	Form Form

	// Required has a value that is not set stored as "" or false, because the other program
	// cannot read a record without it.
	Required bool
}

// Form is the form in which a field is stored. What a form cannot hold, such as the time at
// which an address was verified, is stored beside it, in a member whose name begins with
// authstore; it counts as long as the other program leaves the field itself as it is.
type Form int

// The forms of a field.
const (
	AsInAuthJS Form = iota
	Boolean         // emailVerified: whether it is, instead of a date
	Date            // expires_at: a date instead of seconds
	Commas          // scope and transports: a text with commas instead of spaces or of a list
	Base64URL       // credentialID: base64url without padding instead of base64
)

// Member is a member that a record needs in the other program.
type Member struct {
	Name string

	// Value returns the member's value from the fields that are stored, by their names in
	// Auth.js.
	Value func(field func(name string) any) any

	// Of are the fields of which the value is different whenever one of them is: an index that
	// has the member unique refuses what one on these fields would.
	Of []string
}

// IDForm is the form of an ID.
type IDForm int

// The forms of an ID.
const (
	ObjectIDs IDForm = iota // 24 hexadecimal digits in Go
	StringIDs               // any text, which the Auth.js adapter cannot read
	UUIDs                   // BSON UUIDs (binary subtype 4), in lower case with hyphens in Go
)

// kind is one kind of record.
type kind struct {
	name       string // the field of Layout
	collection string // its default
	fields     []string
	key        []string // the fields by which a record is found
	text       []string // those that are text, and may be required
}

var (
	userKind = kind{"Users", "users", []string{"name", "email", "emailVerified", "image", "createdAt", "updatedAt"}, nil, []string{"name", "image"}}

	accountKind = kind{"Accounts", "accounts", []string{
		"userId", "type", "provider", "providerAccountId", "refresh_token", "access_token", "expires_at", "token_type", "scope",
		"id_token", "session_state", "createdAt", "updatedAt",
	}, []string{"provider", "providerAccountId"}, []string{"refresh_token", "access_token", "token_type", "id_token", "session_state"}}

	sessionKind = kind{"Sessions", "sessions", []string{"sessionToken", "userId", "expires", "createdAt", "updatedAt"}, []string{"sessionToken"}, nil}

	tokenKind = kind{"VerificationTokens", "verification_tokens", []string{"identifier", "token", "value", "expires", "createdAt"}, []string{"identifier", "token"}, []string{"value"}}

	authenticatorKind = kind{"Authenticators", "authenticators", []string{
		"credentialID", "userId", "providerAccountId", "credentialPublicKey", "counter", "credentialDeviceType", "credentialBackedUp",
		"transports", "createdAt", "updatedAt",
	}, []string{"credentialID"}, []string{"providerAccountId", "credentialPublicKey", "credentialDeviceType"}}
)

// forms are the fields that may have a form.
var forms = map[Form][]string{Boolean: {"emailVerified"}, Date: {"expires_at"}, Commas: {"scope", "transports"}, Base64URL: {"credentialID"}}

// shape is a record's layout, ready for use.
type shape struct {
	kind
	collection string
	stored     map[string]string // names in the store by those in Auth.js
	fieldOf    map[string]string // the reverse; "" for members that are derived
	form       map[string]Form
	required   map[string]bool
	derived    []Member
	attributes attribute.Layout
	id         string // where a record has its own ID: in _id, unless its key is there
}

// shapes are those of a layout.
type shapes struct {
	users, accounts, sessions, tokens, authenticators *shape
}

func (l Layout) shapes() (all shapes, err error) {
	seen := map[string]bool{}
	for _, r := range []struct {
		to   **shape
		kind kind
		of   Record
	}{
		{&all.users, userKind, l.Users}, {&all.accounts, accountKind, l.Accounts}, {&all.sessions, sessionKind, l.Sessions},
		{&all.tokens, tokenKind, l.VerificationTokens}, {&all.authenticators, authenticatorKind, l.Authenticators},
	} {
		if *r.to, err = r.kind.shape(r.of); err != nil {
			return shapes{}, err
		}
		name := (*r.to).collection
		if seen[name] {
			return shapes{}, adapter.Invalid("Options.Layout", "must not have the same collection twice")
		}
		seen[name] = true
	}
	if l.IDs < ObjectIDs || l.IDs > UUIDs {
		return shapes{}, adapter.Invalid("Options.Layout", "must have ObjectIDs, StringIDs or UUIDs as IDs")
	}
	return all, nil
}

func (k kind) shape(r Record) (*shape, error) {
	s := &shape{
		kind: k, collection: cmp.Or(r.Collection, k.collection), derived: r.Derived,
		stored: map[string]string{}, fieldOf: map[string]string{}, form: map[string]Form{}, required: map[string]bool{}, id: "_id",
	}
	if strings.ContainsAny(s.collection, "$\x00") || strings.HasPrefix(s.collection, "system.") {
		return nil, adapter.Invalid("Options.Layout", `must have collections whose names do not contain "$" or NUL, and do not begin with "system."`)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		if err := k.check(name, r.Fields[name]); err != nil {
			return nil, err
		}
	}
	for _, field := range k.fields {
		f := r.Fields[field]
		s.stored[field], s.form[field], s.required[field] = cmp.Or(f.Name, field), f.Form, f.Required
		if err := s.take(s.stored[field], field); err != nil {
			return nil, err
		}
	}
	for _, m := range r.Derived {
		if err := s.take(m.Name, ""); err != nil {
			return nil, err
		}
	}
	if _, keyed := s.fieldOf["_id"]; keyed {
		s.id = stateField + "ID"
	}
	s.attributes = func(name string) bool { _, own := s.fieldOf[name]; return own || name == "_id" || name == "userId" }
	return s, nil
}

// check returns an error for a field that a record of the kind does not have, or not so.
func (k kind) check(name string, f Field) error {
	invalid := func(reason string) error {
		return adapter.Invalid("Options.Layout", fmt.Sprintf("%s.Fields[%q] %s", k.name, name, reason))
	}
	switch {
	case !slices.Contains(k.fields, name):
		return invalid("is no field of these records in Auth.js")
	case f.Form != AsInAuthJS && !slices.Contains(forms[f.Form], name):
		return invalid("cannot have this form")
	case f.Required && f.Form != Boolean && !slices.Contains(k.text, name):
		return invalid("cannot be required")
	case f.Name == "_id" && name != "credentialID":
		return invalid("cannot lie in _id")
	}
	return nil
}

// take gives a stored name to a field.
func (s *shape) take(name, field string) error {
	if _, taken := s.fieldOf[name]; taken || name == "" || strings.ContainsAny(name, ".$\x00") || strings.HasPrefix(name, stateField) || name == "_id" && field == "" {
		return adapter.Invalid("Options.Layout", fmt.Sprintf(`%s must have each name once, without "." or "$", and none that begins with %q: %q`, s.name, stateField, name))
	}
	s.fieldOf[name] = field
	return nil
}

// in returns the name of a field in the store.
func (s *shape) in(field string) string { return s.stored[field] }

// ins returns the names of several fields in the store.
func (s *shape) ins(fields ...string) []string {
	all := make([]string, len(fields))
	for i, field := range fields {
		all[i] = s.in(field)
	}
	return all
}

// exact is the name of the member that has the value of a field whose form cannot hold it.
func exact(field string) string { return stateField + strings.ToUpper(field[:1]) + field[1:] }

// identified returns stored names, and with each one that is derived the fields of which it is.
func (s *shape) identified(names []string) []string {
	all := slices.Clone(names)
	for _, m := range s.derived {
		if slices.Contains(names, m.Name) {
			all = append(all, s.ins(m.Of...)...)
		}
	}
	return all
}
