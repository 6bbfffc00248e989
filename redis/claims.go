package redis

import (
	"cmp"
	"context"
	"errors"
	"math"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

// A claim is a user's request for a unique value: an e-mail address, an account, a
// credential ID, a session token made elsewhere. Its index entry is in a hash slot of its
// own, apart from the user.
//
// On a single server the script that writes the user's record also checks and creates the
// entries, in the same atomic step. On a Cluster no step can do both, so:
//
//  1. The entry is created, if there is none: a nonce and the user's ID.
//  2. The user's record is written, with the nonce in it.
//
// An entry counts only if the record that it leads to has the value. Between 1 and 2, and
// for ever if 2 never comes, it leads nowhere. A caller that finds another's entry in step
// 1 asks the slot of that user. If the user's record has the value, the value is taken. If
// not, the claim behind the entry is revoked there, which makes its step 2 fail, and only
// then the entry is taken over. Checking the record and revoking is one atomic step, as is
// checking for a revocation and writing in step 2, so one of the two comes first and the
// other sees it. A claim whose owner has crashed delays others by no more than revokeAfter.
type claim struct {
	kind  string // kindEmail, …
	value string // the address, the field in the user's hash, the stored token
	index string // the key of the entry
	entry string // the nonce and the user's escaped ID
	ttl   string // how long the entry lives, in ms; "" for ever
	now   string // the adapter's time, where what another has may have expired
}

const (
	// claimTTL is how long after step 1 step 2 can follow, by the servers' clocks.
	claimTTL = 30 * time.Minute
	// revocationTTL is how long a revocation is kept at least, by the clock of its server.
	// It is longer than claimTTL, so that step 2 finds the revocation or is too late even if
	// the clocks of two servers differ by half an hour. A revocation has no expiry, since a
	// server whose memory is full may evict keys that have one: the next one removes it.
	revocationTTL = 2 * claimTTL
	// revokeAfter is how long an entry that leads nowhere is left alone, since its owner may
	// be about to write its record. Calls wait for this long only if they claim the same
	// value at once, or after a crash.
	revokeAfter = 200 * time.Millisecond
	// firstPause is the pause before the first retry; each later one is twice as long.
	firstPause = 5 * time.Millisecond
	// maxRetryTime is how long a call retries, or starts over after its claim was revoked,
	// while others win the races for the same value. Each of these completes, so a call
	// succeeds as soon as it is alone.
	maxRetryTime = 6 * time.Second
	// unreleasedTTL is how long the index entries that a deletion has still to release are
	// kept, for a repeated call.
	unreleasedTTL = 7 * 24 * time.Hour
)

// contentionError says that a call kept losing races. Trying again is right. It has a type
// of its own because the text of an adapter error names the type of its cause.
type contentionError struct{}

func (contentionError) Error() string { return "redis: too many concurrent calls for the same key" }

// newClaim returns a user's claim with a nonce. id is the user's escaped ID.
func (s *store) newClaim(kind, value, nonce, id string) claim {
	index := value
	if kind == kindEmail || kind == kindToken {
		index = escape(value)
	}
	return claim{kind: kind, value: value, index: s.key(kind, index), entry: nonce + id}
}

// errClocks says that the servers' clocks are too far apart for claims.
var errClocks = adapter.Setup("the clocks of the Cluster's servers differ by half an hour or more", "synchronize them (NTP)")

// withClaims returns the arguments of a script, followed by those of its claims.
func withClaims(claims []claim, args ...any) []any {
	for _, c := range claims {
		args = append(args, c.kind, c.index, c.value, c.entry, c.ttl, c.now)
	}
	return args
}

// conflictFields maps each kind of claim to its field in a conflict.
var conflictFields = map[string]string{
	kindEmail:      adapter.FieldUserEmail,
	kindAccount:    adapter.FieldAccount,
	kindCredential: adapter.FieldCredentialID,
	kindToken:      adapter.FieldSessionToken,
}

// heldError says that a user has what was claimed.
type heldError struct {
	claim claim
	by    string // the escaped ID
}

func (e *heldError) Error() string { return "held: " + conflictFields[e.claim.kind] }

// fulfil acquires claims and writes what they are for. It starts over if another call has
// revoked them. newClaims returns the claims with new nonces; write runs the script and
// returns its status.
func (s *store) fulfil(ctx context.Context, newClaims func() []claim, write func(claims []claim, until string) (string, []string, error)) (string, []string, error) {
	late := false
	for begun, pause := time.Now(), firstPause; time.Since(begun) < maxRetryTime; pause = min(2*pause, revokeAfter) {
		claims := newClaims()
		until, err := s.acquire(ctx, claims)
		if err != nil {
			return "", nil, err
		}
		status, reply, err := write(claims, until)
		switch {
		case err != nil:
			return "", nil, err // the claims stay: the write may have been applied
		case status == "OK", status == "GONE":
			return status, reply, nil // GONE: it was applied, and the user may have what it claimed
		}
		if err := s.releaseClaims(ctx, claims); err != nil {
			return "", nil, err
		}
		switch {
		case status == "HELD":
			return "", nil, adapter.Conflict(conflictFields[reply[0]])
		case status == "LATE" && late:
			return "", nil, errClocks
		case status != "REVOKED" && status != "LATE":
			return status, reply, nil
		}
		late = status == "LATE" // once can also mean that this process was suspended
		if err := sleep(ctx, pause/2+mathrand.N(pause)); err != nil {
			return "", nil, err
		}
	}
	return "", nil, driver.Caused(adapter.ErrUnavailable, contentionError{})
}

// acquire takes step 1 for all claims, on a Cluster, and returns until when step 2 can
// follow. If one of them cannot be had, none is kept.
func (s *store) acquire(ctx context.Context, claims []claim) (until string, err error) {
	if s.isSingle() || len(claims) == 0 {
		return "0", nil
	}
	others, until, err := s.createEntries(ctx, claims)
	if err != nil {
		return "", err
	}
	for i, c := range claims {
		if others[i] == "" {
			continue
		}
		if err := s.contend(ctx, c, others[i]); err != nil {
			if held := (*heldError)(nil); errors.As(err, &held) {
				if err := s.releaseClaims(ctx, claims); err != nil {
					return "", err
				}
			}
			return "", err
		}
	}
	return until, nil
}

// createEntries creates the entries of all claims at once. It returns the entries that were
// there instead, and until when the claims count by the clocks of the servers, not the
// client's.
func (s *store) createEntries(ctx context.Context, claims []claim) (others []string, until string, err error) {
	replies, err := s.runEach(ctx, claimEntry, claims, func(c claim) []any { return []any{c.entry, c.ttl} })
	others, first := make([]string, len(replies)), int64(math.MaxInt64)
	for i, reply := range replies {
		now, other, _ := strings.Cut(reply, ":")
		ms, _ := strconv.ParseInt(now, 10, 64)
		others[i], first = other, min(first, ms)
	}
	return others, strconv.FormatInt(first+claimTTL.Milliseconds(), 10), err
}

// runEach runs a script on the entry of each claim: in one pipeline, or at the same time where
// replicas are waited for.
func (s *store) runEach(ctx context.Context, script *client.Script, claims []claim, args func(claim) []any) ([]string, error) {
	if len(claims) == 1 || s.replicas > 0 {
		return s.runAtOnce(ctx, script, claims, args)
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
		if replies[i], err = textReply(cmds[i].Result()); err != nil {
			return nil, err
		}
	}
	return replies, nil
}

// runAtOnce runs a script on the entry of each claim, each in a request of its own.
func (s *store) runAtOnce(ctx context.Context, script *client.Script, claims []claim, args func(claim) []any) ([]string, error) {
	replies, errs := make([]string, len(claims)), make([]error, len(claims))
	var requests sync.WaitGroup
	for i, c := range claims {
		requests.Go(func() {
			replies[i], errs[i] = textReply(s.run(ctx, script, []string{c.index}, args(c)...).Result())
		})
	}
	requests.Wait()
	return replies, cmp.Or(errs...)
}

// contend deals with an entry that is in the way of a claim. It returns *heldError if its
// owner has what is claimed. Otherwise the owner gets a moment to take step 2 or to give
// up; then its claim is revoked and its entry taken over.
func (s *store) contend(ctx context.Context, c claim, other string) error {
	begun, pause := time.Now(), firstPause
	for since := begun; time.Since(begun) < maxRetryTime; {
		revoke := time.Since(since) >= revokeAfter
		held, err := s.verify(ctx, c, other, revoke)
		if err != nil {
			return err
		}
		if held {
			return &heldError{claim: c, by: owner(other)}
		}
		next, err := s.retryEntry(ctx, c, other, revoke, pause)
		if err != nil || next == "" {
			return err
		}
		if pause *= 2; next != other {
			since, pause = time.Now(), firstPause
		}
		other = next
	}
	return driver.Caused(adapter.ErrUnavailable, contentionError{})
}

// verify asks whether the owner of an entry has what a claim is for. If not, it can revoke
// the claim behind the entry.
func (s *store) verify(ctx context.Context, c claim, entry string, revoke bool) (bool, error) {
	ttl := "" // of the revocation
	if revoke {
		ttl = strconv.FormatInt(revocationTTL.Milliseconds(), 10)
	}
	nonce, id := splitNonce(entry)
	return s.run(ctx, verifyEntry, append([]string{s.slotKey(kindRevoked, id)}, s.holderKeys(c, id)...), id, c.kind, c.value, nonce, ttl, c.now).Bool()
}

// holderKeys returns the keys that say whether a user has what a claim is for.
func (s *store) holderKeys(c claim, id string) []string {
	switch c.kind {
	case kindEmail:
		return []string{s.key(kindUser, id)}
	case kindAccount:
		return []string{s.key(kindAccounts, id)}
	case kindCredential:
		return []string{s.key(kindAuthenticators, id)}
	}
	return []string{s.key(kindUser, id), s.sessionKey(id, c.value)}
}

// retryEntry tries again to create the entry of a claim: in place of a revoked one, or
// after a pause if there is none by then. It returns the entry that is there instead.
func (s *store) retryEntry(ctx context.Context, c claim, other string, revoked bool, pause time.Duration) (string, error) {
	if revoked {
		return textReply(s.run(ctx, takeOverEntry, []string{c.index}, other, c.entry, c.ttl).Result())
	}
	if err := sleep(ctx, pause/2+mathrand.N(pause)); err != nil {
		return "", err
	}
	others, _, err := s.createEntries(ctx, []claim{c})
	if err != nil {
		return "", err
	}
	return others[0], nil
}

// releaseClaims removes the entries of claims that will not be fulfilled, on a Cluster.
func (s *store) releaseClaims(ctx context.Context, claims []claim) error {
	if s.isSingle() || len(claims) == 0 {
		return nil
	}
	_, err := s.runEach(ctx, releaseEntry, claims, func(c claim) []any { return []any{c.entry} })
	return err
}

// releaseEntries removes the index entries that a script returned, a flat list of keys and
// entries, on a Cluster.
func (s *store) releaseEntries(ctx context.Context, entries []string) error {
	var claims []claim
	for i := 0; i+1 < len(entries); i += 2 {
		claims = append(claims, claim{index: entries[i], entry: entries[i+1]})
	}
	return s.releaseClaims(ctx, claims)
}

// withClaimKeys returns the keys of a write, followed by those that decide about its
// claims.
func (s *store) withClaimKeys(id string, claims []claim, keys ...string) []string {
	if len(claims) > 0 && !s.isSingle() {
		return append(keys, s.slotKey(kindRevoked, id))
	}
	for _, c := range claims {
		keys = append(keys, c.index)
	}
	return keys
}

// errNoUser says that the user of a record does not exist.
var errNoUser = errors.New("no such user")

// ownedRecord is an account or an authenticator to be stored for a user.
type ownedRecord struct {
	kind, hash, field string // of its index entry; of the user's hash; its name in both
	encode            func(nonce string) ([]byte, error)
}

func ownedAccount(a adapter.Account) *ownedRecord {
	return &ownedRecord{kindAccount, kindAccounts, accountField(a.Key()), func(nonce string) ([]byte, error) { return encodeAccount(a, nonce) }}
}

func ownedAuthenticator(a adapter.Authenticator) *ownedRecord {
	return &ownedRecord{kindCredential, kindAuthenticators, escape(a.CredentialID), func(nonce string) ([]byte, error) { return encodeAuthenticator(a, nonce) }}
}

// createOwned stores a record for a user, under a claim on its field.
func (s *store) createOwned(ctx context.Context, userID string, r *ownedRecord) error {
	id := escape(userID)
	var nonce string
	result, _, err := s.fulfil(ctx, func() []claim {
		nonce = newNonce()
		return []claim{s.newClaim(r.kind, r.field, nonce, id)}
	}, func(claims []claim, until string) (string, []string, error) {
		record, err := r.encode(nonce)
		if err != nil {
			return "", nil, err
		}
		return s.statusReply(s.write(ctx, ownedCreate, id, s.withClaimKeys(id, claims, s.key(kindUser, id), s.key(r.hash, id)),
			withClaims(claims, id, until, r.field, record, nonce)...))
	})
	if held := (*heldError)(nil); errors.As(err, &held) {
		return adapter.Conflict(conflictFields[r.kind])
	}
	if err == nil && result == "ABSENT" {
		return errNoUser
	}
	return err
}

// deleteOwned deletes the record under a field, and its index entry.
func (s *store) deleteOwned(ctx context.Context, kind, hash, field string) error {
	index := s.key(kind, field)
	id, err := s.lookUp(ctx, index)
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := s.write(ctx, ownedDelete, id, s.userKeys(index, id, hash), id, hash, field, kind).StringSlice()
	if err != nil {
		return err
	}
	return s.releaseEntries(ctx, entries)
}
