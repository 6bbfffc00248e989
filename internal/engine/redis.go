package engine

import (
	"context"
	_ "embed" // for the scripts
	"errors"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed redis-cluster.sh
var clusterScript string

//go:embed redis-sentinel.sh
var sentinelScript string

var redisServer = &kind{
	name:    "Redis",
	address: "AUTHSTORE_REDIS_URL",
	image:   "redis",
	port:    6379,
	command: func(string) []string {
		return []string{"redis-server", "--protected-mode", "no", "--save", ""}
	},
	url:   func(hosts []string) string { return "redis://" + join(hosts) },
	probe: redisVersion,
}

// redisDurable writes to its file before it answers.
var redisDurable = &kind{
	name:    "Redis with a file",
	address: "AUTHSTORE_REDIS_DURABLE_URL",
	image:   "redis",
	port:    6379,
	command: func(string) []string {
		return shell(superviseScript, "redis-server", "--protected-mode", "no", "--save", "", "--appendonly", "yes", "--appendfsync", "no", "--dir", "/tmp")
	},
	url:   func(hosts []string) string { return "redis://" + join(hosts) },
	probe: redisVersion,
}

var redisCluster = &kind{
	name:    "Redis Cluster",
	address: "AUTHSTORE_REDIS_CLUSTER_URL",
	image:   "redis",
	ports:   6,
	command: func(ports string) []string { return shell(clusterScript, "start", ports) },
	healthy: func(ports string) []string { return shell(clusterScript, "healthy", ports) },
	url:     func(hosts []string) string { return "redis+cluster://" + join(hosts) },
	probe:   redisVersion,
}

var redisSentinel = &kind{
	name:    "Redis with Sentinels",
	address: "AUTHSTORE_REDIS_SENTINEL_URL",
	image:   "redis",
	ports:   5, // the Sentinels first
	command: func(ports string) []string { return shell(sentinelScript, "start", ports) },
	healthy: func(ports string) []string { return shell(sentinelScript, "healthy", ports) },
	url:     func(hosts []string) string { return "redis+sentinel://" + join(hosts[:3]) + "?master_name=authstore" },
	probe:   redisVersion,
}

// shell returns the command that runs a script, without a file, in a container.
func shell(script string, args ...string) []string {
	return append([]string{"sh", "-c", script, "sh"}, args...)
}

func redisVersion(ctx context.Context, s Server) (string, error) {
	options, err := redisOptions(s.URL)
	if err != nil {
		return "", err
	}
	client := redis.NewUniversalClient(options)
	defer client.Close()
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return "", err
	}
	_, version, found := strings.Cut(info, "redis_version:")
	if !found {
		return "", errors.New("INFO shows no redis_version")
	}
	version, _, _ = strings.Cut(version, "\r\n")
	return version, nil
}

// redisOptions understands a URL as far as to ask the server for its version.
func redisOptions(rawURL string) (*redis.UniversalOptions, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("not a URL") // err quotes it, with the password
	}
	scheme, topology, _ := strings.Cut(u.Scheme, "+")
	hosts := strings.Split(u.Host, ",")
	one := url.URL{Scheme: scheme, User: u.User, Host: hosts[0]}
	o, err := redis.ParseURL(one.String())
	if err != nil {
		return nil, errors.New("not a Redis URL")
	}
	return &redis.UniversalOptions{
		Addrs:         hosts,
		MasterName:    u.Query().Get("master_name"),
		IsClusterMode: topology == "cluster",
		Username:      o.Username,
		Password:      o.Password,
		TLSConfig:     o.TLSConfig,

		ContextTimeoutEnabled: true,
	}, nil
}
