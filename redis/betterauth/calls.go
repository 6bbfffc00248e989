package betterauth

import (
	"context"
	"embed"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

//go:embed lua/*.lua
var lua embed.FS

// The scripts. Each is one atomic step.
var (
	sessionCreate  = load("session_create")
	sessionGet     = load("session_get")
	sessionUpdate  = load("session_update")
	sessionDelete  = load("session_delete")
	sessionsList   = load("sessions_list")
	sessionsDelete = load("sessions_delete")
	copiesUpdate   = load("copies_update")
	linkCreate     = load("link_create")
	linkUse        = load("link_use")
	linksDelete    = load("links_delete")
)

// load returns the script of a file in lua/.
func load(name string) *client.Script { return &client.Script{Lua: &lua, Name: name} }

// run runs a script.
func (s *store) run(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Do(ctx, &s.calls, func() *redis.Cmd { return script.Run(ctx, s.client, keys, args...) }, redis.NewCmd)
}

// query runs a script that changes nothing.
func (s *store) query(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.Cmd { return script.Run(ctx, c, keys, args...) }, redis.NewCmd)
}

// runOnce runs a script that the client must not repeat by itself: the second attempt of
// one that takes something away would find nothing.
func (s *store) runOnce(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Do(ctx, &s.calls, func() *redis.Cmd {
		return script.Run(ctx, client.NoRetry{Processor: s.client}, keys, args...)
	}, redis.NewCmd)
}

const (
	// maxRetryTime is how long an update retries while others win the races for the same
	// record. Each of these completes.
	maxRetryTime = 6 * time.Second
	// firstPause is the longest pause before the first retry; it doubles for each later one,
	// up to lastPause.
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// errContention says that a call kept losing races. Trying again is right.
var errContention = errors.New("betterauth: too many concurrent calls for the same key")

// retry makes attempts until one returns that it need not be made again.
func retry(ctx context.Context, attempt func() (again bool, err error)) error {
	for begun, pause := time.Now(), firstPause; time.Since(begun) < maxRetryTime; pause = min(2*pause, lastPause) {
		again, err := attempt()
		if !again {
			return err
		}
		timer := time.NewTimer(mathrand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
	return driver.Caused(adapter.ErrUnavailable, errContention)
}
