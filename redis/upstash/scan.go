package upstash

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/redis/internal/client"
)

// A walk goes through the keys of some kinds. The layout lists only the last account and
// session of a user, so all others can be found only by scanning the whole store.
type walk struct {
	kinds  []kind
	member string   // only records in which this member
	value  string   // has this value; "" for all records
	within string   // what the keys begin with, if that is longer than the prefix of their kind
	while  string   // ends when this key is gone; with remove it is deleted at the end
	unless string   // with while: ends when this key exists
	remove bool     // deletes the records found; without while, a reply that was lost deletes nothing more
	keep   []string // except at these keys
}

// scan makes a walk. One round trip looks at about ten thousand keys of the database,
// including other programs'. It calls each for what it finds, possibly twice for the same
// key.
func (s *store) scan(ctx context.Context, w walk, each func(key, value string) error) error {
	keys, args := w.arguments(s.layout)
	run := s.query
	if w.remove {
		run = s.run
	}
	for cursor := "0"; ; {
		args[0] = cursor
		if w.once() {
			keys = []string{s.layout.reply()}
		}
		reply, err := run(ctx, scanScript, keys, args...).Slice()
		if err != nil {
			return client.Failure(err)
		}
		cursor, _ = reply[0].(string)
		found, unread := stringsReply(reply[1]), stringsReply(reply[2])
		for i := 0; i+1 < len(found); i += 2 {
			if err := each(found[i], found[i+1]); err != nil {
				return err
			}
		}
		if err := s.handleUnread(ctx, w, unread, each); err != nil {
			return err
		}
		if cursor == "0" {
			return s.clearMark(ctx, w, len(unread) > 0)
		}
	}
}

// handleUnread handles the values that Lua could not read.
func (s *store) handleUnread(ctx context.Context, w walk, unread []string, each func(key, value string) error) error {
	return s.eachMatch(unread, w.member, w.value, func(key, value string) error {
		if !w.remove {
			return each(key, value)
		}
		_, err := s.applied(ctx, remove, []string{key}, value)
		return err
	})
}

// clearMark deletes the mark of a deletion, which the script leaves if it left a record.
func (s *store) clearMark(ctx context.Context, w walk, left bool) error {
	if !left || !w.remove || w.while == "" {
		return nil
	}
	cmd := client.Do(ctx, &s.calls, func() *redis.IntCmd { return s.client.Del(ctx, w.while) }, redis.NewIntCmd)
	return client.Failure(cmd.Err())
}

// once reports whether the repetition of a step would delete what was made since: nothing ends the walk
// but the end of the store.
func (w walk) once() bool { return w.remove && w.while == "" }

// arguments returns the keys and arguments of the script, without the cursor.
func (w walk) arguments(l layout) (keys []string, args []any) {
	pattern := l.base
	if len(w.kinds) == 1 {
		pattern = l.prefix[w.kinds[0]]
	}
	if w.within != "" {
		pattern = w.within
	}
	remove := "0"
	switch {
	case w.once():
		remove = "2"
	case w.remove:
		remove = "1"
	}
	ours, others := l.prefixes(w.kinds...)
	args = []any{"", glob(pattern), w.member, w.value, remove, len(ours), len(others)}
	for _, text := range slices.Concat(ours, others, w.keep) {
		args = append(args, text)
	}
	if w.while != "" {
		keys = []string{w.while}
		if w.unless != "" {
			keys = append(keys, w.unless)
		}
	}
	return keys, args
}
