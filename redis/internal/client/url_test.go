package client

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
)

func open(t *testing.T, rawURL string) (redis.UniversalClient, Parameters) {
	t.Helper()
	c, p, err := Open(rawURL)
	if err != nil {
		t.Fatalf("%s: %v", rawURL, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, p
}

func TestURLsOfOneServer(t *testing.T) {
	for rawURL, want := range map[string]redis.Options{
		"redis://":                         {Network: "tcp", Addr: "localhost:6379"},
		"redis://host":                     {Network: "tcp", Addr: "host:6379"},
		"redis://:6380/2":                  {Network: "tcp", Addr: "localhost:6380", DB: 2},
		"redis://host:/":                   {Network: "tcp", Addr: "host:6379"},
		"redis://10.0.0.1:6380?db=3":       {Network: "tcp", Addr: "10.0.0.1:6380", DB: 3},
		"redis://[::1]":                    {Network: "tcp", Addr: "[::1]:6379"},
		"redis://[::1]:6380":               {Network: "tcp", Addr: "[::1]:6380"},
		"redis://[fe80::1%25eth0]:6380":    {Network: "tcp", Addr: "[fe80::1%eth0]:6380"},
		"redis://ada:secret@host":          {Network: "tcp", Addr: "host:6379", Username: "ada", Password: "secret"},
		"redis://:s%40%2F%23%3F%25@host/1": {Network: "tcp", Addr: "host:6379", Password: "s@/#?%", DB: 1},
		"redis+upstash://ada:a:b;c@host":   {Network: "tcp", Addr: "host:6379", Username: "ada", Password: "a:b;c"},
		"redis://ada:secret@%2Frun%2Fredis.sock/4?pool_size=5": {Network: "unix", Addr: "/run/redis.sock", Username: "ada", Password: "secret", DB: 4, PoolSize: 5},
		"redis://host?pool_size=7&":                            {Network: "tcp", Addr: "host:6379", PoolSize: 7},
		"rediss://host:6380?skip_verify=true":                  {Network: "tcp", Addr: "host:6380"},
	} {
		c, _ := open(t, rawURL)
		got := c.(*redis.Client).Options()
		if got.Network != want.Network || got.Addr != want.Addr || got.Username != want.Username || got.Password != want.Password || got.DB != want.DB ||
			want.PoolSize != 0 && got.PoolSize != want.PoolSize {
			t.Errorf("%s: got %s %s %q %q %d %d", rawURL, got.Network, got.Addr, got.Username, got.Password, got.DB, got.PoolSize)
		}
		if tls := strings.HasPrefix(rawURL, "rediss"); tls != (got.TLSConfig != nil) || tls && !got.TLSConfig.InsecureSkipVerify {
			t.Errorf("%s: got the TLS configuration %v", rawURL, got.TLSConfig)
		}
	}
}

func TestURLsOfSeveralServers(t *testing.T) {
	for _, rawURL := range []string{
		"redis+cluster://a,b:7001,[::1],[::1]:7003", "redis+cluster://u:p@a:6379,b:7001,[::1]:6379,[::1]:7003/0",
		"redis+cluster://a?addr=b:7001&addr=[::1]&addr=[::1]:7003",
	} {
		c, _ := open(t, rawURL)
		if got, want := c.(*redis.ClusterClient).Options().Addrs, []string{"a:6379", "b:7001", "[::1]:6379", "[::1]:7003"}; !slices.Equal(got, want) {
			t.Errorf("%s: got the hosts %q, want %q", rawURL, got, want)
		}
	}
	for _, rawURL := range []string{"redis+cluster://a,b?tls=true&skip_verify=1", "rediss+cluster://a,b?skip_verify=true"} {
		c, _ := open(t, rawURL)
		if got := c.(*redis.ClusterClient).Options().TLSConfig; got == nil || !got.InsecureSkipVerify || got.ServerName != "" {
			t.Errorf("%s: got the TLS configuration %v", rawURL, got)
		}
	}
	c, _ := open(t, "redis+sentinel://a,b:26379,[::1]/2?master_name=m&username=u&password=p")
	if o := c.(*redis.Client).Options(); o.DB != 2 || o.Username != "u" || o.Password != "p" {
		t.Errorf("got database %d, user %q, password %q", o.DB, o.Username, o.Password)
	}
}

func TestParametersOfAStore(t *testing.T) {
	for rawURL, want := range map[string]Parameters{
		"redis://host?prefix=a%3A&request_timeout=500ms": {Prefix: "a:", RequestTimeout: 500 * time.Millisecond},
		"redis://host?request_timeout=2":                 {RequestTimeout: 2 * time.Second},
		"redis+cluster://host?no_batching=true":          {NoBatching: true},
	} {
		if _, got := open(t, rawURL); got != want {
			t.Errorf("%s: got %+v", rawURL, got)
		}
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	for rawURL, says := range map[string]string{
		"redis://ada:sec@ret@host":                             "percent-encode",
		"redis://ada:sec/ret@host":                             "percent-encode",
		"redis://ada:sec#ret@host":                             "percent-encode",
		"redis://ada:sec?ret@host":                             "percent-encode",
		"redis://ada:sec%ret@host":                             "percent-encode",
		"redis://ada:sec ret@host":                             "percent-encode",
		"redis://ada:sec[ret@host":                             "percent-encode",
		"redis+cluster://ada:sec,r@et@a,b":                     "percent-encode",
		"redis://host?pool_size=1;tls=true":                    `"&"`,
		"redis+cluster://host?tls=true;pool_size=1":            `"&"`,
		"redis://a,b":                                          "several hosts",
		"redis+upstash://a:1,b:2":                              "several hosts",
		"redis://::1":                                          "brackets",
		"redis://[::1":                                         "brackets",
		"redis://[host]":                                       "brackets",
		"redis://[10.0.0.1]":                                   "brackets",
		"redis://[::1]6379":                                    "brackets",
		"redis://host:port":                                    "1 to 65535",
		"redis://host:0":                                       "1 to 65535",
		"redis://host:65536":                                   "1 to 65535",
		"redis+cluster://a,b,":                                 "empty host",
		"redis+cluster://a,,b":                                 "empty host",
		"redis+cluster://":                                     "empty host",
		"redis+sentinel://a,:26379?master_name=m":              "empty host",
		"redis://ho st":                                        "neither a name nor an address",
		"redis://host/x":                                       "number",
		"redis://host/-1":                                      "number",
		"redis://host/1/2":                                     "number",
		"redis://host/1?db=2":                                  "two database numbers",
		"redis+cluster://host/1":                               "only 0",
		"redis+cluster://host?db=1":                            "only 0",
		"redis://host?pool_siez=3":                             "pool_siez",
		"redis+cluster://host?pool_siez=secret":                "pool_siez",
		"redis+sentinel://host?master_name=m&pool_siez=secret": "pool_siez",
		"redis://host?tls=true":                                "rediss://",
		"redis://host?skip_verify=true":                        "skip_verify",
		"redis://host?pool_size=secret":                        "number as the option pool_size",
		"redis://host?read_timeout=secret":                     "duration as the option read_timeout",
		"redis://host?pool_fifo=secret":                        "boolean as the option pool_fifo",
		"redis://host?pool_size=1&pool_size=2":                 "pool_size twice",
		"redis://host?prefix=a&prefix=b":                       "prefix twice",
		"redis://host?x=%zz":                                   "%25",
		"redis://host?secret%20word=1":                         "not a valid name",
		"redis+cluster://host?tls=maybe":                       "true or false",
		"redis+cluster://host?read_only=true":                  "replicas",
		"redis+sentinel://host?master_name=m&route_randomly=1": "replicas",
		"redis+sentinel://host":                                "master_name",
		"redis+cluster://%2Ftmp%2Fsock":                        "socket",
		"redis://host?request_timeout=0":                       "request_timeout",
		"redis://host?request_timeout=secret":                  "request_timeout",
		"redis://host?no_batching=secret":                      "true or false as the option no_batching",
		"redis+upstash://host?no_batching=true":                "no_batching",
		"http://host":                                          "docs/redis.md",
		"redis:host":                                           "docs/redis.md",
	} {
		c, _, err := Open(rawURL)
		if c != nil {
			_ = c.Close()
		}
		if !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want ErrInvalid that says %q", rawURL, err, says)
		}
		if err != nil && (strings.Contains(err.Error(), "sec ret") || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "ret@")) {
			t.Errorf("%s: got %v, which holds a value", rawURL, err)
		}
	}
}
