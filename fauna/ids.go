package fauna

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"strconv"
)

// firstID is the smallest ID that newID returns. Those that the server generates stay below
// it for years, with one digit less.
const firstID = 1e18

// newID returns a random document ID of 19 digits: 2^62.8 of them.
func newID() string {
	for {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
		if id := binary.BigEndian.Uint64(b[:]) & math.MaxInt64; id >= firstID {
			return strconv.FormatUint(id, 10)
		}
	}
}

// isID reports whether a document can have this ID: a number as the server writes it.
func isID(id string) bool {
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n >= 0 && strconv.FormatInt(n, 10) == id
}
