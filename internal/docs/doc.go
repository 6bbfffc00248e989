// Package docs has tests that hold the documents in the repository true: the README's programs
// run, links lead somewhere, and the tests that a page names are there.
package docs
