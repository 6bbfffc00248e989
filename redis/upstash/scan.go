package upstash

import (
	"context"

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
	keys, args, err := w.arguments(s.layout)
	if err != nil {
		return err
	}
	for cursor := "0"; ; {
		args[0] = cursor
		reply, err := s.run(ctx, scanScript, keys, args...).StringSlice()
		if err != nil {
			return client.Failure(err)
		}
		cursor = reply[0]
		for i := 1; i+1 < len(reply); i += 2 {
			if err := each(reply[i], reply[i+1]); err != nil {
				return err
			}
		}
		if cursor == "0" {
			return nil
		}
	}
}

// arguments returns the keys and arguments of the script, without the cursor.
func (w walk) arguments(l layout) (keys []string, args []any, err error) {
	pattern := l.base
	if len(w.kinds) == 1 {
		pattern = l.prefix[w.kinds[0]]
	}
	if w.within != "" {
		pattern = w.within
	}
	needle, err := w.needle()
	if err != nil {
		return nil, nil, err
	}
	remove := "0"
	if w.remove {
		remove = "1"
	}
	args = []any{"", glob(pattern), w.member, w.value, needle, remove, len(w.kinds)}
	for _, k := range w.kinds {
		args = append(args, l.prefix[k])
	}
	for _, key := range w.leave {
		args = append(args, key)
	}
	if w.while != "" {
		keys = []string{w.while}
		if w.unless != "" {
			keys = append(keys, w.unless)
		}
	}
	return keys, args, nil
}

// needle returns what a record has in it, as JSON.stringify writes it too.
func (w walk) needle() (string, error) {
	if w.member == "" {
		return "", nil
	}
	name, err := text(w.member)
	if err != nil {
		return "", err
	}
	value, err := text(w.value)
	return string(name) + ":" + string(value), err
}
