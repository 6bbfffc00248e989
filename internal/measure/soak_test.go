package measure

import (
	"context"
	"net"
	"testing"
)

// What grows from the beginning to the end is found, and nothing else.
func TestGrowth(t *testing.T) {
	for name, test := range map[string]struct {
		at   func(i int) float64
		want bool
	}{
		"flat":                     {func(int) float64 { return 1000 }, false},
		"up and down":              {func(i int) float64 { return 1000 + 300*float64(i%3) }, false},
		"grows at first":           {func(i int) float64 { return 1000 + 100*float64(min(i, soakSamples/5)) }, false},
		"shrinks":                  {func(i int) float64 { return 5000 - 10*float64(i) }, false},
		"grows":                    {func(i int) float64 { return 1000 + 10*float64(i) }, true},
		"grows, with ups and down": {func(i int) float64 { return 1000 + 10*float64(i) + 100*float64(i%3) }, true},
	} {
		var samples []float64
		for i := range soakSamples {
			samples = append(samples, test.at(i))
		}
		if begin, end := ends(samples); grew(begin, end, 8) != test.want {
			t.Errorf("%s: %v to %v", name, begin, end)
		}
	}
}

func TestConnectionsAreCountedOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer listener.Close()
	var c Connections
	conn, err := c.DialContext(context.Background(), "tcp", listener.Addr().String())
	check(t, err)
	if n := c.open.Load(); n != 1 {
		t.Errorf("got %d open", n)
	}
	check(t, conn.Close())
	_ = conn.Close() // again
	if n := c.open.Load(); n != 0 {
		t.Errorf("got %d open after it was closed", n)
	}
}
