package redis_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// skewed returns an adapter whose clock is ahead, on a client and a prefix.
func skewed(t *testing.T, client goredis.UniversalClient, prefix string, ahead time.Duration) adapter.Adapter {
	return open(t, client, redis.Options{Prefix: prefix, Options: adapter.Options{
		Clock: func() time.Time { return time.Now().Add(ahead) },
	}})
}

// An adapter whose clock differs from the server's sees its records for exactly as long as it
// said, by its own clock.
func TestExpiryIsByTheAdaptersClock(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		for _, ahead := range []time.Duration{-45 * time.Minute, -20 * time.Minute, -5 * time.Second, 5 * time.Second, 20 * time.Minute, 45 * time.Minute} {
			t.Run(top.name+"/"+ahead.String(), func(t *testing.T) {
				client := top.open(t, top.server(t).URL)
				defer client.Close()
				now := time.Now().Add(ahead)
				prefix := newPrefix()
				w := world{T: t, token: adapter.NewSessionToken("u", [32]byte{1}), Adapter: open(t, client, redis.Options{
					Prefix: prefix, Options: adapter.Options{Clock: func() time.Time { return now }},
				})}
				w.must(w.create())
				begun, end := now, adapter.Milliseconds(now.Add(2*time.Second))
				for _, token := range []string{w.token, "elsewhere"} {
					_, err := w.CreateSession(t.Context(), adapter.Session{UserID: "u", SessionToken: token, Expires: end})
					w.must(err)
				}
				for _, token := range []string{"t1", "t2"} {
					_, err := w.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: token, Expires: end})
					w.must(err)
				}
				now = end.Add(-time.Millisecond)
				w.must(w.open(w.token))
				w.must(w.open("elsewhere"))
				_, err := w.UseVerificationToken(t.Context(), "ada", "t1")
				w.must(err)
				list, err := w.ListSessions(t.Context(), "u")
				w.must(err)
				w.want("sessions listed", len(list), 2)

				now = end
				for _, token := range []string{w.token, "elsewhere"} {
					w.want("ErrNotFound of GetSessionAndUser", errors.Is(w.open(token), adapter.ErrNotFound), true)
				}
				_, err = w.UseVerificationToken(t.Context(), "ada", "t2")
				w.want("ErrExpired of UseVerificationToken", errors.Is(err, adapter.ErrExpired), true)
				list, err = w.ListSessions(t.Context(), "u")
				w.must(err)
				w.want("sessions listed", len(list), 0)
				_, err = w.CreateSession(t.Context(), adapter.Session{UserID: "u", SessionToken: "elsewhere", Expires: end.Add(time.Hour)})
				w.must(err) // what has expired holds its token no longer
				w.must(w.open("elsewhere"))

				now = begun.Add(24 * time.Hour) // and what is made later is not affected
				w.must(w.rename("B"))
			})
		}
	}
}

// A session of an adapter whose clock is ahead of others, by up to an hour, is listed and ended
// by those, and the reverse.
func TestClocksOfTwoAdaptersMayDiffer(t *testing.T) {
	for _, ahead := range []time.Duration{5 * time.Second, 20 * time.Minute, 45 * time.Minute} {
		for _, lasts := range []time.Duration{31 * time.Second, 10 * time.Minute, 3 * time.Hour} {
			t.Run(ahead.String()+"/"+lasts.String(), func(t *testing.T) {
				client := single.open(t, single.server(t).URL)
				defer client.Close()
				prefix := newPrefix()
				early, late := skewed(t, client, prefix, 0), skewed(t, client, prefix, ahead)
				w := world{T: t, Adapter: early}
				w.must(w.create())
				s, err := late.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(ahead + lasts)})
				w.must(err)
				w.must(w.open(s.SessionToken))
				if left := client.PTTL(t.Context(), prefix+":l:{u}").Val(); left != -1 {
					t.Errorf("the list expires in %v, before a session may", left)
				}
				if left := client.PTTL(t.Context(), prefix+":s:{u}:"+s.ID).Val(); left < ahead+lasts-time.Minute {
					t.Errorf("the session expires in %v, before %v: it is valid by the other clock", left, ahead+lasts)
				}
				list, err := w.ListSessions(t.Context(), "u")
				w.must(err)
				w.want("sessions listed", len(list), 1)
				w.must(w.DeleteSessions(t.Context(), "u"))
				w.gone("GetSessionAndUser", w.open(s.SessionToken))

				s, err = early.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(ahead + lasts)})
				w.must(err)
				_, _, err = late.GetSessionAndUser(t.Context(), s.SessionToken)
				w.must(err)
			})
		}
	}
}

// An adapter whose clock is ahead deletes nothing that is valid by another's clock.
func TestAClockAheadDeletesNothingThatIsValid(t *testing.T) {
	client := single.open(t, single.server(t).URL)
	defer client.Close()
	const ahead, lasts, many = 45 * time.Minute, 10 * time.Minute, 100
	prefix := newPrefix()
	late := skewed(t, client, prefix, ahead)
	w := world{T: t, Adapter: skewed(t, client, prefix, 0)}
	w.must(w.create())
	w.must(w.signIn(""))
	_, err := w.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: time.Now().Add(lasts)})
	w.must(err)
	_, err = w.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(lasts)})
	w.must(err)
	for i := range many {
		_, err := late.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(ahead + lasts)})
		w.must(err)
		_, err = late.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: fmt.Sprint(i), Expires: time.Now().Add(ahead + lasts)})
		w.must(err)
	}
	list, err := w.ListSessions(t.Context(), "u")
	w.must(err)
	w.want("sessions listed", len(list), many+2)
	w.must(w.use())
}
