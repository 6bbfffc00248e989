package upstash_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis/upstash"
)

// An entry of the index that leads to one of two users with an address stays when the other
// one gives the address up; and one that leads to somebody without it keeps it from nobody.
func TestTheIndexOfAnotherStays(t *testing.T) {
	store, client, prefix := newStore(t)
	two := keys{"user:a": jsUser("a", mail), "user:b": jsUser("b", mail), "user:email:" + mail: "b"}
	for name, leave := range map[string]func() error{
		"UpdateUser": func() error {
			_, err := store.UpdateUser(t.Context(), "a", adapter.UserUpdate{Email: new("new@example.com")})
			return err
		},
		"DeleteUser": func() error { return store.DeleteUser(t.Context(), "a") },
	} {
		t.Run(name, func(t *testing.T) {
			two.put(t, client, prefix)
			check(t, leave())
			keys{"user:email:" + mail: "b"}.are(t, client, prefix)
		})
	}
	two.with(keys{"user:email:old@example.com": "a"}).put(t, client, prefix)
	u, err := store.CreateUser(t.Context(), adapter.User{Email: "old@example.com"})
	check(t, err)
	keys{"user:email:old@example.com": u.ID}.are(t, client, prefix)
}

// The replies of writes are kept for a minute.
func TestRepliesExpire(t *testing.T) {
	store, client, prefix := newStore(t)
	for _, op := range measure.Operations(t, store, "n") {
		check(t, op.Call(t.Context()))
	}
	replies := client.Keys(t.Context(), prefix+"authstore:reply:*").Val()
	for _, key := range replies {
		if left := client.PTTL(t.Context(), key).Val(); left <= 0 || left > time.Minute {
			t.Errorf("a reply expires in %v, want within a minute", left)
		}
	}
	if len(replies) < 15 {
		t.Errorf("got %d replies, want one for each write", len(replies))
	}
}

// A deletion that another one has finished takes nothing from the next user of the ID.
func TestADeletionEndsWithItsMark(t *testing.T) {
	client, prefix, faults := newClient(t), newPrefix(), &fault.Injector{}
	other := newClient(t)
	client.AddHook(redistest.Steps{Injector: faults})
	t.Cleanup(func() {
		check(t, client.Close())
		check(t, redistest.Remove(other, prefix))
	})
	store, beside := upstash.New(client, upstash.Options{BaseKeyPrefix: prefix}), upstash.New(other, upstash.Options{BaseKeyPrefix: prefix})
	check(t, store.DeleteUser(t.Context(), "nobody")) // the server has the scripts
	met := 0
	for step, hit := 2, true; hit; step++ { // after the first one the user is gone
		id := fmt.Sprint("u", step)
		signIn := func(token string) {
			t.Helper()
			_, err := beside.CreateUser(t.Context(), adapter.User{ID: id})
			check(t, err)
			_, err = beside.CreateSession(t.Context(), adapter.Session{UserID: id, SessionToken: token, Expires: time.Now().Add(time.Hour)})
			check(t, err)
		}
		signIn("before-" + id)
		faults.Arm(fault.Plan{Step: step, Mode: fault.HoldUp, Meanwhile: func() {
			met++
			check(t, beside.DeleteUser(t.Context(), id))
			signIn("after-" + id)
		}})
		check(t, store.DeleteUser(t.Context(), id))
		if hit = faults.Disarm(); hit {
			_, _, err := beside.GetSessionAndUser(t.Context(), "after-"+id)
			check(t, err)
		}
	}
	if met == 0 {
		t.Error("no step was held up")
	}
}

// A session that another program extends while what has expired is purged stays.
func TestWhatIsExtendedIsNotPurged(t *testing.T) {
	client, prefix, faults := newClient(t), newPrefix(), &fault.Injector{}
	other := newClient(t)
	client.AddHook(redistest.Steps{Injector: faults})
	t.Cleanup(func() {
		check(t, client.Close())
		check(t, redistest.Remove(other, prefix))
	})
	past := keys{"user:session:s": `{"sessionToken":"s","userId":"a","expires":"2001-05-06T12:00:00.000Z"}`}
	extended := keys{"user:session:s": jsSession("s", "a")}
	p, _ := adapter.As[adapter.Purger](upstash.New(client, upstash.Options{BaseKeyPrefix: prefix}))
	for _, held := range []bool{false, true} { // the first time, to have the scripts at the server
		past.put(t, other, prefix)
		if held {
			faults.Arm(fault.Plan{Step: 2, Mode: fault.HoldUp, Meanwhile: func() { extended.put(t, other, prefix) }})
		}
		n, err := p.PurgeExpired(t.Context())
		check(t, err)
		if want := map[bool]int{false: 1, true: 0}[held]; n != want {
			t.Errorf("purged %d, want %d", n, want)
		}
	}
	if !faults.Disarm() {
		t.Error("nothing was held up")
	}
	extended.are(t, other, prefix)
}

// What belongs to a user who is gone keeps its key from nobody.
func TestWhatTheDeadLeftIsFree(t *testing.T) {
	store, client, prefix := newStore(t)
	keys{
		"user:b": jsUser("b", ""), "user:account:p:1": jsAccount("1", "dead"), "user:session:s": jsSession("s", "dead"), "authenticator:c": jsPasskey("c", "dead"),
	}.put(t, client, prefix)
	_, err := store.LinkAccount(t.Context(), adapter.Account{UserID: "b", Type: adapter.AccountOAuth, Provider: "p", ProviderAccountID: "1"})
	check(t, err)
	_, err = store.CreateSession(t.Context(), adapter.Session{UserID: "b", SessionToken: "s", Expires: time.Now().Add(time.Hour)})
	check(t, err)
	_, err = store.CreateAuthenticator(t.Context(), adapter.Authenticator{UserID: "b", CredentialID: "c", CredentialPublicKey: "k"})
	check(t, err)
}

// A user who is there again is not put back as it was.
func TestAUserWhoIsThereIsNotPutBack(t *testing.T) {
	client, prefix, faults := newClient(t), newPrefix(), &fault.Injector{}
	other := newClient(t)
	client.AddHook(redistest.Steps{Injector: faults})
	t.Cleanup(func() {
		check(t, client.Close())
		check(t, redistest.Remove(other, prefix))
	})
	store := upstash.New(client, upstash.Options{BaseKeyPrefix: prefix})
	kept := keys{"authstore:removed:b": jsUser("b", mail), "user:b": "", "user:account:p:1": jsAccount("1", "b")}
	kept.put(t, other, prefix)
	repair(t, store, false) // the server has the scripts
	again := keys{"user:b": jsUser("b", "new@example.com")}
	for step, hit := 1, true; hit; step++ {
		kept.put(t, other, prefix)
		made := false
		faults.Arm(fault.Plan{Step: step, Mode: fault.HoldUp, Meanwhile: func() {
			if made = other.Exists(t.Context(), prefix+"user:b").Val() == 0; made {
				again.put(t, other, prefix)
			}
		}})
		repair(t, store, false)
		if hit = faults.Disarm(); made {
			again.are(t, other, prefix)
		}
	}
}

// A record is of the kind of the longest prefix of its key: what belongs to a user is never
// looked for among the users, whose attributes may be called as the fields of a session are.
func TestWalksKeepToTheirKinds(t *testing.T) {
	client, prefix := newClient(t), newPrefix()
	t.Cleanup(func() { check(t, redistest.Remove(client, prefix)) })
	store := upstash.New(client, upstash.Options{BaseKeyPrefix: prefix, SessionKeyPrefix: "auth:", UserKeyPrefix: "auth:user:"})
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	of := func(u adapter.User) adapter.Attributes {
		return adapter.Attributes{"userId": u.ID, "sessionToken": "user:x", "expires": "2001-05-06T12:00:00.000Z", "provider": "p", "credentialID": "c"}
	}
	v, err := store.CreateUser(t.Context(), adapter.User{ID: "x", Attributes: of(u)})
	check(t, err)
	expires := time.Now().Add(time.Hour)
	_, err = store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, SessionToken: "s", Expires: expires})
	check(t, err)
	all, err := store.ListSessions(t.Context(), u.ID)
	check(t, err)
	if len(all) != 1 || all[0].ID != adapter.SessionID("s") {
		t.Errorf("got the sessions %v, want the one", all)
	}
	check(t, store.DeleteSessionByID(t.Context(), u.ID, adapter.SessionID("user:x")))
	check(t, store.DeleteSessions(t.Context(), u.ID))
	check(t, store.DeleteUser(t.Context(), u.ID))
	p, _ := adapter.As[adapter.Purger](store)
	if n, err := p.PurgeExpired(t.Context()); n != 0 || err != nil {
		t.Errorf("PurgeExpired: got %d, %v, want nothing", n, err)
	}
	if found := repair(t, store, false); len(found) != 0 {
		t.Errorf("got %v, want nothing to repair", found)
	}
	got, err := store.GetUser(t.Context(), v.ID)
	check(t, err)
	if diff := cmp.Diff(v, got); diff != "" {
		t.Errorf("the other user (-want +got)\n%s", diff)
	}
}
