package authhttp

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

// BenchmarkLoad is a request through Load beside the call to the store that it makes,
// and beside the handler alone.
func BenchmarkLoad(b *testing.B) {
	store := memory.New(memory.Options{})
	b.Cleanup(func() { _ = store.Close() })
	user, err := store.CreateUser(b.Context(), adapter.User{Name: "Ada"})
	if err != nil {
		b.Fatal(err)
	}
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, c := range map[string]Cookie{"own": {}, "authjs": AuthJSCookie(), "betterauth": BetterAuthCookie(secret)} {
		s := &Sessions{Store: store, Cookie: c}
		session, err := s.SignIn(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), user)
		if err != nil {
			b.Fatal(err)
		}
		if name == "own" {
			b.Run("store", func(b *testing.B) {
				measure(b, func() { _, _, err = store.GetSessionAndUser(b.Context(), session.SessionToken) })
			})
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "other=1; "+c.name()+"="+c.Encode(session.SessionToken))
		loaded := s.Load(handler)
		b.Run(name, func(b *testing.B) { measureRequest(b, loaded, r) })
	}
	j := &JWTSessions{Secrets: []string{secret}}
	j.derive()
	claims := `{"sub":"7","name":"Ada","email":"ada@example.com","iat":1,"exp":99999999999,"jti":"x"}`
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", j.cookie().name()+"="+encrypt(b, j.keys[0], claims, nil))
	b.Run("jwt", func(b *testing.B) { measureRequest(b, j.Load(handler), r) })
}

func measureRequest(b *testing.B, h http.Handler, r *http.Request) {
	w := discard{}
	measure(b, func() {
		clear(w)
		h.ServeHTTP(w, r)
	})
}

// measure reports the median beside the mean.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	took := make([]time.Duration, 0, 1<<20)
	for b.Loop() {
		start := time.Now()
		f()
		if len(took) < cap(took) {
			took = append(took, time.Since(start))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
}

// discard is an answer that nobody reads.
type discard http.Header

func (d discard) Header() http.Header         { return http.Header(d) }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
