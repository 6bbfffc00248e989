package mongo

import (
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/internal/attribute"
)

// collections are those of a database, with the read and write concerns that the contract
// needs.
type collections struct {
	users, accounts, sessions, tokens, authenticators *mongo.Collection

	soon *mongo.Collection // users, for steps that do not wait for the write concern
}

// all returns the collections.
func (c *collections) all() []*mongo.Collection {
	return []*mongo.Collection{c.users, c.accounts, c.sessions, c.tokens, c.authenticators}
}

// ofUsers returns the collections of records that belong to users.
func (c *collections) ofUsers() []*mongo.Collection {
	return []*mongo.Collection{c.sessions, c.accounts, c.authenticators}
}

// keys returns the fields by which the documents of each collection are found.
func (c *collections) keys() map[*mongo.Collection][]string {
	return map[*mongo.Collection][]string{
		c.accounts: {"provider", "providerAccountId"}, c.sessions: {"sessionToken"},
		c.tokens: {"identifier", "token"}, c.authenticators: {"credentialID"},
	}
}

// recordFilter matches the documents of a collection that are records of this package:
// those with the fields by which they are found. Others belong to another program.
func (c *collections) recordFilter(coll *mongo.Collection) bson.D {
	var all bson.D
	for _, field := range c.keys()[coll] {
		all = append(all, bson.E{Key: field, Value: bson.D{{Key: "$ne", Value: nil}}})
	}
	return all
}

// fieldNames returns the fields that this package writes to a collection.
func (c *collections) fieldNames(coll *mongo.Collection) []string {
	fields := []string{"_id", "createdAt", "updatedAt", "userId"}
	switch coll {
	case c.users:
		return append(fields, "name", "email", "emailVerified", "image", stateField, nonceField)
	case c.accounts:
		return append(fields, "type", "provider", "providerAccountId", "refresh_token", "access_token", "expires_at", "token_type", "scope", "id_token", "session_state")
	case c.sessions:
		return append(fields, "sessionToken", "expires", digestField)
	case c.tokens:
		return append(fields, "identifier", "token", "value", "expires")
	}
	return append(fields, "credentialID", "providerAccountId", "credentialPublicKey", "counter", "credentialDeviceType", "credentialBackedUp", "transports")
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

// topLayout is the layout of attributes at the top of a document: _id is its key, and
// Auth.js takes the userId of any record for an ObjectID.
var topLayout = attribute.Layout(func(name string) bool { return name == "_id" || name == "userId" })

// storedName returns the stored name of an attribute at the top of a document.
func storedName(name string) string { return escaped(topLayout.Stored(name)) }

// attributeName returns the name of the attribute for a field at the top of a document, and
// false if it is not an attribute.
func attributeName(stored string) (string, bool) {
	name, ok := unescaped(stored)
	return topLayout.Name(name), ok && !topLayout(stored)
}

// storedMember and memberName do the same for names within an attribute.

func storedMember(name string) string { return escaped(attribute.Stored(name)) }

func memberName(stored string) (string, bool) {
	name, ok := unescaped(stored)
	return attribute.Name(name), ok
}
