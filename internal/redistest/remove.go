package redistest

import (
	"context"
	"net/url"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// Remove removes every key that begins with a prefix, and closes the client.
func Remove(client goredis.UniversalClient, prefix string) error {
	defer client.Close()
	server := func(ctx context.Context, c *goredis.Client) error { return removeServer(ctx, c, prefix) }
	if c, ok := client.(*goredis.ClusterClient); ok {
		return c.ForEachMaster(context.Background(), server)
	}
	return server(context.Background(), client.(*goredis.Client))
}

func removeServer(ctx context.Context, c *goredis.Client, prefix string) error {
	for cursor := uint64(0); ; {
		keys, next, err := c.Scan(ctx, cursor, prefix+"*", 1000).Result()
		for _, key := range keys { // one at a time: on a Cluster they are of many slots
			if err == nil {
				err = c.Unlink(ctx, key).Err()
			}
		}
		if cursor = next; err != nil || cursor == 0 {
			return err
		}
	}
}

// URL returns a server's URL with the parameter prefix.
func URL(server, prefix string) string {
	separator := "?"
	if strings.Contains(server, "?") {
		separator = "&"
	}
	return server + separator + url.Values{"prefix": {prefix}}.Encode()
}
