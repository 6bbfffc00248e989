package memory

import (
	"container/heap"
	"context"
	"time"
)

// reapPerCreate is how many expired records a create removes: more than it adds,
// so that the store shrinks back.
const reapPerCreate = 2

// timer is the place of a record in the order of expiry.
type timer struct {
	expires time.Time
	index   int    // in the heap
	remove  func() // removes the record, and the timer with it
}

// expiry is a heap of timers, the next to expire first.
type expiry []*timer

func (e expiry) Len() int           { return len(e) }
func (e expiry) Less(i, j int) bool { return e[i].expires.Before(e[j].expires) }
func (e expiry) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].index, e[j].index = i, j
}

// Push implements heap.Interface.
func (e *expiry) Push(x any) {
	t := x.(*timer)
	t.index = len(*e)
	*e = append(*e, t)
}

// Pop implements heap.Interface.
func (e *expiry) Pop() any {
	last := len(*e) - 1
	t := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return t
}

// start begins to watch a record.
func (e *expiry) start(t *timer, expires time.Time, remove func()) {
	t.expires, t.remove = expires, remove
	heap.Push(e, t)
}

// move changes when a watched record expires.
func (e *expiry) move(t *timer, expires time.Time) {
	t.expires = expires
	heap.Fix(e, t.index)
}

// stop ends the watch on a record.
func (e *expiry) stop(t *timer) { heap.Remove(e, t.index) }

// reap removes up to limit records that have expired at the time now, and returns
// how many it removed.
func (e *expiry) reap(now time.Time, limit int) int {
	n := 0
	for ; n < limit && len(*e) > 0 && !live((*e)[0].expires, now); n++ {
		(*e)[0].remove()
	}
	return n
}

// PurgeExpired removes what has expired. It implements adapter.Purger.
func (m *memory) PurgeExpired(context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.expiry.reap(m.options.Now(), len(m.expiry)), nil
}
