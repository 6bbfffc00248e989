package fauna

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"strconv"
)

// firstID is the least of the IDs that are made here. Those that a server makes itself
// are less for years to come, and have one digit less.
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

// isID reports whether a document may have this ID: a number in the one form in which
// the server writes it.
func isID(id string) bool {
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n >= 0 && strconv.FormatInt(n, 10) == id
}
