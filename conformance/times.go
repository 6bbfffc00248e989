package conformance

import (
	"time"

	"github.com/authstore/authstore/adapter"
)

var timeTests = []Test{
	{ID: "TIM-001", Rule: "Times keep their milliseconds, and are cut to them, not rounded.", Source: "docs/contract.md R12", Run: func(t *T) {
		at := time.Date(2101, 5, 6, 7, 8, 9, 987_999_999, time.UTC)
		want := time.Date(2101, 5, 6, 7, 8, 9, 987_000_000, time.UTC)
		t.everyTime(at, want)
	}},
	{ID: "TIM-002", Rule: "Times with no milliseconds, and with one, are kept.", Source: "docs/contract.md R12", Run: func(t *T) {
		for _, ms := range []int{0, 1, 10, 100, 999} {
			at := time.Date(2101, 5, 6, 7, 8, 9, ms*int(time.Millisecond), time.UTC)
			t.everyTime(at, at)
		}
	}},
	{ID: "TIM-003", Rule: "A time in any zone is the same instant, and comes back in UTC.", Source: "docs/contract.md R12", Run: func(t *T) {
		for _, zone := range []*time.Location{time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600), time.FixedZone("half", 5*3600+1800)} {
			at := time.Date(2101, 1, 1, 0, 30, 0, 1_000_000, zone)
			t.everyTime(at, at.UTC())
		}
	}},
	{ID: "TIM-004", Rule: "A time before 1970, and in the first and last of the years that are taken, is kept.", Source: "docs/contract.md R12", Run: func(t *T) {
		for _, at := range []time.Time{
			time.Date(1969, 12, 31, 23, 59, 59, 999_000_000, time.UTC), time.Unix(0, 0), time.UnixMilli(-1),
			time.Date(1, 1, 1, 0, 0, 0, 1_000_000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC),
		} {
			u, err := t.store.CreateUser(t.ctx, adapter.User{EmailVerified: at, CreatedAt: at, Attributes: adapter.Attributes{"at": at}})
			t.ok("CreateUser", err)
			t.equal("times", []any{u.EmailVerified, u.CreatedAt, u.Attributes["at"]}, []any{at, at, at})
			t.sameUser(u)
		}
	}},
	{ID: "TIM-005", Rule: "A time outside of the years 1 to 9999 is refused, and nothing is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		for _, at := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)} {
			id := t.NewID()
			_, err := t.store.CreateUser(t.ctx, adapter.User{ID: id, EmailVerified: at})
			t.invalid("CreateUser", err, "User.EmailVerified")
			_, err = t.store.CreateUser(t.ctx, adapter.User{ID: id, CreatedAt: at})
			t.invalid("CreateUser", err, "User.CreatedAt")
			t.noUser(id)
		}
		u := t.user(ada)
		s := t.session(u.ID)
		_, err := t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Expires: new(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))})
		t.invalid("UpdateSession", err, "Session.Expires")
		t.sameSession(s)
	}},
	{ID: "TIM-006", Rule: "An Expires that is not set, or not after 1970, is refused, and nothing is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		s := t.session(u.ID)
		for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0)} {
			_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: "never", Expires: at})
			t.invalid("CreateSession", err, "Session.Expires")
			t.signedOut(t.store, "never")
			_, err = t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Expires: new(at)})
			t.invalid("UpdateSession", err, "Session.Expires")
			_, err = t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{Identifier: email(ada), Token: "never", Expires: at})
			t.invalid("CreateVerificationToken", err, "VerificationToken.Expires")
		}
		t.sameSession(s)
		t.equal("usable", t.usable(t.ctx, t.store, email(ada), "never"), false)
	}},
}

// everyTime fails the test unless every time of every record that is written as at
// is read as want, in UTC.
func (t *T) everyTime(at, want time.Time) {
	t.Helper()
	u, err := t.store.CreateUser(t.ctx, adapter.User{EmailVerified: at, CreatedAt: at, UpdatedAt: at, Attributes: adapter.Attributes{"at": at, "list": []any{at}}})
	t.ok("CreateUser", err)
	acc := plainAccount(u.ID, "github", at.String())
	acc.CreatedAt, acc.UpdatedAt, acc.Attributes = at, at, adapter.Attributes{"at": at}
	_, err = t.store.LinkAccount(t.ctx, acc)
	t.ok("LinkAccount", err)
	s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: at, CreatedAt: at, UpdatedAt: at, Attributes: adapter.Attributes{"at": at}})
	t.ok("CreateSession", err)
	v, err := t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{Identifier: email(ada), Token: at.String(), Expires: at, CreatedAt: at})
	t.ok("CreateVerificationToken", err)
	t.areTimes("of what was written", want, u.EmailVerified, u.CreatedAt, u.UpdatedAt, u.Attributes["at"], s.Expires, s.CreatedAt, s.UpdatedAt, s.Attributes["at"], v.Expires, v.CreatedAt)

	gotSession, gotUser, err := t.Second().GetSessionAndUser(t.ctx, s.SessionToken)
	t.ok("GetSessionAndUser", err)
	gotAccount, err := t.Second().GetAccount(t.ctx, acc.Key())
	t.ok("GetAccount", err)
	gotToken, err := t.Second().UseVerificationToken(t.ctx, v.Identifier, v.Token)
	t.ok("UseVerificationToken", err)
	t.areTimes("of what was read", want, gotUser.EmailVerified, gotUser.CreatedAt, gotUser.UpdatedAt, gotUser.Attributes["at"], gotUser.Attributes["list"].([]any)[0],
		gotSession.Expires, gotSession.CreatedAt, gotSession.UpdatedAt, gotSession.Attributes["at"],
		gotAccount.CreatedAt, gotAccount.UpdatedAt, gotAccount.Attributes["at"], gotToken.Expires, gotToken.CreatedAt)
}

// areTimes fails the test unless every value is the time want, in UTC.
func (t *T) areTimes(what string, want time.Time, got ...any) {
	t.Helper()
	for i, v := range got {
		at, ok := v.(time.Time)
		if !ok || !at.Equal(want) || at.Location() != time.UTC {
			t.Errorf("time %d %s\n  got:  %v\n  want: %v", i, what, v, want)
		}
	}
}
