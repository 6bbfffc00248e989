package redis

import (
	"strconv"
	"sync"
)

// slots is how many hash slots a Redis Cluster has.
const slots = 16384

// slotTag returns a hash tag of the same slot as another one.
func slotTag(tag string) string { return strconv.FormatUint(uint64(slotTags()[slot(tag)]), 36) }

// slotTags has for each slot the first number, in base 36, that is in it.
var slotTags = sync.OnceValue(func() *[slots]uint32 {
	var tags [slots]uint32
	for n, left := uint32(1), slots; left > 0; n++ {
		var text [8]byte
		if i := slot(strconv.AppendUint(text[:0], uint64(n), 36)); tags[i] == 0 {
			tags[i] = n
			left--
		}
	}
	return &tags
})

// slot returns the hash slot of a hash tag: its CRC16 in the form of XMODEM.
func slot[T string | []byte](tag T) uint16 {
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
	return crc % slots
}
