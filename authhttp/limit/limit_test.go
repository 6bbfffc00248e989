package limit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a clock that tests set.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)} }

func TestRate(t *testing.T) {
	c := newClock()
	r := New(5, 15*time.Minute, c.now)
	want := func(key string, wait time.Duration) {
		t.Helper()
		if got := r.Take(key); got != wait {
			t.Errorf("%v: %s waits %v, want %v", c.t.Format(time.TimeOnly), key, got, wait)
		}
	}
	for range 5 {
		want("a", 0)
	}
	want("a", 3*time.Minute)
	want("b", 0)
	for range 6 {
		want("", 0)
	}
	c.t = c.t.Add(time.Minute)
	want("a", 2*time.Minute)
	want("a", 2*time.Minute) // what was refused costs nothing
	c.t = c.t.Add(2 * time.Minute)
	want("a", 0)
	want("a", 3*time.Minute)
	c.t = c.t.Add(time.Hour)
	for range 5 {
		want("a", 0)
	}
	want("a", 3*time.Minute)
}

// However a key is used, it has no more than its number at once and one for each part of the
// time after that.
func TestRateOverTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		c := newClock()
		most := 1 + random.IntN(5)
		r := New(most, time.Duration(most)*time.Second, c.now)
		begin, taken := c.t, 0
		for range 100 {
			c.t = c.t.Add(time.Duration(random.Int64N(int64(time.Second))))
			if r.Take("a") == 0 {
				taken++
			}
			if allowed := most + int(c.t.Sub(begin)/time.Second) + 1; taken > allowed {
				t.Fatalf("%d in %v, want %d at most", taken, c.t.Sub(begin), allowed)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c := newClock()
	r := New(2, time.Minute, c.now)
	for i := range maxKeys {
		if wait := r.Take(strconv.Itoa(i)); wait != 0 {
			t.Fatalf("the key %d waits %v", i, wait)
		}
	}
	if r.Take("one more") != time.Minute || r.Take("0") != 0 || len(r.until) != maxKeys {
		t.Errorf("%d keys are counted, want %d", len(r.until), maxKeys)
	}
	c.t = c.t.Add(30 * time.Second) // all but "0" have paid
	if wait := r.Take("one more"); wait != 0 || len(r.until) != 2 {
		t.Errorf("later it waits %v, and %d keys are counted", wait, len(r.until))
	}
	if r.Take("0") != 0 || r.Take("0") == 0 {
		t.Error("what a key has taken is forgotten too early or too late")
	}
}

// While too many keys are counted, not every request looks at all of them.
func TestSweepsAreRare(t *testing.T) {
	c := newClock()
	r := New(1, time.Minute, c.now)
	for i := range maxKeys {
		r.Take(strconv.Itoa(i))
	}
	r.Take("x") // looks, in vain
	c.t = c.t.Add(time.Minute)
	r.swept = c.t.Add(-time.Millisecond) // as if it had just been
	if r.Take("x") == 0 {
		t.Error("it has looked again within a second")
	}
	c.t = c.t.Add(time.Second)
	if r.Take("x") != 0 {
		t.Error("it has not looked again after a second")
	}
}

func TestConcurrentUse(t *testing.T) {
	r := New(10, time.Hour, newClock().now)
	var group sync.WaitGroup
	var taken atomic.Int64
	for range 50 {
		group.Go(func() {
			if r.Take("a") == 0 {
				taken.Add(1)
			}
		})
	}
	group.Wait()
	if taken.Load() != 10 {
		t.Errorf("%d of 50 were let in, want 10", taken.Load())
	}
}

func TestNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"203.0.113.1:1234": "203.0.113.1", "203.0.113.1": "203.0.113.1", "[::ffff:203.0.113.1]:1": "203.0.113.1",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64", "[2001:db8:1:2::9%eth0]:2": "2001:db8:1:2::/64",
		"127.0.0.1:1": "", "[::1]:1": "", "10.1.2.3:1": "", "192.168.0.1:1": "", "[fd00::1]:1": "", "[fe80::1%eth0]:1": "",
		"@": "", "": "", "example.com:80": "", "203.0.113.1:": "", "0.0.0.0:1": "",
	} {
		if got := Network(remote); got != want {
			t.Errorf("Network(%q) is %q, want %q", remote, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for wait, want := range map[time.Duration]string{-1: "", 0: "", 1: "1", time.Second: "1", time.Second + 1: "2", 3 * time.Minute: "180"} {
		rec := httptest.NewRecorder()
		err := Check(rec, wait)
		if got := rec.Header().Get("Retry-After"); got != want || (err == nil) != (want == "") {
			t.Errorf("%v: got %q, %v, want %q", wait, got, err, want)
		}
		if limited, ok := errors.AsType[*Error](err); ok && (limited.Wait != wait || strings.HasSuffix(err.Error(), " 0s")) {
			t.Errorf("%v: got %v", wait, err)
		}
	}
}

func TestByNetwork(t *testing.T) {
	c := newClock()
	of := ByNetwork(2, time.Hour, c.now)
	from := func(remote string) time.Duration {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = remote
		return of(r)
	}
	if from("203.0.113.1:1")+from("203.0.113.1:2") != 0 || from("203.0.113.1:3") != 30*time.Minute {
		t.Error("it is not two from one network")
	}
	if from("203.0.113.2:1") != 0 {
		t.Error("another network has to wait")
	}
	for range 3 {
		if from("10.0.0.1:1") != 0 {
			t.Error("a proxy has to wait")
		}
	}
}

func TestRatesThatAreNone(t *testing.T) {
	for _, make := range []func(){func() { New(0, time.Hour, nil) }, func() { New(1, 0, nil) }, func() { New(2, 1, nil) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("it is taken")
				}
			}()
			make()
		}()
	}
	if New(1, time.Hour, nil).Take("a") != 0 {
		t.Error("the clock of the system gives no time")
	}
}

func FuzzNetwork(f *testing.F) {
	for _, remote := range []string{"203.0.113.1:1", "[2001:db8::1%x]:2", "::ffff:1.2.3.4", "@", "[", ""} {
		f.Add(remote)
	}
	f.Fuzz(func(t *testing.T, remote string) {
		if got := Network(remote); len(got) > 43 {
			t.Errorf("Network(%q) is %q", remote, got)
		}
	})
}

func ExampleRate_Take() {
	links := New(1, time.Hour, nil)
	fmt.Println(links.Take("ada@example.com") > 0, links.Take("ada@example.com") > 0)
	// Output: false true
}
