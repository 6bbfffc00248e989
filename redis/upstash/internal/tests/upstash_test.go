package upstash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis/upstash"
)

// newStore returns an adapter with a prefix of its own, its client and the prefix.
func newStore(t *testing.T) (adapter.Adapter, *goredis.Client, string) {
	client, prefix := newClient(t), newPrefix()
	t.Cleanup(func() { check(t, redistest.Remove(client, prefix)) })
	return open(t, client, upstash.Options{BaseKeyPrefix: prefix}), client, prefix
}

// A walk finds all records among many keys, in several round trips.
func TestWalkAmongManyKeys(t *testing.T) {
	store, client, prefix := newStore(t)
	pipe := client.Pipeline()
	for i := range 30_000 {
		pipe.Set(t.Context(), fmt.Sprintf("%suser:session:other-%d", prefix, i), `{"userId":"other"}`, 0)
	}
	_, err := pipe.Exec(t.Context())
	check(t, err)
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	const n = 50
	for range n {
		_, err := store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
		check(t, err)
	}
	all, err := store.ListSessions(t.Context(), u.ID)
	check(t, err)
	if len(all) != n {
		t.Errorf("got %d sessions, want %d", len(all), n)
	}
	check(t, store.DeleteSessions(t.Context(), u.ID))
	all, err = store.ListSessions(t.Context(), u.ID)
	check(t, err)
	if len(all) != 0 {
		t.Errorf("after DeleteSessions: got %d sessions, want none", len(all))
	}
}

// Records that expire have that expiry at the server, to the millisecond, and no other key has
// one.
func TestExpiryAtRest(t *testing.T) {
	store, client, prefix := newStore(t)
	u, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	expires := adapter.Milliseconds(time.Now().Add(time.Hour))
	_, err = store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, SessionToken: "token", Expires: expires})
	check(t, err)
	_, err = store.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: adapter.HashVerificationToken("t", ""), Expires: expires})
	check(t, err)
	at := func(key string, want time.Duration) {
		t.Helper()
		got, err := client.PExpireTime(t.Context(), prefix+key).Result()
		check(t, err)
		if got != want {
			t.Errorf("%s expires at %v, want %v", key, got, want)
		}
	}
	later := expires.Add(time.Minute + time.Millisecond)
	at("user:session:token", time.Duration(expires.UnixMilli())*time.Millisecond)
	at("user:token:ada:"+adapter.HashVerificationToken("t", ""), time.Duration(expires.UnixMilli())*time.Millisecond)
	_, err = store.UpdateSession(t.Context(), "token", adapter.SessionUpdate{Expires: &later})
	check(t, err)
	at("user:session:token", time.Duration(later.UnixMilli())*time.Millisecond)
	at("user:"+u.ID, -1)
	at("user:email:ada@example.com", -1)
}

// An update leaves unknown members alone.
func TestUpdateKeepsWhatItDoesNotKnow(t *testing.T) {
	store, client, prefix := newStore(t)
	const record = `{"id":"u","name":"Ada","email":"ada@example.com","n":12345678901234567890.5,"deep":{"b":[],"a":{},"z":1e2},"s":"\ud800","u":null}`
	check(t, client.Set(t.Context(), prefix+"user:u", record, 0).Err())
	_, err := store.UpdateUser(t.Context(), "u", adapter.UserUpdate{Attributes: adapter.Attributes{"role": "admin"}})
	check(t, err)
	value, err := client.Get(t.Context(), prefix+"user:u").Result()
	check(t, err)
	for _, member := range []string{`"n":12345678901234567890.5`, `"deep":{"b":[],"a":{},"z":1e2}`, `"s":"\ud800"`, `"u":null`, `"role":"admin"`, `"name":"Ada"`} {
		if !strings.Contains(value, member) {
			t.Errorf("got %s, want %s in it", value, member)
		}
	}
}

// Attributes are members of the record under their own names, which are properties to Auth.js.
func TestAttributesHaveTheirNames(t *testing.T) {
	store, client, prefix := newStore(t)
	at := adapter.Attributes{"type": "x", "userId": "x", "expires": "x", "_id": "x", "a.b": "x", "$set": "x", "@ref": "x", "https://app.example.com/roles": "x"}
	u, _, err := store.CreateUserWithAuthenticator(t.Context(), adapter.User{Attributes: at}, adapter.Authenticator{
		CredentialID: "c", CredentialPublicKey: "k", Attributes: adapter.Attributes{"email": "x", "a.b": "x"},
	})
	check(t, err)
	for key, want := range map[string]adapter.Attributes{"user:" + u.ID: at, "authenticator:c": {"email": "x", "a.b": "x"}} {
		value, err := client.Get(t.Context(), prefix+key).Bytes()
		check(t, err)
		var record map[string]any
		check(t, json.Unmarshal(value, &record))
		for name := range want {
			if record[name] != "x" {
				t.Errorf("%s: got %s, want the member %s", key, value, name)
			}
		}
	}
}

// A passkey that was stored without times and attributes has none until it is changed, and an
// update leaves the other members as they were written.
func TestAPasskeyWithoutTimes(t *testing.T) {
	store, client, prefix := newStore(t)
	const before = `{"credentialID":"c","userId":"a","credentialPublicKey":"k","counter":"7","transports":["usb"]}`
	keys{"user:a": jsUser("a", ""), "authenticator:c": before, "authenticator:by-user-id:a": `["c"]`}.put(t, client, prefix)
	a, err := store.GetAuthenticator(t.Context(), "c")
	check(t, err)
	want := adapter.Authenticator{CredentialID: "c", UserID: "a", CredentialPublicKey: "k", Counter: 7, Transports: []string{"usb"}}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("got (-want +got)\n%s", diff)
	}
	a, err = store.UpdateAuthenticator(t.Context(), "c", adapter.AuthenticatorUpdate{Attributes: adapter.Attributes{"name": "phone"}})
	check(t, err)
	if a.UpdatedAt.IsZero() || !a.CreatedAt.IsZero() {
		t.Errorf("got the times %v and %v, want that of the update alone", a.CreatedAt, a.UpdatedAt)
	}
	keys{"authenticator:c": `{"counter":"7","credentialID":"c","credentialPublicKey":"k","name":"phone","transports":["usb"],` +
		`"updatedAt":"` + a.UpdatedAt.Format("2006-01-02T15:04:05.000Z") + `","userId":"a"}`}.are(t, client, prefix)
	again, err := store.UpdateAuthenticatorCounter(t.Context(), "c", 8)
	check(t, err)
	if again.Attributes["name"] != "phone" || again.Counter != 8 || !again.CreatedAt.IsZero() {
		t.Errorf("got %+v, want the name and the new counter", again)
	}
}

// A user who signs up with a passkey has it in the list of authenticators, where JavaScript
// looks for it.
func TestAPasskeyOfASignUpIsInTheList(t *testing.T) {
	store, client, prefix := newStore(t)
	u, _, err := store.CreateUserWithAuthenticator(t.Context(), adapter.User{Email: mail}, adapter.Authenticator{CredentialID: "a/b", CredentialPublicKey: "k"})
	check(t, err)
	keys{"authenticator:by-user-id:" + u.ID: `["a/b"]`, "user:email:" + mail: u.ID}.are(t, client, prefix)
	if n := client.Exists(t.Context(), prefix+"authenticator:a:b").Val(); n != 1 {
		t.Errorf("got %d records at the passkey's key, want it there", n)
	}
	if found := repair(t, store, true); len(found) != 0 {
		t.Errorf("got %v, want nothing to repair", found)
	}
	// Two IDs that JavaScript gives the same key.
	_, _, err = store.CreateUserWithAuthenticator(t.Context(), adapter.User{}, adapter.Authenticator{CredentialID: "a//b", CredentialPublicKey: "k"})
	check(t, err)
	_, _, err = store.CreateUserWithAuthenticator(t.Context(), adapter.User{}, adapter.Authenticator{CredentialID: "a//b", CredentialPublicKey: "k"})
	wantConflict(t, err)
}

// Only a record with a text that looks like a time has the member authstoreText.
func TestTextsThatLookLikeTimes(t *testing.T) {
	store, client, prefix := newStore(t)
	const text = "2041-05-06T12:00:00.678Z"
	u, err := store.CreateUser(t.Context(), adapter.User{Attributes: adapter.Attributes{"a/b": []any{text, "x"}, "born": time.Now()}})
	check(t, err)
	marked := func() []string {
		t.Helper()
		value, err := client.Get(t.Context(), prefix+"user:"+u.ID).Bytes()
		check(t, err)
		var r struct{ AuthstoreText []string }
		check(t, json.Unmarshal(value, &r))
		return r.AuthstoreText
	}
	if got := marked(); !cmp.Equal(got, []string{"/a~1b/0"}) {
		t.Errorf("got %q, want the one text", got)
	}
	_, err = store.UpdateUser(t.Context(), u.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"a/b": "x"}})
	check(t, err)
	if got := marked(); got != nil {
		t.Errorf("got %q, want none any more", got)
	}
}

func TestOpenByURL(t *testing.T) {
	url := "redis+upstash" + strings.TrimPrefix(engine.Redis(t).URL, "redis")
	before := goleak.IgnoreCurrent()
	prefix := newPrefix()
	a, err := adapter.Open(t.Context(), url+"?prefix="+prefix)
	check(t, err)
	u, err := a.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	_, _ = a.GetUser(ctx, "nobody") // may be left half way
	p, _ := adapter.As[adapter.Pinger](a)
	check(t, p.Ping(t.Context()))
	check(t, a.Close())
	goleak.VerifyNone(t, before)
	client := newClient(t)
	value, err := client.Get(t.Context(), prefix+"user:email:ada@example.com").Result()
	check(t, err)
	if value != u.ID {
		t.Errorf("the index of the address has %q, want the user's ID", value)
	}
	check(t, redistest.Remove(client, prefix))
	for _, bad := range []string{"redis+upstash://host:port/", "redis+upstash://host/0?prefix=%25", "redis+upstash://host/x"} {
		if a, err := adapter.Open(t.Context(), bad); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("%s: got %v, %v, want ErrInvalid", bad, a, err)
		}
	}
}

// New refuses what cannot work, and takes prefixes that lie within each other if no two
// records can have one key.
func TestNewRefusesWhatCannotWork(t *testing.T) {
	client := goredis.NewClient(&goredis.Options{})
	defer client.Close()
	for name, o := range map[string]upstash.Options{
		"percent":                 {BaseKeyPrefix: "%"},
		"one prefix twice":        {UserKeyPrefix: "x:", SessionKeyPrefix: "x:"},
		"users within addresses":  {UserKeyPrefix: "x:y:", EmailKeyPrefix: "x:"},
		"sessions within pointer": {SessionKeyPrefix: "user:session:by-user-id:x"},
		"negative":                {RequestTimeout: -1},
	} {
		if store, err := upstash.New(client, o); store != nil || !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("%s: got %v, %v, want ErrInvalid", name, store, err)
		}
	}
	if store, err := upstash.New(nil, upstash.Options{}); store != nil || !errors.Is(err, adapter.ErrInvalid) {
		t.Errorf("no client: got %v, %v, want ErrInvalid", store, err)
	}
	open(t, client, upstash.Options{UserKeyPrefix: "u:", EmailKeyPrefix: "u:e:", SessionKeyPrefix: "u:s:"})
}

// A deletion that another one has finished deletes nothing of the next user with the ID.
func TestADeletionEndsWithItsMark(t *testing.T) {
	client, prefix, faults := newClient(t), newPrefix(), &fault.Injector{}
	other := newClient(t)
	client.AddHook(redistest.Steps{Injector: faults})
	t.Cleanup(func() {
		check(t, client.Close())
		check(t, redistest.Remove(other, prefix))
	})
	store, beside := open(t, client, upstash.Options{BaseKeyPrefix: prefix}), open(t, other, upstash.Options{BaseKeyPrefix: prefix})
	check(t, store.DeleteUser(t.Context(), "nobody")) // loads the scripts
	met := 0
	for step, hit := 2, true; hit; step++ { // after the first step the user is gone
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

// A session that another program extends during PurgeExpired stays.
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
	p, _ := adapter.As[adapter.Purger](open(t, client, upstash.Options{BaseKeyPrefix: prefix}))
	for _, held := range []bool{false, true} { // the first time to load the scripts
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

// The kind of a record is that of the longest prefix of its key: users, whose attributes may have
// the names of the fields of a session, are never taken for records of a user.
func TestWalksKeepToTheirKinds(t *testing.T) {
	client, prefix := newClient(t), newPrefix()
	t.Cleanup(func() { check(t, redistest.Remove(client, prefix)) })
	store := open(t, client, upstash.Options{BaseKeyPrefix: prefix, SessionKeyPrefix: "auth:", UserKeyPrefix: "auth:user:"})
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
