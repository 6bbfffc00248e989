package dynamodb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/internal/batch"
)

// Calls that read items by their keys share a request with those that do so at the same time: see
// package batch. What they share is one request and nothing else: what an item means, and how
// long to wait for a service that is busy, each call finds out for itself.

// The defaults of Options.BatchesInFlight and Options.BatchSize. A request has 100 keys at most,
// and a call two of them.
const (
	batchesInFlight = 2
	maxBatchSize    = 50
)

// want is the keys of what a call looks for: of one item, or of two, such as a session and its
// user. What is not looked for is the zero key.
type want [2]key

// found is what there is by these keys.
type found struct {
	items [2]item // nil: there is none, or it is left
	left  want    // what the service has not read: it is busy there, or the reply had no more room
}

// lookup reads items with one consistency.
type lookup struct {
	s          *store
	consistent bool
	group      *batch.Group[want, found] // nil: no call shares a request
}

func (s *store) newLookup(consistent bool) *lookup {
	l := &lookup{s: s, consistent: consistent}
	if !s.options.NoBatching {
		l.group = batch.New(s.options.BatchesInFlight, s.options.BatchSize, l.ask)
	}
	return l
}

func (l *lookup) close() {
	if l.group != nil {
		l.group.Close()
	}
}

// get reads what there is by one key or two. Calls with equal keys may get the same items. It
// waits as long as the service is busy there, and keeps nobody else waiting.
func (l *lookup) get(ctx context.Context, w want) (items [2]item, err error) {
	for r := newRetrier(); ; {
		got, err := l.once(ctx, w)
		if err != nil && !busy(err) {
			return items, err
		}
		if err == nil {
			for i, it := range got.items {
				if it != nil {
					items[i] = it
				}
			}
			if w = got.left; w == (want{}) {
				return items, nil
			}
			err = errUnprocessed
		}
		if err := r.again(ctx, err); err != nil {
			return items, err
		}
	}
}

// once takes part in one request.
func (l *lookup) once(ctx context.Context, w want) (found, error) {
	return inTime(ctx, l.s.client, func(ctx context.Context) (found, error) {
		switch {
		case l.group == nil:
		case l.group.Enter():
			defer l.group.Leave() // the context ends when nobody waits any more
		default:
			return l.group.Get(ctx, w)
		}
		all, err := l.ask(ctx, []want{w})
		return all[w], err
	})
}

// ask makes one request for what several calls look for. The service refuses a key that is there
// twice.
func (l *lookup) ask(ctx context.Context, wants []want) (map[want]found, error) {
	seen, keys := map[key]bool{{}: true}, make([]item, 0, 2*len(wants))
	for _, w := range wants {
		for _, k := range w {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, l.s.attributes(k))
			}
		}
	}
	items, left, err := l.read(ctx, keys)
	if err != nil {
		return nil, err
	}
	answers := make(map[want]found, len(wants))
	for _, w := range wants {
		var f found
		for i, k := range w {
			f.items[i] = items[k]
			if left[k] {
				f.left[i] = k
			}
		}
		answers[w] = f
	}
	return answers, nil
}

// read makes a request for items, and returns those that are there, and the keys of those that
// were not read. One item is read by GetItem, which is the cheaper request.
func (l *lookup) read(ctx context.Context, keys []item) (items map[key]item, left map[key]bool, err error) {
	s, r := l.s, l.s.client
	items = make(map[key]item, len(keys))
	if len(keys) == 1 {
		out, err := r.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: s.table, Key: keys[0], ConsistentRead: &l.consistent}, r.setUp, shared)
		if err == nil && len(out.Item) > 0 {
			items[s.keyOf(out.Item)] = out.Item
		}
		return items, nil, err
	}
	out, err := r.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		s.options.Table: {Keys: keys, ConsistentRead: &l.consistent},
	}}, r.setUp, shared)
	if err != nil {
		return nil, nil, err
	}
	for _, all := range out.Responses { // under the table's name, if it was given by its ARN
		for _, it := range all {
			items[s.keyOf(it)] = it
		}
	}
	left = map[key]bool{}
	for _, all := range out.UnprocessedKeys {
		for _, k := range all.Keys {
			left[s.keyOf(k)] = true
		}
	}
	return items, left, nil
}

// shared makes the client not wait for a busy service. Who wants what it is busy with does, beside the
// requests that are in flight for others.
func shared(o *dynamodb.Options) { o.Retryer = sparing{o.Retryer, busy} }
