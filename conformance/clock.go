package conformance

import (
	"sync"
	"time"
)

// Start is the time at which every test begins. It is in the future of every
// store's own clock, so that expiry is the adapter's doing alone.
var Start = time.Date(2100, 1, 2, 3, 4, 5, int(678*time.Millisecond), time.UTC)

// Clock stands still until it is moved. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
