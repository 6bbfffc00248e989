package memory

import (
	"container/heap"
	"context"
	"time"
)

// reapPerCreate is how many expired records a create removes at most: more than it adds,
// so that the store shrinks again.
const reapPerCreate = 2

// timer is the entry of a record in the heap.
type timer struct {
	expires time.Time
	index   int
	remove  func() // removes the record, and the timer with it
}

// expiry is a heap of timers, the first to expire at the top.
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

// start adds a record.
func (e *expiry) start(t *timer, expires time.Time, remove func()) {
	t.expires, t.remove = expires, remove
	heap.Push(e, t)
}

// move changes the expiry of a record.
func (e *expiry) move(t *timer, expires time.Time) {
	t.expires = expires
	heap.Fix(e, t.index)
}

// stop removes the timer of a record.
func (e *expiry) stop(t *timer) { heap.Remove(e, t.index) }

// reap removes up to limit records that have expired by now, and returns their number.
func (e *expiry) reap(now time.Time, limit int) int {
	n := 0
	for ; n < limit && len(*e) > 0 && !live((*e)[0].expires, now); n++ {
		(*e)[0].remove()
	}
	return n
}

// PurgeExpired removes all expired records, and returns their number. It implements
// adapter.Purger.
func (m *memory) PurgeExpired(context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.expiry.reap(m.options.Now(), len(m.expiry)), nil
}
