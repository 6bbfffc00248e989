package measure

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

// Rename returns what a text in the records of a crowd's first user is in those of another one.
type Rename = func(text string) string

// Bulk writes copies of the first user's records, under other names.
type Bulk = func(ctx context.Context, renames []Rename) error

// bulkSize is how many users are copied at once.
const bulkSize = 500

// Copies makes a crowd as [NewCrowd] does, and much faster: the adapter writes the records of the
// first user, and bulk returns what copies them. newID returns an ID for a user.
func Copies(b *testing.B, store adapter.Adapter, size int, newID func() string, bulk func() Bulk) *Crowd {
	b.Helper()
	c := NewCrowd(b, store, 1)
	first, session := c.Users[0], adapter.SessionID(c.Tokens[0])
	write := bulk()
	c.Users, c.Tokens = append(c.Users, make([]adapter.User, size-1)...), append(c.Tokens, make([]string, size-1)...)
	rename := func(i int) Rename {
		u := first
		u.ID, u.Email = newID(), PersonName(i)+"@example.com"
		c.Users[i], c.Tokens[i] = u, adapter.NewSessionToken(u.ID, secret())
		return strings.NewReplacer(first.ID, u.ID, session, adapter.SessionID(c.Tokens[i]), PersonName(0), PersonName(i)).Replace
	}
	Spread((size-1+bulkSize-1)/bulkSize, func(n int) {
		var renames []Rename
		for i := 1 + n*bulkSize; i < min(size, 1+(n+1)*bulkSize); i++ {
			renames = append(renames, rename(i))
		}
		if err := write(b.Context(), renames); err != nil {
			b.Error(err)
		}
	})
	if b.Failed() {
		b.FailNow()
	}
	return c
}

func secret() (s [32]byte) {
	_, _ = rand.Read(s[:]) // it never fails
	return s
}
