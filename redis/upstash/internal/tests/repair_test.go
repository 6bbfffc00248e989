package upstash_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis/upstash"
)

// repair runs Repair, and returns what it lists.
func repair(t *testing.T, store adapter.Adapter, dryRun bool) []adapter.Repair {
	t.Helper()
	r, _ := adapter.As[adapter.Repairer](store)
	found, err := r.Repair(t.Context(), dryRun)
	check(t, err)
	return found
}

// The records as the JavaScript adapters write them.

func jsUser(id, email string) string {
	return fmt.Sprintf(`{"id":%q,"name":"Ada","email":%q,"emailVerified":null}`, id, email)
}

func jsGhost(id string) string { return fmt.Sprintf(`{"id":%q,"emailVerified":null}`, id) }

func jsAccount(id, userID string) string {
	return fmt.Sprintf(`{"id":"p:%s","userId":%q,"type":"oauth","provider":"p","providerAccountId":%q}`, id, userID, id)
}

func jsSession(token, userID string) string {
	return fmt.Sprintf(`{"sessionToken":%q,"userId":%q,"expires":"2041-05-06T12:00:00.000Z"}`, token, userID)
}

func jsPasskey(id, userID string) string {
	return fmt.Sprintf(`{"credentialID":%q,"userId":%q,"providerAccountId":%q,"credentialPublicKey":"k","counter":0}`, id, userID, id)
}

// keys are values by key, without the prefix. "" is a key that is not there, and what
// begins with "@" is another key.
type keys map[string]string

// with returns keys with others in their place.
func (k keys) with(others keys) keys {
	all := maps.Clone(k)
	maps.Copy(all, others)
	return all
}

// at returns the value of a key in a store with a prefix.
func (k keys) at(key, prefix string) string {
	if to, is := strings.CutPrefix(k[key], "@"); is {
		return prefix + to
	}
	return k[key]
}

// put writes keys at once.
func (k keys) put(t testing.TB, client *goredis.Client, prefix string) {
	t.Helper()
	pipe := client.Pipeline()
	for key := range k {
		if value := k.at(key, prefix); value != "" {
			pipe.Set(context.Background(), prefix+key, value, 0)
		} else {
			pipe.Del(context.Background(), prefix+key)
		}
	}
	_, err := pipe.Exec(context.Background())
	check(t, err)
}

// are fails the test unless the keys are so.
func (k keys) are(t testing.TB, client *goredis.Client, prefix string) {
	t.Helper()
	for key := range k {
		want := k.at(key, prefix)
		got, err := client.Get(context.Background(), prefix+key).Result()
		if err != nil && !errors.Is(err, goredis.Nil) {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

// meanwhile lets another program write right before one of the commands that follow the
// first walks through the whole store: 1 is the first one.
type meanwhile struct {
	at    int
	write func()
	seen  int
}

func (m *meanwhile) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (m *meanwhile) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (m *meanwhile) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if m.counts(cmd) {
			if m.seen++; m.seen == m.at {
				m.write()
			}
		}
		return next(ctx, cmd)
	}
}

// counts reports whether a command follows the first walks, which have no keys. EVAL only
// repeats EVALSHA.
func (m *meanwhile) counts(cmd goredis.Cmder) bool {
	switch cmd.Name() {
	case "get", "mget":
		return true
	case "evalsha":
		return m.seen > 0 || cmd.Args()[2] != 0
	}
	return false
}

const mail = "ada@example.com"

// twins are two users with one address, of whom b is the one to go.
var twins = keys{"user:a": jsUser("a", mail), "user:b": jsUser("b", mail), "user:email:" + mail: "a"}

// halfway is when a user is removed and put back: the script cannot see it.
const halfway = "a twin is given an account, and the pointer not yet"

// What another program writes between the walk of Repair and what Repair does about it.
var meanwhiles = []struct {
	name         string
	store, write keys
	commands     int // that mend it: the write comes before each of them
	want         keys
}{
	{"a twin is given an account", twins, keys{"user:account:p:1": jsAccount("1", "b"), "user:account:by-user-id:b": "@user:account:p:1"}, 2,
		keys{"user:b": jsUser("b", mail), "authstore:removed:b": ""}},
	{"a twin is given a session", twins, keys{"user:session:s": jsSession("s", "b"), "user:session:by-user-id:b": "@user:session:s"}, 2,
		keys{"user:b": jsUser("b", mail), "authstore:removed:b": ""}},
	{"a twin is given an authenticator", twins, keys{"authenticator:c": jsPasskey("c", "b"), "authenticator:by-user-id:b": `["c"]`}, 2,
		keys{"user:b": jsUser("b", mail), "authstore:removed:b": ""}},
	{"a twin is given again the account it had last", twins.with(keys{"user:account:by-user-id:b": "@user:account:p:1"}), keys{"user:account:p:1": jsAccount("1", "b")}, 2,
		keys{"user:b": jsUser("b", mail), "authstore:removed:b": ""}},
	{"a twin is given two accounts, and the last one is taken away", twins,
		keys{"user:account:p:1": jsAccount("1", "b"), "user:account:by-user-id:b": "@user:account:p:2"}, 2,
		keys{"user:b": jsUser("b", mail), "user:account:p:1": jsAccount("1", "b"), "authstore:removed:b": ""}},
	{halfway, twins, keys{"user:account:p:1": jsAccount("1", "b")}, 3,
		keys{"user:b": jsUser("b", mail), "user:account:p:1": jsAccount("1", "b"), "authstore:removed:b": ""}},
	{"a twin is given another address", twins, keys{"user:b": jsUser("b", "b@example.com"), "user:email:b@example.com": "b"}, 2,
		keys{"user:b": jsUser("b", "b@example.com")}},
	{"the twin that stays is deleted", twins, keys{"user:a": "", "user:email:" + mail: ""}, 2, keys{"user:b": jsUser("b", mail)}},
	{"the twin that stays is given another address", twins, keys{"user:a": jsUser("a", "a@example.com"), "user:email:a@example.com": "a"}, 2,
		keys{"user:b": jsUser("b", mail)}},
	{"a ghost is given an address", keys{"user:g": jsGhost("g")}, keys{"user:g": jsUser("g", mail), "user:email:" + mail: "g"}, 2, keys{"user:g": jsUser("g", mail)}},
	{"a ghost is given a session", keys{"user:g": jsGhost("g")}, keys{"user:session:s": jsSession("s", "g"), "user:session:by-user-id:g": "@user:session:s"}, 2,
		keys{"user:g": jsGhost("g")}},
	{"an orphan is given to another user", keys{"user:a": jsUser("a", mail), "user:email:" + mail: "a", "user:account:p:1": jsAccount("1", "gone")},
		keys{"user:account:p:1": jsAccount("1", "a")}, 1, keys{"user:account:p:1": jsAccount("1", "a")}},
	{"the user of an orphan is made", keys{"user:account:p:1": jsAccount("1", "a")}, keys{"user:a": jsUser("a", mail)}, 1,
		keys{"user:account:p:1": jsAccount("1", "a")}},
	{"the user of an orphan was removed by another Repair", keys{"user:account:p:1": jsAccount("1", "a")}, keys{"authstore:removed:a": jsUser("a", mail)}, 1,
		keys{"user:account:p:1": jsAccount("1", "a")}},
	{"the user of a stray entry is made", keys{"user:email:" + mail: "a"}, keys{"user:a": jsUser("a", mail), "user:email:" + mail: "a"}, 1,
		keys{"user:email:" + mail: "a"}},
	{"an address that was given up is another user's", keys{"user:email:" + mail: "a"}, keys{"user:b": jsUser("b", mail), "user:email:" + mail: "b"}, 1,
		keys{"user:email:" + mail: "b"}},
	{"a stray entry is another user's, who is not there yet", keys{"user:email:" + mail: "a"}, keys{"user:email:" + mail: "b"}, 1,
		keys{"user:email:" + mail: "b"}},
	{"the address of a user without an entry is another user's", keys{"user:a": jsUser("a", mail)},
		keys{"user:b": jsUser("b", mail), "user:email:" + mail: "b"}, 2, keys{"user:email:" + mail: "b"}},
	{"an authenticator of a list is made", keys{"user:a": jsUser("a", ""), "authenticator:c": jsPasskey("c", "a"), "authenticator:by-user-id:a": `["d","c"]`},
		keys{"authenticator:d": jsPasskey("d", "a")}, 1, keys{"authenticator:by-user-id:a": `["d","c"]`}},
	{"an authenticator without a list is deleted", keys{"user:a": jsUser("a", ""), "authenticator:c": jsPasskey("c", "a")},
		keys{"authenticator:c": ""}, 1, keys{"authenticator:by-user-id:a": ""}},
	{"an authenticator without a list is given to another user", keys{"user:a": jsUser("a", ""), "authenticator:c": jsPasskey("c", "a")},
		keys{"authenticator:c": jsPasskey("c", "b")}, 1, keys{"authenticator:by-user-id:a": ""}},
	{"a list is given an authenticator that is not there yet", keys{"user:a": jsUser("a", ""), "authenticator:c": jsPasskey("c", "a")},
		keys{"authenticator:by-user-id:a": `["d","c"]`}, 1, keys{"authenticator:by-user-id:a": `["d","c"]`}},
	{"the user of a pointer is made", keys{"user:session:by-user-id:a": "@user:session:s"},
		keys{"user:a": jsUser("a", ""), "user:session:s": jsSession("s", "a")}, 1, keys{"user:session:s": jsSession("s", "a"), "user:a": jsUser("a", "")}},
	{"a user whose deletion was cut is brought back", keys{"authstore:deletion:a": "1", "user:session:s": jsSession("s", "a")}, keys{"user:a": jsUser("a", "")}, 1,
		keys{"user:session:s": jsSession("s", "a"), "user:a": jsUser("a", "")}},
}

func TestRepairSeesWhatIsWrittenMeanwhile(t *testing.T) {
	for _, c := range meanwhiles {
		for at := range c.commands {
			t.Run(fmt.Sprintf("%s, before command %d", c.name, at+1), func(t *testing.T) {
				store, client, prefix := newStore(t)
				c.store.put(t, client, prefix)
				m := &meanwhile{at: at + 1, write: func() { c.write.put(t, client, prefix) }}
				client.AddHook(m)
				back := slices.ContainsFunc(repair(t, store, false), func(r adapter.Repair) bool { return r.Action == "put back as it was" })
				if back != (c.name == halfway) {
					t.Errorf("whether a user was removed and put back: got %v", back)
				}
				if m.seen < m.at {
					t.Fatalf("got %d commands after the walk, want %d", m.seen, m.at)
				}
				c.want.are(t, client, prefix)
			})
		}
	}
}

// What is made for a user only when Repair has ended brings the user back with the next
// one, and DeleteUser forgets a user whom Repair removed.
func TestRepairPutsAUserBackLater(t *testing.T) {
	account := keys{"user:account:p:1": jsAccount("1", "b"), "user:account:by-user-id:b": "@user:account:p:1"}
	store, client, prefix := newStore(t)
	twins.put(t, client, prefix)
	repair(t, store, false)
	keys{"user:b": "", "authstore:removed:b": jsUser("b", mail)}.are(t, client, prefix)
	if found := repair(t, store, true); len(found) != 0 {
		t.Errorf("got %v, want nothing while the user is kept", found)
	}
	account.put(t, client, prefix)
	repair(t, store, false)
	keys{"user:b": jsUser("b", mail), "user:account:p:1": jsAccount("1", "b"), "authstore:removed:b": ""}.are(t, client, prefix)

	keys{"user:account:p:1": "", "user:account:by-user-id:b": ""}.put(t, client, prefix)
	repair(t, store, false)
	check(t, store.DeleteUser(t.Context(), "b"))
	account.put(t, client, prefix)
	repair(t, store, false)
	keys{"user:b": "", "user:account:p:1": "", "user:account:by-user-id:b": "", "authstore:removed:b": ""}.are(t, client, prefix)
}

// A user who was brought back while it was deleted is left to a person.
func TestRepairLeavesAUserWhoWasBroughtBack(t *testing.T) {
	store, client, prefix := newStore(t)
	all := keys{"authstore:deletion:a": "1", "user:a": jsUser("a", ""), "user:session:s": jsSession("s", "a")}
	all.put(t, client, prefix)
	if found := repair(t, store, false); len(found) != 1 || found[0].Action != "" {
		t.Errorf("got %v, want it left to a person", found)
	}
	all.are(t, client, prefix)
	check(t, store.DeleteUser(t.Context(), "a"))
	keys{"authstore:deletion:a": "", "user:a": "", "user:session:s": ""}.are(t, client, prefix)
}

// whole returns a user with an account and a session, and all that leads to them.
func whole(id string) keys {
	return keys{
		"user:" + id: jsUser(id, id+"@example.com"), "user:email:" + id + "@example.com": id,
		"user:account:p:" + id: jsAccount(id, id), "user:account:by-user-id:" + id: "@user:account:p:" + id,
		"user:session:" + id: jsSession(id, id), "user:session:by-user-id:" + id: "@user:session:" + id,
	}
}

// broken returns what can be repaired, of each kind, near a whole user.
func broken(id string) keys {
	old, gone, ghost, twin, upper, lists := "old-"+id, "gone-"+id, "ghost-"+id, "twin-"+id, "upper-"+id, "lists-"+id
	return keys{
		"user:" + twin: jsUser(twin, id+"@example.com"), "user:session:by-user-id:" + twin: "@user:session:none", "authenticator:by-user-id:" + twin: `["none"]`,
		"user:email:" + id + "@example.com":  twin,
		"user:email:" + old + "@example.com": id,
		"user:" + ghost:                      jsGhost(ghost), "user:email:undefined-" + id: ghost,
		"user:account:p:" + gone: jsAccount(gone, gone), "user:session:" + gone: jsSession(gone, gone), "authenticator:" + gone: jsPasskey(gone, gone),
		"user:account:by-user-id:" + gone: "@user:account:p:none", "user:session:by-user-id:" + gone: "@user:session:none", "authenticator:by-user-id:" + gone: `["` + gone + `"]`,
		"user:" + upper: jsUser(upper, "Upper-"+id+"@example.com"), "user:email:Upper-" + id + "@example.com": upper,
		"user:" + lists: jsUser(lists, ""), "authenticator:1" + lists: jsPasskey("1"+lists, lists), "authenticator:2" + lists: jsPasskey("2"+lists, lists),
		"authenticator:by-user-id:" + lists: `["2` + lists + `","none"]`,
		"authstore:deletion:cut-" + id:      "1", "user:session:cut-" + id: jsSession("cut-"+id, "cut-"+id),
	}
}

// repaired returns what becomes of a whole user and what was broken near it.
func repaired(id string) keys {
	all := keys{}
	for key := range broken(id) {
		all[key] = ""
	}
	upper, lists := "upper-"+id, "lists-"+id
	return all.with(keys{
		"user:email:" + id + "@example.com": id,
		"user:" + upper:                     fmt.Sprintf(`{"email":"%s@example.com","emailVerified":null,"id":%q,"name":"Ada"}`, upper, upper), "user:email:" + upper + "@example.com": upper,
		"user:" + lists: jsUser(lists, ""), "authenticator:1" + lists: jsPasskey("1"+lists, lists), "authenticator:2" + lists: jsPasskey("2"+lists, lists),
		"authenticator:by-user-id:" + lists: `["2` + lists + `","1` + lists + `"]`,
	})
}

// Several that repair one store at once take away no more than one does, and together
// put right what one would have.
func TestRepairsAtOnce(t *testing.T) {
	store, client, prefix := newStore(t)
	all, want := keys{}, keys{}
	for i := range 20 {
		id := fmt.Sprint("u", i)
		all, want = all.with(whole(id)).with(broken(id)), want.with(whole(id)).with(repaired(id))
	}
	person := whole("both").with(keys{"user:other": jsUser("other", "both@example.com"), "user:session:other": jsSession("other", "other"), "user:session:by-user-id:other": "@user:session:other"})
	all.with(person).put(t, client, prefix)
	r, _ := adapter.As[adapter.Repairer](store)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, err := r.Repair(t.Context(), false); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	want.are(t, client, prefix)
	var left []string
	for _, f := range repair(t, store, true) {
		left = append(left, cmp.Or(f.Action, f.Object))
	}
	if diff := gocmp.Diff([]string{"user both", "user other"}, left); diff != "" {
		t.Errorf("what is left (-want +got)\n%s", diff)
	}
}

// A store that takes many round trips to walk through is put right too, and what is whole
// stays as it is.
func TestRepairOfALargerStore(t *testing.T) {
	store, client, prefix := newStore(t)
	const n, batch = 10_000, 100
	want := keys{}
	for i := 0; i < n; i += batch {
		all := keys{}
		for j := range batch {
			maps.Copy(all, whole(fmt.Sprint("u", i+j)))
		}
		id := fmt.Sprint("u", i) // one of each batch is broken
		maps.Copy(all, broken(id))
		maps.Copy(want, whole(id))
		maps.Copy(want, repaired(id))
		all.put(t, client, prefix)
	}
	if found := repair(t, store, false); len(found) == 0 {
		t.Error("got no findings")
	}
	want.are(t, client, prefix)
	if found := repair(t, store, true); len(found) != 0 {
		t.Errorf("after Repair: got %d findings, the first is %v, want none", len(found), found[0])
	}
}

// What cannot be read is an error, never nothing, and is left to a person.
func TestUnreadableRecords(t *testing.T) {
	store, client, prefix := newStore(t)
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	for key, value := range map[string]string{
		"user:a": "not JSON", "user:b": `{"id":{},"name":"Ada"}`, "user:session:s": `{"sessionToken":"s","userId":"` + u.ID + `","expires":"soon"}`,
		"user:account:p:1": "[1,2]",
	} {
		check(t, client.Set(t.Context(), prefix+key, value, 0).Err())
	}
	_, errA := store.GetUser(t.Context(), "a")
	_, errB := store.GetUser(t.Context(), "b")
	_, _, errS := store.GetSessionAndUser(t.Context(), "s")
	_, errP := store.GetAccount(t.Context(), adapter.AccountKey{Provider: "p", ProviderAccountID: "1"})
	for i, err := range []error{errA, errB, errS, errP} {
		if !errors.Is(err, adapter.ErrUnreadable) || errors.Is(err, adapter.ErrNotFound) || !errors.As(err, new(*adapter.Error)) || strings.Contains(err.Error(), "soon") {
			t.Errorf("read %d: got %v, want an error that says so", i, err)
		}
	}
	found := repair(t, store, false)
	if len(found) != 4 {
		t.Errorf("Repair: got %v, want four findings", found)
	}
	for _, f := range found {
		if f.Action != "" {
			t.Errorf("Repair: got %v, want it left to a person", f)
		}
	}
}

// A deletion that was cut is finished by Repair, and nobody inherits from it meanwhile.
func TestRepairFinishesADeletion(t *testing.T) {
	for name, finish := range map[string]func(adapter.Adapter) error{
		"Repair": func(a adapter.Adapter) error {
			r, _ := adapter.As[adapter.Repairer](a)
			found, err := r.Repair(t.Context(), false)
			if len(found) != 1 || found[0].Action == "" {
				return fmt.Errorf("got %v, want one action", found)
			}
			return err
		},
		"CreateUser": func(a adapter.Adapter) error {
			_, err := a.CreateUser(t.Context(), adapter.User{ID: "u"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, client, prefix := newStore(t)
			_, err := store.CreateUser(t.Context(), adapter.User{ID: "u"})
			check(t, err)
			_, err = store.CreateSession(t.Context(), adapter.Session{UserID: "u", SessionToken: "token", Expires: time.Now().Add(time.Hour)})
			check(t, err)
			// As the first step of DeleteUser leaves it.
			check(t, client.Set(t.Context(), prefix+"authstore:deletion:u", "", 0).Err())
			check(t, client.Del(t.Context(), prefix+"user:u", prefix+"user:session:by-user-id:u").Err())
			check(t, finish(store))
			left, err := client.Exists(t.Context(), prefix+"user:session:token", prefix+"authstore:deletion:u").Result()
			check(t, err)
			if left != 0 {
				t.Errorf("got %d keys of the deleted user, want none", left)
			}
		})
	}
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
	store := open(t, client, upstash.Options{BaseKeyPrefix: prefix})
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
