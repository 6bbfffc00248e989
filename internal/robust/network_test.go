package robust

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// A request that arrives late was written: its client does not send it again by itself, as net/http does with
// one of which it is told that nothing was.
func TestALateRequestWasWritten(t *testing.T) {
	arrived := make(chan string, 3)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- string(body)
	}))
	defer server.Close()
	network, dials := &Network{}, atomic.Int64{}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, kind, address string) (net.Conn, error) {
			dials.Add(1)
			return network.Dial(ctx, kind, address)
		},
	}}
	defer client.CloseIdleConnections()
	post := func(body string) error {
		reply, err := client.Post(server.URL, "text/plain", strings.NewReader(body))
		if err != nil {
			return err
		}
		return reply.Body.Close()
	}
	if err := post("first"); err != nil {
		t.Fatal(err)
	}
	network.LateRequest = 1
	if err := post("late"); err == nil {
		t.Error("a request that is late was answered")
	}
	if got := <-arrived + " " + <-arrived; got != "first late" {
		t.Errorf("the server got %q", got)
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections: the request was sent again", n)
	}
}
