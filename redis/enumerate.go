package redis

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
	"github.com/authstore/authstore/redis/internal/hashslot"
)

// place is where an enumeration goes on: what its cursor says. SCAN goes through the keys of
// a server in the order of their hashes, and each process of a server has a hash function of
// its own. A Cluster is gone through server by server, and a user whose slot moves from one
// that is to come to one that is done would be missed: so no slot may have moved.
type place struct {
	Store string   `json:"a"`           // a digest of the prefix and of the database's number
	Slots string   `json:"b,omitempty"` // a digest of who has which slots, on a Cluster
	Slot  int      `json:"c"`           // the first one of the server; noSlot: all are done
	Run   string   `json:"d,omitempty"` // the run ID of the server, if SCAN has begun there
	Scan  uint64   `json:"e,omitempty"` // where SCAN goes on
	Found []string `json:"f,omitempty"` // IDs of users that SCAN has come by and no page had room for
}

const (
	// sweep is how many keys SCAN looks at in one step, during which the server does
	// nothing else.
	sweep = 1000
	// maxCursor is the length of a cursor that adapter.Enumerator takes, in bytes.
	maxCursor = 8 << 10
	noSlot    = hashslot.Count
)

// errCursor says that a cursor is of no use.
var errCursor = adapter.Invalid("cursor", "must be one that EnumerateUsers returned, since when no server restarted or failed over and no slot moved: begin again")

// movingError says that slots of a Cluster move.
type movingError struct{}

func (movingError) Error() string { return "redis: a slot of the Cluster is moving" }

// EnumerateUsers implements adapter.Enumerator. A page is one step of SCAN, and one pipeline
// that reads the users whom it came by.
func (s *store) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	p, err := s.placeAt(cursor)
	if err == nil && len(p.Found) == 0 && p.Slot != noSlot {
		p, err = s.look(ctx, p, limit)
	}
	if err != nil {
		return adapter.UserPage{}, err
	}
	room := min(limit, len(p.Found))
	page, err := s.users(ctx, p.Found[:room])
	page.Next = p.after(room).cursor()
	return page, err
}

// look has SCAN make a step, small enough for the cursor to hold whom the page does not.
func (s *store) look(ctx context.Context, p place, limit int) (place, error) {
	for size := sweep; size > 0; size /= 2 {
		next, err := s.scan(ctx, p, size)
		if err != nil || len(next.after(limit).cursor()) <= maxCursor {
			return next, err
		}
	}
	return place{}, adapter.Invalid("limit", "must be greater, for users with such long IDs")
}

// scan has SCAN look at some keys, and returns the place that follows.
func (s *store) scan(ctx context.Context, p place, size int) (place, error) {
	begin, end := s.prefix+kindUser+":{", "}"
	keys := []string{s.key(kindUser, hashslot.TagIn(p.Slot))}
	run, reply, err := s.status(s.query(ctx, usersScan, keys, p.Scan, globEscaper.Replace(begin)+"*"+end, size))
	if err != nil {
		return place{}, err
	}
	if run == "" || len(reply) < 2 {
		return place{}, adapter.ErrUnsupported // nothing would tell a restart
	}
	at := s.shard(reply[0])
	switch {
	case p.Slots != "" && p.Slots != at.slots:
		return place{}, errCursor
	case at.moving || at.first != p.Slot:
		return place{}, driver.Caused(adapter.ErrUnavailable, movingError{})
	case p.Run != "" && p.Run != run:
		return place{}, errCursor
	}
	p.Slots, p.Run = at.slots, run
	if p.Scan, err = strconv.ParseUint(reply[1], 10, 64); err != nil {
		return place{}, err
	}
	if p.Scan == 0 {
		p.Slot, p.Run = at.next, ""
	}
	for _, key := range reply[2:] {
		p.Found = append(p.Found, unescape(strings.TrimSuffix(strings.TrimPrefix(key, begin), end)))
	}
	slices.Sort(p.Found)
	p.Found = slices.Compact(p.Found) // SCAN may come by a key twice
	return p, nil
}

// globEscaper keeps a text from being a pattern.
var globEscaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`)

// users reads the users with IDs, but for those who are gone.
func (s *store) users(ctx context.Context, ids []string) (page adapter.UserPage, err error) {
	if len(ids) == 0 {
		return page, nil
	}
	values, err := client.ReadAll(ctx, &s.calls, func(pipe redis.Pipeliner) []*redis.StringCmd {
		cmds := make([]*redis.StringCmd, len(ids))
		for i, id := range ids {
			cmds[i] = pipe.Get(ctx, s.key(kindUser, escape(id)))
		}
		return cmds
	})
	if err != nil {
		return page, err
	}
	for i, id := range ids {
		value, err := values[i].Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return adapter.UserPage{}, err
		}
		_, record := cut(value)
		if u, err := decodeUser(id, record); err != nil {
			page.Unreadable = append(page.Unreadable, err)
		} else {
			page.Users = append(page.Users, u)
		}
	}
	return page, nil
}

// shard is a server of a Cluster as it sees itself among the others.
type shard struct {
	slots  string // a digest of who has which
	first  int    // its first slot; noSlot if it has none
	next   int    // that of the server which comes after it; noSlot if none does
	moving bool   // a slot is on its way from it to another
}

// shard returns the shard that CLUSTER NODES describes. A single server has all slots.
func (s *store) shard(nodes string) shard {
	at := shard{next: noSlot}
	if s.isSingle() {
		return at
	}
	var owners []string
	var firsts []int
	at.first = noSlot
	for line := range strings.Lines(nodes) {
		const id, flags, slots = 0, 2, 8
		fields := strings.Fields(line)
		if len(fields) <= slots {
			continue // a replica, or a server without slots
		}
		owned := fields[slots:]
		if i := slices.IndexFunc(owned, func(span string) bool { return span[0] == '[' }); i >= 0 { // only of itself
			at.moving = strings.Contains(strings.Join(owned[i:], ""), "->-")
			owned = owned[:i]
		}
		if len(owned) == 0 {
			continue
		}
		text, _, _ := strings.Cut(owned[0], "-")
		first, _ := strconv.Atoi(text)
		if strings.Contains(fields[flags], "myself") {
			at.first = first
		}
		firsts = append(firsts, first)
		owners = append(owners, fields[id]+" "+strings.Join(owned, " "))
	}
	slices.Sort(owners)
	at.slots = digest(owners...)
	slices.Sort(firsts)
	if i := slices.Index(firsts, at.first); i >= 0 && i+1 < len(firsts) {
		at.next = firsts[i+1]
	}
	return at
}

// digest returns a short digest of texts.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\n")))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// begin returns the place where an enumeration begins.
func (s *store) begin() place {
	database := 0
	if c, ok := s.client.(*redis.Client); ok {
		database = c.Options().DB
	}
	return place{Store: digest(s.prefix, strconv.Itoa(database))}
}

// after returns a place without the users found first.
func (p place) after(n int) place {
	p.Found = p.Found[min(n, len(p.Found)):]
	return p
}

// cursor returns the cursor of a place; "" if nothing follows.
func (p place) cursor() string {
	if p.Slot == noSlot && len(p.Found) == 0 {
		return ""
	}
	text, _ := json.Marshal(p) // texts and numbers alone
	return base64.RawURLEncoding.EncodeToString(text)
}

// placeAt undoes cursor.
func (s *store) placeAt(cursor string) (place, error) {
	first := s.begin()
	if cursor == "" {
		return first, nil
	}
	var p place
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &p) != nil || p.Store != first.Store || p.Slot < 0 || p.Slot > noSlot {
		return place{}, errCursor
	}
	return p, nil
}
