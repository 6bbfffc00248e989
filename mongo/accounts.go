package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	return result(a, s.own(ctx, (*collections).uniqueAccounts, "Account.UserID", a.UserID, func(id any) bson.D { return encodeAccount(id, a) }))
}

// own writes what belongs to a user.
func (s *store) own(ctx context.Context, to func(*collections) unique, field, userID string, encode func(id any) bson.D) error {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	id, err := s.owner(ctx, c, field, userID)
	if err != nil {
		return err
	}
	raw, err := bson.Marshal(encode(id))
	if err != nil {
		return err
	}
	_, err = s.claim(ctx, c, to(c), raw, insertOnce)
	return err
}

// owner returns the ID of a user as it is stored. To ask the store is only needed for what
// is none of the IDs that are made here.
func (s *store) owner(ctx context.Context, c *collections, field, userID string) (any, error) {
	id, invalid := s.newID(field, userID)
	if invalid == nil {
		return id, nil
	}
	user, err := s.find(ctx, c, userID)
	switch {
	case err != nil:
		return nil, err
	case user == nil:
		return nil, invalid
	}
	return user.Lookup("_id"), nil
}

func byAccount(key adapter.AccountKey) bson.D {
	return bson.D{{Key: "provider", Value: key.Provider}, {Key: "providerAccountId", Value: oneOf(accountForms(key.ProviderAccountID))}}
}

// accountWithUser returns an account and its user, who is there.
func (s *store) accountWithUser(ctx context.Context, key adapter.AccountKey) (account, user bson.Raw, err error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return nil, nil, failure(err)
	}
	account, user, err = s.withUser(ctx, c, c.accounts, byAccount(key))
	return account, user, failure(err)
}

func (s *store) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	account, _, err := s.accountWithUser(ctx, key)
	if err != nil {
		return adapter.Account{}, err
	}
	return s.decodeAccount(account)
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return list(ctx, s, userID, func(c *collections) *mongo.Collection { return c.accounts }, s.decodeAccount)
}

// batch is how many documents a list asks for at once; a reply holds 16 MB of them at
// most.
const batch = 10_000

// list returns what belongs to a user, but for what cannot be read.
func list[T any](ctx context.Context, s *store, userID string, of func(*collections) *mongo.Collection, decode func(bson.Raw) (T, error)) ([]T, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return nil, failure(err)
	}
	cursor, err := of(c).Find(ctx, s.byUser(userID), options.Find().SetBatchSize(batch))
	if err != nil {
		return nil, failure(err)
	}
	defer cursor.Close(ctx)
	var all []T
	for cursor.Next(ctx) {
		record, err := decode(cursor.Current)
		if errors.Is(err, adapter.ErrUnreadable) {
			continue // CheckSchema says so
		}
		if err != nil {
			return nil, err
		}
		all = append(all, record)
	}
	return all, failure(cursor.Err())
}

func (s *store) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Account{}, err
	}
	return writer[adapter.Account]{
		in: c.accounts, key: byAccount(key), usual: bson.D{s.usualOwner()}, needs: []string{"userId"},
		write: updating(accountUpdate(up, s.options.Now())), read: s.decodeAccount,
		allow: func(a adapter.Account) error { return belongs(a.UserID) },
	}.do(ctx)
}

func (s *store) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = unlink(ctx, c.accounts, key)
	}
	return err
}

// unlink deletes an account in every form of its key, by one command.
func unlink(ctx context.Context, from *mongo.Collection, key adapter.AccountKey) error {
	forms := accountForms(key.ProviderAccountID)
	if len(forms) == 1 {
		_, err := from.DeleteOne(ctx, byAccount(key))
		return err
	}
	var all []mongo.WriteModel
	for _, form := range forms {
		all = append(all, mongo.NewDeleteOneModel().SetFilter(bson.D{{Key: "provider", Value: key.Provider}, {Key: "providerAccountId", Value: form}}))
	}
	_, err := from.BulkWrite(ctx, all)
	return err
}
