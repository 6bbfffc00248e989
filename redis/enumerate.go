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

// position is where an enumeration continues: the content of its cursor. SCAN goes through
// the keys of a server in the order of their hashes, and each process of a server has a
// hash function of its own. A Cluster is enumerated server by server. A user whose slot
// moved from a server still to come to one already done would be missed, so no slot may
// have moved.
type position struct {
	Store string   `json:"a"`           // a digest of the prefix and the number of the database
	Slots string   `json:"b,omitempty"` // on a Cluster, a digest of which server has which slots
	Slot  int      `json:"c"`           // the first one of the current server; noSlot: all servers are done
	Run   string   `json:"d,omitempty"` // the run ID of the current server, once SCAN has begun there
	Scan  uint64   `json:"e,omitempty"` // the cursor of SCAN
	Found []string `json:"f,omitempty"` // IDs of users found, for whom no page had room yet
}

const (
	// scanCount is how many keys SCAN looks at in one step, during which the server does
	// nothing else.
	scanCount = 1000
	// maxCursor is the greatest length of a cursor of adapter.Enumerator, in bytes.
	maxCursor = 8 << 10
	noSlot    = hashslot.Count
)

// errCursor says that a cursor is not valid, or not any more.
var errCursor = adapter.Invalid("cursor", "must be one that EnumerateUsers returned, with no server restarted or failed over and no slot moved since: begin again")

// reshardError says that slots of a Cluster are moving.
type reshardError struct{}

func (reshardError) Error() string { return "redis: a slot of the Cluster is moving" }

// EnumerateUsers implements adapter.Enumerator. A page is one step of SCAN, and one
// pipeline that reads the users it found.
func (s *store) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	p, err := s.parseCursor(cursor)
	if err == nil && len(p.Found) == 0 && p.Slot != noSlot {
		p, err = s.scanUsers(ctx, p, limit)
	}
	if err != nil {
		return adapter.UserPage{}, err
	}
	room := min(limit, len(p.Found))
	page, err := s.readUsers(ctx, p.Found[:room])
	page.Next = p.withoutFirst(room).cursor()
	return page, err
}

// scanUsers takes one step of SCAN, small enough for the cursor to hold the users that
// exceed the page.
func (s *store) scanUsers(ctx context.Context, p position, limit int) (position, error) {
	for size := scanCount; size > 0; size /= 2 {
		next, err := s.scanStep(ctx, p, size)
		if err != nil || len(next.withoutFirst(limit).cursor()) <= maxCursor {
			return next, err
		}
	}
	return position{}, adapter.Invalid("limit", "must be greater, for users with such long IDs")
}

// scanStep has SCAN look at size keys, and returns the position that follows.
func (s *store) scanStep(ctx context.Context, p position, size int) (position, error) {
	begin, end := s.prefix+kindUser+":{", "}"
	keys := []string{s.key(kindUser, hashslot.TagIn(p.Slot))}
	run, reply, err := s.statusReply(s.query(ctx, usersScan, keys, p.Scan, globEscaper.Replace(begin)+"*"+end, size))
	if err != nil {
		return position{}, err
	}
	if run == "" || len(reply) < 2 {
		return position{}, adapter.ErrUnsupported // a restart would go unnoticed
	}
	self := s.parseShard(reply[0])
	switch {
	case p.Slots != "" && p.Slots != self.slots:
		return position{}, errCursor
	case self.moving || self.first != p.Slot:
		return position{}, driver.Caused(adapter.ErrUnavailable, reshardError{})
	case p.Run != "" && p.Run != run:
		return position{}, errCursor
	}
	p.Slots, p.Run = self.slots, run
	if p.Scan, err = strconv.ParseUint(reply[1], 10, 64); err != nil {
		return position{}, err
	}
	if p.Scan == 0 {
		p.Slot, p.Run = self.next, ""
	}
	for _, key := range reply[2:] {
		p.Found = append(p.Found, unescape(strings.TrimSuffix(strings.TrimPrefix(key, begin), end)))
	}
	slices.Sort(p.Found)
	p.Found = slices.Compact(p.Found) // SCAN may return a key twice
	return p, nil
}

// globEscaper escapes what has a meaning in a pattern.
var globEscaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`)

// readUsers reads the users with the given IDs. Those who are gone are left out.
func (s *store) readUsers(ctx context.Context, ids []string) (page adapter.UserPage, err error) {
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
		_, record := splitNonce(value)
		if u, err := decodeUser(id, record); err != nil {
			page.Unreadable = append(page.Unreadable, err)
		} else {
			page.Users = append(page.Users, u)
		}
	}
	return page, nil
}

// shard is a server of a Cluster as it describes itself among the others.
type shard struct {
	slots  string // a digest of which server has which slots
	first  int    // its first slot; noSlot if it has none
	next   int    // the first slot of the server after it; noSlot if it is the last
	moving bool   // one of its slots is moving to another server
}

// parseShard returns the shard that CLUSTER NODES describes. A single server has all slots.
func (s *store) parseShard(nodes string) shard {
	self := shard{next: noSlot}
	if s.isSingle() {
		return self
	}
	var owners []string
	var firsts []int
	self.first = noSlot
	for line := range strings.Lines(nodes) {
		const id, flags, slots = 0, 2, 8
		fields := strings.Fields(line)
		if len(fields) <= slots {
			continue // a replica, or a server without slots
		}
		owned := fields[slots:]
		if i := slices.IndexFunc(owned, func(span string) bool { return span[0] == '[' }); i >= 0 { // a server shows this only of itself
			self.moving = strings.Contains(strings.Join(owned[i:], ""), "->-")
			owned = owned[:i]
		}
		if len(owned) == 0 {
			continue
		}
		text, _, _ := strings.Cut(owned[0], "-")
		first, _ := strconv.Atoi(text)
		if strings.Contains(fields[flags], "myself") {
			self.first = first
		}
		firsts = append(firsts, first)
		owners = append(owners, fields[id]+" "+strings.Join(owned, " "))
	}
	slices.Sort(owners)
	self.slots = digest(owners...)
	slices.Sort(firsts)
	if i := slices.Index(firsts, self.first); i >= 0 && i+1 < len(firsts) {
		self.next = firsts[i+1]
	}
	return self
}

// digest returns a short digest of texts.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\n")))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// start returns the position at which an enumeration begins.
func (s *store) start() position {
	database := 0
	if c, ok := s.client.(*redis.Client); ok {
		database = c.Options().DB
	}
	return position{Store: digest(s.prefix, strconv.Itoa(database))}
}

// withoutFirst returns a position without the first n users found.
func (p position) withoutFirst(n int) position {
	p.Found = p.Found[min(n, len(p.Found)):]
	return p
}

// cursor returns the cursor of a position; "" if nothing follows.
func (p position) cursor() string {
	if p.Slot == noSlot && len(p.Found) == 0 {
		return ""
	}
	text, _ := json.Marshal(p) // strings and numbers cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseCursor returns the position of a cursor.
func (s *store) parseCursor(cursor string) (position, error) {
	first := s.start()
	if cursor == "" {
		return first, nil
	}
	var p position
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &p) != nil || p.Store != first.Store || p.Slot < 0 || p.Slot > noSlot {
		return position{}, errCursor
	}
	return p, nil
}
