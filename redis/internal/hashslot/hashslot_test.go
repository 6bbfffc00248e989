package hashslot

import "testing"

// Every slot has a hash tag of its own, by the server's reckoning.
func TestTag(t *testing.T) {
	if got := Of("123456789"); got != 0x31C3%Count {
		t.Errorf("got the slot %d", got)
	}
	for i, n := range tags() {
		if n == 0 {
			t.Fatalf("slot %d has no tag", i)
		}
	}
	for _, tag := range []string{"u", "", "ada%3Alovelace", "zürich"} {
		if Of(Tag(tag)) != Of(tag) {
			t.Errorf("%q and %q lie in different slots", tag, Tag(tag))
		}
	}
}
