package interop

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// brokenCase is something that a package of npm does to a store, each on a fresh one.
type brokenCase struct {
	name  string
	needs func(*store) bool
	run   func(*wreck)
	// refused: a guarded store refuses it once the schema was applied, so that it can only
	// happen before.
	refused bool
}

// wreck is a store on which a case works.
type wreck struct {
	*scene
	repairer adapter.Repairer
	// closed: the schema has not been applied yet, and Go answers with an error.
	closed bool
	// strict: guards that are missing count too. JavaScript writes none.
	strict bool
	// repaired: Repair has run.
	repaired bool
}

func brokenCases(t *testing.T, s *store, o *oracle) {
	for _, c := range allBroken {
		if c.needs != nil && !c.needs(s) {
			continue
		}
		try(t, s.name, broken, c.name, func(t *testing.T) {
			closed := s.guarded && c.refused
			p := s.openBoth(t, o, false, !closed)
			r, ok := adapter.As[adapter.Repairer](p.Adapter)
			if !ok {
				t.Fatal("the adapter is no adapter.Repairer")
			}
			w := &wreck{scene: &scene{T: t, pair: p}, repairer: r, closed: closed}
			w.problems() // none yet
			c.run(w)
		})
	}
}

// problems fails the case unless CheckSchema lists a problem of each object, and of no
// other. Objects are named by IDs.
func (w *wreck) problems(objects ...string) {
	w.Helper()
	problems, err := w.repairer.CheckSchema(ctx(w.T))
	w.ok(err)
	if w.closed { // the indexes are missing too
		problems = slices.DeleteFunc(problems, func(p adapter.SchemaProblem) bool { return !p.Blocking })
	}
	w.covers("CheckSchema", slices.DeleteFunc(problems, w.isNoise), objects)
}

// isNoise reports whether a problem is that of a guard which is missing.
func (w *wreck) isNoise(p adapter.SchemaProblem) bool {
	return w.store.guards && !w.strict && strings.Contains(p.Detail, "has no guard")
}

// covers fails the case unless there is a problem of each object, and of no other, and
// none has in its text what is nobody's business.
func (w *wreck) covers(what string, problems []adapter.SchemaProblem, objects []string) {
	w.Helper()
	for _, object := range objects {
		if !slices.ContainsFunc(problems, func(p adapter.SchemaProblem) bool { return strings.Contains(p.Object+" "+p.Detail, object) }) {
			w.Errorf("%s: got %v, want a problem of %s", what, problems, object)
		}
	}
	for _, p := range problems {
		if !slices.ContainsFunc(objects, func(object string) bool { return strings.Contains(p.Object+" "+p.Detail, object) }) {
			w.Errorf("%s: got the problem %v, want none of it", what, p)
		}
		if strings.Contains(p.Object+p.Detail, "@") {
			w.Errorf("%s: got the problem %v, which holds an address", what, p)
		}
		if !p.Blocking || p.Detail == "" {
			w.Errorf("%s: got the problem %v, which does not say what to do", what, p)
		}
	}
}

// repairs fails the case unless a dry run changes nothing and a repair mends all
// objects.
func (w *wreck) repairs(objects ...string) {
	w.Helper()
	w.problems(objects...)
	for _, dryRun := range []bool{true, false} {
		found, err := w.repairer.Repair(ctx(w.T), dryRun)
		w.ok(err)
		var problems []adapter.SchemaProblem
		for _, f := range found {
			if w.isNoise(f.SchemaProblem) {
				continue
			}
			problems = append(problems, f.SchemaProblem)
			if f.Action == "" {
				w.Errorf("Repair: got no action for %v", f)
			}
		}
		w.covers("Repair", problems, objects)
		if w.repaired = !dryRun; dryRun {
			w.problems(objects...)
		}
	}
	if w.closed {
		w.ok(w.repairer.ApplySchema(ctx(w.T)))
		w.closed = false
	}
	w.problems()
}

// leaves fails the case unless a repair leaves objects to a person.
func (w *wreck) leaves(objects ...string) {
	w.Helper()
	w.problems(objects...)
	found, err := w.repairer.Repair(ctx(w.T), false)
	w.ok(err)
	for _, f := range found {
		if f.Action != "" && !w.isNoise(f.SchemaProblem) {
			w.Errorf("Repair: got %v, want it left to a person", f)
		}
	}
	w.problems(objects...)
	if w.closed {
		if err := w.repairer.ApplySchema(ctx(w.T)); err == nil {
			w.Error("ApplySchema: got no error, although something stands in the way")
		}
	}
}

// opens fails the case unless a session opens: to Go too, unless it is closed.
func (w *wreck) opens(se adapter.Session) {
	w.Helper()
	w.seesSession(se)
	if !w.closed {
		w.isSession(se)
	}
}

// twins has JavaScript make users with one address at once, and returns their IDs.
func (w *wreck) twins(email string, n int) []string {
	w.Helper()
	args := make([][]any, n)
	for i := range args {
		args[i] = []any{object{"id": w.token(), "email": email, "name": "Ada", "emailVerified": nil}}
	}
	var ids []string
	for _, made := range w.racing(w.T, "createUser", args...) {
		ids = append(ids, made.(object)["id"].(string))
	}
	return ids
}

// jsNamed has JavaScript make a user, and returns its ID.
func (w *wreck) jsNamed() string {
	w.Helper()
	return w.call("createUser", object{"id": w.token(), "name": "Ada", "email": w.email(), "emailVerified": nil}).(object)["id"].(string)
}

// one fails the case unless both sides find one user by an address, the same, and
// nobody else can have it.
func (w *wreck) one(email string) adapter.User {
	w.Helper()
	u, err := w.GetUserByEmail(ctx(w.T), email)
	if w.closed {
		if errors.Is(err, adapter.ErrNotFound) || !errors.As(err, new(*adapter.Error)) {
			w.Errorf("GetUserByEmail without the schema: got %v, want an error that says so", err)
		}
		return adapter.User{ID: w.call("getUserByEmail", email).(object)["id"].(string)}
	}
	w.ok(err)
	w.same("the address of GetUserByEmail", u.Email, email)
	w.same("the user of JavaScript's getUserByEmail", w.call("getUserByEmail", email).(object)["id"], any(u.ID))
	if w.store.guards && !w.repaired {
		return u // it could be taken
	}
	_, err = w.CreateUser(ctx(w.T), adapter.User{Email: email})
	if !errors.Is(err, adapter.ErrConflict) {
		w.Errorf("CreateUser with the address: got %v, want ErrConflict", err)
	}
	return u
}

func hasGuards(s *store) bool          { return s.guards }
func isGuarded(s *store) bool          { return s.guarded }
func hasTwoOwners(s *store) bool       { return s.twoOwners }
func linksTwice(s *store) bool         { return s.linksTwice }
func expiresNever(s *store) bool       { return !s.reaps }
func leavesOldEmail(s *store) bool     { return s.leavesOldEmail }
func makesGhosts(s *store) bool        { return s.makesGhosts }
func leavesSessions(s *store) bool     { return s.leavesSessions }
func spoilsPasskeyLists(s *store) bool { return s.passkeys }

var allBroken = []brokenCase{
	{"twenty users with one address, made at once", nil, func(w *wreck) {
		email := w.email()
		ids := w.twins(email, 20)
		stays := w.one(email).ID
		w.repairs(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == stays })...)
		if stays = w.one(email).ID; !slices.Contains(ids, stays) {
			w.Errorf("by the address %s is found, who is none of those who had it", stays)
		}
	}, true},
	{"of two users with one address the one in use stays", nil, func(w *wreck) {
		email := w.email()
		ids := w.twins(email, 2)
		used := ids[0]
		if found := w.one(email).ID; found == used {
			used = ids[1]
		}
		se := w.jsSession(used)
		w.opens(se)
		w.repairs(ids...)
		w.same("who is found by the address", w.one(email).ID, used)
		w.isSession(se)
	}, true},
	{"two users with one address, both in use, are left to a person", nil, func(w *wreck) {
		email := w.email()
		ids := w.twins(email, 2)
		sessions := []adapter.Session{w.jsSession(ids[0]), w.jsSession(ids[1])}
		w.leaves(ids...)
		for _, se := range sessions {
			w.opens(se)
		}
		w.one(email)
	}, true},
	{"twenty users with one address, of whom the store lets one be made", isGuarded, func(w *wreck) {
		email := w.email()
		w.same("users made", len(w.twins(email, 20)), 1)
		w.one(email)
		w.problems()
	}, false},
	{"records without guards", hasGuards, func(w *wreck) {
		w.strict = true
		_, u := w.jsUser()
		a := w.jsAccount(u.ID)
		w.repairs(u.ID, a.ProviderAccountID)
		w.one(u.Email)
		_, err := w.LinkAccount(ctx(w.T), a)
		if !errors.Is(err, adapter.ErrConflict) {
			w.Errorf("LinkAccount: got %v, want ErrConflict", err)
		}
		got, err := w.GetUser(ctx(w.T), u.ID)
		w.ok(err)
		w.same("GetUser", got, u)
	}, false},
	{"an account of two users", hasTwoOwners, func(w *wreck) {
		u := w.jsNamed()
		other := w.jsNamed()
		js, a := w.account(u)
		w.call("linkAccount", js)
		js["userId"] = other
		w.call("linkAccount", js)
		if !w.closed {
			owner, err := w.GetUserByAccount(ctx(w.T), a.Key())
			w.ok(err)
			w.same("whether GetUserByAccount finds one of them", owner.ID == u || owner.ID == other, true)
		}
		w.leaves(u, other)
	}, true},
	{"an account that is linked twice", linksTwice, func(w *wreck) {
		u := w.jsNamed()
		js, a := w.account(u)
		w.call("linkAccount", js)
		w.call("linkAccount", js)
		w.repairs(u)
		got, err := w.GetAccount(ctx(w.T), a.Key())
		w.ok(err)
		w.same("GetAccount", got, a)
	}, true},
	{"what is left of a deleted user", leavesSessions, func(w *wreck) {
		_, u := w.jsUser()
		a := w.jsAccount(u.ID)
		second := w.jsAccount(u.ID)
		var sessions []adapter.Session
		for range 40 {
			sessions = append(sessions, w.jsSession(u.ID))
		}
		w.call("deleteUser", u.ID)
		if _, err := w.GetUser(ctx(w.T), u.ID); err == nil {
			w.Log("deleteUser has left the user too")
			w.ok(w.DeleteUser(ctx(w.T), u.ID))
			w.problems()
			w.gone(u, a, sessions...)
			return
		}
		w.signedOut(sessions...)
		_, err := w.GetUserByAccount(ctx(w.T), second.Key())
		w.missing("GetUserByAccount", err)
		var objects []string
		for _, se := range sessions {
			objects = append(objects, se.ID)
		}
		w.repairs(append(objects[:len(objects)-1], a.ProviderAccountID)...)
		w.gone(u, second, sessions...)
	}, false},
	{"sessions of nobody", nil, func(w *wreck) {
		_, u := w.jsUser()
		w.ok(w.DeleteUser(ctx(w.T), u.ID))
		se := w.jsSession(u.ID)
		w.signedOut(se)
		w.repairs(se.ID, u.ID)
		w.signedOut(se)
	}, false},
	{"accounts of nobody", nil, func(w *wreck) {
		_, u := w.jsUser()
		w.ok(w.DeleteUser(ctx(w.T), u.ID))
		a := w.jsAccount(u.ID)
		_, err := w.GetUserByAccount(ctx(w.T), a.Key())
		w.missing("GetUserByAccount", err)
		w.repairs(a.ProviderAccountID, u.ID)
		_, other := w.jsUser()
		a.UserID = other.ID
		_, err = w.LinkAccount(ctx(w.T), a)
		w.ok(err)
	}, false},
	{"the ghost of a deleted user", makesGhosts, func(w *wreck) {
		_, u := w.jsUser()
		w.ok(w.DeleteUser(ctx(w.T), u.ID))
		w.call("updateUser", object{"id": u.ID, "emailVerified": noon})
		_, err := w.GetUserByEmail(ctx(w.T), u.Email)
		w.missing("GetUserByEmail", err)
		w.repairs(u.ID)
		_, err = w.GetUser(ctx(w.T), u.ID)
		w.missing("GetUser", err)
	}, false},
	{"an address that was given up", leavesOldEmail, func(w *wreck) {
		_, u := w.jsUser()
		email := w.email()
		w.call("updateUser", object{"id": u.ID, "email": email})
		_, err := w.GetUserByEmail(ctx(w.T), u.Email)
		w.missing("GetUserByEmail of the old address", err)
		w.repairs(u.ID)
		w.same("who is found by the new address", w.one(email).ID, u.ID)
		w.nothing("getUserByEmail of the old address", w.call("getUserByEmail", u.Email))
		_, err = w.CreateUser(ctx(w.T), adapter.User{Email: u.Email})
		w.ok(err)
	}, false},
	{"an address that is not in lower case", nil, func(w *wreck) {
		email := w.email()
		made := w.call("createUser", object{"id": w.token(), "email": strings.ToUpper(email[:1]) + email[1:], "emailVerified": nil}).(object)
		id := made["id"].(string)
		got, err := w.GetUser(ctx(w.T), id)
		w.ok(err)
		w.same("the user's ID", got.ID, id)
		w.repairs(id)
		w.same("who is found by the address", w.one(email).ID, id)
	}, false},
	{"what has expired, and has no expiry at rest", expiresNever, func(w *wreck) {
		purger, ok := adapter.As[adapter.Purger](w.Adapter)
		if !ok {
			w.Fatal("the adapter is no adapter.Purger")
		}
		_, u := w.jsUser()
		past := time.Now().Add(-time.Hour)
		w.call("createSession", object{"sessionToken": w.token(), "userId": u.ID, "expires": past})
		w.call("createVerificationToken", object{"identifier": u.Email, "token": "old", "expires": past})
		se, v := w.jsSession(u.ID), w.jsLink(noon)
		n, err := purger.PurgeExpired(ctx(w.T))
		w.ok(err)
		w.same("records removed by PurgeExpired", n, 2)
		w.isSession(se)
		_, err = w.UseVerificationToken(ctx(w.T), v.Identifier, v.Token)
		w.ok(err)
	}, false},
	{"a list that has lost passkeys", spoilsPasskeyLists, func(w *wreck) {
		_, u := w.jsUser()
		first, _ := w.passkey(u.ID)
		second, _ := w.passkey(u.ID)
		w.call("createAuthenticator", first)
		w.call("createAuthenticator", second)
		w.call("updateAuthenticatorCounter", second["credentialID"], 10)
		w.same("passkeys that JavaScript lists", len(w.call("listAuthenticatorsByUserId", u.ID).([]any)), 1)
		all, err := w.ListAuthenticators(ctx(w.T), u.ID)
		w.ok(err)
		w.same("passkeys that Go lists", len(all), 2)
		w.repairs(u.ID)
		w.same("passkeys that JavaScript lists", len(w.call("listAuthenticatorsByUserId", u.ID).([]any)), 2)
	}, false},
	{"people who sign up while it repairs", nil, func(w *wreck) {
		stop := w.keepRepairing(2)
		var accounts []adapter.Account
		var sessions []adapter.Session
		for range 4 {
			a, se := w.signUps(20)
			accounts, sessions = append(accounts, a...), append(sessions, se...)
			w.call("deleteSession", sessions[0].SessionToken)
			w.signedOut(sessions[0])
			sessions = sessions[1:]
		}
		stop()
		_, err := w.repairer.Repair(ctx(w.T), false) // the guards of the last ones
		w.ok(err)
		w.strict, w.repaired = true, true
		w.problems()
		for _, a := range accounts {
			u, err := w.GetUserByAccount(ctx(w.T), a.Key())
			w.ok(err)
			w.same("the user of the account", u.ID, a.UserID)
			w.one(u.Email)
		}
		for _, se := range sessions {
			w.opens(se)
		}
	}, false},
}

// keepRepairing has several goroutines repair the store until the function that it returns
// is called.
func (w *wreck) keepRepairing(n int) (stop func()) {
	done, errs := make(chan struct{}), make(chan error, n)
	for range n {
		go func() {
			var err error
			for err == nil {
				select {
				case <-done:
					errs <- nil
					return
				default:
					_, err = w.repairer.Repair(ctx(w.T), false)
				}
			}
			errs <- err
		}()
	}
	return func() {
		w.Helper()
		close(done)
		for range n {
			w.ok(<-errs)
		}
	}
}

// signUps has JavaScript sign up people at once, each with an account and a session.
func (w *wreck) signUps(n int) (accounts []adapter.Account, sessions []adapter.Session) {
	w.Helper()
	var users, links, opens [][]any
	for range n {
		users = append(users, []any{object{"id": w.token(), "email": w.email(), "name": "Ada", "emailVerified": nil}})
	}
	for _, made := range w.racing(w.T, "createUser", users...) {
		id := made.(object)["id"].(string)
		js, a := w.account(id)
		se := adapter.Session{SessionToken: w.token(), UserID: id, Expires: noon}
		se.ID = adapter.SessionID(se.SessionToken)
		links, accounts = append(links, []any{js}), append(accounts, a)
		opens, sessions = append(opens, []any{object{"sessionToken": se.SessionToken, "userId": id, "expires": noon}}), append(sessions, se)
	}
	w.racing(w.T, "linkAccount", links...)
	w.racing(w.T, "createSession", opens...)
	w.same("people who signed up", len(sessions), n)
	return accounts, sessions
}
