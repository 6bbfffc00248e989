package main

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/authstore/authstore/adapter"
)

// showAccount shows a person who they are, where they are signed in, and how.
func (s *server) showAccount(w http.ResponseWriter, r *http.Request, v visit) error {
	sessions, err := s.Store.ListSessions(r.Context(), v.User.ID)
	if err != nil {
		return err
	}
	accounts, err := s.Store.ListAccounts(r.Context(), v.User.ID)
	if err != nil {
		return err
	}
	return render(w, http.StatusOK, "account", accountPage{
		Notice:     notice(r),
		Name:       cmp.Or(v.User.Name, v.User.Email),
		Email:      v.User.Email,
		Since:      v.User.CreatedAt.Format("2 January 2006"),
		Sessions:   s.sessionRows(sessions, v.Session.ID),
		Identities: identityRows(accounts, mayUnlink(v.User, accounts)),
	})
}

// sessionRows puts this browser's session first, then the newest.
func (s *server) sessionRows(sessions []adapter.Session, current string) []sessionRow {
	slices.SortFunc(sessions, func(a, b adapter.Session) int {
		switch current {
		case a.ID:
			return -1
		case b.ID:
			return 1
		}
		return b.CreatedAt.Compare(a.CreatedAt)
	})
	rows := make([]sessionRow, len(sessions))
	for i, session := range sessions {
		rows[i] = sessionRow{
			ID:      session.ID,
			Browser: text(session.Attributes["browser"], "Unknown browser"),
			IP:      text(session.Attributes["ip"], "unknown network"),
			Since:   moment{session.CreatedAt, s.Now()},
			Current: session.ID == current,
		}
	}
	return rows
}

func identityRows(accounts []adapter.Account, mayUnlink bool) []identityRow {
	slices.SortFunc(accounts, func(a, b adapter.Account) int {
		return a.CreatedAt.Compare(b.CreatedAt)
	})
	rows := make([]identityRow, len(accounts))
	for i, a := range accounts {
		rows[i] = identityRow{
			Key:       a.Key(),
			Provider:  providerName(a.Provider),
			Name:      text(a.Attributes["displayName"], a.ProviderAccountID),
			MayUnlink: mayUnlink,
		}
	}
	return rows
}

// text returns an attribute that should be a string. Other programs may have
// written the record, so it need not be one.
func text(attribute any, otherwise string) string {
	s, _ := attribute.(string)
	return cmp.Or(s, otherwise)
}
