package upstash

import (
	"context"
	"embed"
	"errors"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

//go:embed lua/*.lua
var lua embed.FS

// The scripts, each one atomic step.
var (
	userCreate  = load("user_create")
	userByEmail = load("user_by_email")
	userUpdate  = load("user_update")
	userDelete  = load("user_delete")
	ownedCreate = load("owned_create")
	ownedGet    = load("owned_get")
	ownedUpdate = load("owned_update")
	ownedDelete = load("owned_delete")
	scanScript  = load("scan")
	usersScan   = load("users_scan")
	remove      = load("remove")
	linkCreate  = load("link_create")
	linkTake    = load("link_take")

	userRemove   = load("user_remove")
	userReturn   = load("user_return")
	orphanDelete = load("orphan_delete")
	indexDelete  = load("index_delete")
	listMend     = load("list_mend")
)

func load(name string) *client.Script { return &client.Script{Lua: &lua, Name: name} }

// run runs a script.
func (s *store) run(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Prompt(ctx, &s.calls, func() *redis.Cmd { return script.Run(ctx, s.client, keys, args...) }, redis.NewCmd)
}

// query runs a script that changes nothing.
func (s *store) query(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.Cmd { return script.Run(ctx, c, keys, args...) }, redis.NewCmd)
}

// runOnce runs a script that the client does not repeat by itself.
func (s *store) runOnce(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Prompt(ctx, &s.calls, func() *redis.Cmd {
		return script.Run(ctx, client.ScriptsOnce{UniversalClient: s.client}, keys, args...)
	}, redis.NewCmd)
}

// get returns a value, or that it is not there. Another program's value of another type is
// not.
func (s *store) get(ctx context.Context, key string) (string, error) {
	cmd := client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.StringCmd { return c.Get(ctx, key) }, redis.NewStringCmd)
	v, err := cmd.Result()
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		err = adapter.ErrNotFound
	}
	return v, client.Failure(err)
}

const (
	// endurance is how long an update goes on while others win the races for the same
	// record: each of them gets its own work done.
	endurance = 6 * time.Second
	// firstPause is the time until the first new attempt; each later one is doubled, up
	// to lastPause.
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// errRaced says that a call kept losing races. Trying again is right.
var errRaced = errors.New("upstash: too many calls for the same key at once")

// persist makes attempts until one does not say that it should be made again.
func persist(ctx context.Context, attempt func() (again bool, err error)) error {
	for begun, pause := time.Now(), firstPause; time.Since(begun) < endurance; pause = min(2*pause, lastPause) {
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
	return driver.Caused(adapter.ErrUnavailable, errRaced)
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
