package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// signUpKind is a kind of sign-up that takes several steps, by its credential.
type signUpKind struct {
	collection string // of the credential
	state      string // the field of the user's state that holds the credential
	call       func(ctx context.Context, store adapter.Adapter, u adapter.User, key string) (adapter.User, error)
	owner      func(ctx context.Context, store adapter.Adapter, key string) (id string, err error)
	give       func(ctx context.Context, store adapter.Adapter, id, key string) error // the credential to another user
	remove     func(ctx context.Context, store adapter.Adapter, key string) error
	document   func(owner bson.ObjectID, key string) bson.D
}

var signUps = map[string]signUpKind{
	"account": {
		collection: "accounts", state: "signUp",
		call: func(ctx context.Context, store adapter.Adapter, u adapter.User, key string) (adapter.User, error) {
			u, _, err := store.CreateUserWithAccount(ctx, u, measure.TypicalAccount(key))
			return u, err
		},
		owner: func(ctx context.Context, store adapter.Adapter, key string) (string, error) {
			u, err := store.GetUserByAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: key})
			return u.ID, err
		},
		give: func(ctx context.Context, store adapter.Adapter, id, key string) error {
			a := measure.TypicalAccount(key)
			a.UserID = id
			return failed(store.LinkAccount(ctx, a))
		},
		remove: func(ctx context.Context, store adapter.Adapter, key string) error {
			return store.UnlinkAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: key})
		},
		document: func(owner bson.ObjectID, key string) bson.D {
			return append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, accountOf(owner, key)...)
		},
	},
	"passkey": {
		collection: "authenticators", state: "passkey",
		call: func(ctx context.Context, store adapter.Adapter, u adapter.User, key string) (adapter.User, error) {
			u, _, err := store.CreateUserWithAuthenticator(ctx, u, adapter.Authenticator{CredentialID: key, CredentialPublicKey: "k"})
			return u, err
		},
		owner: func(ctx context.Context, store adapter.Adapter, key string) (string, error) {
			a, err := store.GetAuthenticator(ctx, key)
			return a.UserID, err
		},
		give: func(ctx context.Context, store adapter.Adapter, id, key string) error {
			return failed(store.CreateAuthenticator(ctx, adapter.Authenticator{UserID: id, CredentialID: key, CredentialPublicKey: "k"}))
		},
		remove: func(ctx context.Context, store adapter.Adapter, key string) error {
			return store.DeleteAuthenticator(ctx, key)
		},
		document: func(owner bson.ObjectID, key string) bson.D {
			return bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "userId", Value: owner}, {Key: "credentialID", Value: key}, {Key: "counter", Value: int64(0)}}
		},
	},
}

// unfinishedUser returns the user of a sign-up whose call is at its second step, or gone.
func (b signUpKind) unfinishedUser(id bson.ObjectID, email string, credential bson.D) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "email", Value: email}, {Key: "authstore", Value: bson.D{{Key: "nonce", Value: bson.NewObjectID()}, {Key: b.state, Value: credential}}}}
}

// The first step of a sign-up does not wait for the majority, so a new primary may not have
// it. The sign-up is complete all the same.
func TestSignUpWhoseFirstStepIsLost(t *testing.T) {
	for name, b := range signUps {
		t.Run(name, func(t *testing.T) { firstStepIsLost(t, b) })
	}
}

func firstStepIsLost(t *testing.T, b signUpKind) {
	db := replicaSet.bare(t)
	lose := func() {}
	client, err := driver.Connect(options.Client().ApplyURI(replicaSet.server(t).URL).SetMonitor(&event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			if to, ok := e.Command.Lookup(e.CommandName).StringValueOK(); ok && to == b.collection && (e.CommandName == "insert" || e.CommandName == "update") {
				lose()
			}
		},
	}))
	check(t, err)
	t.Cleanup(func() { check(t, client.Disconnect(context.Background())) })
	store := open(t, client.Database(db.Name()), mongo.Options{})
	lost := 0
	lose = func() {
		if lost++; lost == 1 {
			_, err := db.Collection("users").DeleteMany(t.Context(), bson.D{})
			check(t, err)
		}
	}
	u, err := b.call(t.Context(), store, measure.TypicalUser("ada"), "1")
	check(t, err)
	if lost != 2 {
		t.Errorf("the credential was inserted %d times, want 2: once for the user who was lost", lost)
	}
	owner, err := b.owner(t.Context(), store, "1")
	if err != nil || owner != u.ID {
		t.Errorf("it is the user's %q, %v, want %q", owner, err, u.ID)
	}
	if got, err := store.GetUser(t.Context(), u.ID); err != nil || got.Email != u.Email {
		t.Errorf("GetUser = %q, %v", got.Email, err)
	}
}

// The last step of a sign-up does not wait for the majority either. A read of the user
// repeats it. A user whose account or passkey does not exist yet is invisible.
func TestReadersFinishASignUp(t *testing.T) {
	for name, b := range signUps {
		t.Run(name, func(t *testing.T) { readersFinish(t, b) })
	}
}

func readersFinish(t *testing.T, b signUpKind) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	u, err := b.call(t.Context(), store, measure.TypicalUser("ada"), "1")
	check(t, err)
	session, err := store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	credential, err := db.Collection(b.collection).FindOne(t.Context(), bson.D{}).Raw()
	check(t, err)
	unfinish := func(t *testing.T, id bson.ObjectID) {
		t.Helper()
		_, err := db.Collection("users").UpdateOne(t.Context(), bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "$set", Value: bson.D{
			{Key: "authstore", Value: bson.D{{Key: "nonce", Value: bson.NewObjectID()}, {Key: b.state, Value: credential}}},
		}}})
		check(t, err)
	}
	id := oid(t, u.ID)
	byUser := map[string]measure.Call{
		"GetUser":        func(ctx context.Context) error { _, err := store.GetUser(ctx, u.ID); return err },
		"GetUserByEmail": func(ctx context.Context) error { _, err := store.GetUserByEmail(ctx, u.Email); return err },
		"GetSessionAndUser": func(ctx context.Context) error {
			_, _, err := store.GetSessionAndUser(ctx, session.SessionToken)
			return err
		},
		"UpdateUser": func(ctx context.Context) error {
			_, err := store.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: new("Ada")})
			return err
		},
	}
	byKey := map[string]measure.Call{"the owner": func(ctx context.Context) error { _, err := b.owner(ctx, store, "1"); return err }}
	if b.state == "signUp" {
		byKey["GetAccount"] = func(ctx context.Context) error {
			return failed(store.GetAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}))
		}
	}
	finishes := func(t *testing.T, call measure.Call) {
		t.Helper()
		check(t, call(t.Context()))
		n, err := db.Collection("users").CountDocuments(t.Context(), bson.D{{Key: "authstore", Value: nil}})
		check(t, err)
		if owner, err := b.owner(t.Context(), store, "1"); n != 1 || err != nil || owner != u.ID {
			t.Errorf("the sign-up is not finished (%d users without a state, the owner: %q, %v)", n, owner, err)
		}
	}
	for _, calls := range []map[string]measure.Call{byUser, byKey} {
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				unfinish(t, id)
				finishes(t, call)
			})
		}
	}
	for name, call := range byUser {
		t.Run(name+" before the second step", func(t *testing.T) {
			unfinish(t, id)
			_, err := db.Collection(b.collection).DeleteMany(t.Context(), bson.D{})
			check(t, err)
			if err := call(t.Context()); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("%v, want ErrNotFound", err)
			}
		})
	}
}

// The first step of a sign-up is repeated if its reply is lost. What others did in between
// does not change the answer.
func TestSignUpWhoseFirstStepIsRepeated(t *testing.T) {
	u, a := measure.TypicalUser("ada"), measure.TypicalAccount("1")
	for _, c := range []struct {
		name      string
		mode      fault.Mode
		meanwhile error // of another one with the same e-mail address
		want      error
	}{
		{"done, and removed by another call", fault.LoseReply, nil, adapter.ErrConflict},
		{"not done, and somebody else has the address", fault.LoseCommand, nil, adapter.ErrConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := replicaSet.bare(t)
			others := open(t, db, mongo.Options{})
			faults, met := &fault.Injector{}, 0
			client, err := driver.Connect(breaking(&dialer{faults: faults, real: true}).ApplyURI(replicaSet.server(t).URL).
				SetMonitor(&event.CommandMonitor{Failed: func(ctx context.Context, e *event.CommandFailedEvent) {
					if met++; e.CommandName != "insert" || met > 1 {
						return
					}
					if _, err := others.CreateUser(t.Context(), u); !errors.Is(err, c.meanwhile) {
						t.Errorf("the other CreateUser: %v, want %v", err, c.meanwhile)
					}
				}}))
			check(t, err)
			t.Cleanup(func() { check(t, client.Disconnect(context.Background())) })
			store := connect(t, client.Database(db.Name()), mongo.Options{SkipSchemaCheck: true})
			check(t, client.Ping(t.Context(), nil))
			faults.Arm(fault.Plan{Step: 1, Mode: c.mode, Once: true})
			if _, _, err = store.CreateUserWithAccount(t.Context(), u, a); !errors.Is(err, c.want) || met == 0 {
				t.Errorf("CreateUserWithAccount = %v, want %v", err, c.want)
			}
			users, err := db.Collection("users").CountDocuments(t.Context(), bson.D{})
			check(t, err)
			if _, err := others.GetUserByAccount(t.Context(), a.Key()); users != 1 || (err == nil) != (c.want == nil) {
				t.Errorf("there are %d users, and GetUserByAccount = %v", users, err)
			}
		})
	}
}

// A sign-up that is held up before its last step takes away no mark of a deletion that was cut meanwhile:
// the user would be there again, with nothing.
func TestTheLastStepOfASignUpLeavesADeletionAlone(t *testing.T) {
	db := replicaSet.bare(t)
	open(t, db, mongo.Options{})
	connected := func(monitor *event.CommandMonitor, faults *fault.Injector) adapter.Adapter {
		client, err := driver.Connect(breaking(&dialer{faults: faults, real: true}).ApplyURI(replicaSet.server(t).URL).SetMonitor(monitor))
		check(t, err)
		t.Cleanup(func() { check(t, client.Disconnect(context.Background())) })
		check(t, client.Ping(t.Context(), nil))
		return connect(t, client.Database(db.Name()), mongo.Options{SkipSchemaCheck: true})
	}
	u, a := measure.TypicalUser("ada"), measure.TypicalAccount("1")
	u.ID = newID(1)
	faults := &fault.Injector{}
	others := connected(nil, faults)
	met := 0
	store := connected(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if e.CommandName != "update" || !strings.Contains(e.Command.String(), "$unset") {
			return
		}
		if met++; met > 1 {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		faults.Arm(fault.Plan{Step: 2, Mode: fault.LoseCommand}) // after the mark
		if err := others.DeleteUser(ctx, u.ID); err == nil || !faults.Disarm() {
			t.Errorf("DeleteUser, cut after its first step: %v", err)
		}
	}}, &fault.Injector{})
	_, _, err := store.CreateUserWithAccount(t.Context(), u, a)
	if met == 0 {
		t.Fatal("no last step was made")
	}
	got, found := others.GetUser(t.Context(), u.ID)
	switch {
	case errors.Is(found, adapter.ErrNotFound): // the deletion came last
	case found == nil && err == nil && got.Email == u.Email: // the sign-up did, which began anew
		_, err := others.GetUserByAccount(t.Context(), a.Key())
		check(t, err)
	default:
		t.Errorf("CreateUserWithAccount: %v; then GetUser: %+v, %v, want the user who was made, or nobody", err, got, found)
	}
}

// A sign-up whose call died before the account or passkey was written reserves neither
// e-mail address nor ID, account or passkey, and what exists is not written again.
func TestWhoeverMeetsASignUpWithoutItsAccount(t *testing.T) {
	for name, b := range signUps {
		t.Run(name, func(t *testing.T) { isMet(t, b) })
	}
}

func isMet(t *testing.T, b signUpKind) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	ctx := t.Context()
	for name, call := range map[string]func(id, email, key string) error{
		"the address": func(_, email, _ string) error {
			_, err := store.CreateUser(ctx, adapter.User{Email: email})
			return err
		},
		"the address, by an update": func(_, email, _ string) error {
			u, err := store.CreateUser(ctx, adapter.User{})
			check(t, err)
			_, err = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: &email})
			return err
		},
		"the ID": func(id, _, _ string) error {
			_, err := store.CreateUser(ctx, adapter.User{ID: id})
			return err
		},
		"all": func(id, email, key string) error {
			return failed(b.call(ctx, store, adapter.User{ID: id, Email: email}, key))
		},
	} {
		id, email := bson.NewObjectID(), strings.ReplaceAll(name, " ", "")+"@example.com"
		insert(t, db.Collection("users"), b.unfinishedUser(id, email, b.document(id, name)))
		if err := call(id.Hex(), email, name); err != nil {
			t.Errorf("who wants %s: %v", name, err)
		}
		if owner, err := b.owner(ctx, store, name); name != "all" && !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("who wants %s: the account or passkey leads to the user %q, %v", name, owner, err)
		}
	}
}

// A record that was removed is not written again by calls that met its sign-up half way.
func TestUnlinkedAmidSignUps(t *testing.T) {
	for name, b := range signUps {
		t.Run(name, func(t *testing.T) { isUnlinkedAmid(t, b) })
	}
}

func isUnlinkedAmid(t *testing.T, b signUpKind) {
	store := open(t, replicaSet.bare(t), mongo.Options{})
	ctx := t.Context()
	for round := range 60 {
		key := fmt.Sprint(round)
		var giving sync.WaitGroup
		for range 4 {
			giving.Go(func() {
				// To a user who is not there.
				if err := b.give(ctx, store, bson.NewObjectID().Hex(), key); err != nil && !errors.Is(err, adapter.ErrConflict) {
					t.Error(err)
				}
			})
		}
		check(t, failed(b.call(ctx, store, adapter.User{}, key)))
		check(t, b.remove(ctx, store, key))
		giving.Wait()
		if owner, err := b.owner(ctx, store, key); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("round %d: what was removed leads to the user %q, %v", round, owner, err)
		}
	}
}

// A sign-up of which a reply is lost is answered also by a standalone server, which has no retryable
// writes.
func TestSignUpWithAReplyLost(t *testing.T) {
	for _, d := range []deployment{replicaSet, standalone} {
		store, faults := d.severed(t)
		for credential, b := range signUps {
			for step := 1; step <= budget["CreateUserWithAccount"]; step++ {
				name := fmt.Sprint(credential, step)
				faults.Arm(fault.Plan{Step: step, Mode: fault.LoseReply, Once: true})
				u, err := b.call(t.Context(), store, measure.TypicalUser(name), name)
				if hit := faults.Disarm(); !hit || err != nil {
					t.Errorf("%s: with the reply of step %d lost: %v (lost: %t)", d.name, step, err, hit)
				}
				if owner, err := b.owner(t.Context(), store, name); err != nil || owner != u.ID {
					t.Errorf("%s: with the reply of step %d lost, the %s is the user's %q, %v", d.name, step, credential, owner, err)
				}
			}
		}
	}
}

// A sign-up whose account or passkey another program has given to another user is not
// committed.
func TestASignUpWhoseAccountIsAnothers(t *testing.T) {
	for name, b := range signUps {
		t.Run(name, func(t *testing.T) { isAnothers(t, b) })
	}
}

func isAnothers(t *testing.T, b signUpKind) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	cut, other := oid(t, "aa"), oid(t, "bb")
	credential := b.document(cut, "1")
	insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: other}})
	insert(t, db.Collection("users"), b.unfinishedUser(cut, "ada@example.com", credential))
	insert(t, db.Collection(b.collection), credential)
	set(t, db.Collection(b.collection), bson.D{}, "userId", other)
	if u, err := store.GetUser(t.Context(), cut.Hex()); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("GetUser: got %q, %v, want ErrNotFound", u.ID, err)
	}
	u, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	got, err := store.GetUserByEmail(t.Context(), "ada@example.com")
	check(t, err)
	if got.ID != u.ID {
		t.Errorf("got the user %s, want %s", got.ID, u.ID)
	}
}

// A sign-up that stands still until another one with its ID has made the user is a conflict, and
// gives its account or passkey back.
func TestASignUpLeavesAnothersUserAlone(t *testing.T) {
	for name, b := range signUps {
		t.Run(name, func(t *testing.T) {
			db := replicaSet.bare(t)
			other, id := open(t, db, mongo.Options{}), oid(t, "aa").Hex()
			store := meddled(t, db, "insert", b.collection, func() {
				check(t, failed(b.call(t.Context(), other, adapter.User{ID: id, Email: "rival@example.com"}, "rival")))
			})
			var taken *adapter.ConflictError
			if _, err := b.call(t.Context(), store, adapter.User{ID: id, Email: "ada@example.com"}, "ada"); !errors.As(err, &taken) || taken.Field != adapter.FieldUserID {
				t.Errorf("got %v, want a conflict of the ID", err)
			}
			if owner, err := b.owner(t.Context(), other, "ada"); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("what the sign-up brought is of %q, %v, want nobody's", owner, err)
			}
			owner, err := b.owner(t.Context(), other, "rival")
			check(t, err)
			if owner != id {
				t.Errorf("what the other sign-up brought is of %q, want %q", owner, id)
			}
		})
	}
}

// A sign-up that is committed while another call deletes it, because its own call seemed to
// be gone, stays.
func TestWhoHasBecomeAUserStays(t *testing.T) {
	db := replicaSet.bare(t)
	open(t, db, mongo.Options{})
	id := oid(t, "aa")
	insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: id}, {Key: "email", Value: "ada@example.com"}, {Key: "authstore", Value: bson.D{
		{Key: "nonce", Value: bson.NewObjectID()}, {Key: "signUp", Value: append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, accountOf(id, "1")...)},
	}}})
	store := meddled(t, db, "delete", "users", func() {
		_, err := db.Collection("users").UpdateOne(t.Context(), bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "authstore", Value: ""}}}})
		check(t, err)
	})
	if _, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"}); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("CreateUser: got %v, want ErrConflict", err)
	}
	u, err := store.GetUserByEmail(t.Context(), "ada@example.com")
	check(t, err)
	if u.ID != id.Hex() {
		t.Errorf("got the user %s, want %s", u.ID, id.Hex())
	}
}

// An account of an unknown user that gets a user while another call replaces it stays that
// user's.
func TestWhatGivesWayIsLookedAtAgain(t *testing.T) {
	db := replicaSet.bare(t)
	open(t, db, mongo.Options{})
	owner, other := oid(t, "aa"), oid(t, "bb")
	for _, id := range []bson.ObjectID{owner, other} {
		insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: id}})
	}
	insert(t, db.Collection("accounts"), accountOf(oid(t, "dead"), "1"))
	store := meddled(t, db, "delete", "accounts", func() { set(t, db.Collection("accounts"), bson.D{}, "userId", owner) })
	_, err := store.LinkAccount(t.Context(), adapter.Account{UserID: other.Hex(), Type: "oauth", Provider: "github", ProviderAccountID: "1"})
	if !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("LinkAccount: got %v, want ErrConflict", err)
	}
	got, err := store.GetUserByAccount(t.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	if got.ID != owner.Hex() {
		t.Errorf("got the user %s, want %s", got.ID, owner.Hex())
	}
}
