package authjshttp

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A call that is under way when the service stops has its answer.
func TestStopIsGraceful(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	store := &hooked{Adapter: newStore(t)}
	store.before = func(string) error { close(entered); <-leave; return nil }
	s := newService(t, store, Options{})
	listener := listen(t, "127.0.0.1:0")
	url := "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	ended, answered := make(chan error, 1), make(chan int, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	go func() {
		res, err := http.Post(url+"/v1/createUser", "application/json", strings.NewReader(`[{}]`))
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		defer res.Body.Close()
		answered <- res.StatusCode
	}()
	<-entered
	stop()
	for { // until it takes no more connections
		c, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(leave)
	same(t, "the answer to the call under way", <-answered, http.StatusOK)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestListeningToOthersNeedsASecret(t *testing.T) {
	l := listen(t, "0.0.0.0:0")
	err := newService(t, newStore(t), Options{}).Serve(t.Context(), l)
	if err == nil || !strings.Contains(err.Error(), "without a secret") {
		t.Errorf("got %v", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is open")
	}
}
