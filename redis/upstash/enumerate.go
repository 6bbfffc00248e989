package upstash

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

// position is where an enumeration continues: the content of its cursor.
type position struct {
	store string   // the number of the database and the prefix of users
	run   string   // the run ID of the server: the order of SCAN changes with it
	scan  string   // the cursor of SCAN; done at the end
	rest  []string // IDs of users for whom the last page had no room
}

// done is the cursor of SCAN at the end. It is that of the beginning as well.
const done = "0"

var (
	errCursor  = adapter.Invalid("cursor", "must be one that EnumerateUsers returned")
	errRestart = adapter.Invalid("cursor", "must be one that EnumerateUsers returned since the server last restarted or failed over: begin again")
)

// EnumerateUsers implements adapter.Enumerator, in the order of SCAN. A step of SCAN is not
// of the requested size, and cannot be repeated in part, since the server's table of keys
// may grow or shrink. The cursor therefore names the users that exceed the page.
func (s *store) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	from, err := s.position(cursor)
	if err != nil {
		return adapter.UserPage{}, err
	}
	first := min(limit, len(from.rest))
	room := limit - first
	if cursor != "" && from.scan == done {
		room = 0
	}
	var keys []string
	for _, id := range from.rest[:first] {
		keys = append(keys, s.layout.prefix[users]+id)
	}
	run, next, found, rest, err := s.scanUsers(ctx, keys, from.scan, room)
	if err != nil {
		return adapter.UserPage{}, err
	}
	if cursor != "" && run != from.run {
		return adapter.UserPage{}, errRestart
	}
	page := s.page(found)
	page.Next = position{from.store, run, next, append(from.rest[first:], rest...)}.cursor()
	return page, nil
}

// scanUsers returns the users at some keys and others (keys and values), the run ID of the
// server, the cursor of SCAN, and the IDs of users for whom there is no room.
func (s *store) scanUsers(ctx context.Context, keys []string, scan string, room int) (run, next string, found, rest []string, err error) {
	prefix, others := s.layout.prefixes(users)
	args := []any{scan, room, glob(prefix[0]), prefix[0]}
	for _, p := range others {
		args = append(args, p)
	}
	reply, err := s.query(ctx, usersScan, keys, args...).Slice()
	if err != nil {
		return "", "", nil, nil, client.Failure(err)
	}
	run, _ = reply[0].(string)
	next, _ = reply[1].(string)
	found, rest = stringsReply(reply[2]), stringsReply(reply[3])
	for i, key := range rest {
		rest[i] = strings.TrimPrefix(key, prefix[0])
	}
	return run, next, found, rest, nil
}

// page reads users from keys and values. What is not the record of a user is left out.
func (s *store) page(found []string) (page adapter.UserPage) {
	for i := 0; i+1 < len(found); i += 2 {
		u, err := s.layout.decodeUser(strings.TrimPrefix(found[i], s.layout.prefix[users]), found[i+1])
		switch {
		case err == nil:
			page.Users = append(page.Users, u)
		case !errors.Is(err, adapter.ErrNotFound):
			page.Unreadable = append(page.Unreadable, err)
		}
	}
	return page
}

// cursor returns the cursor of a position; "" at the end.
func (p position) cursor() string {
	if p.scan == done && len(p.rest) == 0 {
		return ""
	}
	parts := slices.Concat([]string{p.store, p.run, p.scan}, p.rest)
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, "\x00")))
}

// position returns the position of a cursor; "" is the beginning.
func (s *store) position(cursor string) (position, error) {
	keys := strconv.Itoa(s.client.Options().DB) + " " + s.layout.prefix[users]
	if cursor == "" {
		return position{store: keys, scan: done}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.Split(string(b), "\x00")
	if err != nil || len(parts) < 3 || parts[0] != keys {
		return position{}, errCursor
	}
	p := position{keys, parts[1], parts[2], parts[3:]}
	if _, err := strconv.ParseUint(p.scan, 10, 64); err != nil || p.cursor() == "" {
		return position{}, errCursor
	}
	return p, nil
}
