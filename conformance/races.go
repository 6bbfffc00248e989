package conformance

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/authstore/authstore/adapter"
)

// racers is how many callers race, half of them on each adapter.
const racers = 32

// rounds yields 0, 1, 2, … as long as a race is worth another round: three times
// at least, and on a fast store, where one round proves little, until some time has
// passed.
func rounds(yield func(int) bool) {
	const least, most, worth = 3, 40, 100 * time.Millisecond
	start := time.Now()
	for i := 0; i < most && (i < least || time.Since(start) < worth); i++ {
		if !yield(i) {
			return
		}
	}
}

// long yields 0, 1, 2, … for races of a few callers who meet in one round of ten.
func long(yield func(int) bool) {
	const least, most, worth = 50, 300, time.Second
	start := time.Now()
	for i := 0; i < most && (i < least || time.Since(start) < worth); i++ {
		if !yield(i) {
			return
		}
	}
}

// racing calls f for every racer at once, and returns their errors.
func (t *T) racing(f func(i int, a adapter.Adapter) error) []error {
	t.Helper()
	both := t.Both()
	return race(racers, func(i int) error { return f(i, both[i%2]) })
}

// against calls few for some of the racers and many for the others, all at once,
// and fails the test for an error that is none of the kinds that each may answer.
func (t *T) against(few, many func(i int, a adapter.Adapter) error, fewMay, manyMay []error) {
	t.Helper()
	isFew := func(i int) bool { return i%9 == 4 } // on both adapters
	errs := t.racing(func(i int, a adapter.Adapter) error {
		if isFew(i) {
			return few(i, a)
		}
		return many(i, a)
	})
	for i, err := range errs {
		if isFew(i) {
			t.among("one of the few racers", err, fewMay...)
		} else {
			t.among("one of the many racers", err, manyMay...)
		}
	}
}

// among fails the test unless err is nil or of one of the kinds.
func (t *T) among(doing string, err error, kinds ...error) {
	t.Helper()
	if err != nil && !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
		t.Errorf("%s\n  got:  %v\n  want: no error, or one of %q", doing, err, kinds)
	}
	t.named(doing, err)
}

// all fails the test for each error that is not nil.
func (t *T) all(doing string, errs []error) {
	t.Helper()
	for _, err := range errs {
		t.among(doing, err)
	}
}

// winner ends the test unless exactly one racer won and every other one was told a
// conflict on the field. It returns who won.
func (t *T) winner(doing string, errs []error, field string) int {
	t.Helper()
	var winners []int
	for i, err := range errs {
		if err == nil {
			winners = append(winners, i)
		} else {
			t.conflict(doing, err, field)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("%s\n  got:  %d of %d racers won\n  want: exactly one", doing, len(winners), len(errs))
	}
	return winners[0]
}

// crowd creates as many users as there are racers.
func (t *T) crowd(name string) []adapter.User {
	t.Helper()
	users := make([]adapter.User, racers)
	t.ok("CreateUser", t.parallel(racers, func(i int) (err error) {
		users[i], err = t.store.CreateUser(t.ctx, adapter.User{Email: email(numbered(name, i))})
		return err
	}))
	return users
}

var raceTests = []Test{
	{ID: "RAC-001", Rule: "Of any number of racing sign-ups with one e-mail address, exactly one makes a user.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			t.raceSignUps(func(int) string { return email(numbered(ada, round)) })
		}
	}},
	{ID: "RAC-002", Rule: "An e-mail address is one address in races too, however it is spelled.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			address := email(numbered(ada, round))
			spellings := []string{address, strings.ToUpper(address), " " + address, "A" + address[1:] + "\t"}
			t.raceSignUps(func(i int) string { return spellings[i/2%len(spellings)] })
		}
	}},
	{ID: "RAC-003", Rule: "Of any number of racing creates with one user ID exactly one succeeds, and the others leave their addresses free.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			id := t.NewID()
			address := func(i int) string { return email(fmt.Sprintf("ada-%d-%d", round, i)) }
			errs := t.racing(func(i int, a adapter.Adapter) error {
				_, err := a.CreateUser(t.ctx, adapter.User{ID: id, Email: address(i)})
				return err
			})
			won := t.winner("CreateUser", errs, adapter.FieldUserID)
			t.keptBy(won, id, address)
		}
	}},
	{ID: "RAC-004", Rule: "Of any number of racing sign-ups with one provider account exactly one makes a user, and the others leave nothing behind.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			var ids [racers]string
			for i := range ids {
				ids[i] = t.NewID()
			}
			address := func(i int) string { return email(fmt.Sprintf("ada-%d-%d", round, i)) }
			account := plainAccount("", "github", numbered("a", round))
			errs := t.racing(func(i int, a adapter.Adapter) error {
				_, _, err := a.CreateUserWithAccount(t.ctx, adapter.User{ID: ids[i], Email: address(i)}, account)
				return err
			})
			won := t.winner("CreateUserWithAccount", errs, adapter.FieldAccount)
			account.UserID = ids[won]
			t.leadsTo(account)
			t.keptBy(won, ids[won], address)
			for i, id := range ids {
				if i != won {
					_, err := t.Second().GetUser(t.ctx, id)
					t.is("GetUser of a racer who lost", err, adapter.ErrNotFound)
				}
			}
		}
	}},
	{ID: "RAC-005", Rule: "A sign-up that loses the race for its e-mail address leaves its provider account free.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			name := numbered(ada, round)
			var ids [racers]string
			errs := t.racing(func(i int, a adapter.Adapter) error {
				u, _, err := a.CreateUserWithAccount(t.ctx, adapter.User{Email: email(name)}, plainAccount("", name, numbered("a", i)))
				ids[i] = u.ID
				return err
			})
			won := t.winner("CreateUserWithAccount", errs, adapter.FieldUserEmail)
			t.leadsTo(plainAccount(ids[won], name, numbered("a", won)))
			t.ok("LinkAccount of what the losers named", t.parallel(racers, func(i int) error {
				if i == won {
					return nil
				}
				_, err := t.store.LinkAccount(t.ctx, plainAccount(ids[won], name, numbered("a", i)))
				return err
			}))
		}
	}},
	{ID: "RAC-006", Rule: "Sign-ups and changes of address race for one e-mail address, and one of them has it.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			name := numbered(ada, round)
			movers := t.crowd(name)
			want := email(name)
			errs := t.racing(func(i int, a adapter.Adapter) error {
				var err error
				switch i / 2 % 3 {
				case 0:
					_, err = a.CreateUser(t.ctx, adapter.User{Email: want})
				case 1:
					_, _, err = a.CreateUserWithAccount(t.ctx, adapter.User{Email: want}, plainAccount("", name, numbered("a", i)))
				case 2:
					_, err = a.UpdateUser(t.ctx, movers[i].ID, adapter.UserUpdate{Email: &want})
				}
				return err
			})
			t.winner("a write of a new address", errs, adapter.FieldUserEmail)
			w := universe{emails: []string{want}}
			for i, u := range movers {
				w.users = append(w.users, u.ID)
				w.emails = append(w.emails, u.Email)
				w.accounts = append(w.accounts, adapter.AccountKey{Provider: name, ProviderAccountID: numbered("a", i)})
			}
			t.consistent(w)
		}
	}},
	{ID: "RAC-007", Rule: "Of any number of users who link one provider account at once, exactly one gets it.", Source: "docs/contract.md R5", Run: func(t *T) {
		users := t.crowd(ada)
		for round := range rounds {
			account := plainAccount("", "github", numbered("a", round))
			errs := t.racing(func(i int, a adapter.Adapter) error {
				account := account
				account.UserID = users[i].ID
				_, err := a.LinkAccount(t.ctx, account)
				return err
			})
			account.UserID = users[t.winner("LinkAccount", errs, adapter.FieldAccount)].ID
			t.leadsTo(account)
			t.consistent(universe{users: ids(users), accounts: []adapter.AccountKey{account.Key()}})
		}
	}},
	{ID: "RAC-008", Rule: "A sign-up and a link race for one provider account, and one of them has it.", Source: "docs/contract.md R5", Run: func(t *T) {
		users := t.crowd(ada)
		for round := range rounds {
			account := plainAccount("", "github", numbered("a", round))
			var owners [racers]string
			errs := t.racing(func(i int, a adapter.Adapter) error {
				account := account
				account.UserID = users[i].ID
				if i/2%2 == 0 {
					_, err := a.LinkAccount(t.ctx, account)
					owners[i] = account.UserID
					return err
				}
				account.UserID = ""
				u, _, err := a.CreateUserWithAccount(t.ctx, adapter.User{Name: "signed up"}, account)
				owners[i] = u.ID
				return err
			})
			account.UserID = owners[t.winner("a write of one account", errs, adapter.FieldAccount)]
			t.leadsTo(account)
			t.consistent(universe{users: ids(users), accounts: []adapter.AccountKey{account.Key()}})
		}
	}},
	{ID: "RAC-009", Rule: "Of any number of racing sessions with one given token exactly one is made, and the token opens it.", Source: "docs/contract.md R5", Run: func(t *T) {
		users := t.crowd(ada)
		for round := range rounds {
			token := numbered("token", round)
			errs := t.racing(func(i int, a adapter.Adapter) error {
				_, err := a.CreateSession(t.ctx, adapter.Session{UserID: users[i].ID, SessionToken: token, Expires: Start.Add(time.Hour)})
				return err
			})
			won := t.winner("CreateSession", errs, adapter.FieldSessionToken)
			t.signedIn(t.Second(), token, users[won].ID)
			t.consistent(universe{users: ids(users), sessions: []string{token}})
		}
	}},
	{ID: "RAC-010", Rule: "Of any number of racing credentials with one ID exactly one is made.", Source: "docs/contract.md R5", Run: func(t *T) {
		users := t.crowd(ada)
		for round := range rounds {
			id := numbered("credential", round)
			errs := t.racing(func(i int, a adapter.Adapter) error {
				_, err := a.CreateAuthenticator(t.ctx, fullAuthenticator(users[i].ID, id))
				return err
			})
			won := t.winner("CreateAuthenticator", errs, adapter.FieldCredentialID)
			got, err := t.Second().GetAuthenticator(t.ctx, id)
			t.ok("GetAuthenticator", err)
			t.equal("GetAuthenticator", got, fullAuthenticator(users[won].ID, id))
			t.consistent(universe{users: ids(users), credentials: []string{id}})
		}
	}},
	{ID: "RAC-011", Rule: "Everything that one user adds at once from many places is there.", Source: "docs/contract.md R9", Run: addAtOnce},
	{ID: "RAC-012", Rule: "A one-time token is used by exactly one of any number of racing callers.", Source: "docs/contract.md R15", Run: func(t *T) {
		for round := range rounds {
			want := t.link(email(ada), numbered("token", round))
			used := t.count(adapter.ErrNotFound, func(a adapter.Adapter) error {
				got, err := a.UseVerificationToken(t.ctx, want.Identifier, want.Token)
				if err == nil {
					t.equal("UseVerificationToken", got, want)
				}
				return err
			})
			t.equal("how many used one token", used, 1)
		}
	}},
	{ID: "RAC-013", Rule: "Each of a person's one-time tokens is used once, also when all are used at once.", Source: "docs/contract.md R15", Run: func(t *T) {
		for round := range rounds {
			t.useAtOnce(numbered(ada, round), false)
		}
	}},
	{ID: "RAC-014", Rule: "A one-time token that is created many times at once can be used once.", Source: "docs/contract.md R15", Run: func(t *T) {
		for round := range rounds {
			token := numbered("token", round)
			made := t.count(adapter.ErrConflict, func(a adapter.Adapter) error {
				_, err := a.CreateVerificationToken(t.ctx, adapter.VerificationToken{Identifier: ada, Token: token, Expires: Start.Add(time.Hour)})
				return err
			})
			if made == 0 {
				t.Errorf("CreateVerificationToken\n  got:  no racer made the token\n  want: one at least")
			}
			used := t.count(adapter.ErrNotFound, func(a adapter.Adapter) error {
				_, err := a.UseVerificationToken(t.ctx, ada, token)
				return err
			})
			t.equal("how many used one token", used, 1)
		}
	}},
	{ID: "RAC-015", Rule: "A token that is used while all of a person's tokens are made void is used once or not at all, and none is left.", Source: "docs/contract.md R15", Run: func(t *T) {
		for round := range rounds {
			t.useAtOnce(numbered(ada, round), true)
		}
	}},
	{ID: "RAC-016", Rule: "No update of a user is lost when updates of other fields and attributes race with it.", Source: "docs/contract.md R13", Run: updateUserFields},
	{ID: "RAC-017", Rule: "No update of an account is lost when updates of other fields and attributes race with it.", Source: "docs/contract.md R13", Run: updateAccountFields},
	{ID: "RAC-018", Rule: "No update of a session is lost when updates of its expiry and other attributes race with it.", Source: "docs/contract.md R13", Run: updateSessionFields},
	{ID: "RAC-019", Rule: "A read never shows half an update.", Source: "docs/contract.md R9", Run: func(t *T) {
		for round := range rounds {
			t.readHalves(numbered(ada, round))
		}
	}},
	{ID: "RAC-020", Rule: "Of any number of users who take one e-mail address at once exactly one gets it, and the others keep theirs.", Source: "docs/contract.md R5", Run: func(t *T) {
		users := t.crowd(ada)
		for round := range rounds {
			want := email(numbered(grace, round))
			errs := t.racing(func(i int, a adapter.Adapter) error {
				_, err := a.UpdateUser(t.ctx, users[i].ID, adapter.UserUpdate{Email: &want})
				return err
			})
			won := t.winner("UpdateUser", errs, adapter.FieldUserEmail)
			t.freeEmail(users[won].Email)
			users[won].Email = want
			t.haveEmails(users)
		}
	}},
	{ID: "RAC-021", Rule: "Two users who take each other's e-mail address at once both keep their own.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			users := []adapter.User{t.user(numbered(ada, round)), t.user(numbered(grace, round))}
			for _, err := range t.racing(func(i int, a adapter.Adapter) error {
				_, err := a.UpdateUser(t.ctx, users[i/2%2].ID, adapter.UserUpdate{Email: &users[1-i/2%2].Email})
				return err
			}) {
				t.conflict("UpdateUser", err, adapter.FieldUserEmail)
			}
			t.haveEmails(users)
		}
	}},
	{ID: "RAC-022", Rule: "Users who each take the e-mail address of the next one at once end with one owner for each address.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			users := t.crowd(numbered(ada, round))
			var before []string
			for _, u := range users {
				before = append(before, u.Email)
			}
			before = append(before, email(numbered(grace, round))) // free
			errs := t.racing(func(i int, a adapter.Adapter) error {
				_, err := a.UpdateUser(t.ctx, users[i].ID, adapter.UserUpdate{Email: &before[i+1]})
				return err
			})
			for i, err := range errs {
				if err == nil {
					users[i].Email = before[i+1]
				} else {
					t.conflict("UpdateUser", err, adapter.FieldUserEmail)
				}
			}
			t.among("UpdateUser to the free address", errs[racers-1])
			t.haveEmails(users)
		}
	}},
	{ID: "RAC-023", Rule: "A user whose e-mail address is changed many times at once ends with one of the addresses, and the others are free.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			u := t.user(numbered(ada, round))
			address := func(i int) string { return email(fmt.Sprintf("ada-%d-%d", round, i)) }
			t.all("UpdateUser", t.racing(func(i int, a adapter.Adapter) error {
				_, err := a.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: new(address(i))})
				return err
			}))
			got, err := t.store.GetUser(t.ctx, u.ID)
			t.ok("GetUser", err)
			won := 0
			for won < racers && address(won) != got.Email {
				won++
			}
			if won == racers {
				t.Fatalf("GetUser\n  got:  an address that none of the updates wrote\n  want: one of theirs")
			}
			t.freeEmail(u.Email)
			t.keptBy(won, u.ID, address)
		}
	}},
	{ID: "RAC-024", Rule: "While a user's e-mail address changes the user is always found, and an address never leads to a user with another one.", Source: "docs/contract.md R4", Run: readWhileEmailChanges},
	{ID: "RAC-025", Rule: "An e-mail address that is given up while others sign up with it has one owner, and so has the new one.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			u := t.user(numbered(ada, round))
			left, taken := u.Email, email(numbered(grace, round))
			t.against(func(_ int, a adapter.Adapter) error {
				_, err := a.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: &taken})
				return err
			}, func(i int, a adapter.Adapter) error {
				_, err := a.CreateUser(t.ctx, adapter.User{Email: []string{left, taken}[i/2%2]})
				return err
			}, []error{adapter.ErrConflict}, []error{adapter.ErrConflict})
			t.consistent(universe{users: []string{u.ID}, emails: []string{left, taken}})
		}
	}},
	{ID: "RAC-026", Rule: "An e-mail address that many create and delete a user with has one owner at a time, and is free in the end.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			t.takeTurns(email(numbered(ada, round)))
		}
	}},
	{ID: "RAC-027", Rule: "Of racing counters of a credential the highest is kept, and none is accepted after a higher one.", Source: "docs/contract.md R17", Run: func(t *T) {
		u := t.user(ada)
		for round := range rounds {
			id := t.counted(u.ID, numbered("credential", round))
			var highest atomic.Uint32
			errs := t.racing(func(i int, a adapter.Adapter) error {
				counter := uint32(1 + i)
				before := highest.Load()
				got, err := a.UpdateAuthenticatorCounter(t.ctx, id, counter)
				if err != nil {
					return err
				}
				if got.Counter != counter || counter <= before {
					return fmt.Errorf("the counter %d was accepted as %d after %d", counter, got.Counter, before)
				}
				for old := before; old < counter && !highest.CompareAndSwap(old, counter); {
					old = highest.Load()
				}
				return nil
			})
			for _, err := range errs {
				if err != nil {
					t.conflict("UpdateAuthenticatorCounter", err, adapter.FieldCounter)
				}
			}
			t.among("UpdateAuthenticatorCounter with the highest", errs[racers-1])
			t.counter(id, racers)
		}
	}},
	{ID: "RAC-028", Rule: "Of racing sign-ins that show one and the same counter exactly one is accepted.", Source: "docs/contract.md R17", Run: func(t *T) {
		u := t.user(ada)
		for round := range rounds {
			id := t.counted(u.ID, numbered("credential", round))
			t.winner("UpdateAuthenticatorCounter", t.racing(func(_ int, a adapter.Adapter) error {
				_, err := a.UpdateAuthenticatorCounter(t.ctx, id, 5)
				return err
			}), adapter.FieldCounter)
			t.counter(id, 5)
		}
	}},
	{ID: "RAC-029", Rule: "A session that is deleted while it is updated is not revived.", Source: "docs/contract.md R13", Run: func(t *T) {
		u := t.user(ada)
		for range rounds {
			s := t.session(u.ID)
			t.against(func(_ int, a adapter.Adapter) error {
				return a.DeleteSession(t.ctx, s.SessionToken)
			}, func(i int, a adapter.Adapter) error {
				_, err := a.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{
					Expires: new(Start.Add(2 * time.Hour)), Attributes: adapter.Attributes{"n": int64(i)},
				})
				return err
			}, nil, []error{adapter.ErrNotFound})
			t.nothing(universe{users: []string{u.ID}, sessions: []string{s.SessionToken}})
		}
	}},
	{ID: "RAC-030", Rule: "An account that is unlinked while it is updated is not revived.", Source: "docs/contract.md R13", Run: func(t *T) {
		u := t.user(ada)
		for round := range rounds {
			key := t.account(u.ID, "github", numbered("a", round)).Key()
			t.against(func(_ int, a adapter.Adapter) error {
				return a.UnlinkAccount(t.ctx, key)
			}, func(i int, a adapter.Adapter) error {
				_, err := a.UpdateAccount(t.ctx, key, adapter.AccountUpdate{AccessToken: new(numbered("t", i))})
				return err
			}, nil, []error{adapter.ErrNotFound})
			t.nothing(universe{users: []string{u.ID}, accounts: []adapter.AccountKey{key}})
			t.account(u.ID, key.Provider, key.ProviderAccountID) // is free
			t.ok("UnlinkAccount", t.store.UnlinkAccount(t.ctx, key))
		}
	}},
	{ID: "RAC-031", Rule: "A credential that is deleted while it is used is not revived.", Source: "docs/contract.md R17", Run: func(t *T) {
		u := t.user(ada)
		for round := range rounds {
			id := t.counted(u.ID, numbered("credential", round))
			t.against(func(_ int, a adapter.Adapter) error {
				return a.DeleteAuthenticator(t.ctx, id)
			}, func(i int, a adapter.Adapter) error {
				_, err := a.UpdateAuthenticatorCounter(t.ctx, id, uint32(1+i))
				return err
			}, nil, []error{adapter.ErrNotFound, adapter.ErrConflict})
			t.nothing(universe{users: []string{u.ID}, credentials: []string{id}})
		}
	}},
	{ID: "RAC-032", Rule: "An account that is unlinked while others link it has one owner at most, and only in that owner's list.", Source: "docs/contract.md R5", Run: func(t *T) {
		users := t.crowd(ada)
		for round := range rounds {
			key := t.account(users[0].ID, "github", numbered("a", round)).Key()
			t.against(func(_ int, a adapter.Adapter) error {
				return a.UnlinkAccount(t.ctx, key)
			}, func(i int, a adapter.Adapter) error {
				_, err := a.LinkAccount(t.ctx, plainAccount(users[i].ID, key.Provider, key.ProviderAccountID))
				return err
			}, nil, []error{adapter.ErrConflict})
			t.consistent(universe{users: ids(users), accounts: []adapter.AccountKey{key}})
			t.ok("UnlinkAccount", t.store.UnlinkAccount(t.ctx, key))
			t.nothing(universe{users: ids(users), accounts: []adapter.AccountKey{key}})
		}
	}},
	{ID: "RAC-033", Rule: "Signing out everywhere ends every session that was made before it, whatever is made meanwhile.", Source: "docs/contract.md R9", Run: func(t *T) {
		u := t.user(ada)
		for range rounds {
			var old [8]string
			for i := range old {
				old[i] = t.session(u.ID).SessionToken
			}
			kept := t.session(u.ID).SessionToken
			var tokens [racers]string
			t.against(func(_ int, a adapter.Adapter) error {
				return a.DeleteSessions(t.ctx, u.ID, kept)
			}, func(i int, a adapter.Adapter) error {
				s, err := a.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)})
				tokens[i] = s.SessionToken
				return err
			}, nil, nil)
			for _, token := range old {
				t.signedOut(t.Second(), token)
			}
			t.signedIn(t.Second(), kept, u.ID)
			w := universe{users: []string{u.ID}, sessions: append(given(tokens[:]), kept)}
			t.consistent(w)
			t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID))
			t.nothing(w)
		}
	}},
	{ID: "RAC-034", Rule: "Any number of racing deletes of one user all succeed.", Source: "docs/contract.md R14", Run: func(t *T) {
		for round := range rounds {
			var w universe
			s := t.newStage(numbered(ada, round))
			w.add(s)
			t.all("DeleteUser", t.racing(func(_ int, a adapter.Adapter) error { return a.DeleteUser(t.ctx, s.user.ID) }))
			t.gone(w)
		}
	}},
	{ID: "RAC-035", Rule: "A session that is made while its user is deleted opens nothing, and a repeated delete removes it.", Source: "docs/contract.md R14", Run: func(t *T) {
		for round := range rounds {
			var tokens [racers]string
			t.deletedWhile(numbered(ada, round), []error{adapter.ErrInvalid}, func(i int, a adapter.Adapter, s stage) error {
				made, err := a.CreateSession(t.ctx, adapter.Session{UserID: s.user.ID, Expires: Start.Add(time.Hour)})
				tokens[i] = made.SessionToken
				return err
			}, func(w *universe) { w.sessions = append(w.sessions, given(tokens[:])...) })
		}
	}},
	{ID: "RAC-036", Rule: "An account that is linked while its user is deleted leads nowhere, and a repeated delete frees it.", Source: "docs/contract.md R14", Run: func(t *T) {
		for round := range rounds {
			name := numbered(ada, round)
			t.deletedWhile(name, []error{adapter.ErrInvalid}, func(i int, a adapter.Adapter, s stage) error {
				_, err := a.LinkAccount(t.ctx, plainAccount(s.user.ID, name, numbered("a", i)))
				return err
			}, func(w *universe) {
				for i := range racers {
					w.accounts = append(w.accounts, adapter.AccountKey{Provider: name, ProviderAccountID: numbered("a", i)})
				}
			})
		}
	}},
	{ID: "RAC-037", Rule: "A credential that is made while its user is deleted is removed by a repeated delete.", Source: "docs/contract.md R14", Run: func(t *T) {
		for round := range rounds {
			name := numbered(ada, round)
			t.deletedWhile(name, []error{adapter.ErrInvalid}, func(i int, a adapter.Adapter, s stage) error {
				_, err := a.CreateAuthenticator(t.ctx, fullAuthenticator(s.user.ID, numbered(name, i)))
				return err
			}, func(w *universe) {
				for i := range racers {
					w.credentials = append(w.credentials, numbered(name, i))
				}
			})
		}
	}},
	{ID: "RAC-038", Rule: "A user who is deleted while updates run does not come back, and every e-mail address is free.", Source: "docs/contract.md R14", Run: func(t *T) {
		for round := range rounds {
			name := numbered(ada, round)
			t.deletedWhile(name, []error{adapter.ErrNotFound}, func(i int, a adapter.Adapter, s stage) error {
				up := adapter.UserUpdate{Name: new(numbered("n", i)), Attributes: adapter.Attributes{"n": int64(i)}}
				if i/2%2 == 0 {
					up.Email = new(email(numbered(name, i)))
				}
				_, err := a.UpdateUser(t.ctx, s.user.ID, up)
				return err
			}, func(w *universe) {
				for i := range racers {
					w.emails = append(w.emails, email(numbered(name, i)))
				}
			})
		}
	}},
	{ID: "RAC-039", Rule: "What belongs to a user who is deleted while it is updated does not come back.", Source: "docs/contract.md R14", Run: func(t *T) {
		for round := range rounds {
			may := []error{adapter.ErrNotFound, adapter.ErrConflict} // of a counter that races
			t.deletedWhile(numbered(ada, round), may, func(i int, a adapter.Adapter, s stage) (err error) {
				switch i / 2 % 3 {
				case 0:
					_, err = a.UpdateSession(t.ctx, s.session.SessionToken, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
				case 1:
					_, err = a.UpdateAccount(t.ctx, s.account.Key(), adapter.AccountUpdate{Scope: new(numbered("s", i))})
				case 2:
					_, err = a.UpdateAuthenticatorCounter(t.ctx, s.authenticator.CredentialID, uint32(10+i))
				}
				return err
			}, func(*universe) {})
		}
	}},
	{ID: "RAC-040", Rule: "A user ID that is taken again while its first user is deleted starts with nothing.", Source: "docs/contract.md R14", Run: reuseIDDuringDelete},
	{ID: "RAC-041", Rule: "An account that is linked while or after its user is deleted can be had by somebody else, without another deletion.", Source: "docs/contract.md R14", Run: func(t *T) {
		heir := t.user(grace)
		for round := range rounds {
			name := numbered(ada, round)
			u := t.user(name)
			key := func(i int) adapter.AccountKey {
				return adapter.AccountKey{Provider: name, ProviderAccountID: numbered("a", i)}
			}
			link := func(i int, a adapter.Adapter) error {
				_, err := a.LinkAccount(t.ctx, plainAccount(u.ID, name, numbered("a", i)))
				return err
			}
			t.against(func(_ int, a adapter.Adapter) error { return a.DeleteUser(t.ctx, u.ID) }, link, nil, []error{adapter.ErrInvalid})
			t.among("LinkAccount to a deleted user", link(racers, t.store), adapter.ErrInvalid)
			t.ok("taking the accounts of a deleted user", t.parallel(racers+1, func(i int) error {
				if _, err := t.store.GetUserByAccount(t.ctx, key(i)); !errors.Is(err, adapter.ErrNotFound) {
					return fmt.Errorf("GetUserByAccount of the account %d of a deleted user: %v", i, err)
				}
				if i%2 == 0 {
					_, err := t.Second().LinkAccount(t.ctx, plainAccount(heir.ID, name, numbered("a", i)))
					return err
				}
				_, _, err := t.Second().CreateUserWithAccount(t.ctx, adapter.User{}, plainAccount("", name, numbered("a", i)))
				return err
			}))
		}
	}},
	{ID: "RAC-042", Rule: "A credential that is made while or after its user is deleted can be had by somebody else, without another deletion.", Source: "docs/contract.md R14", Run: func(t *T) {
		heir := t.user(grace)
		for round := range rounds {
			name := numbered(ada, round)
			u := t.user(name)
			id := func(i int) string { return numbered(name, i) }
			create := func(i int, a adapter.Adapter) error {
				_, err := a.CreateAuthenticator(t.ctx, fullAuthenticator(u.ID, id(i)))
				return err
			}
			t.against(func(_ int, a adapter.Adapter) error { return a.DeleteUser(t.ctx, u.ID) }, create, nil, []error{adapter.ErrInvalid})
			t.among("CreateAuthenticator for a deleted user", create(racers, t.store), adapter.ErrInvalid)
			t.ok("taking the credentials of a deleted user", t.parallel(racers+1, func(i int) error {
				_, err := t.Second().CreateAuthenticator(t.ctx, fullAuthenticator(heir.ID, id(i)))
				return err
			}))
		}
	}},
	{ID: "RAC-043", Rule: "An account that was unlinked does not come back by the calls of others who want it.", Source: "docs/contract.md R13", Run: unlinkedStays},
	{ID: "RAC-045", Rule: "Sign-ups with a passkey, registrations and sign-ups race for one credential ID, and one of them has it; the others leave nothing behind.", Source: "docs/contract.md R5", Run: func(t *T) {
		users := t.crowd(ada)
		for round := range rounds {
			id := numbered("credential", round)
			address := func(i int) string { return email(fmt.Sprintf("%s-%d-%d", grace, round, i)) }
			var owners [racers]string
			errs := t.racing(func(i int, a adapter.Adapter) error {
				if i/2%2 == 0 {
					owners[i] = users[i].ID
					_, err := a.CreateAuthenticator(t.ctx, plainAuthenticator(users[i].ID, id))
					return err
				}
				u, _, err := a.CreateUserWithAuthenticator(t.ctx, adapter.User{Email: address(i)}, plainAuthenticator("", id))
				owners[i] = u.ID
				return err
			})
			won := t.winner("a write of one credential", errs, adapter.FieldCredentialID)
			got, err := t.Second().GetAuthenticator(t.ctx, id)
			t.ok("GetAuthenticator", err)
			t.equal("UserID", got.UserID, owners[won])
			w := universe{users: ids(users), credentials: []string{id}}
			for i := range racers {
				if i != won {
					t.freeEmail(address(i))
				}
			}
			t.consistent(w)
		}
	}},
	{ID: "RAC-046", Rule: "Of any number of racing sign-ups with a passkey with one e-mail address exactly one makes a user, and the others leave their credential IDs free.", Source: "docs/contract.md R5", Run: func(t *T) {
		for round := range rounds {
			name := numbered(ada, round)
			credential := func(i int) string { return fmt.Sprintf("%s-%d", name, i) }
			var owners [racers]string
			errs := t.racing(func(i int, a adapter.Adapter) error {
				u, _, err := a.CreateUserWithAuthenticator(t.ctx, adapter.User{Email: email(name)}, plainAuthenticator("", credential(i)))
				owners[i] = u.ID
				return err
			})
			won := t.winner("CreateUserWithAuthenticator", errs, adapter.FieldUserEmail)
			t.ok("CreateAuthenticator of what the losers named", t.parallel(racers, func(i int) error {
				if i == won {
					return nil
				}
				_, err := t.store.CreateAuthenticator(t.ctx, plainAuthenticator(owners[won], credential(i)))
				return err
			}))
			all, err := t.Second().ListAuthenticators(t.ctx, owners[won])
			t.ok("ListAuthenticators", err)
			t.equal("authenticators of the winner", len(all), racers)
		}
	}},
	{ID: "RAC-047", Rule: "No update of an authenticator is lost when updates of other fields and attributes, and counters, race with it.", Source: "docs/contract.md R13", Run: updateAuthenticatorFields},
	{ID: "RAC-044", Rule: "A counter that grows is no conflict while its credential is being made.", Source: "docs/contract.md R17", Run: func(t *T) {
		u := t.user(ada)
		both := t.Both()
		for round := range long {
			id := numbered("credential", round)
			errs := race(2, func(i int) error {
				if i == 0 {
					made := fullAuthenticator(u.ID, id)
					made.Counter = 1
					_, err := both[0].CreateAuthenticator(t.ctx, made)
					return err
				}
				var err error
				for range 20 {
					if _, err = both[1].UpdateAuthenticatorCounter(t.ctx, id, 1000); !errors.Is(err, adapter.ErrNotFound) {
						break
					}
				}
				return err
			})
			t.among("CreateAuthenticator", errs[0])
			t.among("UpdateAuthenticatorCounter", errs[1], adapter.ErrNotFound)
		}
	}},
}

// unlinkedStays lets somebody sign up with an account and unlink it while others link it.
// Whoever has it in the end was told so, and that is nobody who has unlinked it.
func unlinkedStays(t *T) {
	const callers = 4
	both := t.Both()
	var others [callers]adapter.User
	for i := range others {
		others[i] = t.user(numbered(grace, i))
	}
	for round := range long {
		key := adapter.AccountKey{Provider: "github", ProviderAccountID: numbered("a", round)}
		var first adapter.User
		errs := race(callers, func(i int) (err error) {
			if i > 0 {
				_, err = both[i%2].LinkAccount(t.ctx, plainAccount(others[i].ID, key.Provider, key.ProviderAccountID))
				return err
			}
			first, _, err = both[0].CreateUserWithAccount(t.ctx, adapter.User{}, plainAccount("", key.Provider, key.ProviderAccountID))
			if err == nil {
				err = both[0].UnlinkAccount(t.ctx, key)
				t.among("UnlinkAccount", err)
			}
			return err
		})
		got, err := t.store.GetUserByAccount(t.ctx, key)
		if err != nil {
			t.is("GetUserByAccount", err, adapter.ErrNotFound)
			got = adapter.User{}
		}
		for i, err := range errs {
			t.among("taking an account", err, adapter.ErrConflict)
			if err != nil && i > 0 && got.ID == others[i].ID {
				t.Errorf("GetUserByAccount\n  got:  a user who was told that another has the account\n  want: nobody, or one who was told success")
			}
		}
		if got.ID != "" && got.ID == first.ID {
			t.Errorf("GetUserByAccount\n  got:  the user who has unlinked the account\n  want: nobody, or another one")
		}
	}
}

// raceSignUps creates a user by every racer, all with spellings of one address.
func (t *T) raceSignUps(address func(i int) string) {
	t.Helper()
	var ids [racers]string
	for i := range ids {
		ids[i] = t.NewID()
	}
	won := t.winner("CreateUser", t.racing(func(i int, a adapter.Adapter) error {
		_, err := a.CreateUser(t.ctx, adapter.User{ID: ids[i], Email: address(i)})
		return err
	}), adapter.FieldUserEmail)
	t.consistent(universe{users: ids[:], emails: []string{address(0)}})
	for i, id := range ids {
		_, err := t.Second().GetUser(t.ctx, id)
		if i == won {
			t.ok("GetUser of the winner", err)
		} else {
			t.is("GetUser of a racer who lost", err, adapter.ErrNotFound)
		}
	}
}

// keptBy fails the test unless the address of the racer who won leads to a user,
// and those of the others are free.
func (t *T) keptBy(won int, userID string, address func(i int) string) {
	t.Helper()
	got, err := t.Second().GetUserByEmail(t.ctx, address(won))
	t.ok("GetUserByEmail", err)
	t.equal("the ID of GetUserByEmail", got.ID, userID)
	var free []string
	for i := range racers {
		if i != won {
			free = append(free, address(i))
		}
	}
	t.freeEmails(free)
}

// leadsTo fails the test unless an account is found and leads to its user.
func (t *T) leadsTo(account adapter.Account) {
	t.Helper()
	for _, a := range t.Both() {
		u, err := a.GetUserByAccount(t.ctx, account.Key())
		t.ok("GetUserByAccount", err)
		t.equal("the ID of GetUserByAccount", u.ID, account.UserID)
		got, err := a.GetAccount(t.ctx, account.Key())
		t.ok("GetAccount", err)
		t.equal("the owner in GetAccount", got.UserID, account.UserID)
	}
}

// haveEmails fails the test unless every user has the e-mail address that it says,
// and the address leads to the user.
func (t *T) haveEmails(users []adapter.User) {
	t.Helper()
	t.ok("reading users", t.parallel(len(users), func(i int) error {
		u, err := t.Second().GetUser(t.ctx, users[i].ID)
		if err != nil {
			return err
		}
		t.equal("the address of the user", u.Email, users[i].Email)
		got, err := t.Second().GetUserByEmail(t.ctx, users[i].Email)
		t.equal("the ID of the user who has the address", got.ID, users[i].ID)
		return err
	}))
}

func ids(users []adapter.User) []string {
	all := make([]string, len(users))
	for i, u := range users {
		all[i] = u.ID
	}
	return all
}

// given returns the strings that are not empty.
func given(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
}

// count calls f for every racer at once and returns how many succeeded. The others
// must be told the error.
func (t *T) count(other error, f func(a adapter.Adapter) error) int {
	t.Helper()
	n := 0
	for _, err := range t.racing(func(_ int, a adapter.Adapter) error { return f(a) }) {
		t.among("a racer", err, other)
		if err == nil {
			n++
		}
	}
	return n
}

// useAtOnce lets every racer use every token of an identifier, some in another
// order. If the tokens are made void meanwhile, not all of them need to be used.
func (t *T) useAtOnce(identifier string, void bool) {
	t.Helper()
	var used [8]atomic.Int32
	for n := range used {
		t.link(identifier, numbered("token", n))
	}
	use := func(i int, a adapter.Adapter) error {
		for n := range used {
			n = (n + i/2) % len(used)
			_, err := a.UseVerificationToken(t.ctx, identifier, numbered("token", n))
			if err == nil {
				used[n].Add(1)
			} else if !errors.Is(err, adapter.ErrNotFound) {
				return err
			}
		}
		return nil
	}
	few := use
	if void {
		few = func(i int, a adapter.Adapter) error {
			return errors.Join(use(i, a), a.DeleteVerificationTokens(t.ctx, identifier))
		}
	}
	t.against(few, use, nil, nil)
	for n := range used {
		if uses := used[n].Load(); uses > 1 || uses == 0 && !void {
			t.Errorf("how many used one token\n  got:  %d\n  want: 1", uses)
		}
		if t.usable(t.ctx, t.Second(), identifier, numbered("token", n)) {
			t.Errorf("UseVerificationToken\n  got:  a token that was used or void\n  want: none")
		}
	}
}

// counted creates a credential whose counter is 0 and returns its ID.
func (t *T) counted(userID, id string) string {
	t.Helper()
	a := fullAuthenticator(userID, id)
	a.Counter = 0
	_, err := t.store.CreateAuthenticator(t.ctx, a)
	t.ok("CreateAuthenticator", err)
	return id
}

// counter fails the test unless a credential has a counter.
func (t *T) counter(credentialID string, want uint32) {
	t.Helper()
	got, err := t.Second().GetAuthenticator(t.ctx, credentialID)
	t.ok("GetAuthenticator", err)
	t.equal("the counter", got.Counter, want)
}

// readHalves reads a user while updates set three things to one and the same.
func (t *T) readHalves(name string) {
	t.Helper()
	u := t.user(name)
	s := t.session(u.ID)
	write := func(a adapter.Adapter, v string) error {
		_, err := a.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: &v, Image: &v, Attributes: adapter.Attributes{"n": v}})
		return err
	}
	t.ok("UpdateUser", write(t.store, "first"))
	t.all("reading and updating a user", t.racing(func(i int, a adapter.Adapter) error {
		for n := range 5 {
			if i%4 < 2 {
				if err := write(a, fmt.Sprintf("%d-%d", i, n)); err != nil {
					return err
				}
				continue
			}
			got, err := t.readUser(a, n, u, s.SessionToken)
			if err != nil {
				return err
			}
			if got.Name != got.Image || got.Attributes["n"] != got.Name {
				return fmt.Errorf("a user of whom Name is %q, Image %q and an attribute %q", got.Name, got.Image, got.Attributes["n"])
			}
		}
		return nil
	}))
}

// takeTurns has every racer create and delete a user with one address.
func (t *T) takeTurns(address string) {
	t.Helper()
	var owners atomic.Int32
	t.all("creating and deleting a user", t.racing(func(_ int, a adapter.Adapter) error {
		for turns, tries := 0, 0; turns < 3 && tries < 20; tries++ {
			u, err := a.CreateUser(t.ctx, adapter.User{Email: address})
			if errors.Is(err, adapter.ErrConflict) {
				runtime.Gosched()
				continue
			} else if err != nil {
				return err
			}
			if n := owners.Add(1); n != 1 {
				return fmt.Errorf("%d owners of one address", n)
			}
			got, err := a.GetUserByEmail(t.ctx, address)
			if err != nil || got.ID != u.ID {
				return fmt.Errorf("GetUserByEmail finds the user %q instead of %q, with the error %v", got.ID, u.ID, err)
			}
			turns++
			owners.Add(-1)
			if err := a.DeleteUser(t.ctx, u.ID); err != nil {
				return err
			}
		}
		return nil
	}))
	t.freeEmail(address)
}

// readUser reads a user in one of the ways in which a user is read.
func (t *T) readUser(a adapter.Adapter, way int, u adapter.User, token string) (got adapter.User, err error) {
	switch way % 3 {
	case 0:
		return a.GetUser(t.ctx, u.ID)
	case 1:
		return a.GetUserByEmail(t.ctx, u.Email)
	}
	_, got, err = a.GetSessionAndUser(t.ctx, token)
	return got, err
}

// addAtOnce has one user sign in and link accounts and passkeys everywhere at once.
func addAtOnce(t *T) {
	for round := range rounds {
		name := numbered(ada, round)
		w := universe{users: []string{t.user(name).ID}}
		var tokens [racers]string
		t.all("creating what belongs to one user", t.racing(func(i int, a adapter.Adapter) error {
			s, err := a.CreateSession(t.ctx, adapter.Session{UserID: w.users[0], Expires: Start.Add(time.Hour)})
			if err != nil {
				return err
			}
			tokens[i] = s.SessionToken
			if _, err := a.LinkAccount(t.ctx, plainAccount(w.users[0], name, numbered("a", i))); err != nil {
				return err
			}
			_, err = a.CreateAuthenticator(t.ctx, fullAuthenticator(w.users[0], numbered(name, i)))
			return err
		}))
		w.sessions = tokens[:]
		for i := range racers {
			w.accounts = append(w.accounts, adapter.AccountKey{Provider: name, ProviderAccountID: numbered("a", i)})
			w.credentials = append(w.credentials, numbered(name, i))
		}
		v := t.look(w)
		t.equal("sessions, accounts and credentials that are read",
			[]int{len(v.sessions), len(v.byAccount), len(v.authenticators)}, []int{racers, racers, racers})
		t.consistent(w)
	}
}

func updateUserFields(t *T) {
	for round := range rounds {
		want, err := t.store.CreateUser(t.ctx, fullUser(numbered(ada, round)))
		t.ok("CreateUser", err)
		updates := []adapter.UserUpdate{
			{Name: new("raced")}, {Image: new("")}, {EmailVerified: new(Start)},
			{Email: new(email(numbered(grace, round)))},
			{RemoveAttributes: []string{"role", "seen"}}, {Attributes: adapter.Attributes{"groups": []any{"raced"}}},
		}
		for i := len(updates); i < racers; i++ {
			updates = append(updates, adapter.UserUpdate{Attributes: adapter.Attributes{numbered("n", i): int64(i)}})
		}
		t.all("UpdateUser", t.racing(func(i int, a adapter.Adapter) error {
			_, err := a.UpdateUser(t.ctx, want.ID, updates[i])
			return err
		}))
		for _, up := range updates {
			up.Apply(&want, Start)
		}
		t.sameUser(want)
	}
}

func updateAccountFields(t *T) {
	u := t.user(ada)
	for round := range rounds {
		want, err := t.store.LinkAccount(t.ctx, fullAccount(u.ID, "github", numbered("a", round)))
		t.ok("LinkAccount", err)
		updates := []adapter.AccountUpdate{
			{RefreshToken: new("raced")}, {AccessToken: new("raced")}, {ExpiresAt: new(int64(5000000000))}, {TokenType: new("mac")},
			{Scope: new("")}, {IDToken: new("raced")}, {SessionState: new("raced")}, {RemoveAttributes: []string{"tenant"}},
		}
		for i := len(updates); i < racers; i++ {
			updates = append(updates, adapter.AccountUpdate{Attributes: adapter.Attributes{numbered("n", i): int64(i)}})
		}
		t.all("UpdateAccount", t.racing(func(i int, a adapter.Adapter) error {
			_, err := a.UpdateAccount(t.ctx, want.Key(), updates[i])
			return err
		}))
		for _, up := range updates {
			up.Apply(&want, Start)
		}
		t.sameAccount(want)
	}
}

func updateAuthenticatorFields(t *T) {
	u := t.user(ada)
	for round := range rounds {
		want := t.authenticator(u.ID, numbered("credential", round))
		updates := []adapter.AuthenticatorUpdate{
			{CredentialBackedUp: new(false)}, {Transports: &[]string{"usb"}}, {RemoveAttributes: []string{"aaguid"}}, {Attributes: adapter.Attributes{"name": "raced"}},
		}
		for i := len(updates); i < racers-1; i++ {
			updates = append(updates, adapter.AuthenticatorUpdate{Attributes: adapter.Attributes{numbered("n", i): int64(i)}})
		}
		t.all("an update of an authenticator", t.racing(func(i int, a adapter.Adapter) error {
			if i == len(updates) {
				_, err := a.UpdateAuthenticatorCounter(t.ctx, want.CredentialID, 100)
				return err
			}
			_, err := a.UpdateAuthenticator(t.ctx, want.CredentialID, updates[i])
			return err
		}))
		for _, up := range updates {
			up.Apply(&want, Start)
		}
		want.Counter = 100
		t.sameAuthenticator(want)
	}
}

func updateSessionFields(t *T) {
	u := t.user(ada)
	for range rounds {
		want, err := t.store.CreateSession(t.ctx, adapter.Session{
			UserID: u.ID, Expires: Start.Add(time.Hour), Attributes: adapter.Attributes{"ip": "192.0.2.1", "agent": "x"},
		})
		t.ok("CreateSession", err)
		updates := []adapter.SessionUpdate{
			{Expires: new(Start.Add(2 * time.Hour))}, {RemoveAttributes: []string{"ip"}}, {Attributes: adapter.Attributes{"agent": "raced"}},
		}
		for i := len(updates); i < racers; i++ {
			updates = append(updates, adapter.SessionUpdate{Attributes: adapter.Attributes{numbered("n", i): int64(i)}})
		}
		t.all("UpdateSession", t.racing(func(i int, a adapter.Adapter) error {
			_, err := a.UpdateSession(t.ctx, want.SessionToken, updates[i])
			return err
		}))
		for _, up := range updates {
			up.Apply(&want, Start)
		}
		for _, a := range t.Both() {
			got, _, err := a.GetSessionAndUser(t.ctx, want.SessionToken)
			t.ok("GetSessionAndUser", err)
			t.equal("the session after all updates", got, want)
		}
	}
}

func readWhileEmailChanges(t *T) {
	u := t.user(ada)
	s := t.session(u.ID)
	key := t.account(u.ID, "github", "1").Key()
	addresses := []string{email(ada), email(grace), email(alan)}
	t.all("reading and changing an address", t.racing(func(i int, a adapter.Adapter) error {
		for n := range 10 {
			address := addresses[(i/4+n)%len(addresses)]
			if i%4 == 0 {
				if _, err := a.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: &address}); err != nil {
					return err
				}
				continue
			}
			got, err := a.GetUserByEmail(t.ctx, address)
			if err == nil && (got.ID != u.ID || got.Email != address) || err != nil && !errors.Is(err, adapter.ErrNotFound) {
				return fmt.Errorf("GetUserByEmail: a user whose address is another one, or the error %v", err)
			}
			if got, err = a.GetUserByAccount(t.ctx, key); n%2 == 0 {
				_, got, err = a.GetSessionAndUser(t.ctx, s.SessionToken)
			}
			if err != nil || got.ID != u.ID || !slices.Contains(addresses, got.Email) {
				return fmt.Errorf("the user %q by account or session, with the error %v", got.ID, err)
			}
		}
		return nil
	}))
	t.consistent(universe{users: []string{u.ID}, emails: addresses, sessions: []string{s.SessionToken}, accounts: []adapter.AccountKey{key}})
}

// deletedWhile deletes a user while other racers write something of it, which may
// fail with some errors. Nothing then leads to the user; after a second delete all
// is free, and the user's ID too. Also adds what the racers may have written.
func (t *T) deletedWhile(name string, may []error, write func(i int, a adapter.Adapter, s stage) error, also func(*universe)) {
	t.Helper()
	s := t.newStage(name)
	t.against(func(_ int, a adapter.Adapter) error {
		return a.DeleteUser(t.ctx, s.user.ID)
	}, func(i int, a adapter.Adapter) error {
		return write(i, a, s)
	}, nil, may)
	var w universe
	w.add(s)
	also(&w)
	t.noUser(s.user.ID)
	v := t.look(w)
	none(t, "addresses that lead to a user", v.byEmail)
	none(t, "accounts that lead to a user", v.byAccount)
	none(t, "sessions that open", v.sessions)
	t.ok("DeleteUser once more", t.Second().DeleteUser(t.ctx, s.user.ID))
	t.gone(w)
	_, err := t.store.CreateUser(t.ctx, adapter.User{ID: s.user.ID})
	t.ok("CreateUser with the ID of a deleted user", err)
	t.nothing(w)
}

// reuseIDDuringDelete creates users with the ID of one who is being deleted.
func reuseIDDuringDelete(t *T) {
	for round := range rounds {
		name := numbered(ada, round)
		s := t.newStage(name)
		t.against(func(_ int, a adapter.Adapter) error {
			return a.DeleteUser(t.ctx, s.user.ID)
		}, func(i int, a adapter.Adapter) error {
			_, err := a.CreateUser(t.ctx, adapter.User{ID: s.user.ID, Email: email(numbered(name, i))})
			return err
		}, nil, []error{adapter.ErrConflict})
		var w universe
		w.add(s)
		t.nothing(w)
		for i := range racers {
			w.emails = append(w.emails, email(numbered(name, i)))
		}
		t.consistent(w)
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, s.user.ID))
		t.gone(w)
	}
}
