package adapter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// NormalizeEmail returns the form in which e-mail addresses are stored and
// compared: without white space around it, every letter in lower case. A letter
// outside ASCII whose lower case is an ASCII letter stays as it is ("\u212a", the
// Kelvin sign, is not "k"): else somebody could ask for another person's sign-in
// link with an address that only looks like theirs. Text that is not UTF-8 is
// returned as it is, and is no address.
func NormalizeEmail(email string) string {
	if !utf8.ValidString(email) {
		return email
	}
	return strings.Map(lower, strings.TrimSpace(email))
}

func lower(r rune) rune {
	l := unicode.ToLower(r)
	if r >= utf8.RuneSelf && l < utf8.RuneSelf {
		return r
	}
	return l
}
