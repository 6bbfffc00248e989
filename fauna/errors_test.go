package fauna

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/silent"
)

// TestErrorsSayTheCause has the mistakes that an operator can make before a Fauna server is
// reached.
func TestErrorsSayTheCause(t *testing.T) {
	withTLS := httptest.NewTLSServer(http.HandlerFunc(knowsNobody))
	defer withTLS.Close()
	withTLS.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain := newServer(t, knowsNobody)
	page := func(status int, contentType, body string) string {
		return "fauna+" + newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Location", "https://elsewhere.example.com")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}).URL
	}
	for name, test := range map[string]struct {
		url   string
		kind  error
		words string
	}{
		"TLS, where the server has none":    {"fauna://" + plain.Listener.Addr().String(), adapter.ErrSetup, "does not speak TLS"},
		"no TLS, where the server wants it": {"fauna+http://" + withTLS.Listener.Addr().String(), adapter.ErrSetup, "expects TLS"},
		"an unknown authority":              {"fauna://" + withTLS.Listener.Addr().String(), adapter.ErrSetup, "unknown authority"},
		"nothing listens":                   {"fauna+http://127.0.0.1:1", adapter.ErrUnavailable, "connection refused"},
		"a web site":                        {page(200, "text/html", "<html>"), adapter.ErrSetup, "not a Fauna server"},
		"another path":                      {page(404, "text/html", "<html>"), adapter.ErrSetup, "not a Fauna server"},
		"another API":                       {page(404, "application/json", `{"error": "not found"}`), adapter.ErrSetup, "not a Fauna server"},
		"one that takes no POST":            {page(405, "application/json", `{}`), adapter.ErrSetup, "not a Fauna server"},
		"a redirection":                     {page(301, "text/html", ""), adapter.ErrSetup, "status 301"},
		"a redirection of the request":      {page(308, "text/html", ""), adapter.ErrSetup, "status 308"},
		"a proxy that wants to know":        {page(407, "text/html", ""), adapter.ErrSetup, "status 407"},
		"a proxy's refusal":                 {page(403, "text/html", ""), adapter.ErrSetup, "status 403"},
		"a gateway's page":                  {page(502, "text/html", "<html>"), adapter.ErrUnavailable, "try again"},
		"a gateway's time-out":              {page(504, "text/plain", ""), adapter.ErrUnavailable, "try again"},
		"a gateway's limit":                 {page(429, "text/html", "slow down"), adapter.ErrUnavailable, "try again"},
		"another protocol":                  {"fauna+http://" + greeter(t, "SSH-2.0-OpenSSH_9.2\r\n"), adapter.ErrSetup, "does not speak HTTP"},
		"another protocol, with TLS":        {"fauna://" + greeter(t, "220 mail.example.com ESMTP\r\n"), adapter.ErrSetup, "does not speak TLS"},
		"a server that hangs up":            {"fauna+http://" + greeter(t, ""), adapter.ErrUnavailable, "try again"},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, open(t, test.url), test.kind, test.words)
		})
	}
	t.Run("no such name", func(t *testing.T) {
		wantError(t, openWithDNS(t, silent.NoSuchName), adapter.ErrSetup, "no host fauna.example.com")
	})
}

// wantError fails the test unless a read and Ping fail with a kind, in these words.
func wantError(t *testing.T, a adapter.Adapter, kind error, words string) {
	t.Helper()
	pinger, _ := adapter.As[adapter.Pinger](a)
	_, err := a.GetUserByEmail(t.Context(), "ada@example.com")
	for op, err := range map[string]error{"GetUserByEmail": err, "Ping": pinger.Ping(t.Context())} {
		if !errors.Is(err, kind) || errors.Is(err, adapter.ErrSetup) == errors.Is(err, adapter.ErrUnavailable) {
			t.Errorf("%s: got %v, want %v", op, err, kind)
		} else if !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q, and no secret", op, err, words)
		}
	}
}

// greeter returns the address of a server that says something and hangs up.
func greeter(t *testing.T, greeting string) string {
	return silent.Serve(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, greeting)
	})
}
