package redis

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
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
	kind   string // kindEmail, …
	what   string // the address, the field in the user's hash, the stored token
	index  string // the key of the entry
	entry  string // the nonce and the user's escaped ID
	expiry string // when the entry expires, in ms since 1970; "" for never
}

const (
	// claimLife is how long after step 1 step 2 may come, by the servers' clocks.
	claimLife = 30 * time.Minute
	// markLife is how long a revocation is kept: longer, so that step 2 finds the
	// mark or is too late, also if the clocks of client and server differ by up to
	// half an hour.
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

// deadline returns until when step 2 may come.
func deadline() string { return millis(time.Now().Add(claimLife)) }

// with returns the arguments of a script with claims after them.
func with(claims []claim, args ...any) []any {
	for _, c := range claims {
		args = append(args, c.kind, c.index, c.what, c.entry, c.expiry)
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
	for since := time.Now(); time.Since(since) < endurance; {
		claims, until := newClaims(), deadline()
		if err := s.acquire(ctx, claims); err != nil {
			return "", nil, err
		}
		status, reply, err := write(claims, until)
		switch {
		case err != nil:
			return "", nil, err // the claims stay: the write may have been applied
		case status == "OK":
			return status, reply, nil
		case status == "HELD":
			if err := s.drop(ctx, claims); err != nil {
				return "", nil, err
			}
			return "", nil, adapter.Conflict(conflicts[reply[0]])
		case status != "REVOKED":
			return status, reply, s.drop(ctx, claims)
		}
		if err := s.drop(ctx, claims); err != nil {
			return "", nil, err
		}
	}
	return "", nil, adapter.Caused(adapter.ErrUnavailable, racedError{})
}

// acquire takes step 1 for all claims, on a cluster. If one of them cannot be had,
// none is kept.
func (s *store) acquire(ctx context.Context, claims []claim) error {
	if s.isSingle() || len(claims) == 0 {
		return nil
	}
	others, err := s.enter(ctx, claims)
	if err != nil {
		return err
	}
	for i, c := range claims {
		if others[i] == "" {
			continue
		}
		if err := s.contend(ctx, c, others[i]); err != nil {
			if held := (*heldError)(nil); errors.As(err, &held) {
				if err := s.drop(ctx, claims); err != nil {
					return err
				}
			}
			return err
		}
	}
	return nil
}

// enter makes the entries of all claims at once and returns those that are there
// instead.
func (s *store) enter(ctx context.Context, claims []claim) ([]string, error) {
	return s.each(ctx, claimScript, claims, func(c claim) []any { return []any{c.entry, c.expiry} })
}

// each runs a script for each claim on its entry, in one pipeline.
func (s *store) each(ctx context.Context, script *redis.Script, claims []claim, args func(claim) []any) ([]string, error) {
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
	return adapter.Caused(adapter.ErrUnavailable, racedError{})
}

// verify asks the owner of an entry whether it has what a claim is for, and may revoke
// the claim behind the entry if not.
func (s *store) verify(ctx context.Context, c claim, entry string, revoke bool) (bool, error) {
	mark := ""
	if revoke {
		mark = strconv.FormatInt(markLife.Milliseconds(), 10)
	}
	id, nonce := owner(entry), entry[:min(nonceLen, len(entry))]
	return s.run(ctx, verifyScript, []string{s.key(kindUser, id)}, id, c.kind, c.what, nonce, mark).Bool()
}

// again makes a claim's entry: in the place of a revoked one, or after a pause if
// there is none then. It returns the entry that is there instead.
func (s *store) again(ctx context.Context, c claim, other string, revoked bool, pause time.Duration) (string, error) {
	if revoked {
		return text(s.run(ctx, takeoverScript, []string{c.index}, other, c.entry, c.expiry))
	}
	timer := time.NewTimer(pause/2 + mathrand.N(pause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-timer.C:
	}
	return text(s.run(ctx, claimScript, []string{c.index}, c.entry, c.expiry))
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

// at returns the key that a script on a looked-up user is sent by: one in the user's
// slot, or on a single server the index entry.
func (s *store) at(index, id string) []string {
	if id == "" {
		return []string{index}
	}
	return []string{s.key(kindUser, id)}
}
