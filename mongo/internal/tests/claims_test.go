package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// The first step of a sign-up does not wait for the majority, so a new primary may not
// have it. The sign-up is whole all the same.
func TestSignUpWhoseFirstStepIsLost(t *testing.T) {
	db := replicaSet.bare(t)
	lose := func(context.Context) {}
	client, err := driver.Connect(options.Client().ApplyURI(replicaSet.server(t).URL).SetMonitor(&event.CommandMonitor{
		Started: func(ctx context.Context, e *event.CommandStartedEvent) {
			if to, ok := e.Command.Lookup(e.CommandName).StringValueOK(); ok && to == "accounts" && (e.CommandName == "insert" || e.CommandName == "update") {
				lose(ctx)
			}
		},
	}))
	check(t, err)
	t.Cleanup(func() { check(t, client.Disconnect(context.Background())) })
	store := open(t, client.Database(db.Name()), mongo.Options{})
	lost := 0
	lose = func(ctx context.Context) {
		if lost++; lost == 1 {
			_, err := db.Collection("users").DeleteMany(ctx, bson.D{})
			check(t, err)
		}
	}
	u, a, err := store.CreateUserWithAccount(t.Context(), measure.TypicalUser("ada"), measure.TypicalAccount("1"))
	check(t, err)
	if lost != 2 {
		t.Errorf("the account was inserted %d times, want 2: once for the user who was lost", lost)
	}
	got, err := store.GetUserByAccount(t.Context(), a.Key())
	if err != nil || got.ID != u.ID || got.Email != u.Email {
		t.Errorf("GetUserByAccount = the user %q, %v", got.ID, err)
	}
}

// The last step of a sign-up does not wait for the majority either. Who reads the user
// takes it then. A user whose account is not there yet is nobody.
func TestReadersFinishASignUp(t *testing.T) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	u, a, err := store.CreateUserWithAccount(t.Context(), measure.TypicalUser("ada"), measure.TypicalAccount("1"))
	check(t, err)
	session, err := store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	account, err := db.Collection("accounts").FindOne(t.Context(), bson.D{}).Raw()
	check(t, err)
	unfinish := func(t *testing.T, id bson.ObjectID) {
		t.Helper()
		_, err := db.Collection("users").UpdateOne(t.Context(), bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "$set", Value: bson.D{
			{Key: "authstore", Value: bson.D{{Key: "nonce", Value: bson.NewObjectID()}, {Key: "signUp", Value: account}}},
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
	byAccount := map[string]measure.Call{
		"GetUserByAccount": func(ctx context.Context) error { _, err := store.GetUserByAccount(ctx, a.Key()); return err },
		"GetAccount":       func(ctx context.Context) error { _, err := store.GetAccount(ctx, a.Key()); return err },
	}
	finishes := func(t *testing.T, call measure.Call) {
		t.Helper()
		check(t, call(t.Context()))
		n, err := db.Collection("users").CountDocuments(t.Context(), bson.D{{Key: "authstore", Value: nil}})
		check(t, err)
		_, err = store.GetAccount(t.Context(), a.Key())
		if n != 1 || err != nil {
			t.Errorf("the sign-up is not finished (%d users without a state, GetAccount: %v)", n, err)
		}
	}
	for _, calls := range []map[string]measure.Call{byUser, byAccount} {
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				unfinish(t, id)
				finishes(t, call)
			})
		}
	}
	for name, call := range byUser {
		t.Run(name+" before the account", func(t *testing.T) {
			unfinish(t, id)
			_, err := db.Collection("accounts").DeleteMany(t.Context(), bson.D{})
			check(t, err)
			if err := call(t.Context()); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("%v, want ErrNotFound", err)
			}
		})
	}
}

// The first step of a sign-up is repeated if it gets no reply. What others did before it
// was repeated does not change an answer.
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
			client, err := driver.Connect(options.Client().ApplyURI(replicaSet.server(t).URL).SetDialer(&dialer{faults: faults, real: true}).
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
			store := mongo.New(client.Database(db.Name()), mongo.Options{SkipSchemaCheck: true})
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

// A sign-up whose call is gone before the account was written keeps nobody from its e-mail
// address, ID or account, and an account that is there is not written again.
func TestWhoeverMeetsASignUpWithoutItsAccount(t *testing.T) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	ctx := t.Context()
	for name, call := range map[string]func(id, email string, key adapter.AccountKey) error{
		"the address": func(_, email string, _ adapter.AccountKey) error {
			_, err := store.CreateUser(ctx, adapter.User{Email: email})
			return err
		},
		"the address, by an update": func(_, email string, _ adapter.AccountKey) error {
			u, err := store.CreateUser(ctx, adapter.User{})
			check(t, err)
			_, err = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: &email})
			return err
		},
		"the ID": func(id, _ string, _ adapter.AccountKey) error {
			_, err := store.CreateUser(ctx, adapter.User{ID: id})
			return err
		},
		"all": func(id, email string, key adapter.AccountKey) error {
			_, _, err := store.CreateUserWithAccount(ctx, adapter.User{ID: id, Email: email}, adapter.Account{Type: "oauth", Provider: key.Provider, ProviderAccountID: key.ProviderAccountID})
			return err
		},
	} {
		id, email, key := bson.NewObjectID(), strings.ReplaceAll(name, " ", "")+"@example.com", adapter.AccountKey{Provider: "github", ProviderAccountID: name}
		account := bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "userId", Value: id}, {Key: "provider", Value: key.Provider}, {Key: "providerAccountId", Value: key.ProviderAccountID}}
		insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: id}, {Key: "email", Value: email}, {Key: "authstore", Value: bson.D{
			{Key: "nonce", Value: bson.NewObjectID()}, {Key: "signUp", Value: account},
		}}})
		if err := call(id.Hex(), email, key); err != nil {
			t.Errorf("who wants %s: %v", name, err)
		}
		if owner, err := store.GetUserByAccount(ctx, key); name != "all" && !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("who wants %s: the account leads to the user %q, %v", name, owner.ID, err)
		}
	}
}

// An account that was unlinked does not come back by calls that met its sign-up half-way.
func TestUnlinkedAmidSignUps(t *testing.T) {
	store := open(t, replicaSet.bare(t), mongo.Options{})
	ctx := t.Context()
	for round := range 60 {
		key := adapter.AccountKey{Provider: "github", ProviderAccountID: fmt.Sprint(round)}
		account := adapter.Account{Type: "oauth", Provider: key.Provider, ProviderAccountID: key.ProviderAccountID}
		var linking sync.WaitGroup
		for range 4 {
			linking.Go(func() {
				a := account
				a.UserID = bson.NewObjectID().Hex() // who is not there
				if _, err := store.LinkAccount(ctx, a); err != nil && !errors.Is(err, adapter.ErrConflict) {
					t.Error(err)
				}
			})
		}
		_, _, err := store.CreateUserWithAccount(ctx, adapter.User{}, account)
		check(t, err)
		check(t, store.UnlinkAccount(ctx, key))
		linking.Wait()
		if owner, err := store.GetUserByAccount(ctx, key); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("round %d: the account that was unlinked leads to the user %q, %v", round, owner.ID, err)
		}
	}
}

// The steps of a sign-up are repeated without the driver's retryable writes, which a
// standalone server does not have.
func TestSignUpWithAReplyLost(t *testing.T) {
	for _, d := range []deployment{replicaSet, standalone} {
		store, faults := d.severed(t)
		for step := 1; step <= budget["CreateUserWithAccount"]; step++ {
			name := fmt.Sprint(step)
			faults.Arm(fault.Plan{Step: step, Mode: fault.LoseReply, Once: true})
			_, a, err := store.CreateUserWithAccount(t.Context(), measure.TypicalUser(name), measure.TypicalAccount(name))
			if hit := faults.Disarm(); !hit || err != nil {
				t.Errorf("%s: with the reply of step %d lost: %v (lost: %t)", d.name, step, err, hit)
			}
			if _, err = store.GetUserByAccount(t.Context(), a.Key()); err != nil {
				t.Errorf("%s: with the reply of step %d lost, GetUserByAccount: %v", d.name, step, err)
			}
		}
	}
}

// The steps of a sign-up have the write concerns that they say, although the package sends
// them by itself.
func TestWriteConcernsOfASignUp(t *testing.T) {
	for name, c := range map[string]struct {
		option *writeconcern.WriteConcern
		want   string // of the account
	}{
		"default":   {nil, `{"w": "majority"}`},
		"journaled": {&writeconcern.WriteConcern{W: 1, Journal: new(true)}, `{"w": {"$numberInt":"1"},"j": true}`},
		"none":      {writeconcern.Journaled(), `{"j": true}`},
	} {
		t.Run(name, func(t *testing.T) {
			store, _, seen := replicaSet.monitored(t, mongo.Options{WriteConcern: c.option})
			_, err := store.GetUser(t.Context(), newID(1)) // connects
			if !errors.Is(err, adapter.ErrNotFound) {
				t.Fatal(err)
			}
			seen.take()
			_, _, err = store.CreateUserWithAccount(t.Context(), measure.TypicalUser("ada"), measure.TypicalAccount("1"))
			check(t, err)
			var got []string
			for _, command := range seen.take() {
				got = append(got, command.Lookup("writeConcern").String())
			}
			if want := []string{`{"w": {"$numberInt":"1"}}`, c.want, `{"w": {"$numberInt":"1"}}`}; !slices.Equal(got, want) {
				t.Errorf("got the write concerns %v, want %v", got, want)
			}
		})
	}
}
