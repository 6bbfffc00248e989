package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// PurgeExpired implements adapter.Purger, in two round trips. The server's TTL monitor does
// the same once a minute by its own clock. Documents of other programs in the same
// collections are left to that.
func (s *store) PurgeExpired(ctx context.Context) (int, error) {
	n, err := s.purge(s.walk(ctx))
	return n, err
}

func (s *store) purge(ctx context.Context) (int, error) {
	c, err := request(ctx, func(ctx context.Context) (*collections, error) {
		_, c, err := s.begin(ctx)
		return c, err
	})
	if err != nil {
		return 0, err
	}
	total := 0
	past := s.past()
	for _, coll := range []*collection{c.sessions, c.tokens} {
		n, err := request(ctx, func(ctx context.Context) (int, error) {
			return deleteDead(ctx, coll, append(coll.recordFilter(), bson.E{Key: coll.in("expires"), Value: past}))
		})
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// past matches a date that is over.
func (s *store) past() bson.D {
	return bson.D{{Key: "$lte", Value: bson.NewDateTimeFromTime(s.options.Now())}, notAList}
}
