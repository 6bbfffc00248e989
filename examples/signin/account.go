package main

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
)

// waysIn are how a person can sign in.
type waysIn struct {
	user     adapter.User
	accounts []adapter.Account
	passkeys []adapter.Authenticator
}

func (s *server) waysIn(r *http.Request) (w waysIn, err error) {
	w.user = authhttp.User(r.Context())
	if w.accounts, err = s.Store.ListAccounts(r.Context(), w.user.ID); err != nil {
		return w, err
	}
	w.passkeys, err = s.Store.ListAuthenticators(r.Context(), w.user.ID)
	return w, err
}

// moreThanOne reports whether a person can do without an account or a passkey: there is
// another one, or an address that is known to be theirs.
func (w waysIn) moreThanOne() bool {
	return len(w.accounts)+len(w.passkeys) > 1 || w.user.Email != "" && !w.user.EmailVerified.IsZero()
}

// showAccount shows a person who they are, where they are signed in, and how.
func (s *server) showAccount(w http.ResponseWriter, r *http.Request, current adapter.Session, user adapter.User) error {
	sessions, err := s.sessions.List(r.Context())
	if err != nil {
		return err
	}
	ways, err := s.waysIn(r)
	if err != nil {
		return err
	}
	return render(w, http.StatusOK, "account", accountPage{
		Notice:      notice(r),
		Name:        cmp.Or(user.Name, user.Email),
		Email:       user.Email,
		Since:       user.CreatedAt.Format("2 January 2006"),
		Sessions:    s.sessionRows(sessions, current.ID),
		Identities:  identityRows(ways),
		Passkeys:    s.passkeyRows(ways),
		MayRegister: s.passkeys != nil,
	})
}

// sessionRows puts this browser's session first, then the newest.
func (s *server) sessionRows(sessions []adapter.Session, current string) []sessionRow {
	var rows []sessionRow
	for _, session := range sessions {
		row := sessionRow{
			ID:      session.ID,
			Browser: text(session.Attributes["browser"], "Unknown browser"),
			IP:      text(session.Attributes["ip"], "unknown network"),
			Since:   moment{session.CreatedAt, s.Now()},
			Current: session.ID == current,
		}
		if row.Current {
			rows = slices.Insert(rows, 0, row)
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

func identityRows(ways waysIn) []identityRow {
	slices.SortFunc(ways.accounts, func(a, b adapter.Account) int { return a.CreatedAt.Compare(b.CreatedAt) })
	var rows []identityRow
	for _, a := range ways.accounts {
		rows = append(rows, identityRow{
			Key: a.Key(), Provider: providerName(a.Provider), Name: text(a.Attributes["displayName"], a.ProviderAccountID),
			MayUnlink: ways.moreThanOne(),
		})
	}
	return rows
}

func (s *server) passkeyRows(ways waysIn) []passkeyRow {
	slices.SortFunc(ways.passkeys, func(a, b adapter.Authenticator) int { return a.CreatedAt.Compare(b.CreatedAt) })
	var rows []passkeyRow
	for _, p := range ways.passkeys {
		rows = append(rows, passkeyRow{ID: p.CredentialID, Since: moment{p.CreatedAt, s.Now()}, BackedUp: p.CredentialBackedUp, MayDelete: ways.moreThanOne()})
	}
	return rows
}

// unlinkIdentity takes an identity away.
func (s *server) unlinkIdentity(w http.ResponseWriter, r *http.Request) error {
	key := adapter.AccountKey{Provider: r.PostFormValue("provider"), ProviderAccountID: r.PostFormValue("account")}
	is := func(w waysIn) bool {
		return slices.ContainsFunc(w.accounts, func(a adapter.Account) bool { return a.Key() == key })
	}
	return s.takeAway(w, r, is, "/?done=unlinked", func() error { return s.Store.UnlinkAccount(r.Context(), key) })
}

// deletePasskey takes a passkey away.
func (s *server) deletePasskey(w http.ResponseWriter, r *http.Request) error {
	id := r.PostFormValue("id")
	is := func(w waysIn) bool {
		return slices.ContainsFunc(w.passkeys, func(p adapter.Authenticator) bool { return p.CredentialID == id })
	}
	return s.takeAway(w, r, is, "/?done=deleted", func() error { return s.Store.DeleteAuthenticator(r.Context(), id) })
}

// takeAway takes a way in away, if it is this person's, and not their last one.
func (s *server) takeAway(w http.ResponseWriter, r *http.Request, isTheirs func(waysIn) bool, path string, do func() error) error {
	ways, err := s.waysIn(r)
	switch {
	case err != nil:
		return err
	case !isTheirs(ways):
		return redirect(w, r, "/")
	case !ways.moreThanOne():
		return problem{http.StatusConflict, "This is your only way in", "Without it you couldn’t sign in again."}
	}
	if err := do(); err != nil {
		return err
	}
	return redirect(w, r, path)
}

// text returns an attribute that should be a string. Other programs may have
// written the record, so it need not be one.
func text(attribute any, otherwise string) string {
	s, _ := attribute.(string)
	return cmp.Or(s, otherwise)
}
