package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
)

// succession is a call about a record that is somebody else's before the call ends.
type succession struct {
	name    string
	by      taking // by which a user has the record
	gone    bool   // it is gone before the call begins
	end     func(ctx context.Context, a adapter.Adapter, userID, key string) error
	update  func(ctx context.Context, a adapter.Adapter, key string) (userID string, err error) // nil: the call is remove
	updated func(ctx context.Context, a adapter.Adapter, key string) (bool, error)              // whether the record is as update leaves it
	remove  func(ctx context.Context, a adapter.Adapter, userID, key string) error
	own     bool // remove is about one user's records alone
	dies    bool // remove ends the user too
}

var (
	accountUpdate = succession{
		name: "UpdateAccount", by: link, end: unlink,
		update: func(ctx context.Context, a adapter.Adapter, key string) (string, error) {
			got, err := a.UpdateAccount(ctx, githubAccount(key), adapter.AccountUpdate{Scope: new("updated")})
			return got.UserID, err
		},
		updated: func(ctx context.Context, a adapter.Adapter, key string) (bool, error) {
			got, err := a.GetAccount(ctx, githubAccount(key))
			return got.Scope == "updated", err
		},
	}
	sessionUpdate = succession{
		name: "UpdateSession", by: signIn, end: deleteSession,
		update: func(ctx context.Context, a adapter.Adapter, key string) (string, error) {
			got, err := a.UpdateSession(ctx, key, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
			return got.UserID, err
		},
		updated: func(ctx context.Context, a adapter.Adapter, key string) (bool, error) {
			got, _, err := a.GetSessionAndUser(ctx, key)
			return got.Expires.Equal(Start.Add(2 * time.Hour)), err
		},
	}
	counterUpdate = succession{
		name: "UpdateAuthenticatorCounter", by: register, end: deleteAuthenticator,
		update: func(ctx context.Context, a adapter.Adapter, key string) (string, error) {
			got, err := a.UpdateAuthenticatorCounter(ctx, key, 50)
			return got.UserID, err
		},
		updated: func(ctx context.Context, a adapter.Adapter, key string) (bool, error) {
			got, err := a.GetAuthenticator(ctx, key)
			return got.Counter == 50, err
		},
	}
)

// late is a succession in a record that was gone already.
func (s succession) late() succession {
	s.name, s.gone = s.name+" of what is gone", true
	return s
}

var successions = []succession{
	accountUpdate, accountUpdate.late(),
	sessionUpdate, sessionUpdate.late(),
	counterUpdate, counterUpdate.late(),
	{name: "UnlinkAccount", by: link, end: unlink, remove: unlink},
	{name: "DeleteSession", by: signIn, end: deleteSession, remove: deleteSession},
	{name: "DeleteAuthenticator", by: register, end: deleteAuthenticator, remove: deleteAuthenticator},
	{name: "DeleteSessions", by: signIn, end: deleteSession, remove: deleteSessions, own: true},
	{name: "DeleteSessionByID", by: signIn, end: deleteSession, remove: deleteSessionByID, own: true},
	{name: "DeleteUser with an account", by: link, end: unlink, remove: deleteUser, own: true, dies: true},
	{name: "DeleteUser with a session", by: signIn, end: deleteSession, remove: deleteUser, own: true, dies: true},
	{name: "DeleteUser with a credential", by: register, end: deleteAuthenticator, remove: deleteUser, own: true, dies: true},
}

// succeed holds a call up while its record is removed and made again, for an heir or for the same
// user: at once, or while the call is held up once more at a later step. It answers as if it had
// come before that, between, or after, and whoever has the record then keeps it.
func (t *T) succeed(s succession, name string, step, later int, same bool) (hit, again bool) {
	t.Helper()
	id, has := t.taker(s.by, "first-"+name, name)
	heir, inherits := id, has
	if !same {
		heir, inherits = t.taker(s.by, "heir-"+name, name)
	}
	t.ok(s.by.op, has(t.ctx, t.store))
	if s.gone {
		t.ok("removing the record", s.end(t.ctx, t.store, id, name))
	}
	makeAgain := func() {
		again = true
		t.ok("making the record again", inherits(t.ctx, t.Second()))
	}
	var of string // whose record the update answered with
	_, err := t.heldUp(step, func(ctx context.Context, a adapter.Adapter) (err error) {
		if s.update == nil {
			return s.remove(ctx, a, id, name)
		}
		of, err = s.update(ctx, a, name)
		return err
	}, func() {
		hit = true
		t.ok("removing the record", s.end(t.ctx, t.Second(), id, name))
		if later == 0 {
			makeAgain()
			return
		}
		t.namespace.Faults.Arm(fault.Plan{Step: later, Mode: fault.HoldUp, Meanwhile: makeAgain})
	})
	if s.update != nil && (hit || s.gone) {
		t.among(s.name, err, adapter.ErrNotFound)
	} else {
		t.among(s.name, err)
	}
	if again && !same {
		t.inherited(s, name, heir, err == nil && of == heir)
	}
	t.keeps(s.by, name, heir, again && s.update != nil)
	t.consistent(around(name, id, heir))
	return hit, again
}

// keeps fails the test if a record that somebody has can be had by another one, or cannot be if
// nobody has it; and also if it is not an heir's who must have it.
func (t *T) keeps(by taking, name, heir string, must bool) {
	t.Helper()
	owner, err := by.of.owner(t.ctx, t.Second(), name)
	if must {
		t.equal("who has the record", owner, heir)
	}
	_, takes := t.taker(by, "rival-"+name, name)
	switch taken := takes(t.ctx, t.Second()); {
	case errors.Is(err, adapter.ErrNotFound):
		t.ok("taking what nobody has", taken)
	default:
		t.ok("reading who has the record", err)
		t.conflict("taking what somebody has", taken, by.of.field)
	}
}

// inherited fails the test unless an heir has a record, which was updated only if the answer
// said so. A removal that is not about one user's records may have come last.
func (t *T) inherited(s succession, name, heir string, updated bool) {
	t.Helper()
	if _, err := s.by.of.owner(t.ctx, t.Second(), name); s.update == nil && !s.own && errors.Is(err, adapter.ErrNotFound) {
		return
	}
	got, err := s.by.of.owner(t.ctx, t.Second(), name)
	if err != nil || got != heir {
		t.Errorf("%s\n  got:  the record is that of %q, error %v\n  want: the heir's, who made it meanwhile", s.name, got, err)
		return
	}
	if s.update != nil {
		got, err := s.updated(t.ctx, t.Second(), name)
		t.ok("reading the record", err)
		t.equal("whether the heir's record is updated", got, updated)
	}
}
