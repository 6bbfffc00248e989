package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// A walk is a call that goes through whole collections: CheckSchema, Repair and
// PurgeExpired. It takes as long as they are large. Each request of it takes no longer than
// a call that deletes much may.

// walker is the key of the store that walks, in a context.
type walker struct{}

// walk returns the context of a walk.
func (s *store) walk(ctx context.Context) context.Context {
	return context.WithValue(sessionless(ctx), walker{}, s)
}

// request makes one request: if it is of a walk, beside its caller and within a time of its
// own. What it calls is of no walk any more.
func request[R any](ctx context.Context, do func(context.Context) (R, error)) (R, error) {
	s, _ := ctx.Value(walker{}).(*store)
	if s == nil {
		return do(ctx)
	}
	return writeWithin(ctx, s, s.limit(ctx, much), func(ctx context.Context) (R, error) {
		return do(context.WithValue(ctx, walker{}, nil))
	})
}

func requestOnly(ctx context.Context, do func(context.Context) error) error {
	_, err := request(ctx, nothing(do))
	return err
}

// eachFound calls do for every document that a query finds, which is valid until do returns.
func eachFound(ctx context.Context, query func(context.Context) (*mongo.Cursor, error), do func(bson.Raw) error) error {
	cursor, err := request(ctx, query)
	if err != nil {
		return err
	}
	for {
		there, err := next(ctx, cursor)
		if err != nil || !there {
			return err
		}
		if err := do(cursor.Current); err != nil {
			_ = requestOnly(ctx, cursor.Close)
			return err
		}
	}
}

// next moves a cursor to its next document. One that has come to its end is closed, also
// after its caller has left.
func next(ctx context.Context, cursor *mongo.Cursor) (bool, error) {
	advance := func(ctx context.Context) (bool, error) {
		there := cursor.Next(ctx)
		if !there {
			_ = cursor.Close(ctx)
		}
		return there, cursor.Err()
	}
	if cursor.RemainingBatchLength() > 0 {
		return advance(ctx) // no request
	}
	return request(ctx, advance)
}
