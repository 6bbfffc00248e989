package fauna

import (
	"context"
	"strings"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
)

// signUp runs a query that creates a user, and a record whose unique field may be taken. It
// refuses an ID that no document can have.
func (s *store) signUp(ctx context.Context, fql string, u adapter.User, field string, a args) error {
	if !isID(u.ID) {
		return adapter.Invalid("User.ID", "must be a Fauna ID, a decimal number up to 9223372036854775807")
	}
	a["id"], a["user"] = u.ID, encodeUser(u)
	r, err := s.query(ctx, fql, a)
	switch {
	case err != nil:
		return err
	case r["left"] == true:
		return adapter.Conflict(adapter.FieldUserID)
	case r["taken"] == true:
		return adapter.Conflict(field)
	}
	return nil
}

// createOwned runs a query that creates a record of a user, whose unique field may be taken.
func (s *store) createOwned(ctx context.Context, fql, userID, record, field string, a args) error {
	unknown := adapter.Invalid(record+".UserID", "must be the ID of a user")
	if !isID(userID) {
		return unknown
	}
	a["id"] = userID
	r, err := s.query(ctx, fql, a)
	switch {
	case err != nil:
		return err
	case r["owner"] != true:
		return unknown
	case r["taken"] == true:
		return adapter.Conflict(field)
	}
	return nil
}

// conflicts maps the last field of each unique constraint to the field that a conflict names.
var conflicts = map[string]string{
	"email":             adapter.FieldUserEmail,
	"providerAccountId": adapter.FieldAccount,
	"sessionToken":      adapter.FieldSessionToken,
	"token":             adapter.FieldVerificationToken,
	"credentialID":      adapter.FieldCredentialID,
}

// uniqueMessage is in the server's message about a value that is taken.
const uniqueMessage = "unique constraint"

// takenField returns the field whose value is taken, or "" if another constraint failed.
func takenField(answer *fauna.ErrFauna) string {
	for _, f := range answer.ConstraintFailures {
		if !strings.Contains(strings.ToLower(f.Message), uniqueMessage) {
			continue
		}
		for _, path := range f.Paths {
			names, _ := path.([]any)
			if len(names) == 0 {
				continue
			}
			if name, _ := names[len(names)-1].(string); conflicts[name] != "" {
				return conflicts[name]
			}
		}
	}
	return ""
}
