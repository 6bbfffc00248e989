package redis

// Slot returns the hash slot of a hash tag.
func Slot(tag string) int { return int(slot(tag)) }

// SlotTag returns a hash tag of the same slot as another one.
func SlotTag(tag string) string { return slotTag(tag) }
