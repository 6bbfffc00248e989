package mongo

import (
	"context"
	"errors"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// unreadable returns what cannot be read, and what belongs to nobody. A person has to
// decide on it: it is not known what another program does with it.
func (s *store) unreadable(ctx context.Context, c *collections) ([]repair.Finding, error) {
	noDate := bson.D{{Key: "$nor", Value: bson.A{bson.D{dated("expires", "$gte", firstDate)}}}}
	not := func(field string, kinds ...string) bson.D {
		return bson.D{{Key: "$nor", Value: bson.A{bson.D{ofType(field, kinds...)}}}}
	}
	usual := "objectId"
	if s.stringIDs {
		usual = "string"
	}
	var all []repair.Finding
	for _, l := range []struct {
		of      *mongo.Collection
		unusual bson.A
		read    func(bson.Raw) (owner string, err error)
		owned   bool
	}{
		{c.users, bson.A{bson.D{not("_id", "objectId", "string")[0], {Key: "email", Value: isText}}}, s.readUser, false},
		{c.accounts, bson.A{not("provider", "string"), not("providerAccountId", "string"), not("userId", usual)}, s.readAccount, true},
		{c.sessions, bson.A{not("sessionToken", "string"), noDate, not("userId", usual)}, s.readSession, true},
		{c.tokens, bson.A{noDate}, s.readToken, false},
		{c.authenticators, bson.A{not("credentialID", "string"), not("counter", "int", "long"), bson.D{{Key: "counter", Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$gte", Value: 0}, {Key: "$lte", Value: int64(math.MaxUint32)}}}}}}, not("userId", usual)}, s.readAuthenticator, true},
	} {
		found, err := s.read(ctx, l.of, append(c.own(l.of), bson.E{Key: "$or", Value: l.unusual}), l.read, l.owned)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (s *store) readUser(doc bson.Raw) (string, error) {
	u, err := s.decodeUser(doc)
	return u.ID, err
}

func (s *store) readAccount(doc bson.Raw) (string, error) {
	a, err := s.decodeAccount(doc)
	return a.UserID, err
}

func (s *store) readSession(doc bson.Raw) (string, error) {
	session, err := s.decodeListedSession(doc)
	return session.UserID, err
}

func (s *store) readToken(doc bson.Raw) (string, error) {
	_, err := s.decodeToken(doc)
	return "", err
}

func (s *store) readAuthenticator(doc bson.Raw) (string, error) {
	a, err := s.decodeAuthenticator(doc)
	return a.UserID, err
}

// read reads documents that may not be readable.
func (s *store) read(ctx context.Context, of *mongo.Collection, filter bson.D, read func(bson.Raw) (string, error), owned bool) ([]repair.Finding, error) {
	cursor, err := of.Find(ctx, filter, options.Find().SetBatchSize(batch))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	var all []repair.Finding
	for cursor.Next(ctx) {
		owner, err := read(cursor.Current)
		var record *adapter.RecordError
		switch {
		case errors.As(err, &record):
			all = append(all, repair.New(record.Place, record.Error(), "", nil))
		case err != nil:
			return nil, err
		case owned && owner == "":
			all = append(all, repair.New(placeOf(of.Name(), cursor.Current),
				"has no userId that names a user: nobody signs in by it, and whoever signs up with it takes its place. Write in whose it is, or delete it", "", nil))
		}
	}
	return all, cursor.Err()
}
