package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	userID, err := s.newID("Account.UserID", a.UserID)
	if err != nil {
		return adapter.Account{}, err
	}
	return result(a, s.own(ctx, (*collections).uniqueAccounts, encodeAccount(userID, a)))
}

// own writes what belongs to a user.
func (s *store) own(ctx context.Context, to func(*collections) unique, doc bson.D) error {
	raw, err := bson.Marshal(doc)
	if err != nil {
		return err
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	_, err = s.claim(ctx, c, to(c), raw, insertOnce)
	return err
}

func byAccount(key adapter.AccountKey) bson.D {
	return bson.D{{Key: "provider", Value: key.Provider}, {Key: "providerAccountId", Value: key.ProviderAccountID}}
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

// list returns what belongs to a user.
func list[T any](ctx context.Context, s *store, userID string, of func(*collections) *mongo.Collection, decode func(bson.Raw) (T, error)) ([]T, error) {
	id, ok := s.id(userID)
	if !ok {
		return nil, nil
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return nil, failure(err)
	}
	cursor, err := of(c).Find(ctx, bson.D{{Key: "userId", Value: id}}, options.Find().SetBatchSize(batch))
	if err != nil {
		return nil, failure(err)
	}
	defer cursor.Close(ctx)
	var all []T
	for cursor.Next(ctx) {
		record, err := decode(cursor.Current)
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
		return adapter.Account{}, failure(err)
	}
	doc, err := update(ctx, c.accounts, byAccount(key), accountUpdate(up, s.options.Now()))
	if err != nil {
		return adapter.Account{}, failure(err)
	}
	return s.decodeAccount(doc)
}

// update changes one document and returns it as it is then.
func update(ctx context.Context, in *mongo.Collection, filter, change bson.D) (bson.Raw, error) {
	doc, err := in.FindOneAndUpdate(ctx, filter, change, options.FindOneAndUpdate().SetReturnDocument(options.After)).Raw()
	return doc, at(in, err)
}

func (s *store) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		_, err = c.accounts.DeleteOne(ctx, byAccount(key))
	}
	return failure(err)
}
