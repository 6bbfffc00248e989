package betterauth

import (
	"encoding/json"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

type record = jsonrecord.Record

// sessionNames are the members of a session that the contract has other names for.
var sessionNames = attribute.Layout(func(name string) bool { return name == "token" || name == "expiresAt" })

// value is what is stored at a token.
type value struct {
	all           record
	session, user record
}

// parse reads a value. Without a session in it, it is another program's.
func parse(text string) (v value, err error) {
	if v.all, err = jsonrecord.Parse(text); err != nil {
		return v, err
	}
	raw, there := v.all["session"]
	if !there {
		return v, adapter.ErrNotFound
	}
	if v.session, err = jsonrecord.Parse(string(raw)); err != nil {
		return v, err
	}
	if v.user, err = jsonrecord.Parse(string(v.all["user"])); err != nil {
		v.user = record{} // it is only a copy
	}
	return v, nil
}

func (v value) String() (string, error) {
	if v.all == nil {
		v.all = record{}
	}
	for name, r := range map[string]record{"session": v.session, "user": v.user} {
		text, err := r.String()
		if err != nil {
			return "", err
		}
		v.all[name] = json.RawMessage(text)
	}
	return v.all.String()
}

// setSession sets the fields of a session.
func setSession(r record, s adapter.Session) {
	r.Set("userId", s.UserID)
	r.Set("token", s.SessionToken)
	r.SetTime("expiresAt", s.Expires)
	r.SetTimestamps(s.CreatedAt, s.UpdatedAt)
}

// read returns the session in a value, which has to be the one with a token.
func (v value) read(token string) (adapter.Session, error) {
	r := jsonrecord.Reader{Record: v.session, Names: sessionNames}
	s := adapter.Session{
		SessionToken: r.Key("token"), UserID: r.Key("userId"), Expires: r.Expiry("expiresAt"),
		CreatedAt: r.Time("createdAt"), UpdatedAt: r.Time("updatedAt"), Attributes: r.Attributes(driver.SessionRecord),
	}
	s.ID = adapter.SessionID(token)
	if r.Err == nil && s.SessionToken != token {
		return s, adapter.ErrNotFound
	}
	return s, unreadable(r.Err, token, s.UserID)
}

// setUser sets what a copy has of a user.
func setUser(r record, u adapter.User, removed []string) error {
	r.Set("id", u.ID)
	r.Set("name", u.Name)
	r.Set("email", u.Email)
	r.Set("emailVerified", !u.EmailVerified.IsZero())
	r["image"] = json.RawMessage("null")
	if u.Image != "" {
		r.Set("image", u.Image)
	}
	r.SetTimestamps(u.CreatedAt, u.UpdatedAt)
	return r.SetAttributes(u.Attributes, removed, nil)
}

// encodeLink returns a verification row.
func encodeLink(t adapter.VerificationToken) (string, error) {
	r := record{}
	r.Set("id", adapter.SessionID(t.Identifier+":"+t.Token))
	r.Set("identifier", t.Identifier+":"+t.Token)
	r.Set("value", t.Value)
	r.SetTime("expiresAt", t.Expires)
	r.SetTimestamps(t.CreatedAt, t.CreatedAt)
	return r.String()
}

// decodeLink reads the row of an identifier and a token.
func decodeLink(text, identifier, token string) (adapter.VerificationToken, error) {
	row, err := jsonrecord.Parse(text)
	r := jsonrecord.Reader{Record: row, Err: err}
	t := adapter.VerificationToken{
		Identifier: identifier, Token: token, Value: r.Text("value"), Expires: r.Expiry("expiresAt"), CreatedAt: r.Time("createdAt"),
	}
	if e, ok := r.Err.(*adapter.RecordError); ok {
		e.Place = place(identifier, token)
	}
	return t, r.Err
}

// place names a row in an error.
func place(identifier, token string) string {
	return "verification token with the digest " + adapter.SessionID(identifier+":"+token)
}

// unreadable adds to an error which session cannot be read, and whose it is.
func unreadable(err error, token, userID string) error {
	if e, ok := err.(*adapter.RecordError); ok {
		e.Place, e.UserID = "session "+adapter.SessionID(token), userID
	}
	return err
}

func millis(t time.Time) int64 { return t.UnixMilli() }
