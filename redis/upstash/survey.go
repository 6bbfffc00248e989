package upstash

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/authstore/authstore/adapter"
)

// survey is what a walk through the whole store has found.
type survey struct {
	*store
	users     map[string]*person // by ID
	index     map[string]string  // the IDs that the index of addresses leads to, by address
	owned     []belonging
	lists     map[string]string // of authenticators as they are stored, by user ID
	pointers  []belonging       // to what was made last
	unread    []belonging       // what cannot be read, or is not under its own key
	deletions []string          // IDs of users whose deletion was cut
}

// person is a user, as far as it matters here.
type person struct {
	key    string
	email  string
	blank  bool     // nothing says who it is, and it was not made here
	owns   int      // how many records
	passes []string // IDs of its authenticators
}

// belonging is a record that names a user.
type belonging struct {
	key    string
	kind   kind
	userID string
	name   string // what tells it apart: no token
}

// kindOf returns the kind of a key, which is that of the longest prefix, and what
// follows it.
func (l layout) kindOf(key string) (kind, string) {
	best := kinds
	for k, p := range l.prefix {
		if strings.HasPrefix(key, p) && (best == kinds || len(p) > len(l.prefix[best])) {
			best = kind(k)
		}
	}
	if best == kinds {
		return kinds, ""
	}
	return best, key[len(l.prefix[best]):]
}

// survey walks through the whole store.
func (s *store) survey(ctx context.Context) (*survey, error) {
	v := &survey{store: s, users: map[string]*person{}, index: map[string]string{}, lists: map[string]string{}}
	all := walk{}
	for k := range kinds {
		if k != replies {
			all.kinds = append(all.kinds, k)
		}
	}
	seen := map[string]bool{} // a walk may come twice by one key
	err := s.scan(ctx, all, func(key, value string) error {
		if !seen[key] {
			seen[key] = true
			v.see(key, value)
		}
		return nil
	})
	for _, b := range v.owned {
		if u := v.users[b.userID]; u != nil {
			u.owns++
			if b.kind == authenticators {
				u.passes = append(u.passes, b.name)
			}
		}
	}
	return v, err
}

// see takes note of a key.
func (v *survey) see(key, value string) {
	k, rest := v.layout.kindOf(key)
	var b belonging
	var err error
	switch k {
	case users:
		err = v.seeUser(key, rest, value)
	case emails:
		v.index[rest] = value
	case accounts:
		b, err = v.seeAccount(key, value)
	case sessions:
		b, err = v.seeSession(key, value)
	case authenticators:
		b, err = v.seeAuthenticator(key, value)
	case links:
		err = v.seeLink(key, value)
	case lastAccount, lastSession:
		v.pointers = append(v.pointers, belonging{key: key, kind: k, userID: rest})
	case authenticatorList:
		v.lists[rest] = value
	case deletions:
		v.deletions = append(v.deletions, rest)
	}
	switch {
	case err != nil:
		v.unread = append(v.unread, belonging{key: key, kind: k})
	case b.key != "":
		v.owned = append(v.owned, b)
	}
}

func (v *survey) seeUser(key, id, value string) error {
	u, err := decodeUser(id, value)
	if err == nil {
		v.users[id] = &person{key: key, email: u.Email, blank: u.Email == "" && u.Name == "" && u.CreatedAt.IsZero()}
	}
	return err
}

func (v *survey) seeAccount(key, value string) (belonging, error) {
	a, err := decodeAccount(value)
	if err == nil && v.layout.account(a.Key()) != key {
		err = adapter.ErrNotFound
	}
	return belonging{key, accounts, a.UserID, a.Provider + " " + a.ProviderAccountID}, err
}

func (v *survey) seeSession(key, value string) (belonging, error) {
	se, err := decodeSession(value)
	if err == nil && v.layout.session(se.SessionToken) != key {
		err = adapter.ErrNotFound
	}
	return belonging{key, sessions, se.UserID, se.ID}, err
}

func (v *survey) seeAuthenticator(key, value string) (belonging, error) {
	a, err := decodeAuthenticator(value)
	if err == nil && !slices.Contains(v.layout.authenticator(a.CredentialID), key) {
		err = adapter.ErrNotFound
	}
	return belonging{key, authenticators, a.UserID, a.CredentialID}, err
}

func (v *survey) seeLink(key, value string) error {
	t, err := decodeLink(value)
	if err == nil && v.layout.link(t.Identifier, t.Token) != key {
		err = adapter.ErrNotFound
	}
	return err
}

// listed returns the IDs in a user's list of authenticators, nil for what is no list.
func (v *survey) listed(userID string) []string {
	var ids []string
	if json.Unmarshal([]byte(v.lists[userID]), &ids) != nil {
		return nil
	}
	return ids
}
