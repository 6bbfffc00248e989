package upstash

import (
	"strings"

	"github.com/authstore/authstore/adapter"
)

// unreadable adds to an error which record cannot be read, and whose it is.
func (l layout) unreadable(err error, k kind, key, userID string) error {
	if e, ok := err.(*adapter.RecordError); ok {
		e.Place, e.UserID = l.place(k, key), userID
	}
	return err
}

// place names a record in an error: by its key, or by the digest of what no error may
// contain.
func (l layout) place(k kind, key string) string {
	switch k {
	case sessions:
		return "session " + adapter.SessionID(l.token(key))
	case links:
		return "verification token with the digest " + adapter.SessionID(strings.TrimPrefix(key, l.prefix[links]))
	}
	if strings.Contains(key, "@") { // perhaps an e-mail address
		return singular[k] + " with the digest " + adapter.SessionID(key)
	}
	return key
}
