package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// record is a record of the contract by its fields, as text that is the same in every store.
// Empty fields are not in it.
type record map[string]string

// unknownTime is written where the source does not know when a record was made, as of those
// that Auth.js makes: else the destination would say that it was now.
var unknownTime = time.Unix(0, 0).UTC()

func known(t time.Time) time.Time {
	if t.IsZero() {
		return unknownTime
	}
	return t
}

func (r record) text(name, v string) {
	if v != "" {
		r[name] = v
	}
}

func (r record) value(name string, v any) {
	text, err := json.Marshal(escaped(v))
	if err != nil {
		text = []byte(err.Error()) // values of attributes all have a form in JSON
	}
	r[name] = string(text)
}

func (r record) time(name string, t time.Time) {
	if !t.IsZero() && !t.Equal(unknownTime) {
		r.value(name, t)
	}
}

func (r record) attributes(a adapter.Attributes) {
	for name, v := range a {
		r.value("attribute "+name, v)
	}
}

func userRecord(u adapter.User) record {
	r := record{"ID": u.ID}
	r.text("Name", u.Name)
	r.text("Email", adapter.NormalizeEmail(u.Email))
	r.time("EmailVerified", u.EmailVerified)
	r.text("Image", u.Image)
	r.attributes(u.Attributes)
	r.time("CreatedAt", u.CreatedAt)
	r.time("UpdatedAt", u.UpdatedAt)
	return r
}

func accountRecord(a adapter.Account) record {
	r := record{"UserID": a.UserID}
	r.text("Type", string(a.Type))
	r.text("Provider", a.Provider)
	r.text("ProviderAccountID", a.ProviderAccountID)
	r.text("RefreshToken", a.RefreshToken)
	r.text("AccessToken", a.AccessToken)
	r.value("ExpiresAt", a.ExpiresAt)
	r.text("TokenType", a.TokenType)
	r.text("Scope", a.Scope)
	r.text("IDToken", a.IDToken)
	r.text("SessionState", a.SessionState)
	r.attributes(a.Attributes)
	r.time("CreatedAt", a.CreatedAt)
	r.time("UpdatedAt", a.UpdatedAt)
	return r
}

func authenticatorRecord(a adapter.Authenticator) record {
	r := record{"UserID": a.UserID}
	r.text("CredentialID", a.CredentialID)
	r.text("ProviderAccountID", a.ProviderAccountID)
	r.text("CredentialPublicKey", a.CredentialPublicKey)
	r.value("Counter", a.Counter)
	r.text("CredentialDeviceType", a.CredentialDeviceType)
	r.value("CredentialBackedUp", a.CredentialBackedUp)
	r.text("Transports", strings.Join(a.Transports, ","))
	r.attributes(a.Attributes)
	r.time("CreatedAt", a.CreatedAt)
	r.time("UpdatedAt", a.UpdatedAt)
	return r
}

func sessionRecord(s adapter.Session) record {
	r := record{"ID": s.ID, "UserID": s.UserID}
	r.time("Expires", s.Expires)
	r.attributes(s.Attributes)
	r.time("CreatedAt", s.CreatedAt)
	r.time("UpdatedAt", s.UpdatedAt)
	return r
}

// records returns all records of a person by what names them, without an address or a secret.
func (p person) records() map[string]record {
	all := map[string]record{"user": userRecord(p.user)}
	for _, a := range p.accounts {
		all["account "+a.Provider+" #"+brief(a.ProviderAccountID)] = accountRecord(a)
	}
	for _, a := range p.authenticators {
		all["passkey #"+brief(a.CredentialID)] = authenticatorRecord(a)
	}
	for _, s := range p.sessions {
		all["session "+s.ID] = sessionRecord(s)
	}
	return all
}

// brief returns 64 bits that stand for a text.
func brief(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// digest returns the digest of a record, whatever the order of its fields.
func (r record) digest() [sha256.Size]byte {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(r)) {
		for _, text := range []string{name, r[name]} {
			sum := sha256.Sum256([]byte(text))
			h.Write(sum[:])
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// digest returns the digest of a person, whatever the order in which a store lists its records.
func (p person) digest() [sha256.Size]byte {
	var all [][]byte
	for _, r := range p.records() {
		sum := r.digest()
		all = append(all, sum[:])
	}
	slices.SortFunc(all, bytes.Compare)
	return sha256.Sum256(bytes.Join(all, nil))
}

// Difference is how a record of the destination differs from that of the source.
type Difference struct {
	UserID string `json:"user"`
	Record string `json:"record"` // "user", "account github #…", "passkey #…", "session …"
	// How is "missing" (in the destination), "extra" (in the destination) or "changed".
	How    string   `json:"how"`
	Fields []string `json:"fields,omitempty"` // what is changed, without values
}

// compare returns what differs between a person and its copy.
func compare(source, destination person) []Difference {
	if source.digest() == destination.digest() {
		return nil
	}
	var all []Difference
	here, there := source.records(), destination.records()
	add := func(name, how string, fields []string) {
		all = append(all, Difference{UserID: source.user.ID, Record: name, How: how, Fields: fields})
	}
	for _, name := range slices.Sorted(maps.Keys(here)) {
		switch other, ok := there[name]; {
		case !ok:
			add(name, "missing", nil)
		case here[name].digest() != other.digest():
			add(name, "changed", changed(here[name], other))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if _, ok := here[name]; !ok {
			add(name, "extra", nil)
		}
	}
	return all
}

// changed returns the names of the fields that differ.
func changed(a, b record) []string {
	names := map[string]bool{}
	for name, v := range a {
		if other, ok := b[name]; !ok || other != v {
			names[name] = true
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
