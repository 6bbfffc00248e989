package robust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// world has the names of the keys that a history is about.
type world struct {
	n         int
	prefix    string // of all names
	objectIDs bool   // IDs of users are those of MongoDB
}

func (w world) name(kind string, i int) string {
	return fmt.Sprintf("%s-%d-%s%d", w.prefix, w.n, kind, i)
}

func (w world) digest(kind string, i int) [32]byte { return sha256.Sum256([]byte(w.name(kind, i))) }

func (w world) userID(u int) string {
	d := w.digest("user", u)
	if w.objectIDs {
		return hex.EncodeToString(d[:12])
	}
	return w.name("u", u)
}

func (w world) email(e int) string {
	if e == 0 {
		return ""
	}
	return w.name("e", e) + "@example.com"
}

func (w world) account(a int) adapter.AccountKey {
	return adapter.AccountKey{Provider: "github", ProviderAccountID: w.name("a", a)}
}

// token of a session: the last one is in the form of generated ones, and so the first
// user's; the others were made elsewhere.
func (w world) token(s int) string {
	if s == sessions {
		return adapter.NewSessionToken(w.userID(1), w.digest("s", s))
	}
	return w.name("s", s)
}

func (w world) identifier() string { return w.name("i", 0) }

func (w world) link(t int) string { return adapter.HashVerificationToken(w.name("t", t), "") }

func (w world) credential(c int) string { return w.name("c", c) }

// find returns which of the first n keys has a name, -1 if none has.
func find(name string, n int, nameOf func(int) string) int {
	for i := 0; i <= n; i++ {
		if nameOf(i) == name {
			return i
		}
	}
	return -1
}

// A mix is what the clients of a world call, each as often as it is here.
type mix []string

// mixes are the kinds of worlds: what one kind of keys is about, and all together.
var mixes = []mix{
	{createUser, createUser, updateEmail, updateEmail, getUserByEmail, getUserByEmail, getUserByEmail, deleteUser},
	{signUp, signUp, linkAccount, linkAccount, unlinkAccount, getUserByAccount, getUserByAccount, listAccounts, getAccount, updateAccount, deleteUser},
	{createSession, createSession, createSession, openSession, openSession, openSession, updateSession, deleteSession, deleteSessions, listSessions, deleteUser},
	{createToken, createToken, useToken, useToken, useToken, deleteTokens},
	{createCredential, createCredential, signUpByPasskey, count, count, count, count, rename, rename, getCredential, deleteCredential, deleteUser},
	{updateName, updateName, updateImage, updateImage, getUser, getUser, updateEmail},
	{signUp, linkAccount, updateAccount, updateAccount, updateAccount, getAccount, getAccount, getAccount},
	{signUp, signUp, signUp, getUser, getUserByEmail, getUserByAccount},
	{signUpByPasskey, signUpByPasskey, createCredential, rename, rename, count, getCredential, getCredential, getUserByEmail},
	{createUser, signUp, updateName, updateEmail, linkAccount, unlinkAccount, createSession, openSession, deleteSessions, createToken, useToken,
		createCredential, signUpByPasskey, count, rename, getUserByEmail, getUserByAccount, deleteUser, getUser},
}

// calls returns what a client calls in a world, always the same for the same seed.
// Clients of a world make users of their own, client c of n those that are c modulo n, so
// that no ID is given twice but by one client; they write to those of all.
func (w world) calls(seed uint64, client, clients, n int) []Call {
	random := rand.New(rand.NewPCG(seed, uint64(w.n)<<16|uint64(client)))
	of := mixes[w.n%len(mixes)]
	own := ownUsers(client, clients)
	all := make([]Call, 0, n)
	pick := func(n int) int { return 1 + random.IntN(1+random.IntN(n)) } // the first ones more often, so that calls meet
	for i := range n {
		c := Call{Op: of[random.IntN(len(of))], User: pick(users)}
		if i == 0 && !strings.Contains(c.Op, "Token") && len(own) > 0 {
			c.Op = createUser // so that there is somebody
		}
		value := client*1000 + i + 1
		switch c.Op {
		case createUser, signUp, signUpByPasskey:
			if len(own) == 0 {
				continue
			}
			c.User, c.Email, c.Value = own[random.IntN(len(own))], emails+1-pick(emails+1), value
			switch c.Op {
			case signUp:
				c.Account = pick(accounts)
			case signUpByPasskey:
				c.Credential = pick(credentials)
			}
		case updateName, updateImage:
			c.Value = value
		case updateEmail:
			c.Email = emails + 1 - pick(emails+1)
		case getUserByEmail:
			c.User, c.Email = 0, pick(emails)
		case linkAccount:
			c.Account = pick(accounts)
		case unlinkAccount, getAccount, getUserByAccount:
			c.User, c.Account = 0, pick(accounts)
		case updateAccount:
			c.User, c.Account, c.Value = 0, pick(accounts), value
		case createSession:
			c.Session, c.Value = pick(sessions), value
			if c.Session == sessions {
				c.User = 1
			}
		case openSession, deleteSession:
			c.User, c.Session = 0, pick(sessions)
		case updateSession:
			c.User, c.Session, c.Value = 0, pick(sessions), value
		case createToken, useToken:
			c.User, c.Token = 0, pick(tokens)
		case deleteTokens:
			c.User = 0
		case createCredential:
			c.Credential, c.Value = pick(credentials), firstCount
		case count:
			c.User, c.Credential, c.Value = 0, pick(credentials), 2+random.IntN(60)
		case rename:
			c.User, c.Credential, c.Value = 0, pick(credentials), value
		case getCredential, deleteCredential:
			c.User, c.Credential = 0, pick(credentials)
		}
		all = append(all, c)
	}
	return all
}

// ownUsers are the users whom a client makes.
func ownUsers(client, clients int) (own []int) {
	for u := 1; u <= users; u++ {
		if u%clients == client%clients {
			own = append(own, u)
		}
	}
	return own
}

// last returns the calls that read all of a world.
func (w world) last() (all []Call) {
	for u := 1; u <= users; u++ {
		all = append(all, Call{Op: getUser, User: u}, Call{Op: listAccounts, User: u}, Call{Op: listSessions, User: u})
	}
	for e := 1; e <= emails; e++ {
		all = append(all, Call{Op: getUserByEmail, Email: e})
	}
	for a := 1; a <= accounts; a++ {
		all = append(all, Call{Op: getUserByAccount, Account: a}, Call{Op: getAccount, Account: a})
	}
	for s := 1; s <= sessions; s++ {
		all = append(all, Call{Op: openSession, Session: s})
	}
	for c := 1; c <= credentials; c++ {
		all = append(all, Call{Op: getCredential, Credential: c})
	}
	for t := 1; t <= tokens; t++ {
		all = append(all, Call{Op: useToken, Token: t})
	}
	return all
}

// valueOf is the attribute, or the text, that has the value of a write.
func valueOf(n int) string { return strconv.Itoa(n) }

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func attributes(n int) adapter.Attributes { return adapter.Attributes{"value": int64(n)} }

func attribute(a adapter.Attributes) int {
	n, _ := a["value"].(int64)
	return int(n)
}

// make calls an adapter. The error is one that is of no kind, which breaks R2.
func (w world) make(ctx context.Context, store adapter.Adapter, c Call) (Answer, error) {
	a, err := w.perform(ctx, store, c)
	var taken *adapter.ConflictError
	switch {
	case err == nil:
		a.Kind = ok
		return a, nil
	case errors.As(err, &taken):
		return Answer{Kind: conflict, Field: taken.Field}, nil
	case errors.Is(err, adapter.ErrNotFound):
		return Answer{Kind: notFound}, nil
	case errors.Is(err, adapter.ErrInvalid):
		return Answer{Kind: invalid}, nil
	case errors.Is(err, adapter.ErrUnavailable), errors.Is(err, adapter.ErrSetup), ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return Answer{Kind: unknown}, nil
	}
	return Answer{Kind: unknown}, err
}

func (w world) perform(ctx context.Context, store adapter.Adapter, c Call) (Answer, error) {
	switch c.Op {
	case createUser:
		_, err := store.CreateUser(ctx, w.newUser(c))
		return Answer{}, err
	case signUp:
		_, _, err := store.CreateUserWithAccount(ctx, w.newUser(c), w.newAccount(c, ""))
		return Answer{}, err
	case signUpByPasskey:
		_, _, err := store.CreateUserWithAuthenticator(ctx, w.newUser(c), w.newAuthenticator(c, "", firstCount))
		return Answer{}, err
	case getUser:
		return w.profile(store.GetUser(ctx, w.userID(c.User)))
	case getUserByEmail:
		return w.profile(store.GetUserByEmail(ctx, w.email(c.Email)))
	case getUserByAccount:
		return w.profile(store.GetUserByAccount(ctx, w.account(c.Account)))
	case updateName:
		return w.profile(store.UpdateUser(ctx, w.userID(c.User), adapter.UserUpdate{Name: new(valueOf(c.Value))}))
	case updateImage:
		return w.profile(store.UpdateUser(ctx, w.userID(c.User), adapter.UserUpdate{Image: new(valueOf(c.Value))}))
	case updateEmail:
		return w.profile(store.UpdateUser(ctx, w.userID(c.User), adapter.UserUpdate{Email: new(w.email(c.Email))}))
	case deleteUser:
		return Answer{}, store.DeleteUser(ctx, w.userID(c.User))
	case createToken, useToken, deleteTokens:
		return w.performOnToken(ctx, store, c)
	case createCredential, getCredential, count, rename, deleteCredential:
		return w.performOnCredential(ctx, store, c)
	case createSession, openSession, updateSession, deleteSession, deleteSessions, listSessions:
		return w.performOnSession(ctx, store, c)
	}
	return w.performOnAccount(ctx, store, c)
}

func (w world) newUser(c Call) adapter.User {
	return adapter.User{ID: w.userID(c.User), Email: w.email(c.Email), Name: valueOf(c.Value)}
}

func (w world) newAccount(c Call, userID string) adapter.Account {
	key := w.account(c.Account)
	return adapter.Account{UserID: userID, Type: adapter.AccountOAuth, Provider: key.Provider, ProviderAccountID: key.ProviderAccountID}
}

func (w world) newAuthenticator(c Call, userID string, counter int) adapter.Authenticator {
	return adapter.Authenticator{CredentialID: w.credential(c.Credential), UserID: userID, CredentialPublicKey: "key", Counter: uint32(counter)}
}

func (w world) user(id string) int { return find(id, users, w.userID) }

func (w world) profile(u adapter.User, err error) (Answer, error) {
	return Answer{User: w.user(u.ID), Email: find(u.Email, emails, w.email), Name: number(u.Name), Image: number(u.Image)}, err
}

func (w world) performOnAccount(ctx context.Context, store adapter.Adapter, c Call) (Answer, error) {
	show := func(a adapter.Account, err error) (Answer, error) {
		return Answer{User: w.user(a.UserID), Value: number(a.Scope)}, err
	}
	switch c.Op {
	case linkAccount:
		_, err := store.LinkAccount(ctx, w.newAccount(c, w.userID(c.User)))
		return Answer{}, err
	case unlinkAccount:
		return Answer{}, store.UnlinkAccount(ctx, w.account(c.Account))
	case getAccount:
		return show(store.GetAccount(ctx, w.account(c.Account)))
	case updateAccount:
		return show(store.UpdateAccount(ctx, w.account(c.Account), adapter.AccountUpdate{Scope: new(valueOf(c.Value))}))
	}
	all, err := store.ListAccounts(ctx, w.userID(c.User))
	set := 0
	for _, a := range all {
		set |= 1 << find(a.ProviderAccountID, accounts, func(i int) string { return w.account(i).ProviderAccountID })
	}
	return Answer{Set: set}, err
}

// life is how long sessions and tokens live: longer than a run.
const life = 24 * time.Hour

func (w world) performOnSession(ctx context.Context, store adapter.Adapter, c Call) (Answer, error) {
	show := func(s adapter.Session, err error) (Answer, error) {
		return Answer{User: w.user(s.UserID), Value: attribute(s.Attributes)}, err
	}
	switch c.Op {
	case createSession:
		_, err := store.CreateSession(ctx, adapter.Session{
			SessionToken: w.token(c.Session), UserID: w.userID(c.User), Expires: time.Now().Add(life), Attributes: attributes(c.Value),
		})
		return Answer{}, err
	case openSession:
		s, _, err := store.GetSessionAndUser(ctx, w.token(c.Session))
		return show(s, err)
	case updateSession:
		return show(store.UpdateSession(ctx, w.token(c.Session), adapter.SessionUpdate{Attributes: attributes(c.Value)}))
	case deleteSession:
		return Answer{}, store.DeleteSession(ctx, w.token(c.Session))
	case deleteSessions:
		return Answer{}, store.DeleteSessions(ctx, w.userID(c.User))
	}
	all, err := store.ListSessions(ctx, w.userID(c.User))
	set := 0
	for _, s := range all {
		set |= 1 << find(s.ID, sessions, func(i int) string { return adapter.SessionID(w.token(i)) })
	}
	return Answer{Set: set}, err
}

func (w world) performOnToken(ctx context.Context, store adapter.Adapter, c Call) (Answer, error) {
	var err error
	switch c.Op {
	case createToken:
		_, err = store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: w.identifier(), Token: w.link(c.Token), Expires: time.Now().Add(life)})
	case useToken:
		_, err = store.UseVerificationToken(ctx, w.identifier(), w.link(c.Token))
	case deleteTokens:
		err = store.DeleteVerificationTokens(ctx, w.identifier())
	}
	return Answer{}, err
}

func (w world) performOnCredential(ctx context.Context, store adapter.Adapter, c Call) (Answer, error) {
	show := func(a adapter.Authenticator, err error) (Answer, error) {
		return Answer{User: w.user(a.UserID), Value: int(a.Counter), Name: attribute(a.Attributes)}, err
	}
	switch c.Op {
	case createCredential:
		_, err := store.CreateAuthenticator(ctx, w.newAuthenticator(c, w.userID(c.User), c.Value))
		return Answer{}, err
	case getCredential:
		return show(store.GetAuthenticator(ctx, w.credential(c.Credential)))
	case count:
		return show(store.UpdateAuthenticatorCounter(ctx, w.credential(c.Credential), uint32(c.Value)))
	case rename:
		return show(store.UpdateAuthenticator(ctx, w.credential(c.Credential), adapter.AuthenticatorUpdate{Attributes: attributes(c.Value)}))
	}
	return Answer{}, store.DeleteAuthenticator(ctx, w.credential(c.Credential))
}
