package mongo

import (
	"regexp"
	"strings"

	"github.com/authstore/authstore/internal/attribute"
)

// In an update "." leads into a document and "$" begins an operator, so that a field whose
// name has them could be stored, but not changed. In the store a "." is %2E and a "$" at the
// beginning %24. A name that has such a text itself has 25 after the %, once more than it
// had: each name that the server takes is that of one attribute, and all others stay as
// they are.

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

// unescaped returns the name that was escaped, and false for one that only another program
// stores.
func unescaped(stored string) (string, bool) {
	if strings.Contains(stored, ".") || strings.HasPrefix(stored, "$") {
		return "", false
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

// top is the layout of attributes at the top of a document: _id is its key, and Auth.js
// takes the userId of any record for an ObjectID.
var top = attribute.Layout(func(name string) bool { return name == "_id" || name == "userId" })

// storedName returns the name that an attribute at the top of a document has there.
func storedName(name string) string { return escaped(top.Stored(name)) }

// attributeName returns the name of an attribute at the top of a document, and false if the field
// is none.
func attributeName(stored string) (string, bool) {
	name, ok := unescaped(stored)
	return top.Name(name), ok && !top(stored)
}

// storedMember and memberName are the same for the members of an attribute.

func storedMember(name string) string { return escaped(attribute.Stored(name)) }

func memberName(stored string) (string, bool) {
	name, ok := unescaped(stored)
	return attribute.Name(name), ok
}
