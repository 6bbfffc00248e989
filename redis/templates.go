package redis

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

// commands are what a user of the server must be allowed.
var commands = []string{
	"ping select wait eval evalsha time get getrange getdel mget set setnx msetnx",
	"del unlink exists rename pexpire pexpireat pttl hget hgetall hset hdel hexists",
	"hlen hrandfield lrange rpush zadd zcard zcount zrange zrangebyscore zrank zrem",
	"zremrangebyrank zremrangebyscore zscore info scan",
	"cluster|slots cluster|shards cluster|nodes command",
}

// PrintSchema implements adapter.SchemaPrinter: Redis needs no set-up, but a server with access
// control a user.
func (s *store) PrintSchema(context.Context) ([]adapter.SchemaText, error) {
	return client.ACL([]string{s.prefix}, commands), nil
}
