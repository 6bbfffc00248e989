package authjshttp

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSecrets(t *testing.T) {
	for _, options := range []Options{
		{Secrets: []string{"short"}}, {Secrets: []string{secret, ""}}, {Signed: true},
	} {
		if _, err := New(newStore(t), options); err == nil || strings.Contains(err.Error(), "short") {
			t.Errorf("%+v: got the error %v", options, err)
		}
	}
}

func TestBearer(t *testing.T) {
	store := &hooked{Adapter: newStore(t)}
	s := newService(t, store, Options{Secrets: []string{secret, otherSecret}})
	for name, r := range map[string]*http.Request{
		"none":         request("createUser", `[{}]`),
		"wrong":        withBearer(request("createUser", `[{}]`), secret+"x"),
		"begins so":    withBearer(request("createUser", `[{}]`), secret[:len(secret)-1]),
		"empty":        withBearer(request("createUser", `[{}]`), ""),
		"other scheme": func() *http.Request { r := request("createUser", `[{}]`); r.SetBasicAuth("", secret); return r }(),
	} {
		w := s.send(r)
		s.failed(http.StatusUnauthorized, "unauthorized", w)
		if store.calls > 0 {
			t.Fatalf("%s: the store was called", name)
		}
	}
	for _, known := range []string{secret, otherSecret} {
		r := withBearer(request("createUser", `[{}]`), known)
		r.RemoteAddr, r.Host = "192.0.2.1:5000", "authstore.internal"
		same(t, "status", s.send(r).Code, http.StatusOK)
	}
	if log := s.log.String(); strings.Contains(log, secret[:12]) || strings.Contains(log, otherSecret[:12]) {
		t.Errorf("the log has a secret: %s", log)
	}
}

// An unauthorized client is not read to the end.
func TestBodiesOfStrangersAreNotRead(t *testing.T) {
	s := newService(t, newStore(t), Options{Secrets: []string{secret}})
	r := request("createUser", "")
	r.Body = io.NopCloser(readError{t})
	s.failed(http.StatusUnauthorized, "unauthorized", s.send(r))
}

type readError struct{ t *testing.T }

func (r readError) Read([]byte) (int, error) { r.t.Error("the body was read"); return 0, io.EOF }

func TestWithoutASecretOnlyThisMachine(t *testing.T) {
	store := &hooked{Adapter: newStore(t)}
	s := newService(t, store, Options{})
	for name, change := range map[string]func(*http.Request){
		"another machine":               func(r *http.Request) { r.RemoteAddr = "192.0.2.1:5000" },
		"a proxy":                       func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") },
		"a proxy of RFC 7239":           func(r *http.Request) { r.Header.Set("Forwarded", "for=192.0.2.1") },
		"a page in a browser":           func(r *http.Request) { r.Header.Set("Origin", "https://example.com") },
		"one that says so":              func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a page that rebinds its name":  func(r *http.Request) { r.Host = "example.com:8080" },
		"an address that begins so too": func(r *http.Request) { r.Host = "127.0.0.1.example.com" },
	} {
		r := request("createUser", `[{}]`)
		change(r)
		s.failed(http.StatusUnauthorized, "unauthorized", s.send(r))
		if store.calls > 0 {
			t.Fatalf("%s: the store was called", name)
		}
	}
	for _, host := range []string{"localhost", "localhost:8080", "[::1]:8080", "127.0.0.2"} {
		r := request("createUser", `[{}]`)
		r.Host, r.RemoteAddr = host, "[::1]:5000"
		same(t, host, s.send(r).Code, http.StatusOK)
	}
}

// signed returns a signed request.
func signed(secret, method, key, body string, at time.Time) *http.Request {
	r := withKey(request(method, body), key)
	sent := strconv.FormatInt(at.UnixMilli(), 10)
	r.Header.Set("Authorization", signedScheme+sent+":"+sign(secret, requestText(sent, method, key, []byte(body))))
	return r
}

func TestSignedRequests(t *testing.T) {
	store := &hooked{Adapter: newStore(t)}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newService(t, store, Options{Secrets: []string{secret, otherSecret}, Signed: true, Clock: func() time.Time { return now }})
	body, at := `[{"name":"Ada"}]`, now.Add(-time.Minute)
	forged := func(change func(r *http.Request)) *http.Request {
		r := signed(secret, "createUser", "key", body, now)
		change(r)
		return r
	}
	for name, r := range map[string]*http.Request{
		"not signed":     request("createUser", body),
		"a bearer token": withBearer(request("createUser", body), secret),
		"another secret": signed(secret+"x", "createUser", "key", body, now),
		"no signature": forged(func(r *http.Request) {
			r.Header.Set("Authorization", signedScheme+strconv.FormatInt(now.UnixMilli(), 10))
		}),
		"another body":   forged(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`[{"name":"Eve"}]`)) }),
		"another method": forged(func(r *http.Request) { r.URL.Path = "/v1/createVerifiedUser" }),
		"another key":    forged(func(r *http.Request) { r.Header.Set(keyHeader, "other") }),
		"another time": forged(func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "0:", "1:", 1))
		}),
		"too old":                signed(secret, "createUser", "key", body, at.Add(-time.Millisecond)),
		"of the future":          signed(secret, "createUser", "key", body, now.Add(time.Minute+time.Millisecond)),
		"the signature appended": forged(func(r *http.Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")+"=") }),
	} {
		s.failed(http.StatusUnauthorized, "unauthorized", s.send(r))
		if store.calls > 0 {
			t.Fatalf("%s: the store was called", name)
		}
	}
	for _, r := range []*http.Request{signed(secret, "createUser", "", body, at), signed(otherSecret, "createUser", "key", body, now.Add(time.Minute))} {
		again := r.Clone(t.Context())
		again.Body = io.NopCloser(strings.NewReader(body))
		w := s.send(r)
		same(t, "status", w.Code, http.StatusOK)
		calls := store.calls
		s.failed(http.StatusUnauthorized, "unauthorized", s.send(again))
		same(t, "calls of the store by a replayed request", store.calls, calls)
	}
	if log := s.log.String(); strings.Contains(log, secret[:12]) || strings.Contains(log, "Ada") {
		t.Errorf("the log has a secret: %s", log)
	}
}

// A signature is known until its time alone keeps it out.
func TestReplaysAreKnownForLongEnough(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newService(t, newStore(t), Options{Secrets: []string{secret}, Signed: true, Clock: func() time.Time { return now }})
	latest := now.Add(time.Minute)
	taken := func() bool {
		return s.send(signed(secret, "getUser", "", `["x"]`, latest)).Code == http.StatusOK
	}
	if !taken() {
		t.Fatal("the request was not taken")
	}
	for range 200 { // to two minutes later, the last at which its time is good, and beyond
		now = now.Add(time.Second)
		s.send(signed(secret, "getUser", "", `["y"]`, now))
		if taken() {
			t.Fatalf("the request was taken again at %v", now)
		}
	}
	if n := len(s.access.seen.last) + len(s.access.seen.older); n > 250 {
		t.Errorf("%d signatures are kept", n)
	}
}

// An answer is signed for its request, with its status.
func TestSignedAnswers(t *testing.T) {
	s := newService(t, newStore(t), Options{Secrets: []string{otherSecret, secret}, Signed: true})
	r := signed(secret, "getUser", "", `["nobody"]`, time.Now())
	_, text, _ := strings.Cut(r.Header.Get("Authorization"), ":")
	w := s.send(r)
	// The lines that the OpenAPI document names.
	want := sign(secret, []byte("authstore answer 1\n"+text+"\n200\nnull"))
	same(t, "the answer's signature", w.Header().Get(SignatureHeader), want)
}
