package upstash

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/redis/internal/client"
)

// A walk goes through the keys of some kinds. The layout has no list of what belongs to
// a user, other than what was made last: what a JavaScript application has made can only
// be found by looking at all of it.
type walk struct {
	kinds  []kind
	member string   // only the records in which this member
	value  string   // has this value; "": all
	within string   // what the keys begin with, if it is more than a kind's prefix
	while  string   // ends when this key is gone; with remove it is taken away at the end
	unless string   // with while: ends when this key is there
	remove bool     // removes what it comes by
	leave  []string // but for these keys
}

// scan walks. One round trip covers about ten thousand keys of the database, others'
// included. It calls each for what it comes by, maybe twice.
func (s *store) scan(ctx context.Context, w walk, each func(key, value string) error) error {
	keys, args := w.arguments(s.layout)
	run := s.query
	if w.remove {
		run = s.run
	}
	for cursor := "0"; ; {
		args[0] = cursor
		reply, err := run(ctx, scanScript, keys, args...).Slice()
		if err != nil {
			return client.Failure(err)
		}
		cursor, _ = reply[0].(string)
		found, unread := texts(reply[1]), texts(reply[2])
		for i := 0; i+1 < len(found); i += 2 {
			if err := each(found[i], found[i+1]); err != nil {
				return err
			}
		}
		if err := s.unread(ctx, w, unread, each); err != nil {
			return err
		}
		if cursor == "0" {
			return s.end(ctx, w, len(unread) > 0)
		}
	}
}

// unread does what Lua could not do, since it could not read the values.
func (s *store) unread(ctx context.Context, w walk, unread []string, each func(key, value string) error) error {
	return s.judge(unread, w.member, w.value, func(key, value string) error {
		if !w.remove {
			return each(key, value)
		}
		_, err := s.applied(ctx, remove, []string{key}, value)
		return err
	})
}

// end takes away the mark of a deletion, which the script leaves if something was left.
func (s *store) end(ctx context.Context, w walk, left bool) error {
	if !left || !w.remove || w.while == "" {
		return nil
	}
	cmd := client.Prompt(ctx, &s.calls, func() *redis.IntCmd { return s.client.Del(ctx, w.while) }, redis.NewIntCmd)
	return client.Failure(cmd.Err())
}

// texts returns a list in a reply.
func texts(reply any) []string {
	all, _ := reply.([]any)
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i], _ = v.(string)
	}
	return texts
}

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
	if w.remove {
		remove = "1"
	}
	ours, others := l.prefixes(w.kinds...)
	args = []any{"", glob(pattern), w.member, w.value, remove, len(ours), len(others)}
	for _, text := range slices.Concat(ours, others, w.leave) {
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
