package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestLinksToOneAddressAreLimited(t *testing.T) {
	s := newSite(t, setup{})
	for range linksToAddress {
		s.visitor().ask("ada@example.com") // each from another browser
	}
	s.clock.pass(time.Minute)
	refused := s.visitor().post("/signin", "email", " Ada@Example.com")
	refused.want(t, http.StatusTooManyRequests, "14 minutes")
	if got, want := refused.header.Get("Retry-After"), strconv.Itoa(14*60); got != want {
		t.Errorf("Retry-After is %q, want %q", got, want)
	}
	s.visitor().ask("ben@example.com")
	s.clock.pass(14 * time.Minute)
	s.visitor().ask("ada@example.com")
}

// A link that was refused is not made: the earlier one works still.
func TestARefusedRequestVoidsNoLink(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	var link string
	for range linksToAddress {
		link = v.ask("ada@example.com")
	}
	v.post("/signin", "email", "ada@example.com").want(t, http.StatusTooManyRequests)
	s.visitor().get(strings.TrimPrefix(link, s.url)).want(t, http.StatusOK, "ada@example.com")
	v.get("/").want(t, http.StatusOK, link)
}

func TestLinksFromOneNetworkAreLimited(t *testing.T) {
	s := newSite(t, setup{})
	for i := range linksFromNetwork {
		s.visitor().ask(fmt.Sprintf("ada%d@example.com", i))
	}
	s.visitor().post("/signin", "email", "new@example.com").want(t, http.StatusTooManyRequests, "15 minutes")
}

func TestALimitIsBounded(t *testing.T) {
	l, now := newLimit(1), time.Unix(0, 0)
	for i := range linksCounted {
		if wait := l.take(strconv.Itoa(i), now); wait != 0 {
			t.Fatalf("the key %d has to wait %v", i, wait)
		}
	}
	if l.take("one more", now) == 0 || l.take("0", now) == 0 || len(l.asked) != linksCounted {
		t.Errorf("more than %d keys are counted: %d", linksCounted, len(l.asked))
	}
	now = now.Add(linkLife)
	if wait := l.take("0", now); wait != 0 || len(l.asked) != 1 {
		t.Errorf("a window later it has to wait %v, and %d keys are counted", wait, len(l.asked))
	}
}

func TestNetworks(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[::ffff:192.0.2.1]:1": "192.0.2.1", "[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64",
		"[2001:db8:1:2::9]:2": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64", "@": "", "": "",
	} {
		if got := network(remote); got != want {
			t.Errorf("network(%q) is %q, want %q", remote, got, want)
		}
	}
}
