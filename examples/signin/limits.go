package main

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// How many links may be asked for within linkLife. Each costs a mail: without a limit by
// address anybody could fill somebody's mailbox, without one by network ask for those of
// a whole list of addresses, and without one in all the memory would go for counting.
const (
	linksToAddress   = 5
	linksFromNetwork = 30
	linksCounted     = 10_000 // addresses and networks, each
)

// limit counts what is asked for by a key, such as an address, in a window of time. It is
// this process's own: an application on several machines counts where all of them look.
type limit struct {
	most   int
	window time.Duration

	mu    sync.Mutex
	asked map[string]window
}

// window is how often somebody asked since its start.
type window struct {
	start time.Time
	n     int
}

func newLimit(most int) *limit {
	return &limit{most: most, window: linkLife, asked: map[string]window{}}
}

// take counts one more for a key, or returns how long it has to wait.
func (l *limit) take(key string, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, known := l.asked[key]
	if !known || !now.Before(w.start.Add(l.window)) {
		if !l.room(now) && !known {
			return l.window
		}
		w = window{start: now}
	}
	if w.n == l.most {
		return w.start.Add(l.window).Sub(now)
	}
	w.n++
	l.asked[key] = w
	return 0
}

// room reports whether one more key can be counted. It forgets those whose window is over
// when there are too many.
func (l *limit) room(now time.Time) bool {
	if len(l.asked) < linksCounted {
		return true
	}
	for key, w := range l.asked {
		if !now.Before(w.start.Add(l.window)) {
			delete(l.asked, key)
		}
	}
	return len(l.asked) < linksCounted
}

// limitLinks refuses a request for a link to an address if there were too many. The answer
// is the same whether or not somebody has the address.
func (s *server) limitLinks(r *http.Request, email string) error {
	now := s.Now()
	wait := s.byNetwork.take(network(r.RemoteAddr), now)
	if wait == 0 {
		wait = s.byAddress.take(email, now)
	}
	if wait == 0 {
		return nil
	}
	return tooOften{wait, problem{http.StatusTooManyRequests, "That was often",
		fmt.Sprintf("So many links were asked for that the next one has to wait. Please look for the mails that have come, or try again in %s.", minutes(wait))}}
}

// tooOften is a problem that is over after a time.
type tooOften struct {
	wait time.Duration
	problem
}

// Unwrap returns what the page says.
func (t tooOften) Unwrap() error { return t.problem }

// minutes says how long to wait.
func minutes(d time.Duration) string {
	if n := int(math.Ceil(d.Minutes())); n > 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return "a minute"
}

// network returns who a request comes from, as far as limits go: an address of IPv4, or
// the /64 of one of IPv6, of which a single visitor has all. Behind a proxy this is the
// proxy: an application takes the address from the header that its proxy sets, and only
// from that one, for visitors can set headers too.
func network(remote string) string {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return "" // no address of the Internet: all of these count together
	}
	a := from.Addr().Unmap()
	if a.Is4() {
		return a.String()
	}
	prefix, err := a.WithZone("").Prefix(64)
	if err != nil {
		return ""
	}
	return prefix.String()
}
