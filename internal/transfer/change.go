package transfer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/authstore/authstore/adapter"
)

// IDs says which IDs users have in the destination.
type IDs string

// The kinds of IDs. All but KeepIDs are made from the old ID, so that the same user has the
// same new ID in every pass and every process.
const (
	KeepIDs     IDs = "keep"
	UUIDs       IDs = "uuid"     // RFC 9562, version 8
	ObjectIDs   IDs = "objectid" // MongoDB's: 24 hexadecimal digits
	NumberedIDs IDs = "number"   // Fauna's: 19 digits, below 2^63
)

// New returns the ID in the destination of a user of the source.
func (k IDs) New(id string) (string, error) {
	sum := sha256.Sum256([]byte("authstore copy: " + id))
	switch k {
	case KeepIDs:
		return id, nil
	case UUIDs:
		sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]), nil
	case ObjectIDs:
		return hex.EncodeToString(sum[:12]), nil
	case NumberedIDs:
		const first, last = uint64(1e18), uint64(1<<63 - 1)
		return strconv.FormatUint(first+binary.BigEndian.Uint64(sum[:8])%(last-first), 10), nil
	}
	return "", fmt.Errorf("--ids is keep, uuid, objectid or number, not %q", string(k))
}

// withID returns the person under another ID. What belongs to it goes along, but for sessions:
// a generated token names the user, and nobody can see in a digest whether it is that of one.
func (p person) withID(id string) person {
	if id == p.user.ID {
		return p
	}
	p.user.ID, p.sessions = id, nil
	p.accounts = append([]adapter.Account(nil), p.accounts...)
	for i := range p.accounts {
		p.accounts[i].UserID = id
	}
	p.authenticators = append([]adapter.Authenticator(nil), p.authenticators...)
	for i := range p.authenticators {
		p.authenticators[i].UserID = id
	}
	return p
}

// redacted returns the person for a place where nobody may be recognised: with an address, a
// name and accounts made from a key, and without image, attributes, tokens, passkeys, sessions.
func (p person) redacted(key []byte) person {
	stand := func(kind, text string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(kind + "\x00" + text))
		return hex.EncodeToString(mac.Sum(nil)[:12])
	}
	u := adapter.User{ID: p.user.ID, EmailVerified: p.user.EmailVerified, CreatedAt: p.user.CreatedAt, UpdatedAt: p.user.UpdatedAt}
	if p.user.Name != "" {
		u.Name = "User " + stand("name", p.user.ID)
	}
	if p.user.Email != "" {
		u.Email = stand("email", adapter.NormalizeEmail(p.user.Email)) + "@redacted.invalid"
	}
	out := person{user: u}
	for _, a := range p.accounts {
		out.accounts = append(out.accounts, adapter.Account{
			UserID: a.UserID, Type: a.Type, Provider: a.Provider, ProviderAccountID: stand("account "+a.Provider, a.ProviderAccountID),
			CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
		})
	}
	return out
}
