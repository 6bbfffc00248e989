package mongo

import (
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/internal/attribute"
)

// collection is a collection with the layout of its records.
type collection struct {
	*mongo.Collection
	*shape
}

// collections are those of a database, with the read and write concerns that the contract
// needs.
type collections struct {
	users, accounts, sessions, tokens, authenticators *collection

	soon *collection // users, for steps that do not wait for the write concern
}

// all returns the collections.
func (c *collections) all() []*collection {
	return []*collection{c.users, c.accounts, c.sessions, c.tokens, c.authenticators}
}

// ofUsers returns the collections of records that belong to users.
func (c *collections) ofUsers() []*collection {
	return []*collection{c.sessions, c.accounts, c.authenticators}
}

// keys returns the fields by which documents are found.
func (s *shape) keys() []string { return s.ins(s.key...) }

// recordFilter matches the documents of a collection that are records of this package:
// those with the fields by which they are found. Others belong to another program.
func (s *shape) recordFilter() bson.D {
	var all bson.D
	for _, field := range s.keys() {
		all = append(all, bson.E{Key: field, Value: bson.D{{Key: "$ne", Value: nil}}})
	}
	return all
}

// isOwn reports whether this package writes a field.
func (s *shape) isOwn(field string) bool {
	_, own := s.fieldOf[field]
	return own || field == "_id" || field == stateField || field == nonceField || field == digestField
}

// owner returns the userId of a document.
func (s *shape) owner(doc bson.Raw) bson.RawValue { return doc.Lookup(s.in("userId")) }

// ownedAs matches documents with the userId of a document.
func (s *shape) ownedAs(doc bson.Raw) bson.E {
	return bson.E{Key: s.in("userId"), Value: asItIs(doc, s.in("userId"))}
}

// stateField holds the state of an unfinished sign-up or deletion: see signup.go. Fields
// whose names begin with it are this package's own.
const stateField = "authstore"

const nonceField = stateField + ".nonce"

// The fields of a user's state that hold the credential of a sign-up.
const (
	signUpField  = "signUp"
	passkeyField = "passkey"
)

// userField is where a $lookup puts the user of a document.
const userField = "authstoreUser"

// digestField says that the sessionToken of a session is a digest. Without it the
// sessionToken may be a token that another program stored, whatever it looks like.
const digestField = "authstoreDigest"

// backendPrefix begins the names of indexes whose usual names are taken.
const backendPrefix = "authstore_"

// In an update a "." separates nested fields and a "$" begins an operator, so a field with
// these in its name could be stored, but not changed. In the store a "." is therefore %2E,
// and a "$" at the beginning %24. A name that contains such an escape itself has 25
// inserted after its %. Each name in the store is that of one attribute, and all other
// names stay as they are.

var (
	special = regexp.MustCompile(`\.|^\$|%(25)*2E|^%(25)*24`)
	escape  = regexp.MustCompile(`%(25)*2E|^%(25)*24`)
)

func escaped(name string) string {
	if !strings.ContainsAny(name, ".$%") {
		return name
	}
	return special.ReplaceAllStringFunc(name, func(s string) string {
		switch s {
		case ".":
			return "%2E"
		case "$":
			return "%24"
		}
		return "%25" + s[1:]
	})
}

// unescaped returns the name that was escaped, and false for a name that only another
// program stores.
func unescaped(stored string) (string, bool) {
	if strings.Contains(stored, ".") || strings.HasPrefix(stored, "$") {
		return "", false
	}
	if !strings.Contains(stored, "%") {
		return stored, true
	}
	return escape.ReplaceAllStringFunc(stored, func(s string) string {
		switch s {
		case "%2E":
			return "."
		case "%24":
			return "$"
		}
		return "%" + s[len("%25"):]
	}), true
}

// storedName returns the stored name of an attribute at the top of a document. Names that the
// layout has for itself are escaped, and _id and userId, which Auth.js takes for an ObjectID in
// any record.
func (s *shape) storedName(name string) string { return escaped(s.attributes.Stored(name)) }

// attributeName returns the name of the attribute for a field at the top of a document, and
// false if it is not an attribute.
func (s *shape) attributeName(stored string) (string, bool) {
	name, ok := unescaped(stored)
	return s.attributes.Name(name), ok && !s.attributes(stored)
}

// storedMember and memberName do the same for names within an attribute.

func storedMember(name string) string { return escaped(attribute.Stored(name)) }

func memberName(stored string) (string, bool) {
	name, ok := unescaped(stored)
	return attribute.Name(name), ok
}
