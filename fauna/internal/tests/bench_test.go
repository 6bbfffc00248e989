package fauna_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	driver "github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna"
)

// BenchmarkRaw measures every operation beside the same query sent by the bare driver,
// with its arguments ready as maps and its answer left as the driver has it. The two are
// called in turns, one call at a time. Run it with -benchtime=1x and a live server.
func BenchmarkRaw(b *testing.B) {
	e := newPair(b)
	for _, row := range pairs {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				e.compare(b, row)
			}
		})
	}
}

// pair is a store with one user, and the client that it uses.
type pair struct {
	client  *driver.Client
	queries map[string]string // the package's
	store   adapter.Adapter
	user    adapter.User // with one account, session and passkey
	busy    adapter.User // who gets more
	account adapter.Account
	session adapter.Session
	now     time.Time
	expires time.Time
	count   int
}

func newPair(b *testing.B) *pair {
	bed := liveTestbed(b)
	now := adapter.Milliseconds(time.Now())
	e := &pair{client: bed.client(transport()), queries: readSource(b).queries(), now: now, expires: now.Add(24 * time.Hour)}
	e.store = open(b, e.client, fauna.Options{})
	var err error
	e.user, e.account, err = e.store.CreateUserWithAccount(b.Context(), typicalUser("ada"), typicalAccount("1"))
	check(b, err)
	e.busy, err = e.store.CreateUser(b.Context(), typicalUser("busy"))
	check(b, err)
	e.session, err = e.store.CreateSession(b.Context(), adapter.Session{UserID: e.user.ID, Expires: e.expires})
	check(b, err)
	_, err = e.store.CreateAuthenticator(b.Context(), passkey(e.user.ID, "c"))
	check(b, err)
	return e
}

// next returns a new name.
func (e *pair) next() string { e.count++; return fmt.Sprint("n", e.count) }

func (e *pair) nextID() string { e.count++; return newID(uint64(e.count)) }

// rounds is how often each side is measured for one figure, after warm calls that are not.
const rounds, warm = 200, 20

func (e *pair) compare(b *testing.B, row benchmarkRow) {
	var took [2][]time.Duration
	var total [2]time.Duration
	sides := []func(*testing.B, *pair){row.ours, row.raw}
	for n := range warm + rounds {
		for turn := range 2 {
			i := (n + turn) % 2 // who is first changes, as the server's ticks would favour one
			start := time.Now()
			sides[i](b, e)
			if d := time.Since(start); n >= warm {
				took[i], total[i] = append(took[i], d), total[i]+d
			}
		}
	}
	p50 := func(i int) float64 {
		slices.Sort(took[i])
		return float64(took[i][rounds/2].Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p50(0), "p50-ms")
	b.ReportMetric(p50(1), "raw-p50-ms")
	b.ReportMetric(p50(1)/p50(0), "p50-ratio")
	b.ReportMetric(float64(total[1])/float64(total[0]), "throughput-ratio")
}

// send runs one of the package's queries by the bare driver.
func (e *pair) send(b *testing.B, query string, args map[string]any) {
	for name, collection := range map[string]string{
		"users": "User", "accounts": "Account", "sessions": "Session", "tokens": "VerificationToken", "authenticators": "Authenticator",
	} {
		args[name] = collection
	}
	q, err := driver.FQL(e.queries[query], args)
	check(b, err)
	r, err := e.client.Query(q, driver.QueryContext(b.Context()))
	check(b, err)
	if _, ok := r.Data.(map[string]any); !ok {
		b.Fatalf("%s: got %v", query, r.Data)
	}
}

// object is the fields of a document.
type object = map[string]any

func (e *pair) bareUser(id, name string) object {
	return object{"id": id, "name": "Ada Lovelace", "email": name + "@example.com", "image": "https://example.com/avatars/ada.png", "createdAt": e.now, "updatedAt": e.now}
}

func (e *pair) bareAccount(userID, id string) object {
	return object{
		"userId": userID, "type": "oauth", "provider": "github", "providerAccountId": id, "token_type": "bearer", "scope": "read:user,user:email",
		"access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a", "createdAt": e.now, "updatedAt": e.now,
	}
}

// keyOf adds the arguments that find an account. Of the IDs here only 1 is a number.
func keyOf(id string, o object) object {
	all := object{"provider": "github", "providerAccountId": id, "numbers": []any{}}
	if id == "1" {
		all["numbers"] = []any{1, 1.0}
	}
	maps.Copy(all, o)
	return all
}

func (e *pair) bareSession(token string) object {
	return object{"userId": e.busy.ID, "sessionToken": token, "expires": e.expires, "ttl": e.expires.Add(time.Hour), "createdAt": e.now, "updatedAt": e.now}
}

func (e *pair) bareLink(name string) object {
	return object{"identifier": name, "token": name, "expires": e.expires, "ttl": e.expires.Add(time.Hour), "createdAt": e.now}
}

func (e *pair) createSession(b *testing.B) adapter.Session {
	s, err := e.store.CreateSession(b.Context(), adapter.Session{UserID: e.busy.ID, Expires: e.expires})
	check(b, err)
	return s
}

func (e *pair) sendSession(b *testing.B) string {
	token := adapter.SessionID(e.next())
	e.send(b, "createSession", object{"id": e.busy.ID, "session": e.bareSession(token)})
	return token
}

func (e *pair) barePasskey(userID, id string) object {
	return object{
		"credentialID": id, "userId": userID, "credentialPublicKey": "pQECAyYgASFYIA+/==", "counter": 1, "credentialBackedUp": false,
		"credentialDeviceType": "multiDevice", "transports": "internal", "createdAt": e.now, "updatedAt": e.now,
	}
}

func (e *pair) createLink(b *testing.B) adapter.VerificationToken {
	name := e.next()
	l, err := e.store.CreateVerificationToken(b.Context(), adapter.VerificationToken{Identifier: name, Token: name, Expires: e.expires})
	check(b, err)
	return l
}

func (e *pair) sendLink(b *testing.B) string {
	name := e.next()
	e.send(b, "createVerificationToken", object{"link": e.bareLink(name)})
	return name
}

type benchmarkRow struct {
	name      string
	ours, raw func(*testing.B, *pair)
}

// row returns a row whose call takes a context.
func row(name string, ours func(context.Context, *pair) error, raw func(*testing.B, *pair)) benchmarkRow {
	return benchmarkRow{name, func(b *testing.B, e *pair) { check(b, ours(b.Context(), e)) }, raw}
}

var pairs = []benchmarkRow{
	row("GetSessionAndUser", func(ctx context.Context, e *pair) error {
		_, _, err := e.store.GetSessionAndUser(ctx, e.session.SessionToken)
		return err
	}, func(b *testing.B, e *pair) {
		e.send(b, "getSessionAndUser", object{"token": e.session.ID, "now": e.now})
	}),
	row("GetUser", func(ctx context.Context, e *pair) error { _, err := e.store.GetUser(ctx, e.user.ID); return err },
		func(b *testing.B, e *pair) { e.send(b, "getUser", object{"id": e.user.ID}) }),
	row("GetUserByEmail", func(ctx context.Context, e *pair) error {
		_, err := e.store.GetUserByEmail(ctx, e.user.Email)
		return err
	}, func(b *testing.B, e *pair) { e.send(b, "getUserByEmail", object{"email": e.user.Email}) }),
	row("GetUserByAccount", func(ctx context.Context, e *pair) error {
		_, err := e.store.GetUserByAccount(ctx, e.account.Key())
		return err
	}, func(b *testing.B, e *pair) {
		e.send(b, "getUserByAccount", keyOf("1", nil))
	}),
	row("CreateUser", func(ctx context.Context, e *pair) error {
		_, err := e.store.CreateUser(ctx, typicalUser(e.next()))
		return err
	}, func(b *testing.B, e *pair) {
		id := e.nextID()
		e.send(b, "createUser", object{"id": id, "user": e.bareUser(id, e.next())})
	}),
	row("CreateUserWithAccount", func(ctx context.Context, e *pair) error {
		name := e.next()
		_, _, err := e.store.CreateUserWithAccount(ctx, typicalUser(name), typicalAccount(name))
		return err
	}, func(b *testing.B, e *pair) {
		id, name := e.nextID(), e.next()
		e.send(b, "createUserWithAccount", keyOf(name, object{"id": id, "user": e.bareUser(id, name), "name": "Account", "brought": e.bareAccount(id, name)}))
	}),
	row("CreateUserWithAuthenticator", func(ctx context.Context, e *pair) error {
		name := e.next()
		_, _, err := e.store.CreateUserWithAuthenticator(ctx, typicalUser(name), passkey("", name))
		return err
	}, func(b *testing.B, e *pair) {
		id, name := e.nextID(), e.next()
		e.send(b, "createUserWithAuthenticator", object{
			"id": id, "user": e.bareUser(id, name), "credentialID": name, "name": "Authenticator", "brought": e.barePasskey(id, name)})
	}),
	row("UpdateUser", func(ctx context.Context, e *pair) error {
		_, err := e.store.UpdateUser(ctx, e.user.ID, adapter.UserUpdate{Name: new(e.next())})
		return err
	}, func(b *testing.B, e *pair) {
		e.send(b, "updateUser", object{"id": e.user.ID, "changes": object{"name": e.next(), "updatedAt": e.now}})
	}),
	row("CreateUser+DeleteUser", func(ctx context.Context, e *pair) error {
		u, err := e.store.CreateUser(ctx, typicalUser(e.next()))
		if err != nil {
			return err
		}
		return e.store.DeleteUser(ctx, u.ID)
	}, func(b *testing.B, e *pair) {
		id := e.nextID()
		e.send(b, "createUser", object{"id": id, "user": e.bareUser(id, e.next())})
		e.send(b, "deleteUser", object{"id": id, "n": 500})
	}),
	row("LinkAccount+UnlinkAccount", func(ctx context.Context, e *pair) error {
		a := typicalAccount(e.next())
		a.UserID = e.busy.ID
		if _, err := e.store.LinkAccount(ctx, a); err != nil {
			return err
		}
		return e.store.UnlinkAccount(ctx, a.Key())
	}, func(b *testing.B, e *pair) {
		name := e.next()
		e.send(b, "linkAccount", keyOf(name, object{"id": e.busy.ID, "name": "Account", "brought": e.bareAccount(e.busy.ID, name)}))
		e.send(b, "unlinkAccount", keyOf(name, nil))
	}),
	row("GetAccount", func(ctx context.Context, e *pair) error {
		_, err := e.store.GetAccount(ctx, e.account.Key())
		return err
	},
		func(b *testing.B, e *pair) {
			e.send(b, "getAccount", keyOf("1", nil))
		}),
	row("ListAccounts", func(ctx context.Context, e *pair) error { _, err := e.store.ListAccounts(ctx, e.user.ID); return err },
		func(b *testing.B, e *pair) { e.send(b, "listAccounts", object{"id": e.user.ID, "n": 500}) }),
	row("UpdateAccount", func(ctx context.Context, e *pair) error {
		_, err := e.store.UpdateAccount(ctx, e.account.Key(), adapter.AccountUpdate{AccessToken: new(e.next())})
		return err
	}, func(b *testing.B, e *pair) {
		e.send(b, "updateAccount", keyOf("1", object{"changes": object{"access_token": e.next(), "updatedAt": e.now}}))
	}),
	row("CreateSession+DeleteSession", func(ctx context.Context, e *pair) error {
		s, err := e.store.CreateSession(ctx, adapter.Session{UserID: e.busy.ID, Expires: e.expires})
		if err != nil {
			return err
		}
		return e.store.DeleteSession(ctx, s.SessionToken)
	}, func(b *testing.B, e *pair) { e.send(b, "deleteSession", object{"token": e.sendSession(b)}) }),
	{"CreateSession+DeleteSessionByID",
		func(b *testing.B, e *pair) {
			check(b, e.store.DeleteSessionByID(b.Context(), e.busy.ID, e.createSession(b).ID))
		},
		func(b *testing.B, e *pair) {
			e.send(b, "deleteOwnSession", object{"id": e.busy.ID, "digest": e.sendSession(b), "plain": false, "n": 500})
		}},
	{"CreateSession+DeleteSessions",
		func(b *testing.B, e *pair) {
			e.createSession(b)
			check(b, e.store.DeleteSessions(b.Context(), e.busy.ID))
		},
		func(b *testing.B, e *pair) {
			e.sendSession(b)
			e.send(b, "deleteSessions", object{"id": e.busy.ID, "keep": []string{}, "n": 500})
		}},
	{"CreateSession", func(b *testing.B, e *pair) { e.createSession(b) }, func(b *testing.B, e *pair) { e.sendSession(b) }},
	row("UpdateSession", func(ctx context.Context, e *pair) error {
		_, err := e.store.UpdateSession(ctx, e.session.SessionToken, adapter.SessionUpdate{Expires: &e.expires})
		return err
	}, func(b *testing.B, e *pair) {
		e.send(b, "updateSession", object{"token": e.session.ID, "now": e.now, "seen": nil, "reserved": []string{}, "ttl": e.expires.Add(time.Hour), "changes": object{"expires": e.expires, "updatedAt": e.now}})
	}),
	row("ListSessions", func(ctx context.Context, e *pair) error { _, err := e.store.ListSessions(ctx, e.user.ID); return err },
		func(b *testing.B, e *pair) {
			e.send(b, "listSessions", object{"id": e.user.ID, "now": e.now, "n": 500})
		}),
	{"CreateVerificationToken", func(b *testing.B, e *pair) { e.createLink(b) }, func(b *testing.B, e *pair) { e.sendLink(b) }},
	{"CreateVerificationToken+UseVerificationToken",
		func(b *testing.B, e *pair) {
			l := e.createLink(b)
			_, err := e.store.UseVerificationToken(b.Context(), l.Identifier, l.Token)
			check(b, err)
		},
		func(b *testing.B, e *pair) {
			name := e.sendLink(b)
			e.send(b, "useVerificationToken", object{"identifier": name, "token": name, "seen": nil})
		}},
	{"CreateVerificationToken+DeleteVerificationTokens",
		func(b *testing.B, e *pair) {
			check(b, e.store.DeleteVerificationTokens(b.Context(), e.createLink(b).Identifier))
		},
		func(b *testing.B, e *pair) {
			e.send(b, "deleteVerificationTokens", object{"identifier": e.sendLink(b), "n": 500})
		}},
	row("CreateAuthenticator+DeleteAuthenticator", func(ctx context.Context, e *pair) error {
		a := passkey(e.busy.ID, e.next())
		if _, err := e.store.CreateAuthenticator(ctx, a); err != nil {
			return err
		}
		return e.store.DeleteAuthenticator(ctx, a.CredentialID)
	}, func(b *testing.B, e *pair) {
		name := e.next()
		e.send(b, "createAuthenticator", object{"id": e.busy.ID, "credentialID": name, "name": "Authenticator", "brought": e.barePasskey(e.busy.ID, name)})
		e.send(b, "deleteAuthenticator", object{"credentialID": name})
	}),
	row("GetAuthenticator", func(ctx context.Context, e *pair) error { _, err := e.store.GetAuthenticator(ctx, "c"); return err },
		func(b *testing.B, e *pair) { e.send(b, "getAuthenticator", object{"credentialID": "c"}) }),
	row("ListAuthenticators", func(ctx context.Context, e *pair) error {
		_, err := e.store.ListAuthenticators(ctx, e.user.ID)
		return err
	}, func(b *testing.B, e *pair) { e.send(b, "listAuthenticators", object{"id": e.user.ID, "n": 500}) }),
	row("UpdateAuthenticatorCounter", func(ctx context.Context, e *pair) error {
		e.count++
		_, err := e.store.UpdateAuthenticatorCounter(ctx, "c", uint32(e.count)+1)
		return err
	}, func(b *testing.B, e *pair) {
		e.count++
		e.send(b, "updateCounter", object{"credentialID": "c", "counter": e.count + 1, "now": e.now})
	}),
	row("UpdateAuthenticator", func(ctx context.Context, e *pair) error {
		_, err := e.store.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)})
		return err
	}, func(b *testing.B, e *pair) {
		e.send(b, "updateAuthenticator", object{"credentialID": "c", "seen": nil, "changes": object{"credentialBackedUp": true, "updatedAt": e.now}})
	}),
	row("EnumerateUsers", func(ctx context.Context, e *pair) error {
		users, _ := adapter.As[adapter.Enumerator](e.store)
		_, err := users.EnumerateUsers(ctx, e.user.ID, 10)
		return err
	}, func(b *testing.B, e *pair) { e.send(b, "enumerateUsers", object{"from": e.user.ID, "n": 11}) }),
}
