package redis

import (
	"context"
	"errors"
	"math"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

// A claim is a user's wish for something unique: an e-mail address, an account, a
// credential ID, a session token made elsewhere. Its index entry lies in a hash slot
// of its own, away from the user.
//
// On a single server the script that writes the user's record checks and makes the
// entries too, in the same atomic step. On a cluster no step can do both, so:
//
//  1. The entry is made, if there is none: a nonce and the user's ID.
//  2. The user's record is written, with the nonce in it.
//
// An entry counts only if the record that it leads to has the same address (account,
// …): between 1 and 2, and for ever if 2 never comes, it leads nowhere. Who finds the
// entry of another in step 1 asks the other's slot. If its record has the address, it
// is taken. If not, the claim behind the entry is revoked there, by a mark that makes
// step 2 of its owner fail, and only then the entry is taken over. Asking and marking
// are one atomic step, as is looking for the mark and writing in step 2, so that one
// of the two comes first and the other sees it. A claim whose owner has crashed holds
// nobody up for longer than patience.
type claim struct {
	kind  string // kindEmail, …
	what  string // the address, the field in the user's hash, the stored token
	index string // the key of the entry
	entry string // the nonce and the user's escaped ID
	life  string // how long the entry stays, in ms; "" for ever
	now   string // the adapter's time, where what is held may have expired
}

const (
	// claimLife is how long after step 1 step 2 may come, by the servers' clocks.
	claimLife = 30 * time.Minute
	// markLife is how long a revocation is kept, by the server that has it, at least:
	// longer, so that step 2 finds the mark or is too late, also if the clocks of two
	// servers differ by up to half an hour. A mark has no expiry, since a server whose
	// memory is full may evict what has one: it goes when the next one is made.
	markLife = 2 * claimLife
	// patience is how long an entry that leads nowhere is left alone: its owner may
	// be about to write its record. It is only waited for where two calls claim the
	// same key, or after a crash.
	patience = 200 * time.Millisecond
	// firstPause is the time until the first look again; each later one is doubled.
	firstPause = 5 * time.Millisecond
	// endurance is how long a call goes on looking again, or starting over after its
	// own claim was revoked, while others win the races for the same key: each of
	// them gets its own work done, so that a call which is alone next comes through.
	endurance = 6 * time.Second
	// pendingLife is how long the list of index entries of a deleted user is kept for
	// a repeated call.
	pendingLife = 7 * 24 * time.Hour
)

// racedError says that a call kept losing races. Trying again is right. It has a type
// of its own because an error text of the adapter has the type of the cause.
type racedError struct{}

func (racedError) Error() string { return "redis: too many calls for the same key at once" }

// newClaim returns a user's claim with a nonce.
func (s *store) newClaim(kind, what, nonce, id string) claim {
	index := what
	if kind == kindEmail || kind == kindToken {
		index = escape(what)
	}
	return claim{kind: kind, what: what, index: s.key(kind, index), entry: nonce + id}
}

// clocksError says that the servers' clocks are too far apart for claims.
var clocksError = adapter.Setup("the clocks of the cluster's servers differ by half an hour or more", "have them set over the network")

// with returns the arguments of a script with claims after them.
func with(claims []claim, args ...any) []any {
	for _, c := range claims {
		args = append(args, c.kind, c.index, c.what, c.entry, c.life, c.now)
	}
	return args
}

// conflicts has the field of each kind of claim.
var conflicts = map[string]string{
	kindEmail:      adapter.FieldUserEmail,
	kindAccount:    adapter.FieldAccount,
	kindCredential: adapter.FieldCredentialID,
	kindToken:      adapter.FieldSessionToken,
}

// heldError is a claim on what a user has.
type heldError struct {
	claim claim
	by    string // the escaped ID
}

func (e *heldError) Error() string { return "held: " + conflicts[e.claim.kind] }

// fulfil makes claims and writes what they are for, and starts over if another call
// revoked them. newClaims returns the claims with new nonces; write runs the script and
// returns its status.
func (s *store) fulfil(ctx context.Context, newClaims func() []claim, write func(claims []claim, until string) (string, []string, error)) (string, []string, error) {
	late := false
	for begun, pause := time.Now(), firstPause; time.Since(begun) < endurance; pause = min(2*pause, patience) {
		claims := newClaims()
		until, err := s.acquire(ctx, claims)
		if err != nil {
			return "", nil, err
		}
		status, reply, err := write(claims, until)
		switch {
		case err != nil:
			return "", nil, err // the claims stay: the write may have been applied
		case status == "OK":
			return status, reply, nil
		}
		if err := s.drop(ctx, claims); err != nil {
			return "", nil, err
		}
		switch {
		case status == "HELD":
			return "", nil, adapter.Conflict(conflicts[reply[0]])
		case status == "LATE" && late:
			return "", nil, clocksError
		case status != "REVOKED" && status != "LATE":
			return status, reply, nil
		}
		late = status == "LATE" // or this process stood still for half an hour
		if err := sleep(ctx, pause/2+mathrand.N(pause)); err != nil {
			return "", nil, err
		}
	}
	return "", nil, driver.Caused(adapter.ErrUnavailable, racedError{})
}

// acquire takes step 1 for all claims, on a cluster, and returns until when step 2 may
// come. If one of them cannot be had, none is kept.
func (s *store) acquire(ctx context.Context, claims []claim) (until string, err error) {
	if s.isSingle() || len(claims) == 0 {
		return "0", nil
	}
	others, until, err := s.enter(ctx, claims)
	if err != nil {
		return "", err
	}
	for i, c := range claims {
		if others[i] == "" {
			continue
		}
		if err := s.contend(ctx, c, others[i]); err != nil {
			if held := (*heldError)(nil); errors.As(err, &held) {
				if err := s.drop(ctx, claims); err != nil {
					return "", err
				}
			}
			return "", err
		}
	}
	return until, nil
}

// enter makes the entries of all claims at once. It returns those that are there instead,
// and until when the claims count: by the clocks of the servers, not the client's.
func (s *store) enter(ctx context.Context, claims []claim) (others []string, until string, err error) {
	replies, err := s.each(ctx, claimScript, claims, func(c claim) []any { return []any{c.entry, c.life} })
	others, first := make([]string, len(replies)), int64(math.MaxInt64)
	for i, reply := range replies {
		at, other, _ := strings.Cut(reply, ":")
		ms, _ := strconv.ParseInt(at, 10, 64)
		others[i], first = other, min(first, ms)
	}
	return others, strconv.FormatInt(first+claimLife.Milliseconds(), 10), err
}

// each runs a script for each claim on its entry, in one pipeline.
func (s *store) each(ctx context.Context, script *client.Script, claims []claim, args func(claim) []any) ([]string, error) {
	if len(claims) == 1 {
		reply, err := text(s.run(ctx, script, []string{claims[0].index}, args(claims[0])...))
		return []string{reply}, err
	}
	cmds, err := client.Await(ctx, &s.calls, func() []*redis.Cmd {
		pipe, cmds := s.client.Pipeline(), make([]*redis.Cmd, len(claims))
		for i, c := range claims {
			cmds[i] = script.EvalSha(ctx, pipe, []string{c.index}, append([]any{s.prefix, s.single}, args(c)...)...)
		}
		_, _ = pipe.Exec(ctx) // each command has its own error
		return cmds
	})
	if err != nil {
		return nil, err
	}
	replies := make([]string, len(claims))
	for i, c := range claims {
		if redis.HasErrorPrefix(cmds[i].Err(), "NOSCRIPT") {
			cmds[i] = s.run(ctx, script, []string{c.index}, args(c)...)
		}
		if replies[i], err = text(cmds[i]); err != nil {
			return nil, err
		}
	}
	return replies, nil
}

// text returns a reply that is a string, a number or nothing.
func text(cmd *redis.Cmd) (string, error) {
	reply, err := cmd.Text()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if _, number := cmd.Val().(int64); number {
		return "", cmd.Err()
	}
	return reply, err
}

// contend deals with another's entry in the place of a claim's: *heldError if its
// owner has what is claimed. If not, the owner is given a moment to come to step 2 or
// to give up; then its claim is revoked and its entry taken over.
func (s *store) contend(ctx context.Context, c claim, other string) error {
	begun, pause := time.Now(), firstPause
	for since := begun; time.Since(begun) < endurance; {
		revoke := time.Since(since) >= patience
		held, err := s.verify(ctx, c, other, revoke)
		if err != nil {
			return err
		}
		if held {
			return &heldError{claim: c, by: owner(other)}
		}
		next, err := s.again(ctx, c, other, revoke, pause)
		if err != nil || next == "" {
			return err
		}
		if pause *= 2; next != other {
			since, pause = time.Now(), firstPause
		}
		other = next
	}
	return driver.Caused(adapter.ErrUnavailable, racedError{})
}

// verify asks the owner of an entry whether it has what a claim is for, and may revoke
// the claim behind the entry if not.
func (s *store) verify(ctx context.Context, c claim, entry string, revoke bool) (bool, error) {
	mark := ""
	if revoke {
		mark = strconv.FormatInt(markLife.Milliseconds(), 10)
	}
	nonce, id := cut(entry)
	return s.run(ctx, verifyScript, append([]string{s.besideKey(kindMarks, id)}, s.held(c, id)...), id, c.kind, c.what, nonce, mark, c.now).Bool()
}

// held returns the keys of what a user has if it has what a claim is for.
func (s *store) held(c claim, id string) []string {
	switch c.kind {
	case kindEmail:
		return []string{s.key(kindUser, id)}
	case kindAccount:
		return []string{s.key(kindAccounts, id)}
	case kindCredential:
		return []string{s.key(kindAuthenticators, id)}
	}
	return []string{s.key(kindUser, id), s.sessionKey(id, c.what)}
}

// again makes a claim's entry: in the place of a revoked one, or after a pause if
// there is none then. It returns the entry that is there instead.
func (s *store) again(ctx context.Context, c claim, other string, revoked bool, pause time.Duration) (string, error) {
	if revoked {
		return text(s.run(ctx, takeoverScript, []string{c.index}, other, c.entry, c.life))
	}
	if err := sleep(ctx, pause/2+mathrand.N(pause)); err != nil {
		return "", err
	}
	others, _, err := s.enter(ctx, []claim{c})
	if err != nil {
		return "", err
	}
	return others[0], nil
}

// drop gives claims back that were made and will not be fulfilled.
func (s *store) drop(ctx context.Context, claims []claim) error {
	if s.isSingle() || len(claims) == 0 {
		return nil
	}
	_, err := s.each(ctx, releaseScript, claims, func(c claim) []any { return []any{c.entry} })
	return err
}

// release removes the index entries that a script returned, a flat list of keys and
// entries, on a cluster.
func (s *store) release(ctx context.Context, entries []string) error {
	var claims []claim
	for i := 0; i+1 < len(entries); i += 2 {
		claims = append(claims, claim{index: entries[i], entry: entries[i+1]})
	}
	return s.drop(ctx, claims)
}

// lookUp returns the escaped ID of the user that an index entry leads to, on a
// cluster. On a single server the script that follows looks it up by itself: "".
func (s *store) lookUp(ctx context.Context, index string) (string, error) {
	if s.isSingle() {
		return "", nil
	}
	entry, err := s.get(ctx, index).Result()
	if errors.Is(err, redis.Nil) || err == nil && owner(entry) == "" {
		return "", adapter.ErrNotFound
	}
	return owner(entry), err
}

// at returns the keys of a script on a looked-up user: those in the user's slot, or on a
// single server the index entry, by which the script finds them.
func (s *store) at(index, id string, kinds ...string) []string {
	if id == "" {
		return []string{index}
	}
	keys := make([]string, len(kinds), len(kinds)+1)
	for i, kind := range kinds {
		keys[i] = s.key(kind, id)
	}
	return keys
}

// granted returns the keys of a write, and those that its claims are granted by.
func (s *store) granted(id string, claims []claim, keys ...string) []string {
	if len(claims) > 0 && !s.isSingle() {
		return append(keys, s.besideKey(kindMarks, id))
	}
	for _, c := range claims {
		keys = append(keys, c.index)
	}
	return keys
}
