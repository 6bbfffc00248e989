package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
)

// repetition is a write whose reply is lost, and what somebody else does who has seen it
// before a driver repeats it. What the other one was told holds: the first caller may be
// told that it is not known what became of the write, but it is not done twice.
type repetition struct {
	universe universe
	call     func(ctx context.Context, a adapter.Adapter) error
	seen     func(a adapter.Adapter) bool // whether the write shows
	other    func(a adapter.Adapter) error
	holds    func() // fails the test unless what the other one wrote is there
}

// proof fails the test unless what others wrote after a write holds.
type proof func(op string, prepare func(name string) repetition)

// stays is a [proof] for a write of which a reply is lost, whichever it is.
func (t *T) stays(op string, prepare func(name string) repetition) {
	t.Helper()
	n := 0
	t.steps(op, func(step int) bool {
		return t.inTime(severed(fault.Plan{Step: step, Mode: fault.LoseReply, Once: true}), op, func(i interruption) outcome {
			n++
			r := prepare(numbered(strings.ToLower(op), n))
			wrote := false
			i.plan.Meanwhile = func() { wrote = t.follows(op, r) }
			defer t.at(i, "somebody else's write after "+op)()
			got, _ := t.interrupted(i, op, r.call)
			if wrote {
				r.holds()
			}
			t.consistent(r.universe)
			return got
		})
	})
}

// isOver is a [proof] for a write that is answered although one of its requests is on its way, whichever
// it is, and arrives last.
func (t *T) isOver(op string, prepare func(name string) repetition) {
	t.Helper()
	t.arrivesLate(op, func(name string) repetition { return prepare("late-" + name) }, func(repetition) {})
}

// isOverBeside is isOver for a write that somebody else makes meanwhile as well.
func (t *T) isOverBeside(op string, prepare func(name string) repetition) {
	t.Helper()
	t.arrivesLate(op, func(name string) repetition { return prepare("beside-" + name) }, func(r repetition) {
		t.among("the same "+op+" of somebody else", r.call(t.ctx, t.Second()), adapter.ErrUnavailable)
	})
}

func (t *T) arrivesLate(op string, prepare func(name string) repetition, meanwhile func(repetition)) {
	t.Helper()
	n := 0
	t.steps(op, func(step int) bool {
		return t.inTime(severed(fault.Plan{Step: step, Mode: fault.Late, Once: true}), op, func(i interruption) outcome {
			n++
			r := prepare(numbered(strings.ToLower(op), n))
			i.plan.Meanwhile = func() { meanwhile(r) }
			defer t.at(i, "somebody else's write after "+op+", and then the command")()
			got, err := t.interrupted(i, op, r.call)
			wrote := got == cutShort && err == nil && t.follows(op, r)
			t.namespace.Faults.Deliver()
			if wrote {
				r.holds()
			}
			t.consistent(r.universe)
			return got
		})
	})
}

// sight is how long a write may take to show of which the reply was lost.
const sight = 100 * time.Millisecond

// follows makes the write of somebody else once the first one shows, and reports whether
// it was made.
func (t *T) follows(op string, r repetition) bool {
	t.Helper()
	a := t.Second()
	for end := time.Now().Add(sight); !r.seen(a); {
		if time.Now().After(end) {
			return false // nothing is written in this step
		}
		time.Sleep(time.Millisecond)
	}
	err := r.other(a)
	if errors.Is(err, adapter.ErrUnavailable) {
		return false // it waits for the first one
	}
	t.among("the write that follows "+op, err)
	return err == nil
}

var repetitionTests = []Test{
	{ID: "REP-001", Rule: "An update whose reply is lost does not undo what somebody wrote after it.", Source: "docs/contract.md R7", Needs: []Feature{Faults}, Run: func(t *T) { repeatUpdates(t, t.stays) }},
	{ID: "REP-002", Rule: "A counter that grew is no conflict because its reply was lost and it has grown further.", Source: "docs/contract.md R7", Needs: []Feature{Faults}, Run: func(t *T) { repeatCounts(t, t.stays) }},
	{ID: "REP-003", Rule: "A delete whose reply is lost does not take what somebody made after it.", Source: "docs/contract.md R7", Needs: []Feature{Faults}, Run: func(t *T) {
		repeatDeletes(t, t.stays)
		repeatUses(t, t.stays)
	}},
	{ID: "REP-004", Rule: "What was made, and ended before the reply was there, is not made again.", Source: "docs/contract.md R7", Needs: []Feature{Faults}, Run: func(t *T) { repeatCreates(t, t.stays) }},
	{ID: "REP-005", Rule: "A one-time token whose creation was not answered is used once.", Source: "docs/contract.md R15", Needs: []Feature{Faults}, Run: func(t *T) { repeatLinks(t, t.stays) }},
	{ID: "REP-006", Rule: "An update whose reply is lost is answered with the record as it made it, or not at all, whatever somebody wrote after it.", Source: "docs/contract.md R7", Needs: []Feature{Faults, Live}, Run: answersOfThen},
	{ID: "REP-007", Rule: "A write that was answered is over: no request of it arrives later and takes what somebody wrote since.", Source: "docs/contract.md R7", Needs: []Feature{Faults, Live}, Run: func(t *T) {
		repeatUpdates(t, t.isOver)
		repeatCounts(t, t.isOver)
		repeatDeletes(t, t.isOver)
		repeatDeletes(t, t.isOverBeside)
		repeatUses(t, t.isOver)
		repeatCreates(t, t.isOver)
		repeatLinks(t, t.isOver)
	}},
}

// answersOfThen has somebody write another field of a record after an update whose reply
// was lost: what is answered must not have it.
func answersOfThen(t *T) {
	unmixed := func(op string, err error, field string) {
		if err == nil {
			t.equal("the other field in the answer to "+op, field, "")
		}
	}
	t.stays("UpdateUser", func(name string) repetition {
		u := t.user(name)
		first, second := "first", "second"
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				got, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: &first})
				unmixed("UpdateUser", err, got.Image)
				return err
			},
			seen: func(a adapter.Adapter) bool { got, _ := a.GetUser(t.ctx, u.ID); return got.Name == first },
			other: func(a adapter.Adapter) error {
				_, err := a.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Image: &second})
				return err
			},
			holds: func() {
				got, err := t.Second().GetUser(t.ctx, u.ID)
				t.among("GetUser", err)
				t.equal("the user's name and image", []string{got.Name, got.Image}, []string{first, second})
			},
			universe: universe{users: []string{u.ID}, emails: []string{u.Email}},
		}
	})
	t.stays("UpdateAccount", func(name string) repetition {
		u := t.user(name)
		key := t.account(u.ID, "github", name).Key()
		first, second := "first", "second"
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				got, err := a.UpdateAccount(ctx, key, adapter.AccountUpdate{AccessToken: &first})
				unmixed("UpdateAccount", err, got.Scope)
				return err
			},
			seen: func(a adapter.Adapter) bool { got, _ := a.GetAccount(t.ctx, key); return got.AccessToken == first },
			other: func(a adapter.Adapter) error {
				_, err := a.UpdateAccount(t.ctx, key, adapter.AccountUpdate{Scope: &second})
				return err
			},
			holds: func() {
				got, err := t.Second().GetAccount(t.ctx, key)
				t.among("GetAccount", err)
				t.equal("the account's tokens and scope", []string{got.AccessToken, got.Scope}, []string{first, second})
			},
			universe: universe{users: []string{u.ID}, accounts: []adapter.AccountKey{key}},
		}
	})
	t.stays("UpdateSession", func(name string) repetition {
		u := t.user(name)
		token := t.session(u.ID).SessionToken
		later, text := Start.Add(2*time.Hour), adapter.Attributes{"text": "second"}
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				got, err := a.UpdateSession(ctx, token, adapter.SessionUpdate{Expires: &later})
				other, _ := got.Attributes["text"].(string)
				unmixed("UpdateSession", err, other)
				return err
			},
			seen: func(a adapter.Adapter) bool {
				got, _, _ := a.GetSessionAndUser(t.ctx, token)
				return got.Expires.Equal(later)
			},
			other: func(a adapter.Adapter) error {
				_, err := a.UpdateSession(t.ctx, token, adapter.SessionUpdate{Attributes: text})
				return err
			},
			holds: func() {
				got, _, err := t.Second().GetSessionAndUser(t.ctx, token)
				t.among("GetSessionAndUser", err)
				t.equal("the session's expiry and attributes", []any{got.Expires, got.Attributes}, []any{later, text})
			},
			universe: universe{users: []string{u.ID}, sessions: []string{token}},
		}
	})
	t.stays("UpdateAuthenticator", func(name string) repetition {
		u := t.user(name)
		id := t.authenticator(u.ID, name).CredentialID
		first, second := []string{"usb"}, adapter.Attributes{"text": "second"}
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				got, err := a.UpdateAuthenticator(ctx, id, adapter.AuthenticatorUpdate{Transports: &first})
				other, _ := got.Attributes["text"].(string)
				unmixed("UpdateAuthenticator", err, other)
				return err
			},
			seen: func(a adapter.Adapter) bool {
				got, _ := a.GetAuthenticator(t.ctx, id)
				return slices.Equal(got.Transports, first)
			},
			other: func(a adapter.Adapter) error {
				_, err := a.UpdateAuthenticator(t.ctx, id, adapter.AuthenticatorUpdate{Attributes: second})
				return err
			},
			holds: func() {
				got, err := t.Second().GetAuthenticator(t.ctx, id)
				t.among("GetAuthenticator", err)
				t.equal("the passkey's transports and text", []any{got.Transports, got.Attributes["text"]}, []any{first, "second"})
			},
			universe: universe{users: []string{u.ID}, credentials: []string{id}},
		}
	})
}

func repeatUpdates(t *T, holds proof) {
	holds("UpdateUser", func(name string) repetition {
		u := t.user(name)
		up := func(ctx context.Context, a adapter.Adapter, text string) error {
			_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: &text, Attributes: adapter.Attributes{"text": text}})
			return err
		}
		text := func(a adapter.Adapter) []any {
			got, _ := a.GetUser(t.ctx, u.ID)
			return []any{got.Name, got.Attributes["text"]}
		}
		return repetition{
			call:     func(ctx context.Context, a adapter.Adapter) error { return up(ctx, a, "first") },
			seen:     func(a adapter.Adapter) bool { return text(a)[0] == "first" },
			other:    func(a adapter.Adapter) error { return up(t.ctx, a, "second") },
			holds:    func() { t.equal("the user's name and attribute", text(t.Second()), []any{"second", "second"}) },
			universe: universe{users: []string{u.ID}, emails: []string{u.Email}},
		}
	})
	holds("UpdateUser", func(name string) repetition {
		u := t.user("address-" + name)
		first, second := email("first-"+name), email("second-"+name)
		move := func(ctx context.Context, a adapter.Adapter, to string) error {
			_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: &to})
			return err
		}
		address := func(a adapter.Adapter) string { got, _ := a.GetUser(t.ctx, u.ID); return got.Email }
		return repetition{
			call:  func(ctx context.Context, a adapter.Adapter) error { return move(ctx, a, first) },
			seen:  func(a adapter.Adapter) bool { return address(a) == first },
			other: func(a adapter.Adapter) error { return move(t.ctx, a, second) },
			holds: func() {
				t.equal("the user's address", address(t.Second()), second)
				t.freeEmail(first)
			},
			universe: universe{users: []string{u.ID}, emails: []string{u.Email, first, second}},
		}
	})
	holds("UpdateUser", func(name string) repetition {
		u, heir := t.user("left-"+name), adapter.User{Email: email("left-" + name)}
		to := email("to-" + name)
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: &to})
				return err
			},
			seen: func(a adapter.Adapter) bool { return missing(a.GetUserByEmail(t.ctx, u.Email)) },
			other: func(a adapter.Adapter) (err error) {
				heir, err = a.CreateUser(t.ctx, heir)
				return err
			},
			holds: func() {
				t.sameUser(heir)
				got, err := t.Second().GetUserByEmail(t.ctx, to)
				t.ok("GetUserByEmail", err)
				t.equal("the ID of GetUserByEmail", got.ID, u.ID)
			},
			universe: universe{users: []string{u.ID}, emails: []string{u.Email, to}},
		}
	})
	holds("UpdateAccount", func(name string) repetition {
		u := t.user(name)
		key := t.account(u.ID, "github", name).Key()
		up := func(ctx context.Context, a adapter.Adapter, text string) error {
			_, err := a.UpdateAccount(ctx, key, adapter.AccountUpdate{AccessToken: &text})
			return err
		}
		token := func(a adapter.Adapter) string { got, _ := a.GetAccount(t.ctx, key); return got.AccessToken }
		return repetition{
			call:     func(ctx context.Context, a adapter.Adapter) error { return up(ctx, a, "first") },
			seen:     func(a adapter.Adapter) bool { return token(a) == "first" },
			other:    func(a adapter.Adapter) error { return up(t.ctx, a, "second") },
			holds:    func() { t.equal("the access token", token(t.Second()), "second") },
			universe: universe{users: []string{u.ID}, accounts: []adapter.AccountKey{key}},
		}
	})
	holds("UpdateAuthenticator", func(name string) repetition {
		u := t.user(name)
		id := t.authenticator(u.ID, name).CredentialID
		up := func(ctx context.Context, a adapter.Adapter, text string) error {
			_, err := a.UpdateAuthenticator(ctx, id, adapter.AuthenticatorUpdate{Transports: &[]string{text}, Attributes: adapter.Attributes{"text": text}})
			return err
		}
		text := func(a adapter.Adapter) []any {
			got, _ := a.GetAuthenticator(t.ctx, id)
			return []any{strings.Join(got.Transports, " "), got.Attributes["text"]}
		}
		return repetition{
			call:     func(ctx context.Context, a adapter.Adapter) error { return up(ctx, a, "usb") },
			seen:     func(a adapter.Adapter) bool { return text(a)[0] == "usb" },
			other:    func(a adapter.Adapter) error { return up(t.ctx, a, "nfc") },
			holds:    func() { t.equal("the passkey's transports and attribute", text(t.Second()), []any{"nfc", "nfc"}) },
			universe: universe{users: []string{u.ID}, credentials: []string{id}},
		}
	})
	holds("UpdateSession", func(name string) repetition {
		u := t.user(name)
		s := t.session(u.ID)
		first, second := Start.Add(2*time.Hour), Start.Add(3*time.Hour)
		extend := func(ctx context.Context, a adapter.Adapter, to time.Time) error {
			_, err := a.UpdateSession(ctx, s.SessionToken, adapter.SessionUpdate{Expires: &to})
			return err
		}
		expires := func(a adapter.Adapter) time.Time {
			got, _, _ := a.GetSessionAndUser(t.ctx, s.SessionToken)
			return got.Expires
		}
		return repetition{
			call:     func(ctx context.Context, a adapter.Adapter) error { return extend(ctx, a, first) },
			seen:     func(a adapter.Adapter) bool { return expires(a).Equal(first) },
			other:    func(a adapter.Adapter) error { return extend(t.ctx, a, second) },
			holds:    func() { t.equal("the expiry", expires(t.Second()), second) },
			universe: universe{users: []string{u.ID}, sessions: []string{s.SessionToken}},
		}
	})
}

func repeatCounts(t *T, holds proof) {
	holds("UpdateAuthenticatorCounter", func(name string) repetition {
		u := t.user(name)
		id := t.authenticator(u.ID, name).CredentialID
		counter := func(a adapter.Adapter) uint32 { got, _ := a.GetAuthenticator(t.ctx, id); return got.Counter }
		count := func(ctx context.Context, a adapter.Adapter, to uint32) error {
			_, err := a.UpdateAuthenticatorCounter(ctx, id, to)
			return err
		}
		return repetition{
			call:     func(ctx context.Context, a adapter.Adapter) error { return count(ctx, a, 10) },
			seen:     func(a adapter.Adapter) bool { return counter(a) == 10 },
			other:    func(a adapter.Adapter) error { return count(t.ctx, a, 20) },
			holds:    func() { t.equal("the counter", counter(t.Second()), uint32(20)) },
			universe: universe{users: []string{u.ID}, credentials: []string{id}},
		}
	})
}

func repeatLinks(t *T, holds proof) {
	holds("CreateVerificationToken", func(name string) repetition {
		used := false
		use := func(a adapter.Adapter) error {
			_, err := a.UseVerificationToken(t.ctx, name, "token")
			return err
		}
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: name, Token: "token", Expires: Start.Add(time.Hour)})
				return err
			},
			seen:  func(a adapter.Adapter) bool { used = used || use(a) == nil; return used },
			other: func(adapter.Adapter) error { return nil },
			holds: func() { t.is("UseVerificationToken of a used token", use(t.Second()), adapter.ErrNotFound) },
		}
	})
}

// repeatUses has somebody make a one-time token anew as soon as it is used.
func repeatUses(t *T, holds proof) {
	holds("UseVerificationToken", func(name string) repetition {
		v, made := t.link(name, "token"), false
		use := func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UseVerificationToken(ctx, name, v.Token)
			return err
		}
		return repetition{
			call: use,
			seen: func(a adapter.Adapter) bool {
				if !made {
					_, err := a.CreateVerificationToken(t.ctx, v)
					made = err == nil
				}
				return made
			},
			other: func(adapter.Adapter) error { return nil },
			holds: func() { t.ok("UseVerificationToken of a token that was made anew", use(t.ctx, t.Second())) },
		}
	})
}

func repeatDeletes(t *T, holds proof) {
	holds("UnlinkAccount", func(name string) repetition {
		u, other := t.user(name), t.user("other-"+name)
		acc := t.account(u.ID, "github", name)
		heir := plainAccount(other.ID, "github", name)
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error { return a.UnlinkAccount(ctx, acc.Key()) },
			seen: func(a adapter.Adapter) bool { return missing(a.GetAccount(t.ctx, acc.Key())) },
			other: func(a adapter.Adapter) error {
				_, err := a.LinkAccount(t.ctx, heir)
				return err
			},
			holds:    func() { t.leadsTo(heir) },
			universe: universe{users: []string{u.ID, other.ID}, accounts: []adapter.AccountKey{acc.Key()}},
		}
	})
	holds("DeleteAuthenticator", func(name string) repetition {
		u, other := t.user(name), t.user("other-"+name)
		id := t.authenticator(u.ID, name).CredentialID
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error { return a.DeleteAuthenticator(ctx, id) },
			seen: func(a adapter.Adapter) bool { return missing(a.GetAuthenticator(t.ctx, id)) },
			other: func(a adapter.Adapter) error {
				_, err := a.CreateAuthenticator(t.ctx, fullAuthenticator(other.ID, id))
				return err
			},
			holds:    func() { t.hasAuthenticator(fullAuthenticator(other.ID, id)) },
			universe: universe{users: []string{u.ID, other.ID}, credentials: []string{id}},
		}
	})
	for _, op := range []struct {
		name string
		end  func(ctx context.Context, a adapter.Adapter, s adapter.Session) error
	}{
		{"DeleteSession", func(ctx context.Context, a adapter.Adapter, s adapter.Session) error {
			return a.DeleteSession(ctx, s.SessionToken)
		}},
		{"DeleteSessionByID", func(ctx context.Context, a adapter.Adapter, s adapter.Session) error {
			return a.DeleteSessionByID(ctx, s.UserID, adapter.SessionID(s.SessionToken))
		}},
		{"DeleteSessions", func(ctx context.Context, a adapter.Adapter, s adapter.Session) error {
			return a.DeleteSessions(ctx, s.UserID)
		}},
	} {
		holds(op.name, func(name string) repetition { return t.endsSession(t.session(t.user(name).ID), op.end) })
		holds(op.name, func(name string) repetition { return t.endsSession(t.sessionMadeElsewhere("elsewhere-"+name), op.end) })
	}
	for _, heir := range heirs {
		holds("DeleteUser", func(name string) repetition {
			s, other := t.newStage(heir.of+"-"+name), t.user("heir-of-"+heir.of+"-"+name)
			return repetition{
				call:  func(ctx context.Context, a adapter.Adapter) error { return a.DeleteUser(ctx, s.user.ID) },
				seen:  func(a adapter.Adapter) bool { return missing(a.GetUser(t.ctx, s.user.ID)) },
				other: func(a adapter.Adapter) error { return heir.takes(t, a, s, other) },
				holds: func() { heir.holds(t, s, other) },
				universe: universe{
					users: []string{s.user.ID, other.ID}, emails: []string{s.user.Email, other.Email}, accounts: []adapter.AccountKey{s.account.Key()},
					sessions: []string{s.session.SessionToken}, credentials: []string{s.authenticator.CredentialID},
				},
			}
		})
	}
	holds("DeleteVerificationTokens", func(name string) repetition {
		v, witness, used := t.link(name, "token"), t.link(name, "witness"), false
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error { return a.DeleteVerificationTokens(ctx, name) },
			seen: func(a adapter.Adapter) bool {
				if used {
					return false // by the first look: nothing was deleted then
				}
				_, err := a.UseVerificationToken(t.ctx, name, witness.Token)
				used = err == nil
				return errors.Is(err, adapter.ErrNotFound)
			},
			other: func(a adapter.Adapter) error {
				_, err := a.CreateVerificationToken(t.ctx, v)
				return err
			},
			holds: func() {
				_, err := t.Second().UseVerificationToken(t.ctx, name, v.Token)
				t.ok("UseVerificationToken", err)
			},
		}
	})
}

// heirs are those who take something that a deleted user had.
var heirs = []struct {
	of    string
	takes func(t *T, a adapter.Adapter, s stage, other adapter.User) error
	holds func(t *T, s stage, other adapter.User)
}{
	{
		"id",
		func(t *T, a adapter.Adapter, s stage, _ adapter.User) error {
			_, _, err := a.CreateUserWithAccount(t.ctx, adapter.User{ID: s.user.ID, Name: "again"}, plainAccount("", s.account.Provider, s.account.ProviderAccountID))
			if errors.Is(err, adapter.ErrConflict) {
				return adapter.ErrUnavailable // some stores have the ID taken until the deletion is finished
			}
			return err
		},
		func(t *T, s stage, _ adapter.User) {
			got, err := t.Second().GetUser(t.ctx, s.user.ID)
			t.ok("GetUser", err)
			t.equal("the name in GetUser", got.Name, "again")
			t.leadsTo(plainAccount(s.user.ID, s.account.Provider, s.account.ProviderAccountID))
		},
	},
	{
		"address",
		func(t *T, a adapter.Adapter, s stage, other adapter.User) error {
			_, err := a.UpdateUser(t.ctx, other.ID, adapter.UserUpdate{Email: &s.user.Email})
			return err
		},
		func(t *T, s stage, other adapter.User) {
			got, err := t.Second().GetUserByEmail(t.ctx, s.user.Email)
			t.ok("GetUserByEmail", err)
			t.equal("the ID of GetUserByEmail", got.ID, other.ID)
		},
	},
	{
		"account",
		func(t *T, a adapter.Adapter, s stage, other adapter.User) error {
			_, err := a.LinkAccount(t.ctx, plainAccount(other.ID, s.account.Provider, s.account.ProviderAccountID))
			return err
		},
		func(t *T, s stage, other adapter.User) {
			t.leadsTo(plainAccount(other.ID, s.account.Provider, s.account.ProviderAccountID))
		},
	},
	{
		"passkey",
		func(t *T, a adapter.Adapter, s stage, other adapter.User) error {
			_, err := a.CreateAuthenticator(t.ctx, fullAuthenticator(other.ID, s.authenticator.CredentialID))
			return err
		},
		func(t *T, s stage, other adapter.User) {
			t.hasAuthenticator(fullAuthenticator(other.ID, s.authenticator.CredentialID))
		},
	},
}

// endsSession is the end of a session, after which somebody makes another one with its token.
func (t *T) endsSession(s adapter.Session, end func(context.Context, adapter.Adapter, adapter.Session) error) repetition {
	newer := adapter.Session{UserID: s.UserID, SessionToken: s.SessionToken, Expires: s.Expires.Add(time.Hour)}
	open := func(a adapter.Adapter) (adapter.Session, error) {
		got, _, err := a.GetSessionAndUser(t.ctx, s.SessionToken)
		return got, err
	}
	return repetition{
		call: func(ctx context.Context, a adapter.Adapter) error { return end(ctx, a, s) },
		seen: func(a adapter.Adapter) bool { return missing(open(a)) },
		other: func(a adapter.Adapter) error {
			_, err := a.CreateSession(t.ctx, newer)
			return err
		},
		holds: func() {
			got, err := open(t.Second())
			t.ok("GetSessionAndUser", err)
			t.equal("the expiry of the newer session", got.Expires, newer.Expires)
		},
		universe: universe{users: []string{s.UserID}, sessions: []string{s.SessionToken}},
	}
}

// sessionMadeElsewhere creates a session whose token is of no form.
func (t *T) sessionMadeElsewhere(name string) adapter.Session {
	t.Helper()
	s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: t.user(name).ID, SessionToken: "token-" + name, Expires: t.Clock.Now().Add(time.Hour)})
	t.ok("CreateSession", err)
	return s
}

func repeatCreates(t *T, holds proof) {
	holds("CreateUser", func(name string) repetition {
		id := t.NewID()
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.CreateUser(ctx, adapter.User{ID: id, Email: email(name)})
				return err
			},
			seen:  func(a adapter.Adapter) bool { _, err := a.GetUser(t.ctx, id); return err == nil },
			other: func(a adapter.Adapter) error { return a.DeleteUser(t.ctx, id) },
			holds: func() {
				t.noUser(id)
				t.freeEmails([]string{email(name)})
			},
			universe: universe{users: []string{id}, emails: []string{email(name)}},
		}
	})
	holds("CreateUser", func(name string) repetition {
		id, moved := t.NewID(), email("moved-"+name)
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.CreateUser(ctx, adapter.User{ID: id, Email: email("moving-" + name)})
				return err
			},
			seen: func(a adapter.Adapter) bool { _, err := a.GetUser(t.ctx, id); return err == nil },
			other: func(a adapter.Adapter) error {
				_, err := a.UpdateUser(t.ctx, id, adapter.UserUpdate{Email: &moved})
				return err
			},
			holds: func() {
				u, err := t.Second().GetUserByEmail(t.ctx, moved)
				t.ok("GetUserByEmail", err)
				t.equal("the user with the new address", u.ID, id)
				t.freeEmails([]string{email("moving-" + name)})
			},
			universe: universe{users: []string{id}, emails: []string{moved, email("moving-" + name)}},
		}
	})
	holds("CreateUserWithAccount", func(name string) repetition {
		id, key := t.NewID(), adapter.AccountKey{Provider: "github", ProviderAccountID: name}
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: id}, plainAccount("", "github", name))
				return err
			},
			seen:     func(a adapter.Adapter) bool { _, err := a.GetUserByAccount(t.ctx, key); return err == nil },
			other:    func(a adapter.Adapter) error { return a.UnlinkAccount(t.ctx, key) },
			holds:    func() { t.nothing(universe{accounts: []adapter.AccountKey{key}}) },
			universe: universe{users: []string{id}, accounts: []adapter.AccountKey{key}},
		}
	})
	holds("CreateUserWithAccount", func(name string) repetition {
		id, key := t.NewID(), adapter.AccountKey{Provider: "gone", ProviderAccountID: name}
		left := universe{users: []string{id}, emails: []string{email("gone-" + name)}, accounts: []adapter.AccountKey{key}}
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: id, Email: email("gone-" + name)}, plainAccount("", "gone", name))
				return err
			},
			seen:     func(a adapter.Adapter) bool { _, err := a.GetUserByAccount(t.ctx, key); return err == nil },
			other:    func(a adapter.Adapter) error { return a.DeleteUser(t.ctx, id) },
			holds:    func() { t.nothing(left) },
			universe: left,
		}
	})
	for of, end := range map[string]func(a adapter.Adapter, userID, credentialID string) error{
		"passkey": func(a adapter.Adapter, _, credentialID string) error {
			return a.DeleteAuthenticator(t.ctx, credentialID)
		},
		"user": func(a adapter.Adapter, userID, _ string) error { return a.DeleteUser(t.ctx, userID) },
	} {
		holds("CreateUserWithAuthenticator", func(name string) repetition {
			id, credential := t.NewID(), of+"-"+name
			return repetition{
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{ID: id}, fullAuthenticator("", credential))
					return err
				},
				seen:     func(a adapter.Adapter) bool { _, err := a.GetAuthenticator(t.ctx, credential); return err == nil },
				other:    func(a adapter.Adapter) error { return end(a, id, credential) },
				holds:    func() { t.nothing(universe{credentials: []string{credential}}) },
				universe: universe{users: []string{id}, credentials: []string{credential}},
			}
		})
	}
	holds("LinkAccount", func(name string) repetition {
		u, key := t.user(name), adapter.AccountKey{Provider: "gitlab", ProviderAccountID: name}
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.LinkAccount(ctx, plainAccount(u.ID, "gitlab", name))
				return err
			},
			seen:     func(a adapter.Adapter) bool { _, err := a.GetAccount(t.ctx, key); return err == nil },
			other:    func(a adapter.Adapter) error { return a.UnlinkAccount(t.ctx, key) },
			holds:    func() { t.nothing(universe{users: []string{u.ID}, accounts: []adapter.AccountKey{key}}) },
			universe: universe{users: []string{u.ID}, accounts: []adapter.AccountKey{key}},
		}
	})
	holds("CreateSession", func(name string) repetition {
		u, token := t.user(name), "token-"+name
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, SessionToken: token, Expires: Start.Add(time.Hour)})
				return err
			},
			seen:     func(a adapter.Adapter) bool { _, _, err := a.GetSessionAndUser(t.ctx, token); return err == nil },
			other:    func(a adapter.Adapter) error { return a.DeleteSession(t.ctx, token) },
			holds:    func() { t.nothing(universe{users: []string{u.ID}, sessions: []string{token}}) },
			universe: universe{users: []string{u.ID}, sessions: []string{token}},
		}
	})
	holds("CreateSession", func(name string) repetition {
		u := t.user("everywhere-" + name)
		sessions := func(a adapter.Adapter) int { all, _ := a.ListSessions(t.ctx, u.ID); return len(all) }
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)})
				return err
			},
			seen:     func(a adapter.Adapter) bool { return sessions(a) == 1 },
			other:    func(a adapter.Adapter) error { return a.DeleteSessions(t.ctx, u.ID) },
			holds:    func() { t.equal("the sessions after signing out everywhere", sessions(t.Second()), 0) },
			universe: universe{users: []string{u.ID}},
		}
	})
	holds("CreateAuthenticator", func(name string) repetition {
		u := t.user(name)
		return repetition{
			call: func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.CreateAuthenticator(ctx, fullAuthenticator(u.ID, name))
				return err
			},
			seen:     func(a adapter.Adapter) bool { _, err := a.GetAuthenticator(t.ctx, name); return err == nil },
			other:    func(a adapter.Adapter) error { return a.DeleteAuthenticator(t.ctx, name) },
			holds:    func() { t.nothing(universe{users: []string{u.ID}, credentials: []string{name}}) },
			universe: universe{users: []string{u.ID}, credentials: []string{name}},
		}
	})
}

// missing reports whether a read found nothing.
func missing[R any](_ R, err error) bool { return errors.Is(err, adapter.ErrNotFound) }
