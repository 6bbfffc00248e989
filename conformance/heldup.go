package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
)

// heldUpTests hold a call up between two of its steps, for as long as others need.
var heldUpTests = []Test{
	{ID: "HLD-001", Rule: "Of two calls that want one key, the first of which is held up at any step, exactly one gets it.", Source: "docs/contract.md R5", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, c := range contests {
			t.eachStep(c.name, func(step int, name string) bool { return t.contend(c, name, step, nobody) })
		}
		for _, first := range []taking{withAccount, withPasskey} {
			for _, rival := range []taking{create, withAccount, withPasskey} {
				t.eachStep(first.op, func(step int, name string) bool { return t.contendForID(first, rival, name, step) })
			}
		}
		for _, by := range []taking{link, register, signIn} {
			for _, again := range []taking{create, signUp, signUpByPasskey} {
				t.eachStep(by.op, func(step int, name string) bool { return t.contendWithReturn(by, again, name, step) })
			}
		}
	}},
	{ID: "HLD-002", Rule: "Of two calls that want what a third one left when it was cut, the first of which is held up at any step, exactly one gets it.", Source: "docs/contract.md R6", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, c := range contestsForRests {
			t.steps(c.name, func(cutAt int) bool { return t.contendForRests(c, c.first, cutAt+1) })
		}
		t.steps(sameAgain.name, func(cutAt int) bool { return t.contendForRests(sameAgain, sameAgain.rival, cutAt+1) })
	}},
	{ID: "HLD-003", Rule: "What a call that is held up at any step gives up, and somebody else takes meanwhile, stays that one's.", Source: "docs/contract.md R5", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, h := range handovers {
			t.eachStep(h.name, func(step int, name string) bool { return t.handOver(h, name, step) })
		}
	}},
	{ID: "HLD-004", Rule: "What a call that is held up at any step makes for a user who is deleted meanwhile keeps nothing from anybody.", Source: "docs/contract.md R14", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, by := range []taking{move, link, register, signIn} {
			t.eachStep(by.op, func(step int, name string) bool { return t.outlive(by, name, step) })
		}
	}},
	{ID: "HLD-005", Rule: "An update that is held up at any step undoes nothing that others write meanwhile, and brings nothing back.", Source: "docs/contract.md R13", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, o := range overtakings {
			t.eachStep(o.name, func(step int, name string) bool { return t.overtake(o, name, step) })
		}
	}},
	{ID: "HLD-006", Rule: "A user ID that a call which is held up at any step takes again starts with nothing, whatever was made and deleted meanwhile.", Source: "docs/contract.md R14", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, by := range []taking{create, signUp} {
			t.steps(by.op, func(cutAt int) (cut bool) {
				t.eachStep(by.op, func(step int, name string) (hit bool) {
					hit, deletionCut := t.riseAgain(by, name, step, cutAt)
					cut = cut || deletionCut
					return hit
				})
				return cut
			})
		}
	}},
	{ID: "HLD-007", Rule: "A call that is held up at any step while its record is removed, and at the same one or a later one while it is made again, answers, and does, what it would before or after.", Source: "docs/contract.md R5, R13", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, s := range successions {
			t.eachStep(s.name, func(step int, name string) bool {
				hit, _ := t.succeed(s, name, step, 0, false)
				return hit
			})
			for _, same := range []bool{false, true} {
				if same && s.dies {
					continue
				}
				t.eachTwoSteps(s.name, func(step, later int, name string) (hit, again bool) {
					return t.succeed(s, name, step, later, same)
				})
			}
		}
	}},
	{ID: "HLD-008", Rule: "A sign-up that is held up at any step while somebody finds the user and deletes it is not refused, and brings nobody back; if what it brought is deleted, the user is there from then on.", Source: "docs/contract.md R14", Needs: []Feature{Faults, Live}, Run: func(t *T) {
		for _, by := range []taking{create, signUp, signUpWith, signUpByPasskey} {
			t.eachStep(by.op, func(step int, name string) bool { return t.seeAndDelete(by, name, step) })
		}
		t.eachStep("CreateUserWithAccount", t.unlinkWhileSigningUp)
		t.eachStep("CreateUserWithAuthenticator", t.unregisterWhileSigningUp)
	}},
	{ID: "HLD-009", Rule: "What a sign-up that is held up at any step brings stays as it was brought, whatever is made for the same user meanwhile.", Source: "docs/contract.md R5", Needs: []Feature{Faults, Live}, Run: func(t *T) {
		t.eachStep("CreateUserWithAccount", t.linkWhileSigningUp)
		t.eachStep("CreateUserWithAuthenticator", t.registerWhileSigningUp)
	}},
	{ID: "HLD-010", Rule: "What has expired is no conflict to a call that is held up at any step while somebody deletes it.", Source: "docs/contract.md R3, R7", Needs: []Feature{Faults, Live}, Run: func(t *T) {
		t.eachStep("CreateVerificationToken", t.useExpiredWhileCreating)
		t.eachStep("CreateSession", func(step int, name string) bool { return t.endExpiredWhileCreating(step, t.session(t.user(name).ID)) })
		t.eachStep("CreateSession", func(step int, name string) bool {
			return t.endExpiredWhileCreating(step, t.sessionMadeElsewhere(name))
		})
	}},
}

// call is one of an adapter.
type call func(ctx context.Context, a adapter.Adapter) error

// heldUp makes a call one of whose steps is held up while others work, and reports whether
// it came to that step.
func (t *T) heldUp(step int, c call, meanwhile func()) (hit bool, err error) {
	t.Helper()
	t.namespace.Faults.Arm(fault.Plan{Step: step, Mode: fault.HoldUp, Meanwhile: meanwhile})
	err = c(t.ctx, t.store)
	return t.namespace.Faults.Disarm(), err
}

// eachStep holds a call up at its first step, its second, and so on. run gets the number of
// the step and a name for its records.
func (t *T) eachStep(doing string, run func(step int, name string) (hit bool)) {
	t.Helper()
	t.steps(doing, func(step int) bool {
		before := t.said()
		hit := run(step, numbered("held", int(t.ids.Add(1))))
		if t.said() > before {
			t.Logf("  when: %s is held up at step %d", doing, step)
		}
		return hit
	})
}

// unlinkWhileSigningUp has the account of a sign-up unlinked, and somebody look for the user then. If the
// sign-up is done, the user was there, or has the account: the deletion came after it, or before.
func (t *T) unlinkWhileSigningUp(step int, name string) bool {
	key := adapter.AccountKey{Provider: "github", ProviderAccountID: name}
	return t.deleteWhileSigningUp(step, func(ctx context.Context, a adapter.Adapter, id string) error {
		_, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: id}, plainAccount("", key.Provider, key.ProviderAccountID))
		return err
	}, func(a adapter.Adapter) error { return a.UnlinkAccount(t.ctx, key) }, func(a adapter.Adapter) bool { return missing(a.GetAccount(t.ctx, key)) })
}

// unregisterWhileSigningUp is unlinkWhileSigningUp with a passkey.
func (t *T) unregisterWhileSigningUp(step int, name string) bool {
	return t.deleteWhileSigningUp(step, func(ctx context.Context, a adapter.Adapter, id string) error {
		_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{ID: id}, fullAuthenticator("", name))
		return err
	}, func(a adapter.Adapter) error { return a.DeleteAuthenticator(t.ctx, name) }, func(a adapter.Adapter) bool { return missing(a.GetAuthenticator(t.ctx, name)) })
}

func (t *T) deleteWhileSigningUp(step int, signUp func(ctx context.Context, a adapter.Adapter, id string) error, remove func(adapter.Adapter) error, isGone func(adapter.Adapter) bool) bool {
	t.Helper()
	id, wasThere := t.NewID(), false
	hit, err := t.heldUp(step, func(ctx context.Context, a adapter.Adapter) error { return signUp(ctx, a, id) }, func() {
		t.among("the deletion", remove(t.Second()), adapter.ErrUnavailable)
		wasThere = !missing(t.Second().GetUser(t.ctx, id))
	})
	t.among("the sign-up", err, adapter.ErrUnavailable)
	if hit && err == nil && !wasThere && isGone(t.Second()) {
		t.Errorf("a sign-up of which somebody deleted what it brings\n  got:  a user without it, who was not there after the deletion\n  want: one or the other")
	}
	return hit
}

// contendWithReturn holds a call up that wants a key which is left of a user who is gone, while that user is
// made again. If somebody sees that the key is the user's then, it stays so.
func (t *T) contendWithReturn(by, again taking, name string, step int) bool {
	t.Helper()
	theirs, wasTheirs := t.NewID(), false
	t.among(by.op+" for a user who is not there", by.userBy(t.ctx, t.store, theirs, name), adapter.ErrInvalid)
	mine, first := t.taker(by, "first-"+name, name)
	hit, err := t.heldUp(step, first, func() {
		t.ok(again.op+" of a user who is gone", again.userBy(t.ctx, t.Second(), theirs, "again-"+name))
		owner, err := by.of.owner(t.ctx, t.Second(), name)
		wasTheirs = err == nil && owner == theirs
	})
	switch {
	case wasTheirs:
		t.conflict(by.op+" of what is somebody's again", err, by.of.field)
		t.owns(by.of, name, theirs)
	default:
		t.ok(by.op+" of what is left of a user", err)
		t.owns(by.of, name, mine)
	}
	return hit
}

// eachTwoSteps holds a call up at each of its steps, and once more at each step after it, counted from 1.
func (t *T) eachTwoSteps(doing string, run func(step, later int, name string) (hit, again bool)) {
	t.Helper()
	t.steps(doing, func(step int) (hit bool) {
		t.eachStep(doing, func(later int, name string) (again bool) {
			hit, again = run(step, later, name)
			return again
		})
		return hit
	})
}

// property is something unique that a user can have.
type property struct {
	field string // in a conflict
	owner func(ctx context.Context, a adapter.Adapter, key string) (userID string, err error)
}

var (
	anAddress = property{adapter.FieldUserEmail, func(ctx context.Context, a adapter.Adapter, key string) (string, error) {
		u, err := a.GetUserByEmail(ctx, email(key))
		return u.ID, err
	}}
	anAccount = property{adapter.FieldAccount, func(ctx context.Context, a adapter.Adapter, key string) (string, error) {
		u, err := a.GetUserByAccount(ctx, githubAccount(key))
		return u.ID, err
	}}
	aCredential = property{adapter.FieldCredentialID, func(ctx context.Context, a adapter.Adapter, key string) (string, error) {
		got, err := a.GetAuthenticator(ctx, key)
		return got.UserID, err
	}}
	aToken = property{adapter.FieldSessionToken, func(ctx context.Context, a adapter.Adapter, key string) (string, error) {
		_, u, err := a.GetSessionAndUser(ctx, key)
		return u.ID, err
	}}
)

// taking is a call by which a user gets a property.
type taking struct {
	op     string
	of     property
	makes  bool // the user too
	userBy func(ctx context.Context, a adapter.Adapter, userID, key string) error
}

var (
	create = taking{"CreateUser", anAddress, true, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, err := a.CreateUser(ctx, adapter.User{ID: id, Email: email(key)})
		return err
	}}
	signUp = taking{"CreateUserWithAccount", anAddress, true, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: id, Email: email(key)}, plainAccount("", "gitlab", id))
		return err
	}}
	move = taking{"UpdateUser", anAddress, false, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, err := a.UpdateUser(ctx, id, adapter.UserUpdate{Email: new(email(key))})
		return err
	}}
	signUpWith = taking{"CreateUserWithAccount", anAccount, true, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: id, Email: ownEmail(id)}, plainAccount("", "github", key))
		return err
	}}
	link = taking{"LinkAccount", anAccount, false, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, err := a.LinkAccount(ctx, plainAccount(id, "github", key))
		return err
	}}
	signUpByPasskey = taking{"CreateUserWithAuthenticator", aCredential, true, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{ID: id, Email: ownEmail(id)}, fullAuthenticator("", key))
		return err
	}}
	register = taking{"CreateAuthenticator", aCredential, false, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, err := a.CreateAuthenticator(ctx, fullAuthenticator(id, key))
		return err
	}}
	signIn = taking{"CreateSession", aToken, false, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, err := a.CreateSession(ctx, adapter.Session{UserID: id, SessionToken: key, Expires: Start.Add(time.Hour)})
		return err
	}}
)

// taker returns the ID of somebody who can take a property, and the call.
func (t *T) taker(by taking, name, key string) (string, call) {
	t.Helper()
	var id string
	if by.makes {
		id = t.NewID()
	} else {
		id = t.user(name).ID
	}
	return id, func(ctx context.Context, a adapter.Adapter) error { return by.userBy(ctx, a, id, key) }
}

// owns fails the test unless a user has a property.
func (t *T) owns(of property, key, userID string) {
	t.Helper()
	got, err := of.owner(t.ctx, t.Second(), key)
	t.ok("reading who has the key", err)
	t.equal("who has the key", got, userID)
}

// around returns the universe of users and one key.
func around(key string, users ...string) universe {
	w := universe{
		users: users, emails: []string{email(key)}, sessions: []string{key}, credentials: []string{key},
		accounts: []adapter.AccountKey{githubAccount(key)},
	}
	for _, id := range users {
		w.emails = append(w.emails, ownEmail(id))
		w.accounts = append(w.accounts, adapter.AccountKey{Provider: "gitlab", ProviderAccountID: id})
	}
	return w
}

// contest is two calls that want one property.
type contest struct {
	name         string
	first, rival taking
}

var contests = []contest{
	{"CreateUser", create, create},
	{"CreateUserWithAccount", signUp, create},
	{"CreateUserWithAccount with an account", signUpWith, link},
	{"UpdateUser", move, create},
	{"LinkAccount", link, link},
	{"LinkAccount beside a sign-up", link, signUpWith},
	{"CreateSession", signIn, signIn},
	{"CreateAuthenticator", register, register},
	{"CreateAuthenticator beside a sign-up", register, signUpByPasskey},
	{"CreateUserWithAuthenticator", signUpByPasskey, register},
}

// contestsForRests are few: who meets what is left may wait before it is taken over.
var contestsForRests = []contest{
	{"CreateUserWithAccount", signUp, create},
	{"CreateSession", signIn, signIn},
}

// sameAgain is a contest in which the rival is the call that was cut, repeated.
var sameAgain = contest{"CreateUserWithAccount beside the cut one repeated", create, signUp}

// nobody is no user's ID.
const nobody = ""

// contend holds the first call up while the rival's is made, and fails the test unless
// exactly one of them gets the key. before is who may have it already.
func (t *T) contend(c contest, name string, step int, before string) (hit bool) {
	t.Helper()
	mine, first := t.taker(c.first, "first-"+name, name)
	other, rival := t.rival(c, name, before)
	var lost error
	hit, err := t.heldUp(step, first, func() { lost = rival(t.ctx, t.Second()) })
	if !hit {
		t.among(c.name+" that is not held up", err, adapter.ErrConflict)
		return false
	}
	for _, e := range []error{err, lost} {
		switch {
		case e == nil:
		case c.name == sameAgain.name: // by which it may say that it was done before
			t.among("one of two calls for one key", e, adapter.ErrConflict)
		default:
			t.conflict("one of two calls for one key", e, c.first.of.field)
		}
	}
	winner := before
	switch {
	case err == nil && lost == nil:
		t.Errorf("%s\n  got:  success for two calls that want the same key\n  want: success for one of them", c.name)
		return hit
	case err == nil:
		winner = mine
	case lost == nil:
		winner = other
	case before == nobody:
		t.Errorf("%s\n  got:  a conflict for both calls that want the same key\n  want: success for one of them", c.name)
		return hit
	}
	t.owns(c.first.of, name, winner)
	for id, by := range map[string]taking{mine: c.first, other: c.rival} {
		if by.makes && id != winner {
			t.noUser(id)
		}
	}
	t.consistent(around(name, mine, other))
	return hit
}

// withAccount and withPasskey are sign-ups of which two with one ID have no other key in common.
var (
	withAccount = taking{"CreateUserWithAccount", anAddress, true, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: id, Email: email(key)}, plainAccount("", "github", key))
		return err
	}}
	withPasskey = taking{"CreateUserWithAuthenticator", anAddress, true, func(ctx context.Context, a adapter.Adapter, id, key string) error {
		_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{ID: id, Email: email(key)}, fullAuthenticator("", key))
		return err
	}}
)

// contendForID holds a sign-up up while another one with its ID is made. One of them makes the
// user, and the other one is not told that it has; but what it brought may be that user's.
func (t *T) contendForID(first, rival taking, name string, step int) (hit bool) {
	t.Helper()
	id, mine, other := t.NewID(), "first-"+name, "rival-"+name
	var lost error
	hit, err := t.heldUp(step, func(ctx context.Context, a adapter.Adapter) error { return first.userBy(ctx, a, id, mine) }, func() {
		lost = rival.userBy(t.ctx, t.Second(), id, other)
	})
	if !hit {
		t.ok(first.op, err)
		return false
	}
	t.among(first.op, err, adapter.ErrConflict, adapter.ErrUnavailable)
	t.among(rival.op, lost, adapter.ErrConflict)
	if (err == nil) == (lost == nil) {
		t.Errorf("two sign-ups with one ID\n  got:  %v, and %v of the second one\n  want: success for one of them", err, lost)
		return hit
	}
	if err == nil {
		mine, other = other, mine
	}
	u, err := t.Second().GetUser(t.ctx, id)
	t.ok("GetUser", err)
	t.equal("the address of the user", u.Email, email(other))
	t.freeEmail(email(mine))
	t.consistent(around(mine, id))
	t.consistent(around(other, id))
	return hit
}

// contendForRests lets a contest begin after a call for the same key was cut. It reports
// whether the call came to that step.
func (t *T) contendForRests(c contest, leaving taking, cutAt int) (cut bool) {
	t.Helper()
	t.eachStep(c.name, func(step int, name string) bool {
		id, left := t.taker(leaving, "left-"+name, name)
		t.namespace.Faults.Arm(fault.Plan{Step: cutAt, Mode: fault.LoseCommand})
		err := left(t.ctx, t.store)
		if cut = t.namespace.Faults.Disarm(); !cut {
			t.among(c.name+" that is not cut", err)
			return false
		}
		return t.contend(c, name, step, id)
	})
	return cut
}

// rival returns who contends for a property that somebody may have already, or have tried
// to get.
func (t *T) rival(c contest, name, before string) (string, call) {
	t.Helper()
	if c.name == sameAgain.name {
		return before, func(ctx context.Context, a adapter.Adapter) error { return c.rival.userBy(ctx, a, before, name) }
	}
	return t.taker(c.rival, "rival-"+name, name)
}

// handover is a call that gives a property up, which somebody takes.
type handover struct {
	name string
	has  taking // by which it has the property
	give func(ctx context.Context, a adapter.Adapter, userID, key string) error
	// first is what somebody does before the property is taken. Nil: nothing.
	first func(ctx context.Context, a adapter.Adapter, userID string) error
	take  taking
	same  bool // the same user takes it again
}

func deleteUser(ctx context.Context, a adapter.Adapter, userID, _ string) error {
	return a.DeleteUser(ctx, userID)
}

func githubAccount(id string) adapter.AccountKey {
	return adapter.AccountKey{Provider: "github", ProviderAccountID: id}
}

func unlink(ctx context.Context, a adapter.Adapter, _, key string) error {
	return a.UnlinkAccount(ctx, githubAccount(key))
}

func deleteSession(ctx context.Context, a adapter.Adapter, _, key string) error {
	return a.DeleteSession(ctx, key)
}

func deleteSessions(ctx context.Context, a adapter.Adapter, userID, _ string) error {
	return a.DeleteSessions(ctx, userID)
}

func deleteSessionByID(ctx context.Context, a adapter.Adapter, userID, key string) error {
	return a.DeleteSessionByID(ctx, userID, adapter.SessionID(key))
}

func deleteAuthenticator(ctx context.Context, a adapter.Adapter, _, key string) error {
	return a.DeleteAuthenticator(ctx, key)
}

func ownEmail(userID string) string { return email("own-" + userID) }

func noEmail(string) string { return "" }

// setEmail returns the call that gives a user another address.
func setEmail(address func(userID string) string) func(ctx context.Context, a adapter.Adapter, userID, _ string) error {
	return func(ctx context.Context, a adapter.Adapter, userID, _ string) error {
		_, err := a.UpdateUser(ctx, userID, adapter.UserUpdate{Email: new(address(userID))})
		return err
	}
}

var handovers = []handover{
	{name: "DeleteUser with an address", has: create, give: deleteUser, take: create},
	{name: "DeleteUser with an account", has: link, give: deleteUser, take: link},
	{name: "DeleteUser with a credential", has: register, give: deleteUser, take: register},
	{name: "DeleteUser with a session", has: signIn, give: deleteUser, take: signIn},
	{name: "DeleteUser before its ID is taken again", has: create, give: deleteUser, take: create, same: true},
	{name: "UpdateUser to another address", has: create, give: setEmail(ownEmail), take: create},
	{name: "UpdateUser to no address", has: create, give: setEmail(noEmail), take: create},
	{
		name: "UpdateUser to the user's own address", has: create, give: move.userBy, take: create,
		first: func(ctx context.Context, a adapter.Adapter, userID string) error {
			return setEmail(ownEmail)(ctx, a, userID, "")
		},
	},
	{name: "UnlinkAccount", has: link, give: unlink, take: link},
	{name: "UnlinkAccount before it is linked again", has: link, give: unlink, take: link, same: true},
	{name: "DeleteAuthenticator", has: register, give: deleteAuthenticator, take: register},
	{name: "DeleteAuthenticator before it is made again", has: register, give: deleteAuthenticator, take: register, same: true},
	{name: "DeleteSession", has: signIn, give: deleteSession, take: signIn},
	{name: "DeleteSession before it is made again", has: signIn, give: deleteSession, take: signIn, same: true},
	{name: "DeleteSessions", has: signIn, give: deleteSessions, take: signIn},
	{name: "DeleteSessionByID", has: signIn, give: deleteSessionByID, take: signIn},
}

// handOver holds a call that gives a property up while somebody else takes it if it is free
// already. Whoever was told to have it has it in the end.
func (t *T) handOver(h handover, name string, step int) (hit bool) {
	t.Helper()
	id, have := t.taker(h.has, "giver-"+name, name)
	t.ok(h.has.op, have(t.ctx, t.store))
	heir := id
	take := func(a adapter.Adapter) error { return h.take.userBy(t.ctx, a, heir, name) }
	if !h.same {
		heir, _ = t.taker(h.take, "heir-"+name, name)
	}
	taken := false
	hit, err := t.heldUp(step, func(ctx context.Context, a adapter.Adapter) error { return h.give(ctx, a, id, name) }, func() {
		if h.first != nil {
			t.ok("what another one does first", h.first(t.ctx, t.Second(), id))
		}
		err := take(t.Second())
		t.among("taking what is being given up", err, adapter.ErrConflict)
		taken = err == nil
	})
	if h.first == nil {
		t.among(h.name, err)
	} else {
		t.among(h.name, err, adapter.ErrConflict)
	}
	if !taken && h.first == nil {
		t.ok("taking what was given up", take(t.Second()))
	}
	if taken || h.first == nil {
		t.owns(h.take.of, name, heir)
	}
	t.consistent(around(name, id, heir))
	return hit
}

// outlive holds a call up while its user is deleted. What it makes can be had by others.
func (t *T) outlive(by taking, name string, step int) (hit bool) {
	t.Helper()
	id, makes := t.taker(by, "dead-"+name, name)
	hit, err := t.heldUp(step, makes, func() { t.ok("DeleteUser", t.Second().DeleteUser(t.ctx, id)) })
	t.among(by.op+" for a user who is deleted", err, adapter.ErrInvalid, adapter.ErrNotFound)
	if hit {
		t.noUser(id)
		heir := t.user("heir-" + name).ID
		t.ok("taking what was made for a deleted user", by.userBy(t.ctx, t.Second(), heir, name))
		t.owns(by.of, name, heir)
	}
	t.consistent(around(name, id))
	return hit
}

// seeAndDelete holds a sign-up up while somebody looks for the user, and deletes it if it is
// there.
func (t *T) seeAndDelete(by taking, name string, step int) (hit bool) {
	t.Helper()
	id, makes := t.taker(by, name, name)
	seen := false
	hit, err := t.heldUp(step, makes, func() {
		if _, err := by.of.owner(t.ctx, t.Second(), name); err == nil {
			seen = true
			t.ok("DeleteUser", t.Second().DeleteUser(t.ctx, id))
		}
	})
	if seen {
		t.among(by.op+" of a user who was seen and deleted", err, adapter.ErrUnavailable)
		t.noUser(id)
	} else {
		t.ok(by.op, err)
		t.owns(by.of, name, id)
	}
	t.consistent(around(name, id))
	return hit
}

// useExpiredWhileCreating has an expired token used up, which deletes it, while it is in the way of a new one.
func (t *T) useExpiredWhileCreating(step int, name string) (hit bool) {
	t.Helper()
	t.link(name, "token")
	t.Clock.Advance(time.Hour)
	hit, err := t.heldUp(step, func(ctx context.Context, a adapter.Adapter) error {
		_, err := a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: name, Token: "token", Expires: t.Clock.Now().Add(time.Hour)})
		return err
	}, func() {
		_, err := t.Second().UseVerificationToken(t.ctx, name, "token")
		t.among("UseVerificationToken", err, adapter.ErrExpired, adapter.ErrNotFound)
	})
	t.ok("CreateVerificationToken", err)
	return hit
}

// endExpiredWhileCreating has an expired session deleted while it is in the way of one with its token.
func (t *T) endExpiredWhileCreating(step int, s adapter.Session) (hit bool) {
	t.Helper()
	t.Clock.Advance(time.Hour)
	hit, err := t.heldUp(step, func(ctx context.Context, a adapter.Adapter) error {
		_, err := a.CreateSession(ctx, adapter.Session{UserID: s.UserID, SessionToken: s.SessionToken, Expires: t.Clock.Now().Add(time.Hour)})
		return err
	}, func() { t.ok("DeleteSession", t.Second().DeleteSession(t.ctx, s.SessionToken)) })
	t.ok("CreateSession", err)
	return hit
}

// linkWhileSigningUp holds a sign-up up while its account is linked to the user who is
// about to be there. One of the two comes first.
func (t *T) linkWhileSigningUp(step int, name string) (hit bool) {
	t.Helper()
	brought := plainAccount("", "github", name)
	brought.AccessToken = "brought"
	u := adapter.User{ID: t.NewID(), Email: ownEmail(name)}
	hit, err := t.heldUp(step, func(ctx context.Context, a adapter.Adapter) error {
		_, _, err := a.CreateUserWithAccount(ctx, u, brought)
		return err
	}, func() {
		_, err := t.Second().LinkAccount(t.ctx, plainAccount(u.ID, "github", name))
		t.among("LinkAccount", err, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrNotFound)
	})
	t.ok("CreateUserWithAccount", err)
	got, err := t.Second().GetAccount(t.ctx, brought.Key())
	t.ok("GetAccount", err)
	t.equal("the user of the account", got.UserID, u.ID)
	t.equal("the access token of the account", got.AccessToken, "brought")
	t.consistent(around(name, u.ID))
	return hit
}

// registerWhileSigningUp is linkWhileSigningUp of a passkey.
func (t *T) registerWhileSigningUp(step int, name string) (hit bool) {
	t.Helper()
	brought := fullAuthenticator("", name)
	u := adapter.User{ID: t.NewID(), Email: ownEmail(name)}
	hit, err := t.heldUp(step, func(ctx context.Context, a adapter.Adapter) error {
		_, _, err := a.CreateUserWithAuthenticator(ctx, u, brought)
		return err
	}, func() {
		other := fullAuthenticator(u.ID, name)
		other.Counter += 5
		_, err := t.Second().CreateAuthenticator(t.ctx, other)
		t.among("CreateAuthenticator", err, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrNotFound)
	})
	t.ok("CreateUserWithAuthenticator", err)
	got, err := t.Second().GetAuthenticator(t.ctx, name)
	t.ok("GetAuthenticator", err)
	t.equal("the user of the authenticator", got.UserID, u.ID)
	t.equal("the counter of the authenticator", got.Counter, brought.Counter)
	t.consistent(around(name, u.ID))
	return hit
}

// overtaking is an update, and what somebody else writes while it is held up.
type overtaking struct {
	name     string
	prepare  func(t *T, name string) (update, other call, holds func())
	absentee bool // the other one ends the record
	behind   bool // the update may come too late, which is a conflict
}

var overtakings = []overtaking{
	{name: "UpdateUser beside UpdateUser", prepare: func(t *T, name string) (update, other call, holds func()) {
		id := t.user(name).ID
		set := func(up adapter.UserUpdate) call {
			return func(ctx context.Context, a adapter.Adapter) error { _, err := a.UpdateUser(ctx, id, up); return err }
		}
		return set(adapter.UserUpdate{Name: new("A"), Attributes: adapter.Attributes{"a": "A"}}),
			set(adapter.UserUpdate{Image: new("B"), Attributes: adapter.Attributes{"b": "B"}}),
			func() {
				u, err := t.Second().GetUser(t.ctx, id)
				t.ok("GetUser", err)
				t.equal("what two updates wrote", []any{u.Name, u.Image, u.Attributes["a"], u.Attributes["b"]}, []any{"A", "B", "A", "B"})
			}
	}},
	{name: "UpdateUser with an address beside UpdateUser", prepare: func(t *T, name string) (update, other call, holds func()) {
		id := t.user(name).ID
		set := func(up adapter.UserUpdate) call {
			return func(ctx context.Context, a adapter.Adapter) error { _, err := a.UpdateUser(ctx, id, up); return err }
		}
		return set(adapter.UserUpdate{Email: new(email("new-" + name)), Name: new("A")}), set(adapter.UserUpdate{Image: new("B")}), func() {
			u, err := t.Second().GetUserByEmail(t.ctx, email("new-"+name))
			t.ok("GetUserByEmail", err)
			t.equal("what two updates wrote", []any{u.Name, u.Image}, []any{"A", "B"})
			t.freeEmail(email(name))
		}
	}},
	{name: "UpdateAccount beside UpdateAccount", prepare: func(t *T, name string) (update, other call, holds func()) {
		key := t.account(t.user(name).ID, "github", name).Key()
		set := func(up adapter.AccountUpdate) call {
			return func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateAccount(ctx, key, up)
				return err
			}
		}
		return set(adapter.AccountUpdate{Scope: new("A")}), set(adapter.AccountUpdate{AccessToken: new("B")}), func() {
			got, err := t.Second().GetAccount(t.ctx, key)
			t.ok("GetAccount", err)
			t.equal("what two updates wrote", []any{got.Scope, got.AccessToken}, []any{"A", "B"})
		}
	}},
	{name: "UpdateSession beside UpdateSession", prepare: func(t *T, name string) (update, other call, holds func()) {
		t.ok("CreateSession", signIn.userBy(t.ctx, t.store, t.user(name).ID, name))
		set := func(up adapter.SessionUpdate) call {
			return func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateSession(ctx, name, up)
				return err
			}
		}
		later := Start.Add(2 * time.Hour)
		return set(adapter.SessionUpdate{Attributes: adapter.Attributes{"a": "A"}}), set(adapter.SessionUpdate{Expires: &later}), func() {
			got, _, err := t.Second().GetSessionAndUser(t.ctx, name)
			t.ok("GetSessionAndUser", err)
			t.equal("what two updates wrote", []any{got.Attributes["a"], got.Expires}, []any{"A", later})
		}
	}},
	{name: "UpdateAuthenticatorCounter beside UpdateAuthenticatorCounter", behind: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		t.authenticator(t.user(name).ID, name)
		set := func(n uint32) call {
			return func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateAuthenticatorCounter(ctx, name, n)
				return err
			}
		}
		return set(10), set(20), func() {
			got, err := t.Second().GetAuthenticator(t.ctx, name)
			t.ok("GetAuthenticator", err)
			t.equal("the higher of two counters", got.Counter, uint32(20))
		}
	}},
	{name: "UpdateAuthenticator beside UpdateAuthenticatorCounter", prepare: func(t *T, name string) (update, other call, holds func()) {
		t.authenticator(t.user(name).ID, name)
		return func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateAuthenticator(ctx, name, adapter.AuthenticatorUpdate{CredentialBackedUp: new(false)})
				return err
			}, func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateAuthenticatorCounter(ctx, name, 20)
				return err
			}, func() {
				got, err := t.Second().GetAuthenticator(t.ctx, name)
				t.ok("GetAuthenticator", err)
				t.equal("what two updates wrote", []any{got.CredentialBackedUp, got.Counter}, []any{false, uint32(20)})
			}
	}},
	{name: "UpdateUser beside DeleteUser", absentee: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		id := t.user(name).ID
		return func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateUser(ctx, id, adapter.UserUpdate{Name: new("A")})
			return err
		}, func(ctx context.Context, a adapter.Adapter) error { return a.DeleteUser(ctx, id) }, func() { t.noUser(id) }
	}},
	{name: "UpdateAccount beside UnlinkAccount", absentee: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		key := t.account(t.user(name).ID, "github", name).Key()
		return func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateAccount(ctx, key, adapter.AccountUpdate{Scope: new("A")})
				return err
			}, func(ctx context.Context, a adapter.Adapter) error { return a.UnlinkAccount(ctx, key) },
			func() { t.nothing(universe{accounts: []adapter.AccountKey{key}}) }
	}},
	{name: "UpdateSession beside DeleteSession", absentee: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		return t.extended(name, func(ctx context.Context, a adapter.Adapter, _ string) error { return a.DeleteSession(ctx, name) })
	}},
	{name: "UpdateSession beside DeleteSessions", absentee: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		return t.extended(name, func(ctx context.Context, a adapter.Adapter, id string) error { return a.DeleteSessions(ctx, id) })
	}},
	{name: "UpdateSession beside DeleteUser", absentee: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		return t.extended(name, func(ctx context.Context, a adapter.Adapter, id string) error { return a.DeleteUser(ctx, id) })
	}},
	{name: "UpdateAuthenticatorCounter beside DeleteAuthenticator", absentee: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		t.authenticator(t.user(name).ID, name)
		return func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateAuthenticatorCounter(ctx, name, 10)
				return err
			}, func(ctx context.Context, a adapter.Adapter) error { return a.DeleteAuthenticator(ctx, name) },
			func() { t.nothing(universe{credentials: []string{name}}) }
	}},
	{name: "UpdateAuthenticator beside DeleteAuthenticator", absentee: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		t.authenticator(t.user(name).ID, name)
		return func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateAuthenticator(ctx, name, adapter.AuthenticatorUpdate{CredentialBackedUp: new(false)})
				return err
			}, func(ctx context.Context, a adapter.Adapter) error { return a.DeleteAuthenticator(ctx, name) },
			func() { t.nothing(universe{credentials: []string{name}}) }
	}},
	{name: "UseVerificationToken beside UseVerificationToken", absentee: true, prepare: func(t *T, name string) (update, other call, holds func()) {
		t.link(email(name), name)
		uses := 0
		use := func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UseVerificationToken(ctx, email(name), name)
			if err == nil {
				uses++
			}
			if errors.Is(err, adapter.ErrNotFound) {
				return nil
			}
			return err
		}
		return use, use, func() { t.equal("how often a one-time token was used", uses, 1) }
	}},
}

// extended is a session whose end comes while it is extended.
func (t *T) extended(name string, end func(ctx context.Context, a adapter.Adapter, userID string) error) (update, other call, holds func()) {
	t.Helper()
	id := t.user(name).ID
	t.ok("CreateSession", signIn.userBy(t.ctx, t.store, id, name))
	return func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateSession(ctx, name, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
			return err
		}, func(ctx context.Context, a adapter.Adapter) error { return end(ctx, a, id) },
		func() { t.nothing(universe{sessions: []string{name}}) }
}

// overtake holds an update up while somebody else writes.
func (t *T) overtake(o overtaking, name string, step int) (hit bool) {
	t.Helper()
	update, other, holds := o.prepare(t, name)
	hit, err := t.heldUp(step, update, func() { t.among(fmt.Sprintf("the other call of %s", o.name), other(t.ctx, t.Second())) })
	var may []error
	if hit && o.absentee {
		may = append(may, adapter.ErrNotFound)
	}
	if hit && o.behind {
		may = append(may, adapter.ErrConflict)
	}
	t.among(o.name, err, may...)
	if hit {
		holds()
	}
	return hit
}

// riseAgain holds a sign-up with the ID of a deleted user up while another one with the ID
// is made, signs in and is deleted, which is cut. It reports whether both came to those
// steps.
func (t *T) riseAgain(by taking, name string, step, cutAt int) (hit, cut bool) {
	t.Helper()
	id, rise := t.taker(by, name, name)
	t.ok(by.op, rise(t.ctx, t.store))
	t.ok("CreateSession", signIn.userBy(t.ctx, t.store, id, "before-"+name))
	t.ok("DeleteUser", t.store.DeleteUser(t.ctx, id))
	made := false
	hit, err := t.heldUp(step, rise, func() {
		err := create.userBy(t.ctx, t.Second(), id, "other-"+name)
		t.among("CreateUser of another one with the ID", err, adapter.ErrConflict)
		if made = err == nil; made {
			t.ok("CreateSession", signIn.userBy(t.ctx, t.Second(), id, name))
		}
		t.namespace.Faults.Arm(fault.Plan{Step: cutAt, Mode: fault.LoseCommand})
		err = t.Second().DeleteUser(t.ctx, id)
		cut = t.namespace.Faults.Disarm()
		t.among("DeleteUser that is cut", err, adapter.ErrUnavailable, context.DeadlineExceeded)
	})
	t.among(by.op+" with the ID of a deleted user", err, adapter.ErrConflict)
	if u, found := t.Second().GetUser(t.ctx, id); found == nil && u.Email == email(name) {
		t.nothing(universe{sessions: []string{name, "before-" + name}})
	} else if err == nil && !hit {
		t.Errorf("GetUser of a user who was made\n  got:  %v, %v\n  want: the user", u, found)
	} else if found == nil && !(made && u.Email == email("other-"+name)) {
		t.Errorf("GetUser\n  got:  %v\n  want: nobody, or a user who was made", u)
	}
	w := around(name, id)
	w.sessions = append(w.sessions, "before-"+name)
	t.consistent(w)
	return hit, cut
}
