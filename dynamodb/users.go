package dynamodb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	w, err := s.newSignUp(&u)
	if err != nil {
		return adapter.User{}, err
	}
	return u, s.transact(ctx, w.steps)
}

func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	w, err := s.newSignUp(&u)
	if err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	a.UserID = u.ID
	account, err := s.encodeAccount(a, newStamp())
	if err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	w.claims = append(w.claims, s.claimRecord(account))
	return u, a, s.transact(ctx, w.steps)
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	w, err := s.newSignUp(&u)
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	a.UserID = u.ID
	authenticator, err := s.encodeAuthenticator(a, newStamp())
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	w.claims = append(w.claims, s.claimRecord(authenticator))
	return u, a, s.transact(ctx, w.steps)
}

// signUp is a write that creates a user, together with the guard of its e-mail address and with
// the account or authenticator that signs the user in.
type signUp struct {
	s      *store
	id     string
	user   item
	claims []*claim // the address, an account, an authenticator

	isNew bool   // the ID was made for this user: it has no tombstone
	swept string // the stamp of the tombstone behind which nothing is left, "" for none
}

// newSignUp returns the write that creates a user, and gives the user an ID if it has none.
func (s *store) newSignUp(u *adapter.User) (*signUp, error) {
	isNew, err := driver.Identify(s.options.Options, u)
	if err != nil {
		return nil, err
	}
	stamp := newStamp()
	user, err := s.encodeUser(*u, stamp)
	if err != nil {
		return nil, err
	}
	w := &signUp{s: s, id: u.ID, user: user, isNew: isNew}
	if u.Email != "" {
		w.claims = []*claim{s.claimEmail(u.Email, u.ID, stamp)}
	}
	return w, nil
}

func (w *signUp) steps() ([]step, error) {
	steps := []step{w.s.create(w.user, nil, w.taken)}
	for _, c := range w.claims {
		steps = append(steps, c.steps()...)
	}
	if !w.isNew {
		steps = append(steps, w.removeTombstone())
	}
	return steps, nil
}

// taken is called if the ID belongs to a user.
func (w *signUp) taken(context.Context, item) error { return adapter.Conflict(adapter.FieldUserID) }

// removeTombstone is a step that deletes the tombstone of the ID once the partition is swept.
// Before one is found, it makes sure that there is none.
func (w *signUp) removeTombstone() step {
	if w.swept == "" {
		return w.s.absentOr(tombstoneKey(w.id), w.sweep)
	}
	return step{write: types.TransactWriteItem{Delete: &types.Delete{
		TableName: w.s.table, Key: w.s.attributes(tombstoneKey(w.id)), ConditionExpression: aws.String("#s=:s"),
		ExpressionAttributeNames: map[string]string{"#s": fieldStamp}, ExpressionAttributeValues: item{":s": str(w.swept)},
		ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}}, failed: w.sweep}
}

// sweep is called if the ID has a tombstone: it deletes what is left of the last user with the
// ID, and what was written since, before the user is created.
func (w *signUp) sweep(ctx context.Context, tombstone item) error {
	if w.swept = stampOf(tombstone); w.swept == "" {
		return nil
	}
	return w.s.sweep(ctx, w.id, nil)
}

func (s *store) NewID() string { return s.options.NewID() }

func (s *store) GetUser(ctx context.Context, id string) (adapter.User, error) {
	it, err := s.get(ctx, userKey(id))
	if err != nil {
		return adapter.User{}, err
	}
	return s.decodeUser(it)
}

// GetUserByEmail takes two requests, and up to four for a user that the Auth.js adapter
// created: such a user has no guard. It is looked up in the index, and counts only if the user
// itself has the address.
func (s *store) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	guard, err := s.get(ctx, emailGuard(email))
	if err == nil {
		var u adapter.User
		if u, err = s.GetUser(ctx, text(guard[fieldUserID])); err == nil && u.Email == email {
			return u, nil
		}
	}
	if absence(err) != nil {
		return adapter.User{}, err
	}
	found, err := s.queryIndex(ctx, prefixUser+email, prefixUser+email)
	if err != nil {
		return adapter.User{}, err
	}
	for _, it := range found { // one who gave the address up has its key still
		id := partitionUser(s.keyOf(it))
		if s.keyOf(it) != userKey(id) || text(it[userEmail]) != email {
			continue
		}
		u, err := s.GetUser(ctx, id)
		if err == nil && u.Email == email {
			return u, nil
		}
		if absence(err) != nil {
			return adapter.User{}, err
		}
	}
	return adapter.User{}, adapter.ErrNotFound
}

// GetUserByAccount takes two requests: the account's guard, then the account with its user.
func (s *store) GetUserByAccount(ctx context.Context, k adapter.AccountKey) (adapter.User, error) {
	found, err := s.findAccount(ctx, k)
	if err != nil {
		return adapter.User{}, err
	}
	return s.decodeUser(found.user)
}

func (s *store) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	w := s.newUserUpdate(id, up)
	it, err := w.run(ctx)
	if err != nil {
		return adapter.User{}, err
	}
	return s.decodeUser(it)
}

// userUpdate is a write that changes a user. If the e-mail address changes, it also makes the
// guard of the new address and deletes that of the old one.
type userUpdate struct {
	update
	email   *string  // nil: it stays
	claim   *claim   // of the new address, nil if the user is to have none
	release *release // of the old one
}

func (s *store) newUserUpdate(id string, up adapter.UserUpdate) *userUpdate {
	w := &userUpdate{
		update: update{s: s, key: userKey(id), record: "User", changes: s.encodeUserUpdate(up, newStamp())},
		email:  up.Email, release: s.newRelease(id),
	}
	if up.Email != nil && *up.Email != "" {
		w.claim = s.claimEmail(*up.Email, id, w.changes.stamp())
	}
	return w
}

func (w *userUpdate) run(ctx context.Context) (item, error) {
	if w.email == nil && !w.changes.many() {
		return w.sendAny(ctx)
	}
	return w.commit(ctx, w.steps)
}

func (w *userUpdate) steps() ([]step, error) {
	steps, err := w.update.steps()
	old := text(w.current[userEmail])
	if err != nil || w.email == nil || *w.email == old {
		return steps, err
	}
	if w.claim != nil {
		steps = append(steps, w.claim.steps()...)
	}
	if old != "" {
		steps = append(steps, w.release.guard(emailGuard(old))...)
	}
	return steps, nil
}
