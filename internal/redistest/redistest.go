// Package redistest is what the tests of the layouts have in common: faults in a client,
// and a look at what is stored.
package redistest

import (
	"context"
	"fmt"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/conformance/fault"
)

// Steps lets every command and every pipeline be a step of an injector.
type Steps struct{ *fault.Injector }

func (s Steps) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (s Steps) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		return s.step(ctx, []goredis.Cmder{cmd}, func(ctx context.Context) error { return next(ctx, cmd) })
	}
}

func (s Steps) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		return s.step(ctx, cmds, func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

// step runs commands as one step. What a fault hits has its error; else each command
// has its own.
func (s Steps) step(ctx context.Context, cmds []goredis.Cmder, next func(context.Context) error) error {
	var answer error
	injected := s.Step(ctx, func(ctx context.Context) error {
		answer = next(ctx)
		return nil
	})
	if injected == nil {
		return answer
	}
	for _, cmd := range cmds {
		cmd.SetErr(injected)
	}
	return injected
}

// Dump returns every key that begins with a prefix, with its value.
func Dump(ctx context.Context, client goredis.UniversalClient, prefix string) ([]string, error) {
	var mu sync.Mutex
	var all []string
	server := func(ctx context.Context, c *goredis.Client) error {
		records, err := dumpServer(ctx, c, prefix)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, records...)
		return err
	}
	var err error
	if c, ok := client.(*goredis.ClusterClient); ok {
		err = c.ForEachMaster(ctx, server)
	} else {
		err = server(ctx, client.(*goredis.Client))
	}
	return all, err
}

func dumpServer(ctx context.Context, c *goredis.Client, prefix string) ([]string, error) {
	var all []string
	keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		value, err := value(ctx, c, keys.Val())
		if err != nil {
			return nil, err
		}
		all = append(all, fmt.Sprintf("%s = %v", keys.Val(), value))
	}
	return all, keys.Err()
}

// value returns what a key holds, whatever its type.
func value(ctx context.Context, c *goredis.Client, key string) (any, error) {
	typ, err := c.Type(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	switch typ {
	case "string":
		return c.Get(ctx, key).Result()
	case "hash":
		return c.HGetAll(ctx, key).Result()
	case "zset":
		return c.ZRange(ctx, key, 0, -1).Result()
	case "list":
		return c.LRange(ctx, key, 0, -1).Result()
	}
	return nil, fmt.Errorf("a key of type %s is not of any layout", typ)
}
