// Package attribute has what the layouts that JavaScript reads do with the names of
// attributes.
package attribute

import "strings"

// proto is the name by which JavaScript sets the prototype of an object. A program that
// copies the properties of a record, as the Auth.js adapters do, would make other
// properties of what is stored under it.
const proto = "__proto__"

// escape begins the stored form of such a name. At the top of a record no attribute
// begins with it (driver.Reserved).
const escape = "authstore"

// Stored returns the name that an attribute has in the store, at any depth.
func Stored(name string) string {
	if escapes(name) {
		return escape + name
	}
	return name
}

// Name returns the name of an attribute by its stored name: what [Stored] was given.
func Name(stored string) string {
	if stored != proto && escapes(stored) {
		return strings.TrimPrefix(stored, escape)
	}
	return stored
}

// Layout tells which names a layout needs at the top of a record for itself: fields of its
// own, keys, what the server has there. Nil: none.
type Layout func(name string) bool

// Takes reports whether the layout needs a name for itself.
func (taken Layout) Takes(name string) bool { return taken != nil && taken(name) }

// Stored is the function [Stored] for an attribute at the top of a record.
func (taken Layout) Stored(name string) string {
	if escapes(name) || taken.Takes(name) {
		return escape + name
	}
	return name
}

// Name returns the name of an attribute at the top of a record by its stored name.
func (taken Layout) Name(stored string) string {
	if name, escaped := strings.CutPrefix(stored, escape); escaped && taken.Takes(name) {
		return name
	}
	return Name(stored)
}

// escapes reports whether a name is proto, or what was made of it.
func escapes(name string) bool {
	for strings.HasPrefix(name, escape) {
		name = name[len(escape):]
	}
	return name == proto
}
