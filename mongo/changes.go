package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// A record that cannot be read must be an error before it is written to, not after. An
// update therefore matches only documents whose fields have the usual types where the
// contract needs them. If none matches, the document is read, and then updated on condition
// that these fields have not changed.

// writer changes one record.
type writer[T any] struct {
	coll  *collection
	key   bson.D   // matches the record
	usual bson.D   // matches if the record can be read and changed
	needs []string // the fields in usual
	write func(ctx context.Context, coll *collection, filter bson.D) (bson.Raw, error)
	read  func(bson.Raw) (T, error)
	allow func(T) error // whether a record may be changed
}

// do changes the record and returns the document that write returns, in one round trip for
// a usual record.
func (w writer[T]) do(ctx context.Context) (record T, err error) {
	err = inSession(ctx, w.coll, func(ctx context.Context) (err error) {
		record, err = w.change(ctx)
		return err
	})
	return record, err
}

func (w writer[T]) change(ctx context.Context) (T, error) {
	for since := time.Now(); time.Since(since) < maxRetryTime; {
		doc, err := w.write(ctx, w.coll, join(w.key, w.usual))
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

// errChanged says that a record has changed since it was read.
var errChanged = errors.New("mongo: the record has changed")

func (w writer[T]) unusual(ctx context.Context) (bson.Raw, error) {
	doc, err := fence(ctx, w.coll, w.key)
	if isUntargeted(err) {
		doc, err = w.coll.FindOne(ctx, w.key, options.FindOne().SetSort(sortOrder(w.coll, w.key))).Raw()
	}
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
	doc, err = w.write(ctx, w.coll, same)
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = errChanged
	}
	return doc, err
}

func join(a, b bson.D) bson.D { return append(a[:len(a):len(a)], b...) }

// asItIs matches the present value of a field, or its absence.
func asItIs(doc bson.Raw, field string) any {
	v := doc.Lookup(field)
	if isNull(v) {
		return nil
	}
	return bson.D{{Key: "$eq", Value: v}}
}

// update changes one document and returns the new version.
func update(ctx context.Context, coll *collection, filter, change bson.D) (bson.Raw, error) {
	o := options.FindOneAndUpdate().SetReturnDocument(options.After)
	if order := sortOrder(coll, filter); order != nil {
		o.SetSort(order)
	}
	doc, err := coll.FindOneAndUpdate(ctx, filter, change, o).Raw()
	return doc, withCollection(coll, err)
}

// updateOnce is update. What it does not do, because there is no such document or another one has
// its new key, it does not do later either.
func updateOnce(ctx context.Context, coll *collection, filter, change bson.D) (doc bson.Raw, err error) {
	err = writeOnce(ctx, coll, func(ctx context.Context) (nothing bool, err error) {
		doc, err = update(ctx, coll, filter, change)
		_, isDuplicate := duplicateOf(err)
		return isDuplicate || errors.Is(err, mongo.ErrNoDocuments), err
	})
	return doc, err
}

// updateWith returns a write that applies a change.
func updateWith(change bson.D) func(context.Context, *collection, bson.D) (bson.Raw, error) {
	return func(ctx context.Context, coll *collection, filter bson.D) (bson.Raw, error) {
		return update(ctx, coll, filter, change)
	}
}

// sortOrder puts text before numbers for a filter that matches an account by both: the one
// with text is the one that signs in, in Auth.js too. It is nil for other filters.
func sortOrder(coll *collection, filter bson.D) any {
	for _, e := range filter {
		if _, several := e.Value.(bson.D); several && e.Key == coll.in("providerAccountId") {
			return bson.D{{Key: e.Key, Value: -1}}
		}
	}
	return nil
}

// ofType matches a field of one of the types.
func ofType(field string, types ...string) bson.E {
	return bson.E{Key: field, Value: bson.D{{Key: "$type", Value: types}, notAList}}
}

// notAList completes the condition of a field: a condition also matches a list with an
// element that meets it.
var notAList = bson.E{Key: "$not", Value: bson.D{{Key: "$type", Value: "array"}}}

// The range of dates that the contract allows: the years 1 to 9999.
var (
	firstDate = bson.NewDateTimeFromTime(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	endOfTime = bson.NewDateTimeFromTime(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
)

// dateCondition matches a field that is a date in that range, compared with first.
func dateCondition(field string, comparison string, first bson.DateTime) bson.E {
	return bson.E{Key: field, Value: bson.D{
		{Key: comparison, Value: first}, {Key: "$lt", Value: endOfTime}, notAList,
	}}
}
