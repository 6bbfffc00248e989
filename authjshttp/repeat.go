package authjshttp

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/authjs"
)

// A call with an Idempotency-Key may be repeated: whether it was done already is seen in the
// records themselves wherever they can tell, since they are what all processes share and what a
// crash leaves. A user has an ID that is made of the request; what else is created has a key
// that is random, and comes back with what this request put there. Two calls leave no record
// that tells: a used token is gone, and a counter may have been stored by anybody. Their
// outcome is kept beside, as a verification token that only such a request can find.

// keyHeader has the key of a request that may be repeated.
const keyHeader = "Idempotency-Key"

const maxKey = 255

// repetition is the digest of a request with its key; the zero value is of one without.
// A key that is used for another request is thereby another one.
type repetition [32]byte

func repetitionOf(method, key string, body []byte) repetition {
	if key == "" || !methods[method].creating {
		return repetition{}
	}
	return sha256.Sum256(append([]byte("authstore\n"+method+"\n"+key+"\n"), body...))
}

func (r repetition) asked() bool { return r != repetition{} }

// id returns the ID of the user whom a request makes, in the form of another ID: a UUID (RFC 9562,
// version 8), an ObjectID of MongoDB or a document ID of Fauna. It is "" for any other form.
func (r repetition) id(like string) string {
	switch {
	case len(like) == 36 && consistsOf(like, "0123456789abcdef-"):
		b := r[:16]
		return fmt.Sprintf("%x-%x-8%03x-%x-%x", b[:4], b[4:6], binary.BigEndian.Uint16(b[6:])&0xfff, binary.BigEndian.Uint16(b[8:])&0x3fff|0x8000, b[10:])
	case len(like) == 24 && consistsOf(like, "0123456789abcdef"):
		return hex.EncodeToString(r[:12])
	case len(like) == 19 && consistsOf(like, "0123456789"):
		return strconv.FormatUint(binary.BigEndian.Uint64(r[:])&math.MaxInt64|1<<62, 10)
	}
	return ""
}

func consistsOf(text, characters string) bool { return strings.Trim(text, characters) == "" }

// createUser creates a user, or returns the one that this request has created.
func (c *call) createUser(u adapter.User) (adapter.User, error) {
	u.ID = ""
	if c.again.asked() {
		u.ID = c.again.id(c.store.NewID())
	}
	return c.signUp(u)
}

// signUp creates a user whose ID, if it has one, only this request knows.
func (c *call) signUp(u adapter.User) (adapter.User, error) {
	made, err := c.store.CreateUser(c, u)
	if u.ID == "" || !c.again.asked() || !errors.Is(err, adapter.ErrConflict) {
		return made, err
	}
	found, missing := c.store.GetUser(c, u.ID)
	return ours(found, missing, true, err)
}

// verify returns the user who has an address, after a conflict, with the time of its verification.
func (c *call) verify(email string, verified time.Time, conflict error) (adapter.User, error) {
	u, err := c.store.GetUserByEmail(c, email)
	switch {
	case errors.Is(err, adapter.ErrNotFound):
		return u, conflict // of something else, or the user is gone
	case err != nil || !u.EmailVerified.IsZero():
		return u, err
	}
	return c.store.UpdateUser(c, u.ID, adapter.UserUpdate{EmailVerified: &verified})
}

// signedUp returns the user of an account after a conflict, if it is the one of this request.
func (c *call) signedUp(userID string, key adapter.AccountKey, conflict error) (adapter.User, error) {
	u, err := c.store.GetUserByAccount(c, key)
	return ours(u, err, u.ID == userID, conflict)
}

func (c *call) linked(asked adapter.Account, conflict error) (adapter.Account, error) {
	a, err := c.store.GetAccount(c, asked.Key())
	return ours(a, err, maps.Equal(authjs.Account(a), authjs.Account(asked)), conflict)
}

func (c *call) session(asked adapter.Session, conflict error) (adapter.Session, error) {
	s, _, err := c.store.GetSessionAndUser(c, asked.SessionToken)
	return ours(s, err, s.UserID == asked.UserID && s.Expires.Equal(adapter.Milliseconds(asked.Expires)), conflict)
}

func (c *call) registered(asked adapter.Authenticator, conflict error) (adapter.Authenticator, error) {
	a, err := c.store.GetAuthenticator(c, asked.CredentialID)
	return ours(a, err, a.UserID == asked.UserID && a.CredentialPublicKey == asked.CredentialPublicKey, conflict)
}

// ours returns a record that was read after a conflict, and the conflict unless it is that of this request.
func ours[T any](v T, err error, same bool, conflict error) (T, error) {
	switch {
	case errors.Is(err, adapter.ErrNotFound), err == nil && !same:
		return v, conflict
	}
	return v, err
}

// kept is how long an outcome is kept: longer than any client repeats a request.
const kept = 10 * time.Minute

// used returns a token that was used up by this request, or by an earlier one with its key.
func (c *call) used(asked, t adapter.VerificationToken, err error) (adapter.VerificationToken, error) {
	switch {
	case err == nil:
		c.remember(strconv.FormatInt(t.Expires.UnixMilli(), 10))
	case errors.Is(err, adapter.ErrNotFound) && !errors.Is(err, adapter.ErrExpired):
		value, found := c.recall()
		if found != nil {
			return t, found
		}
		ms, _ := strconv.ParseInt(value, 10, 64)
		t, err = adapter.VerificationToken{Identifier: asked.Identifier, Token: asked.Token, Expires: time.UnixMilli(ms).UTC()}, nil
	}
	return t, err
}

// counted returns a credential whose counter was stored by this request, or by an earlier one
// with its key.
func (c *call) counted(a adapter.Authenticator, err error) (adapter.Authenticator, error) {
	switch {
	case err == nil:
		c.remember("")
	case errors.Is(err, adapter.ErrConflict):
		_, found := c.recall()
		if errors.Is(found, adapter.ErrNotFound) {
			return a, err
		}
		if found != nil {
			return a, found
		}
		id, _ := c.key(0, "credentialID")
		return c.store.GetAuthenticator(c, id)
	}
	return a, err
}

// outcome names the token in which an outcome is kept.
func (c *call) outcome() (identifier, token string) {
	token = hex.EncodeToString(c.again[:])
	return "authstore-outcome:" + token[:16], token
}

// remember keeps an outcome. If that fails the outcome is as good: the answer is on its way.
func (c *call) remember(value string) {
	identifier, token := c.outcome()
	ctx := context.WithoutCancel(c)
	_, _ = c.store.CreateVerificationToken(ctx, adapter.VerificationToken{
		Identifier: identifier, Token: token, Value: value, Expires: time.Now().Add(kept),
	})
}

// recall returns an outcome that was kept, and keeps it for the next repetition.
func (c *call) recall() (string, error) {
	identifier, token := c.outcome()
	t, err := c.store.UseVerificationToken(c, identifier, token)
	if err == nil {
		c.remember(t.Value)
	}
	return t.Value, err
}
