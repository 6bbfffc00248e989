package redis_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/silent"
	"github.com/authstore/authstore/redis"
)

// answering returns the address of a server that answers every command with answer.
func answering(t *testing.T, answer string) string {
	return silent.Serve(t, func(conn net.Conn) { answerAll(conn, answer) })
}

// answerAll answers what comes: each command is an array, whose name follows its length.
func answerAll(conn net.Conn, answer string) {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "*") && lines.Scan() && lines.Scan() {
			reply := answer
			if name := strings.ToLower(lines.Text()); name == "hello" || name == "client" {
				reply = "-ERR unknown command"
			}
			if _, err := fmt.Fprintf(conn, "%s\r\n", reply); err != nil {
				return
			}
		}
	}
}

// operator is a mistake of an operator, or a failure, and a part of its error.
type operator struct {
	name, url, says string
	kind            error
	needsWrite      bool // reads and Ping work
}

func operators(t *testing.T) []operator {
	server := strings.TrimPrefix(engine.Redis(t).URL, "redis://")
	host, _, _ := strings.Cut(server, "/")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	refused := closed.Addr().String()
	check(t, closed.Close())
	secured := withTLS(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	sentinel, err := url.Parse(engine.RedisSentinel(t).URL)
	check(t, err)
	node, _, _ := strings.Cut(strings.TrimPrefix(engine.RedisCluster(t).URL, "redis+cluster://"), ",")
	setup, later := adapter.ErrSetup, adapter.ErrUnavailable
	all := []operator{
		{name: "wrong password", url: "redis://ops-user:secret@" + host, says: "authentication failed", kind: setup},
		{name: "no such user", url: "redis://nobody:secret@" + host, says: "authentication failed", kind: setup},
		{name: "a database that is not there", url: "redis://" + host + "/99", says: "no database", kind: setup},
		{name: "refused", url: "redis://" + refused, says: "connection refused", kind: later},
		{name: "refused, a Cluster", url: "redis+cluster://" + refused, says: "connection refused", kind: later},
		{name: "refused, Sentinels", url: "redis+sentinel://" + refused + "?master_name=m", says: "connection refused", kind: later},
		{name: "a name that is not there", url: "redis://no-such-host.invalid", says: "no host no-such-host.invalid", kind: setup},
		{name: "TLS against plain", url: "rediss://" + plain.Listener.Addr().String(), says: "does not speak TLS", kind: setup},
		{name: "plain against TLS", url: "redis://" + secured.Listener.Addr().String(), says: "speaks TLS", kind: setup},
		{name: "an unknown authority", url: "rediss://" + secured.Listener.Addr().String(), says: "unknown authority", kind: setup},
		{name: "a web server", url: "redis://" + plain.Listener.Addr().String(), says: "not Redis", kind: setup},
		{name: "a Cluster opened as one server", url: "redis://" + node, says: "node of a Cluster", kind: setup, needsWrite: true},
		{name: "one server opened as a Cluster", url: "redis+cluster://" + host, says: "not a node of a Cluster", kind: setup},
		{name: "a primary that no Sentinel knows", url: "redis+sentinel://" + sentinel.Host + "?master_name=secret", says: "no Sentinel knows", kind: setup},
	}
	for answer, o := range map[string]operator{
		"-ERR unknown command 'MGET', with args beginning with: 'secret'":                                       {says: "command MGET", kind: setup},
		"-NOAUTH Authentication required.":                                                                      {says: "asks for a password", kind: setup},
		"-NOPERM User secret has no permissions to run the 'get' command":                                       {says: "command GET", kind: setup},
		"-NOPERM this user has no permissions to access one of the keys used as arguments":                      {says: "key of this store", kind: setup},
		"-DENIED Redis is running in protected mode because secret":                                             {says: "protected mode", kind: setup},
		"-MISCONF Redis is configured to save RDB snapshots, secret":                                            {says: "cannot save", kind: setup},
		"-OOM command not allowed when used memory > 'maxmemory'.":                                              {says: "memory is full", kind: setup},
		"-LOADING Redis is loading the dataset in memory":                                                       {says: "loading", kind: later},
		"-BUSY Redis is busy running a script":                                                                  {says: "busy", kind: later},
		"-MASTERDOWN Link with MASTER is down":                                                                  {says: "primary is down", kind: later},
		"-NOREPLICAS Not enough good replicas to write.":                                                        {says: "too few replicas", kind: later},
		"-CLUSTERDOWN The cluster is down":                                                                      {says: "Cluster is down", kind: later},
		"-ERR max number of clients reached":                                                                    {says: "too many clients", kind: later},
		"-ERR Error running script: @user_script: Script attempted to access a non local key in a cluster node": {says: "moving", kind: later},
		"-ERR WAIT cannot be used with replica instances. Please also note that writes are rejected there":      {says: "become a replica", kind: later},
		"-READONLY You can't write against a read only replica.":                                                {says: "replica", kind: setup},
		"-MOVED 1 127.0.0.1:1":                                                                                  {says: "node of a Cluster", kind: setup},
		"-CROSSSLOT Keys in request don't hash to the same slot":                                                {says: "node of a Cluster", kind: setup},
		"-ERR secret ada@example.com":                                                                           {says: "ERR"},
		"-secret@example.com":                                                                                   {says: "without a code"},
		"HTTP/1.1 400 secret":                                                                                   {says: "not Redis", kind: setup},
		"\x15\x03\x01":                                                                                          {says: "speaks TLS", kind: setup},
	} {
		o.name, o.url = answer, "redis://"+answering(t, answer)
		all = append(all, o)
	}
	return all
}

// withTLS returns a server that speaks TLS.
func withTLS(t *testing.T) *httptest.Server {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// fast limits the client's retries, which would change nothing here.
func fast(rawURL string) string {
	join := "?"
	if strings.Contains(rawURL, "?") {
		join = "&"
	}
	return rawURL + join + "max_retries=1&max_retry_backoff=1ms"
}

func TestErrorsSayTheCause(t *testing.T) {
	admin := openSingle(t, engine.Redis(t).URL)
	check(t, admin.Do(t.Context(), "ACL", "SETUSER", "ops-user", "on", ">right", "~*", "+@all").Err())
	t.Cleanup(func() {
		check(t, admin.Do(context.Background(), "ACL", "DELUSER", "ops-user").Err())
		check(t, admin.Close())
	})
	for _, o := range operators(t) {
		t.Run(o.name, func(t *testing.T) {
			store, err := adapter.Open(t.Context(), fast(o.url))
			check(t, err)
			defer store.Close()
			calls := map[string]error{}
			_, calls["GetUser"] = store.GetUser(t.Context(), "u")
			_, calls["CreateUser"] = store.CreateUser(t.Context(), adapter.User{ID: "u", Email: "ada@example.com"})
			p, _ := adapter.As[adapter.Pinger](store)
			if !o.needsWrite {
				calls["Ping"] = p.Ping(t.Context())
			}
			for call, err := range calls {
				if err == nil || errors.Is(err, adapter.ErrNotFound) || o.kind != nil && !errors.Is(err, o.kind) || !strings.Contains(err.Error(), o.says) {
					t.Errorf("%s: got %v, want %v that says %q", call, err, o.kind, o.says)
				}
				if errors.Is(err, adapter.ErrSetup) && errors.Is(err, adapter.ErrUnavailable) {
					t.Errorf("%s: got %v, of two kinds", call, err)
				}
				if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "@")) {
					t.Errorf("%s: got %v, which contains a secret", call, err)
				}
			}
		})
	}
}

// A replica opened as one server is ErrSetup.
func TestAReplicaTakesNoWrites(t *testing.T) {
	hosts, _ := split(t, engine.RedisSentinel(t).URL)
	s := goredis.NewSentinelClient(&goredis.Options{Addr: hosts[0]})
	t.Cleanup(func() { check(t, s.Close()) })
	replicas, err := s.Replicas(t.Context(), "authstore").Result()
	check(t, err)
	store, err := adapter.Open(t.Context(), fast("redis://"+net.JoinHostPort(replicas[0]["ip"], replicas[0]["port"])))
	check(t, err)
	t.Cleanup(func() { check(t, store.Close()) })
	_, err = store.CreateUser(t.Context(), adapter.User{})
	if !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "replica") {
		t.Errorf("got %v, want ErrSetup that says that it is a replica", err)
	}
}

// A certificate for another host is named as such.
func TestCertificates(t *testing.T) {
	secured := withTLS(t)
	roots := secured.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c := goredis.NewClient(&goredis.Options{Addr: secured.Listener.Addr().String(), MaxRetries: -1, TLSConfig: &tls.Config{RootCAs: roots, ServerName: "elsewhere.invalid"}})
	t.Cleanup(func() { check(t, c.Close()) })
	store := open(t, c, redis.Options{})
	_, err := store.GetUser(t.Context(), "u")
	if !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "another host") {
		t.Errorf("got %v, want ErrSetup that says so", err)
	}
}
