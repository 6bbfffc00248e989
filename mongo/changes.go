package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
)

// A record that cannot be read is an error before it is written to, not after. What is
// written here has the usual types in the fields that the contract needs, and an update
// asks for them in its condition. If no document meets that, the one that is there is
// read, and then changed on the condition that these fields are what they were.

// writer changes one record.
type writer[T any] struct {
	in    *mongo.Collection
	key   bson.D   // finds the record
	usual bson.D   // is true of a record that can be read and changed
	needs []string // the fields that usual is about
	write func(ctx context.Context, in *mongo.Collection, filter bson.D) (bson.Raw, error)
	read  func(bson.Raw) (T, error)
	allow func(T) error // whether a record may be changed
}

// do changes the record and returns what write does, in one round trip for what is usual.
func (w writer[T]) do(ctx context.Context) (T, error) {
	for since := time.Now(); time.Since(since) < endurance; {
		doc, err := w.write(ctx, w.in, join(w.key, w.usual))
		if errors.Is(err, mongo.ErrNoDocuments) || isUntargeted(err) {
			doc, err = w.unusual(ctx)
		}
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return result(*new(T), err)
		}
		return w.read(doc)
	}
	return result(*new(T), raced())
}

// isUntargeted reports whether a sharded cluster refuses a write that asks for a key in
// several forms, since it does not say which shard it is of.
func isUntargeted(err error) bool {
	const shardKeyNotFound = 61
	r, ok := replyOf(err)
	return ok && r.code == shardKeyNotFound
}

// errChanged says that a record is not what it was a moment ago.
var errChanged = errors.New("mongo: the record has changed")

func (w writer[T]) unusual(ctx context.Context) (bson.Raw, error) {
	doc, err := w.in.FindOne(ctx, w.key, options.FindOne().SetSort(sorted(w.key))).Raw()
	if err != nil {
		return nil, err
	}
	record, err := w.read(doc)
	if err != nil {
		return nil, err
	}
	if err := w.allow(record); err != nil {
		return nil, err
	}
	same := byID(doc.Lookup("_id"))
	for _, e := range w.key {
		same = append(same, bson.E{Key: e.Key, Value: asItIs(doc, e.Key)})
	}
	for _, field := range w.needs {
		same = append(same, bson.E{Key: field, Value: asItIs(doc, field)})
	}
	doc, err = w.write(ctx, w.in, same)
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = errChanged
	}
	return doc, err
}

func join(a, b bson.D) bson.D { return append(a[:len(a):len(a)], b...) }

// asItIs matches the value of a field, or that there is none.
func asItIs(doc bson.Raw, field string) any {
	v := doc.Lookup(field)
	if isNull(v) {
		return nil
	}
	return bson.D{{Key: "$eq", Value: v}}
}

// update changes one document and returns it as it is then.
func update(ctx context.Context, in *mongo.Collection, filter, change bson.D) (bson.Raw, error) {
	o := options.FindOneAndUpdate().SetReturnDocument(options.After)
	if order := sorted(filter); order != nil {
		o.SetSort(order)
	}
	doc, err := in.FindOneAndUpdate(ctx, filter, change, o).Raw()
	return doc, at(in, err)
}

// updating returns the write of an update.
func updating(change bson.D) func(context.Context, *mongo.Collection, bson.D) (bson.Raw, error) {
	return func(ctx context.Context, in *mongo.Collection, filter bson.D) (bson.Raw, error) {
		return update(ctx, in, filter, change)
	}
}

// sorted is the order in which text comes before numbers, for a filter that finds an
// account by both: as text it is what signs in, also to JavaScript. Nil for others.
func sorted(filter bson.D) any {
	for _, e := range filter {
		if _, several := e.Value.(bson.D); several && e.Key == "providerAccountId" {
			return bson.D{{Key: e.Key, Value: -1}}
		}
	}
	return nil
}

// usualOwner matches what has a user's ID in the usual form.
func (s *store) usualOwner() bson.E { return ofType("userId", s.usualName()) }

// ofType matches a field that is of one of the types.
func ofType(field string, types ...string) bson.E {
	return bson.E{Key: field, Value: bson.D{{Key: "$type", Value: types}, notAList}}
}

// notAList is part of the condition of a field: of a list others ask its elements too.
var notAList = bson.E{Key: "$not", Value: bson.D{{Key: "$type", Value: "array"}}}

// The dates that a time of the contract can be: those of the years 1 to 9999.
var (
	firstDate = bson.NewDateTimeFromTime(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	endOfTime = bson.NewDateTimeFromTime(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
)

// dated matches a field that is a date from first on.
func dated(field string, comparison string, first bson.DateTime) bson.E {
	return bson.E{Key: field, Value: bson.D{
		{Key: comparison, Value: first}, {Key: "$lt", Value: endOfTime}, notAList,
	}}
}

// belongs returns ErrNotFound for what belongs to nobody.
func belongs(userID string) error {
	if userID == "" {
		return adapter.ErrNotFound
	}
	return nil
}
