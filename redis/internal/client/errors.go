package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
	"github.com/authstore/authstore/internal/cause"
)

// Failure classifies an error of the client: adapter.ErrSetup with problem and remedy for
// what a person has to fix, adapter.ErrUnavailable for what a retry may fix.
func Failure(err error) error {
	var reply redis.Error
	switch {
	case err == nil, hasKind(err):
		return err
	case errors.Is(err, redis.ErrClosed):
		return driver.Caused(adapter.ErrClosed, err)
	case err == redis.Nil:
		return adapter.ErrNotFound
	case strings.Contains(err.Error(), "all sentinels"):
		return sentinels(err)
	case !errors.As(err, &reply):
		return unreachable(err)
	}
	return refusal(reply.Error(), err)
}

// kinds are the kinds of errors of the contract.
var kinds = []error{
	adapter.ErrNotFound, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrUnavailable, adapter.ErrSetup, adapter.ErrUnreadable, adapter.ErrUnsupported, adapter.ErrClosed,
}

// hasKind reports whether an error has been classified.
func hasKind(err error) bool {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// setup classifies a driver's error as one that a person has to fix.
func setup(cause error, problem, remedy string) error {
	return driver.Caused(adapter.Setup(problem, remedy), cause)
}

// unavailable classifies a driver's error as one that a retry may fix.
func unavailable(cause error, why string) error {
	return driver.Caused(fmt.Errorf("%w: %s", adapter.ErrUnavailable, why), cause)
}

// rule says what an answer of the server means. Without a remedy it passes by itself.
type rule struct{ begins, problem, remedy string }

// rules match the beginnings of answers; the first match counts. No other word of an answer
// is printed, since it may quote a key.
var rules = []rule{
	{"WRONGPASS", "authentication failed", "check the user name and the password"},
	{"NOAUTH", "the server asks for a password", "set one, and the user name if there is one"},
	{"ERR AUTH", "the server has no password for this user", "check the user name, or leave the password out"},
	{"ERR invalid password", "authentication failed", "check the password"},
	{"ERR Client sent AUTH", "the server has no password", "leave the password out, or set one on the server"},
	{"DENIED", "the server is in protected mode and accepts only local connections", "set a password and the address to listen on"},
	{"OOM", "the server's memory is full", "raise maxmemory, or free some: until then only deletions work"},
	{"MISCONF", "the server cannot save its data and refuses writes", "see its log: its disk may be full"},
	{"ERR DB index", "the server has no database with this number", "check the number in the URL or in the client's options"},
	{"ERR invalid DB index", "the server has no database with this number", "check the number in the URL or in the client's options"},
	{"ERR SELECT is not allowed", "a Cluster has no numbered databases", "leave the number out"},
	{"ERR This instance has cluster support disabled", "the server is not a node of a Cluster", "open it as one server: redis://, or redis.NewClient"},
	{"ERR syntax error", "the server does not know an option of a command", "use Redis 6.2 or later, or Valkey"},
	{"ERR unknown subcommand", "the server does not know a command", "use Redis 6.2 or later, or Valkey, without renamed commands"},
	{"ERR Unknown Redis command called from", "the server does not know a command that a script uses", "use Redis 6.2 or later, or Valkey, without renamed commands"},
	{"ERR Unknown Redis command", "the server does not know a command that a script uses", "use Redis 6.2 or later, or Valkey, without renamed commands"},
	{"ERR This Redis command is not allowed from script", "the server does not let scripts use a command", "use Redis or Valkey itself"},
	{"WRONGTYPE", "a key with this store's prefix holds another type", "another program uses the prefix: give each its own"},

	{"LOADING", "the server is loading its data", ""},
	{"READONLY", "the server is a replica, which refuses writes", ""},
	{"CLUSTERDOWN", "the Cluster is down", ""},
	{"TRYAGAIN", "a slot of the Cluster is moving", ""},
	{"MOVED", "a slot of the Cluster has moved", ""},
	{"ASK", "a slot of the Cluster is moving", ""},
	{"MASTERDOWN", "the primary is down", ""},
	{"BUSY", "the server is busy with a script", ""},
	{"NOREPLICAS", "the server has too few replicas to take writes", ""},
	{"UNBLOCKED", "the server has become a replica", ""},
	{"ERR WAIT cannot be used with replica instances", "the server has become a replica", ""},
	{"ERR max number of clients", "the server has too many clients", ""},
	{"ERR Script attempted to access a non local key", "a slot of the Cluster is moving", ""},
}

// refusal classifies an answer of the server.
func refusal(answer string, err error) error {
	if e, ok := missingRight(answer, err); ok {
		return e
	}
	for _, r := range rules {
		if !strings.HasPrefix(answer, r.begins) {
			continue
		}
		if r.remedy == "" {
			return unavailable(err, r.problem)
		}
		return setup(err, r.problem, r.remedy)
	}
	if strings.Contains(answer, "Script attempted to access a non local key") {
		return unavailable(err, "a slot of the Cluster is moving")
	}
	code, _, _ := strings.Cut(answer, " ")
	if !plainCode.MatchString(code) {
		code = "an error without a code"
	}
	return driver.Caused(fmt.Errorf("the server refuses with %s", code), err)
}

// plainCode matches the codes that begin answers.
var plainCode = regexp.MustCompile(`^[A-Z]+$`)

// These match answers that name a command. After it they quote keys.
var (
	forbiddenCommand = regexp.MustCompile(`^(?:NOPERM|ERR)\b.* run the '([A-Za-z|_.-]+)' command`)
	unknownCommand   = regexp.MustCompile("(?i)^ERR unknown command ['`\"]([A-Za-z|_.-]+)['`\"]")
)

// missingRight returns the error for what an ACL denies the user, or for a command that the
// server does not have.
func missingRight(answer string, err error) (error, bool) {
	const (
		listed = "docs/redis.md or docs/upstash.md lists under Access (ACL SETUSER)"
		remedy = "grant the user the commands that " + listed
	)
	if m := forbiddenCommand.FindStringSubmatch(answer); m != nil {
		return setup(err, "the user may not run the command "+strings.ToUpper(m[1]), remedy), true
	}
	if m := unknownCommand.FindStringSubmatch(answer); m != nil {
		return setup(err, "the server does not know the command "+strings.ToUpper(m[1]), "use Redis 6.2 or later, or Valkey, without renamed commands"), true
	}
	scripts := strings.Contains(answer, "user executing the script")
	switch {
	case !scripts && !strings.HasPrefix(answer, "NOPERM"):
		return nil, false
	case strings.Contains(answer, "key"):
		return setup(err, "the user may not use a key of this store", "grant the user the keys that "+listed), true
	case scripts:
		return setup(err, "the user may not run a command that a script uses", remedy), true
	}
	return setup(err, "the user lacks a right", "grant the user what "+listed), true
}

// sentinels returns why no Sentinel names a primary. The client has asked each of them.
func sentinels(err error) error {
	var reply redis.Error
	switch {
	case errors.As(err, &reply) && reply != redis.Nil:
		return refusal(reply.Error(), err)
	case errors.Is(err, redis.Nil):
		return setup(err, "no Sentinel knows a primary of this name", "check master_name (MasterName): SENTINEL MASTERS lists those that it knows")
	}
	return unreachable(err)
}

// useTLS is the remedy for a server that speaks TLS.
const useTLS = "use rediss://, tls=true, or Options.TLSConfig"

// remedies are for errors of the network.
var remedies = cause.Remedies{
	cause.NoHost:    "check the host in the URL or in the client's options",
	cause.NotTLS:    "use redis:// in place of rediss://, no tls=true, or the server's port for TLS",
	cause.SpeaksTLS: useTLS,
	cause.Authority: "give the client its authority (Options.TLSConfig), or the system",
	cause.Handshake: "it may want a client certificate (Options.TLSConfig)",
}

// unreachable returns why there was no answer.
func unreachable(err error) error {
	kind := cause.Of(err)
	if (kind == cause.Unknown || kind == cause.Late) && strings.Contains(err.Error(), "redis: ") {
		return protocol(err)
	}
	return driver.Caused(cause.Explain(err, remedies), err)
}

// protocol classifies an error of the client itself: an answer that is not Redis's, or a
// full pool.
func protocol(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "can't parse"), strings.Contains(text, "invalid reply"):
		return setup(err, "what answers is not Redis", "check the port: another server may listen there")
	case strings.Contains(text, "pool"):
		return unavailable(err, "no connection is free")
	}
	return driver.Caused(cause.Unavailable(err), err)
}

// explain adds to the error of a command what is known of the client. A single server that
// is a node of a Cluster, or a replica, stays one.
func (c *Calls) explain(ctx context.Context, err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		if !c.answered.Load() && cause.Of(err) == cause.Closed && c.speaksTLS(ctx) {
			return setup(err, "the server speaks TLS", useTLS)
		}
		return err
	}
	if !c.single {
		return err
	}
	switch code, _, _ := strings.Cut(reply.Error(), " "); code {
	case "MOVED", "ASK", "CROSSSLOT":
		return setup(err, "the server is a node of a Cluster, and was opened as one server", "open it by redis+cluster://, or redis.NewClusterClient; the Upstash layout needs one server")
	case "READONLY":
		if !c.failover {
			return setup(err, "the server is a replica, which refuses writes", "open the primary, or its Sentinels; during the failover of a managed service it passes by itself")
		}
	}
	return err
}

// speaksTLS reports whether a server speaks TLS. Most close the connection of a client
// without TLS before saying anything.
func (c *Calls) speaksTLS(ctx context.Context) bool {
	var address string
	switch client := c.client.(type) {
	case *redis.Client:
		if o := client.Options(); o.TLSConfig == nil && !c.failover && o.Network == "tcp" {
			address = o.Addr
		}
	case *redis.ClusterClient:
		if o := client.Options(); o.TLSConfig == nil && len(o.Addrs) > 0 {
			address = o.Addrs[0]
		}
	}
	if address == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, attempt.Short/2)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}} //nolint:gosec // nothing is sent
	conn, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = conn.Close()
		return true
	}
	return cause.Of(err) == cause.Handshake
}
