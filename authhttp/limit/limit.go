// Package limit counts how often something is asked for, such as links to an address or by a
// network, in this process's memory, which is bounded.
//
//	import (
//		"net/http"
//		"time"
//
//		"github.com/authstore/authstore/authhttp/limit"
//	)
//
//	byNetwork := limit.ByNetwork(30, 15*time.Minute, nil)
//	http.HandleFunc("POST /signin", func(w http.ResponseWriter, r *http.Request) {
//		if err := limit.Check(w, byNetwork(r)); err != nil {
//			http.Error(w, err.Error(), http.StatusTooManyRequests)
//			return
//		}
//	})
//
// Behind a proxy take the visitor's address from the proxy's header, with [New]: see [Network]. An
// application in several processes allows as much in each of them; one that wants less
// counts where all of them look.
package limit

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// maxKeys is how many keys a Rate counts at a time.
const maxKeys = 10_000

// Rate is how often something may be asked for: a number of times at once, and then again one
// by one, each when its part of the time has passed (the generic cell rate algorithm of ITU-T
// I.371). It is safe for concurrent use.
type Rate struct {
	each   time.Duration // what one costs
	window time.Duration
	clock  func() time.Time

	mu    sync.Mutex
	until map[string]time.Time // when a key has paid for what it took; gone when that is past
	swept time.Time
}

// New returns a Rate of so many times in a window of time, for each key. The clock gives the
// time; nil: time.Now. A number below 1, or a window that leaves nothing for each, panics.
func New(most int, window time.Duration, clock func() time.Time) *Rate {
	if most < 1 || window/time.Duration(most) <= 0 {
		panic("limit: a rate is at least once in a time")
	}
	if clock == nil {
		clock = time.Now
	}
	each := window / time.Duration(most)
	return &Rate{each: each, window: each * time.Duration(most), clock: clock, until: map[string]time.Time{}}
}

// Take counts one more for a key, and returns 0; or it counts nothing, and returns how long
// until there is one more. An empty key is not counted. No more than 10,000 keys are counted
// at a time: while so many are, a further one has to wait for as long as a key takes to be
// forgotten.
func (r *Rate) Take(key string) (wait time.Duration) {
	if key == "" {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	until := r.until[key]
	if until.Before(now) {
		until = now
		if !r.room(key, now) {
			return r.window
		}
	}
	next := until.Add(r.each)
	if wait := next.Sub(now) - r.window; wait > 0 {
		return wait
	}
	r.until[key] = next
	return 0
}

// room reports whether a key can be counted. When there are too many it forgets those whose
// time is past; at most once a second, for it looks at all.
func (r *Rate) room(key string, now time.Time) bool {
	if _, known := r.until[key]; known || len(r.until) < maxKeys {
		return true
	}
	if since := now.Sub(r.swept); since >= 0 && since < time.Second {
		return false
	}
	r.swept = now
	for key, until := range r.until {
		if !until.After(now) {
			delete(r.until, key)
		}
	}
	return len(r.until) < maxKeys
}

// Network returns the network of an address as [net/http.Request.RemoteAddr] has it, as far as
// limits go: an address of IPv4, or the /64 of one of IPv6, of which a single subscriber has
// all (RFC 6177). It is "" for an address that is not of the public Internet: then a proxy is
// in between, whose address says nothing of the visitor. An application takes the visitor's
// from the header that its proxy sets, and only from that one, for visitors can set headers too.
func Network(remote string) string {
	a, err := netip.ParseAddr(remote)
	if err != nil {
		from, err := netip.ParseAddrPort(remote)
		if err != nil {
			return ""
		}
		a = from.Addr()
	}
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsGlobalUnicast() || a.IsPrivate():
		return ""
	case a.Is4():
		return a.String()
	}
	prefix, _ := a.Prefix(64) // of an address of IPv6 there is one
	return prefix.String()
}

// ByNetwork returns a limit of requests: how long one has to wait, by the [Network] of its
// RemoteAddr, of which so many are let through in a window of time. Behind a proxy RemoteAddr is
// the proxy's, which is not counted if it is a private address.
func ByNetwork(most int, window time.Duration, clock func() time.Time) func(*http.Request) time.Duration {
	rate := New(most, window, clock)
	return func(r *http.Request) time.Duration { return rate.Take(Network(r.RemoteAddr)) }
}

// Error is the error of asking too often. Its text is for the person.
type Error struct {
	Wait time.Duration // until it is worth another try
}

// Error says how long to wait.
func (e *Error) Error() string {
	return "that was asked for too often: try again in " + whole(e.Wait).String()
}

// whole rounds a wait up to whole seconds.
func whole(wait time.Duration) time.Duration {
	return (wait + time.Second - 1).Truncate(time.Second)
}

// Check returns an [*Error] if there is something to wait for, and tells the visitor's client by
// the header Retry-After, in whole seconds (RFC 9110 section 10.2.3).
func Check(w http.ResponseWriter, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(whole(wait)/time.Second)))
	return &Error{wait}
}
