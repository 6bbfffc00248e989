package mongo_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// repairs runs a dry run and a repair, and fails the test unless both find a problem for
// each text, of which those in persons are left to a person.
func repairs(t *testing.T, db *driver.Database, store adapter.Adapter, found, persons []string) {
	t.Helper()
	r, ok := adapter.As[adapter.Repairer](store)
	if !ok {
		t.Fatal("no adapter.Repairer")
	}
	before := everything(t, db)
	for _, dryRun := range []bool{true, false} {
		all, err := r.Repair(t.Context(), dryRun)
		check(t, err)
		if len(all) != len(found)+len(persons) {
			t.Errorf("Repair (dry run: %t): got %v, want %d findings", dryRun, all, len(found)+len(persons))
		}
		for _, text := range slices.Concat(found, persons) {
			at := slices.IndexFunc(all, func(f adapter.Repair) bool { return strings.Contains(f.Object+" "+f.Detail, text) })
			if at < 0 {
				t.Errorf("Repair (dry run: %t): got %v, want %s", dryRun, all, text)
			} else if slices.Contains(persons, text) != (all[at].Action == "") {
				t.Errorf("Repair (dry run: %t): got the action %q for %s", dryRun, all[at].Action, text)
			}
		}
		if dryRun && !slices.Equal(everything(t, db), before) {
			t.Error("a dry run has changed something")
		}
	}
	all, err := r.Repair(t.Context(), true)
	check(t, err)
	if len(all) != len(persons) {
		t.Errorf("after Repair: got %v, want what is left to a person", all)
	}
}

// everything returns all documents of a database.
func everything(t *testing.T, db *driver.Database) (all []string) {
	t.Helper()
	collections, err := db.ListCollectionNames(t.Context(), bson.D{})
	check(t, err)
	slices.Sort(collections)
	for _, name := range collections {
		cursor, err := db.Collection(name).Find(t.Context(), bson.D{})
		check(t, err)
		var docs []bson.Raw
		check(t, cursor.All(t.Context(), &docs))
		for _, doc := range docs {
			all = append(all, name+" "+doc.String())
		}
	}
	return all
}

// What is in the way of the unique indexes goes, where it is clear what may.
func TestRepairDuplicates(t *testing.T) {
	db := replicaSet.bare(t)
	store := connect(t, db, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}})
	a, b, c, d := oid(t, "aa"), oid(t, "bb"), oid(t, "cc"), oid(t, "dd")
	user := func(id bson.ObjectID, email string) bson.D {
		return bson.D{{Key: "_id", Value: id}, {Key: "email", Value: email}}
	}
	account := func(owner bson.ObjectID, id, scope string) bson.D {
		return bson.D{{Key: "userId", Value: owner}, {Key: "provider", Value: "github"}, {Key: "providerAccountId", Value: id}, {Key: "type", Value: "oauth"}, {Key: "scope", Value: scope}}
	}
	for _, doc := range []bson.D{user(a, "twice@example.com"), user(b, "twice@example.com"), user(c, "Grace@example.com"), user(d, "grace@example.com")} {
		insert(t, db.Collection("users"), doc)
	}
	for _, doc := range []bson.D{
		account(b, "used", ""), account(d, "same-owner", "old"), account(d, "same-owner", "new"), account(b, "two-owners", ""), account(d, "two-owners", ""),
		account(oid(t, "ee"), "gone-owner", ""), account(b, "gone-owner", ""),
	} {
		insert(t, db.Collection("accounts"), doc)
	}
	for range 3 {
		insert(t, db.Collection("verification_tokens"), bson.D{{Key: "identifier", Value: "i"}, {Key: "token", Value: "t"}, {Key: "expires", Value: bson.NewDateTimeFromTime(noon)}})
	}
	const token = "verification_tokens, _id"
	repairs(t, db, store, []string{"has the e-mail address of the user " + b.Hex(), "has the e-mail address of the user " + d.Hex(), token, token,
		"once more, for the user " + d.Hex(), "accounts, github gone-owner"}, []string{"belongs to the user " + b.Hex(), "belongs to the user " + d.Hex()})
	_, err := db.Collection("accounts").DeleteOne(t.Context(), account(d, "two-owners", ""))
	check(t, err)
	check(t, schemaOf(t, store).ApplySchema(t.Context()))
	u, err := store.GetUserByEmail(t.Context(), "twice@example.com")
	check(t, err)
	if u.ID != b.Hex() {
		t.Errorf("got the user %s, want %s, to whom something belongs", u.ID, b.Hex())
	}
	if _, err := store.GetUser(t.Context(), c.Hex()); err == nil {
		t.Error("the user with another's address in upper case is there")
	}
	got, err := store.GetAccount(t.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: "same-owner"})
	check(t, err)
	if got.Scope != "new" {
		t.Errorf("got the account of the scope %q, want the newer one", got.Scope)
	}
}

// Of two users with one address the one in use stays, whatever its case, and is found by
// it. Where a link may lead to either of two, a person has to decide.
func TestRepairKeepsWhoIsInUse(t *testing.T) {
	db := replicaSet.bare(t)
	store := connect(t, db, mongo.Options{})
	insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: oid(t, "aa")}, {Key: "email", Value: "ada@example.com"}})
	insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: oid(t, "bb")}, {Key: "email", Value: "Ada@example.com"}})
	insert(t, db.Collection("accounts"), accountOf(oid(t, "bb"), "1"))
	for _, id := range []string{"cc", "dd"} {
		insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: oid(t, id)}, {Key: "email", Value: "grace@example.com"}, {Key: "emailVerified", Value: bson.NewDateTimeFromTime(noon)}})
	}
	c, d := oid(t, "cc").Hex(), oid(t, "dd").Hex()
	repairs(t, db, store, []string{oid(t, "aa").Hex() + " has the e-mail address of the user", oid(t, "bb").Hex() + " has an e-mail address"}, []string{c + " has the e-mail address", d + " has the e-mail address"})
	n, err := db.Collection("users").CountDocuments(t.Context(), bson.D{{Key: "_id", Value: oid(t, "bb")}, {Key: "email", Value: "ada@example.com"}})
	check(t, err)
	if n != 1 {
		t.Error("the user with the account has not got the address in lower case")
	}
}

// What a call was cut in is finished, when nobody can be at it any more.
func TestRepairWhatWasCut(t *testing.T) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	long, now := bson.NewObjectIDFromTimestamp(time.Now().Add(-time.Hour)), bson.NewObjectID()
	deleted := func(id string, nonce bson.ObjectID) bson.D {
		return bson.D{{Key: "_id", Value: oid(t, id)}, {Key: "authstore", Value: bson.D{{Key: "nonce", Value: nonce}, {Key: "deleted", Value: true}}}}
	}
	insert(t, db.Collection("users"), deleted("aa", long))
	insert(t, db.Collection("users"), deleted("bb", now))
	insert(t, db.Collection("sessions"), bson.D{{Key: "userId", Value: oid(t, "aa")}, {Key: "sessionToken", Value: "s"}, {Key: "expires", Value: bson.NewDateTimeFromTime(noon)}})
	account := bson.D{
		{Key: "_id", Value: bson.NewObjectID()}, {Key: "userId", Value: oid(t, "cc")}, {Key: "provider", Value: "github"}, {Key: "providerAccountId", Value: "1"}, {Key: "type", Value: "oauth"},
	}
	insert(t, db.Collection("users"), bson.D{
		{Key: "_id", Value: oid(t, "cc")}, {Key: "authstore", Value: bson.D{{Key: "nonce", Value: long}, {Key: "signUp", Value: account}}},
	})
	insert(t, db.Collection("accounts"), account)
	keyed := signUps["passkey"].document(oid(t, "ee"), "c")
	for id, brings := range map[string]bson.D{"ee": keyed, "ff": signUps["passkey"].document(oid(t, "ff"), "d")} {
		insert(t, db.Collection("users"), bson.D{
			{Key: "_id", Value: oid(t, id)}, {Key: "authstore", Value: bson.D{{Key: "nonce", Value: long}, {Key: "passkey", Value: brings}}},
		})
	}
	insert(t, db.Collection("authenticators"), keyed)
	insert(t, db.Collection("sessions"), bson.D{{Key: "userId", Value: oid(t, "dd")}, {Key: "sessionToken", Value: "orphan"}, {Key: "expires", Value: bson.NewDateTimeFromTime(noon)}})
	repairs(t, db, store, []string{oid(t, "aa").Hex() + " its deletion was cut", oid(t, "cc").Hex() + " its sign-up was cut",
		oid(t, "ee").Hex() + " its sign-up was cut", oid(t, "ff").Hex() + " its sign-up was cut", "sessions, " + adapter.SessionID("orphan")}, nil)
	u, err := store.GetUserByAccount(t.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	if u.ID != oid(t, "cc").Hex() {
		t.Errorf("got the user %s, want the one who signed up", u.ID)
	}
	if a, err := store.GetAuthenticator(t.Context(), "c"); err != nil || a.UserID != oid(t, "ee").Hex() {
		t.Errorf("the passkey is of the user %q, %v", a.UserID, err)
	}
	if _, err := store.GetUser(t.Context(), oid(t, "ff").Hex()); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("the user whose passkey was not written: %v, want ErrNotFound", err)
	}
	n, err := db.Collection("sessions").CountDocuments(t.Context(), bson.D{})
	check(t, err)
	if n != 0 {
		t.Errorf("%d sessions are left, want none", n)
	}
}

// Repair takes nothing from anybody who began to use it while Repair looked.
func TestRepairIsRaced(t *testing.T) {
	a, b := oid(t, "aa"), oid(t, "bb")
	account := func(owner bson.ObjectID) bson.D {
		return bson.D{{Key: "userId", Value: owner}, {Key: "provider", Value: "github"}, {Key: "providerAccountId", Value: owner.Hex()}, {Key: "type", Value: "oauth"}}
	}
	for name, second := range map[string]string{"one address": "ada@example.com", "one address in two cases": "Ada@example.com"} {
		for change, meddle := range map[string]func(*driver.Database){
			"linked": func(db *driver.Database) { insert(t, db.Collection("accounts"), account(b)) },
			"given another address": func(db *driver.Database) {
				_, err := db.Collection("users").UpdateByID(t.Context(), b, bson.D{{Key: "$set", Value: bson.D{{Key: "email", Value: "b@example.com"}}}})
				check(t, err)
			},
			"the only one left": func(db *driver.Database) {
				_, err := db.Collection("users").DeleteOne(t.Context(), bson.D{{Key: "_id", Value: a}})
				check(t, err)
			},
		} {
			t.Run(name+", "+change, func(t *testing.T) {
				db := replicaSet.bare(t)
				insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: a}, {Key: "email", Value: "ada@example.com"}})
				insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: b}, {Key: "email", Value: second}, {Key: "name", Value: "gold"}})
				met := false
				store := meddled(t, db, "findAndModify", "users", func() { met = true; meddle(db) })
				r, _ := adapter.As[adapter.Repairer](store)
				_, err := r.Repair(t.Context(), false)
				check(t, err)
				n, err := db.Collection("users").CountDocuments(t.Context(), bson.D{{Key: "_id", Value: b}, {Key: "name", Value: "gold"}})
				check(t, err)
				if n != 1 || !met {
					t.Errorf("there are %d of the user, want 1 (raced: %t)", n, met)
				}
			})
		}
	}
}

// Several Repairs at once do what one does.
func TestRepairsAtOnce(t *testing.T) {
	db := replicaSet.bare(t)
	store := connect(t, db, mongo.Options{})
	const people, racers = 40, 4
	for i := range people {
		address := fmt.Sprintf("p%d@example.com", i)
		for range 3 {
			insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "email", Value: address}})
			insert(t, db.Collection("sessions"), bson.D{{Key: "userId", Value: bson.NewObjectID()}, {Key: "sessionToken", Value: bson.NewObjectID().Hex()}, {Key: "expires", Value: bson.NewDateTimeFromTime(noon)}})
			insert(t, db.Collection("verification_tokens"), bson.D{{Key: "identifier", Value: address}, {Key: "token", Value: "t"}, {Key: "expires", Value: bson.NewDateTimeFromTime(noon)}})
		}
	}
	r, _ := adapter.As[adapter.Repairer](store)
	errs := make(chan error, racers)
	for range racers {
		go func() { _, err := r.Repair(t.Context(), false); errs <- err }()
	}
	for range racers {
		check(t, <-errs)
	}
	left, err := r.Repair(t.Context(), false)
	check(t, err)
	if len(left) > 0 { // two may have put back what each had taken
		left, err = r.Repair(t.Context(), true)
		check(t, err)
	}
	if len(left) > 0 {
		t.Errorf("after Repair: got %v, want nothing", left)
	}
	for name, want := range map[string]int64{"users": people, "verification_tokens": people, "sessions": 0} {
		n, err := db.Collection(name).CountDocuments(t.Context(), bson.D{})
		check(t, err)
		if n != want {
			t.Errorf("%d documents are left in %s, want %d", n, name, want)
		}
	}
}

// repair runs Repair.
func repair(t *testing.T, store adapter.Adapter) []adapter.Repair {
	t.Helper()
	r, _ := adapter.As[adapter.Repairer](store)
	all, err := r.Repair(t.Context(), false)
	check(t, err)
	return all
}

// Repair looks again at what it takes away or writes.
func TestRepairLooksAgain(t *testing.T) {
	expires := bson.E{Key: "expires", Value: bson.NewDateTimeFromTime(noon)}
	owner := oid(t, "aa")
	for name, c := range map[string]struct {
		before              func(db *driver.Database)
		command, collection string
		meddle              func(db *driver.Database)
		left                string // the collection in which a document is that meets the filter then
		filter              bson.D
	}{
		"an account that has a user": {
			func(db *driver.Database) {
				insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: owner}})
				insert(t, db.Collection("accounts"), accountOf(oid(t, "dead"), "1"))
			}, "delete", "accounts", func(db *driver.Database) { set(t, db.Collection("accounts"), bson.D{}, "userId", owner) },
			"accounts", bson.D{{Key: "userId", Value: owner}},
		},
		"a user who is there": {
			func(db *driver.Database) {
				insert(t, db.Collection("sessions"), bson.D{{Key: "userId", Value: oid(t, "dead")}, {Key: "sessionToken", Value: "s"}, expires})
				insert(t, db.Collection("accounts"), accountOf(owner, "1"))
			}, "delete", "sessions", func(db *driver.Database) { insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: owner}}) },
			"accounts", bson.D{{Key: "userId", Value: owner}},
		},
		"an address that was changed": {
			func(db *driver.Database) {
				insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: owner}, {Key: "email", Value: "Ada@example.com"}})
			}, "update", "users", func(db *driver.Database) { set(t, db.Collection("users"), bson.D{}, "email", "other@example.com") },
			"users", bson.D{{Key: "email", Value: "other@example.com"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := replicaSet.bare(t)
			open(t, db, mongo.Options{})
			c.before(db)
			met := false
			store := meddled(t, db, c.command, c.collection, func() { met = true; c.meddle(db) })
			r, _ := adapter.As[adapter.Repairer](store)
			_, err := r.Repair(t.Context(), false)
			check(t, err)
			n, err := db.Collection(c.left).CountDocuments(t.Context(), c.filter)
			check(t, err)
			if n != 1 || !met {
				t.Errorf("there are %d of it, want 1 (raced: %t)", n, met)
			}
		})
	}
}

// An account of nobody is reported, and stops neither its owner nor the rest of Repair.
func TestAccountsOfNobody(t *testing.T) {
	for _, o := range append(slices.Clone(oddValues), odd{"missing", nil}) {
		switch o.value.(type) {
		case string, int32, int64, float64, bson.ObjectID, bson.Decimal128, bson.Symbol:
			continue
		}
		if o.name == "a UUID" || o.name == "an old UUID" || o.name == "a list of ObjectIDs" {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			s := newScene(t)
			ctx := t.Context()
			ownerless := withField(theAccount, "userId", o.value)
			if o.name == "missing" {
				ownerless = ownerless[:len(ownerless)-1]
			}
			for name, signUp := range map[string]func() (string, error){
				"CreateUserWithAccount": func() (string, error) {
					u, _, err := s.CreateUserWithAccount(ctx, adapter.User{}, measure.TypicalAccount("1"))
					return u.ID, err
				},
				"LinkAccount": func() (string, error) {
					_, err := s.LinkAccount(ctx, adapter.Account{UserID: s.id, Type: "oauth", Provider: "github", ProviderAccountID: "1"})
					return s.id, err
				},
			} {
				clear(t, s.db)
				insert(t, s.db.Collection("users"), theUser)
				insert(t, s.db.Collection("accounts"), ownerless)
				insert(t, s.db.Collection("sessions"), withField(theSession, "userId", oid(t, "dd"))) // of a user who is gone
				for read, call := range map[string]func() error{
					"GetUserByAccount": func() error { return failed(s.GetUserByAccount(ctx, theirKey)) },
					"GetAccount":       func() error { return failed(s.GetAccount(ctx, theirKey)) },
					"UpdateAccount":    func() error { return failed(s.UpdateAccount(ctx, theirKey, adapter.AccountUpdate{Scope: new("x")})) },
				} {
					if err := call(); !errors.Is(err, adapter.ErrNotFound) {
						t.Errorf("%s: %v", read, err)
					}
				}
				found := repair(t, s.Adapter)
				actions := 0
				for _, f := range found {
					if f.Action != "" {
						actions++
					}
				}
				if len(found) != 2 || actions != 1 || count(t, s.db, "sessions") != 0 || count(t, s.db, "accounts") != 1 {
					t.Errorf("Repair: %v, want the account reported and the session deleted", found)
				}
				id, err := signUp()
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if u, err := s.GetUserByAccount(ctx, theirKey); err != nil || u.ID != id {
					t.Errorf("GetUserByAccount after %s: %q, %v", name, u.ID, err)
				}
			}
		})
	}
}

// Repair keeps, of two sessions with one token, the one that is live, and takes nobody for
// gone or for another whose ID is in another form.
func TestRepairOfTwinsInOtherForms(t *testing.T) {
	db := replicaSet.bare(t)
	store := connect(t, db, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}})
	hex := foreignID.Hex()
	insert(t, db.Collection("users"), theUser)
	insert(t, db.Collection("sessions"), withField(theSession, "userId", hex))
	insert(t, db.Collection("sessions"), withField(withField(theSession, "userId", foreignID), "expires", bson.DateTime(1)))
	insert(t, db.Collection("accounts"), withField(theAccount, "userId", hex))
	insert(t, db.Collection("accounts"), withField(theAccount, "userId", foreignID))
	insert(t, db.Collection("accounts"), withField(theAccount, "userId", nil))
	// Two users with one address: what belongs to one has the ID as text.
	insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: oid(t, "aa")}, {Key: "email", Value: "ada@example.com"}})
	found := repair(t, store)
	if len(found) != 5 { // a session, two accounts, a user, and the account of nobody once more, which cannot be read
		t.Errorf("Repair: %v", found)
	}
	check(t, schemaOf(t, store).ApplySchema(t.Context()))
	if u, err := store.GetUserByEmail(t.Context(), "ada@example.com"); err != nil || u.ID != hex {
		t.Errorf("GetUserByEmail: %q, %v", u.ID, err)
	}
	if _, _, err := store.GetSessionAndUser(t.Context(), "token"); err != nil {
		t.Errorf("GetSessionAndUser: %v", err)
	}
	if u, err := store.GetUserByAccount(t.Context(), theirKey); err != nil || u.ID != hex {
		t.Errorf("GetUserByAccount: %q, %v", u.ID, err)
	}
}

// A user with attributes may be let in by another program, by a password for instance.
func TestRepairKeepsUsersWithAttributes(t *testing.T) {
	for _, second := range []string{"ada@example.com", "Ada@example.com"} {
		db := replicaSet.bare(t)
		insert(t, db.Collection("users"), theUser)
		insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: oid(t, "aa")}, {Key: "email", Value: second}, {Key: "password", Value: "$2b$10$x"}})
		repair(t, connect(t, db, mongo.Options{}))
		n, err := db.Collection("users").CountDocuments(t.Context(), bson.D{{Key: "password", Value: "$2b$10$x"}})
		check(t, err)
		if n != 1 {
			t.Errorf("Repair has deleted a user with a password, beside %s", second)
		}
	}
}
