package dynamodb

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// changes are the attributes of an item to set and to remove. All others stay.
type changes struct {
	set    item
	remove []string
}

func newChanges(stamp string, now time.Time) *changes {
	return &changes{set: item{fieldStamp: str(stamp), fieldUpdated: timestamp(now)}}
}

// text sets an attribute, or removes it for "". Nil leaves it as it is.
func (c *changes) text(name string, v *string) {
	switch {
	case v == nil:
	case *v == "":
		c.remove = append(c.remove, name)
	default:
		c.set[name] = str(*v)
	}
}

// stamp returns the stamp of the item after the changes.
func (c *changes) stamp() string { return stampOf(c.set) }

func (c *changes) time(name string, v *time.Time) {
	switch {
	case v == nil:
	case v.IsZero():
		c.remove = append(c.remove, name)
	default:
		c.set[name] = timestamp(*v)
	}
}

// changeAttributes adds the attributes of a record to set and to remove, with the marks of
// their times.
func (s *store) changeAttributes(c *changes, r driver.Record, set adapter.Attributes, removed []string) *changes {
	s.encodeAttributes(r, set, c.set)
	for name := range set {
		if _, marked := c.set[fieldTimes+name]; !marked {
			c.remove = append(c.remove, fieldTimes+name)
		}
	}
	for _, name := range removed {
		c.remove = append(c.remove, s.layout(r).Stored(name), fieldTimes+name)
	}
	return c
}

// apply returns an item with the changes made.
func (c *changes) apply(old item) item {
	after := maps.Clone(old)
	for _, name := range c.remove {
		delete(after, name)
	}
	maps.Copy(after, c.set)
	return after
}

// expression collects the names and values that an update or a condition uses.
type expression struct {
	names  map[string]string
	values item
}

// name returns a placeholder for the name of an attribute; value returns one for a value.
func (e *expression) name(n string) string {
	placeholder := "#" + strconv.Itoa(len(e.names))
	e.names[placeholder] = n
	return placeholder
}

func (e *expression) value(v types.AttributeValue) string {
	placeholder := ":" + strconv.Itoa(len(e.values))
	e.values[placeholder] = v
	return placeholder
}

// used returns the values, nil if there are none: DynamoDB refuses an empty map.
func (e *expression) used() item {
	if len(e.values) == 0 {
		return nil
	}
	return e.values
}

// update returns the update expression of the changes. It is the same text for the same
// changes, so that transact can send the same request again.
func (c *changes) update(e *expression) string {
	var b strings.Builder
	separator := "SET "
	for _, name := range slices.Sorted(maps.Keys(c.set)) { // the same text for the same changes: see transact
		b.WriteString(separator + e.name(name) + "=" + e.value(c.set[name]))
		separator = ","
	}
	separator = " REMOVE "
	for _, name := range c.remove {
		b.WriteString(separator + e.name(name))
		separator = ","
	}
	return b.String()
}

// maxChanges is how many attributes one update expression names. DynamoDB accepts 4 KB of text.
const maxChanges = 200

// many reports whether the changes are too many for an update expression.
func (c *changes) many() bool { return len(c.set)+len(c.remove) > maxChanges }

// is is the condition that an attribute is as it was read.
func is(name string, read item) func(*expression) string {
	return func(e *expression) string {
		if v := read[name]; v != nil {
			return e.name(name) + "=" + e.value(v)
		}
		return "attribute_not_exists(" + e.name(name) + ")"
	}
}

// update is a write that changes a record: by a single request, or in a transaction, on the
// condition that the record is as it was read.
type update struct {
	s       *store
	key     key
	record  string // its kind, in errors
	changes *changes
	current item // the record as it was last read, for a transaction
	after   item // as the transaction leaves it
}

// send changes the record by a single request, if a condition holds. If it does not, it returns
// false and the record as it is, nil if there is none.
func (u *update) send(ctx context.Context, condition func(*expression) string) (it item, ok bool, err error) {
	it, ok, err = u.s.updateItem(ctx, u.key, u.changes, condition)
	return it, ok, u.sized(err)
}

// sendAny changes the record by a single request without a condition. ErrNotFound if there is
// no record.
func (u *update) sendAny(ctx context.Context) (item, error) {
	it, ok, err := u.send(ctx, nil)
	if err == nil && !ok {
		err = adapter.ErrNotFound
	}
	return it, err
}

// commit changes the record by a transaction of the given steps, and returns it as it is then.
// It reads the record first, unless current is set.
func (u *update) commit(ctx context.Context, steps func() ([]step, error)) (_ item, err error) {
	if u.current == nil {
		if u.current, err = u.s.get(ctx, u.key); err != nil {
			return nil, err
		}
	}
	err = u.s.transact(ctx, steps)
	return u.after, u.sized(err)
}

// steps returns the step that changes the record.
func (u *update) steps() ([]step, error) {
	u.after = u.changes.apply(u.current)
	if err := checkSize(u.record, u.after); err != nil {
		return nil, err
	}
	return []step{u.s.change(u.key, u.changes, u.current, u.refresh)}, nil
}

// refresh takes over the record as it is now: another writer changed it. ErrNotFound if it is
// gone.
func (u *update) refresh(_ context.Context, now item) error {
	if len(now) == 0 {
		return adapter.ErrNotFound
	}
	u.current = now
	return nil
}

// sized turns the service's refusal of a record that is too large into that of the contract.
func (u *update) sized(err error) error {
	if isTooLarge(err) {
		return tooLarge(u.record)
	}
	return err
}
