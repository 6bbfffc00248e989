// Package hashslot knows in which hash slot of a Redis Cluster a key lies.
package hashslot

import (
	"strconv"
	"sync"
)

// Count is how many hash slots a Redis Cluster has.
const Count = 16384

// Tag returns a hash tag of the same slot as another one.
func Tag(tag string) string { return TagIn(Of(tag)) }

// TagIn returns a hash tag of a slot.
func TagIn(slot int) string { return strconv.FormatUint(uint64(tags()[slot]), 36) }

// tags has for each slot the first number, in base 36, that is in it.
var tags = sync.OnceValue(func() *[Count]uint32 {
	var tags [Count]uint32
	for n, left := uint32(1), Count; left > 0; n++ {
		var text [8]byte
		if i := Of(strconv.AppendUint(text[:0], uint64(n), 36)); tags[i] == 0 {
			tags[i] = n
			left--
		}
	}
	return &tags
})

// Of returns the hash slot of a hash tag: its CRC16 in the form of XMODEM.
func Of[T string | []byte](tag T) int {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % Count)
}
