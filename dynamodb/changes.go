package dynamodb

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// changes are the fields of an item to set and to remove. All others stay.
type changes struct {
	set    item
	remove []string
}

func newChanges(stamp string, now time.Time) *changes {
	return &changes{set: item{fieldStamp: str(stamp), fieldUpdated: timestamp(now)}}
}

// text sets a field, or removes it if it is to be empty. Nil leaves it.
func (c *changes) text(name string, v *string) {
	switch {
	case v == nil:
	case *v == "":
		c.remove = append(c.remove, name)
	default:
		c.set[name] = str(*v)
	}
}

// stamp returns the stamp that an item has after the changes.
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

// changeAttributes sets and removes attributes, with the marks of their times.
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

// apply returns an item as it is after the changes.
func (c *changes) apply(old item) item {
	after := maps.Clone(old)
	for _, name := range c.remove {
		delete(after, name)
	}
	maps.Copy(after, c.set)
	return after
}

// expression is an update or a condition with the names and values that it uses.
type expression struct {
	names  map[string]string
	values item
}

// name returns a placeholder for the name of an attribute, and value one for a value.
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

// update returns the update expression of the changes.
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

// maxChanges is how many fields one update expression names. DynamoDB takes 4 KB of
// text.
const maxChanges = 200

// many reports whether the changes are too many for an update expression.
func (c *changes) many() bool { return len(c.set)+len(c.remove) > maxChanges }
