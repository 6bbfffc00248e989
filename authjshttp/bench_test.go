package authjshttp

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// BenchmarkGetSessionAndUser measures the hot path, without what net/http and the store take.
func BenchmarkGetSessionAndUser(b *testing.B) {
	for _, signedToo := range []bool{false, true} {
		name := "bearer"
		if signedToo {
			name = "signed"
		}
		b.Run(name, func(b *testing.B) {
			u := adapter.User{ID: "0f0e0d0c-0b0a-4908-8706-050403020100", Name: "Ada", Email: "ada@example.com", EmailVerified: time.Now()}
			h, err := New(oneSession{user: u}, Options{Secrets: []string{secret}, Signed: signedToo, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			const body = `["0f0e0d0c-0b0a-4908-8706-050403020100.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]`
			at := time.Now()
			for b.Loop() {
				b.StopTimer()
				at = at.Add(time.Millisecond / 100)
				r := withBearer(request("getSessionAndUser", body), secret)
				if signedToo {
					r = signed(secret, "getSessionAndUser", at.String(), body, time.Now())
				}
				r.Body = io.NopCloser(strings.NewReader(body))
				w := httptest.NewRecorder()
				b.StartTimer()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}

// oneSession is a store that answers at once.
type oneSession struct {
	adapter.Adapter
	user adapter.User
}

func (o oneSession) GetSessionAndUser(_ context.Context, token string) (adapter.Session, adapter.User, error) {
	return adapter.Session{SessionToken: token, UserID: o.user.ID, Expires: o.user.EmailVerified}, o.user, nil
}
