package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
)

// Parameters are the parameters of a URL that are the store's own.
type Parameters struct {
	Prefix         string
	RequestTimeout time.Duration
	NoBatching     bool // not in the Upstash layout
}

// Open opens the client that a URL describes, and returns the store's own parameters. An
// error contains no part of the URL except names of options.
func Open(rawURL string) (_ redis.UniversalClient, _ Parameters, err error) {
	a, err := parse(rawURL)
	if err != nil {
		return nil, Parameters{}, err
	}
	p, err := a.ownParameters()
	if err != nil {
		return nil, p, err
	}
	defer func() {
		if r := recover(); r != nil { // go-redis panics on options that do not go together
			err = invalid("has options that do not go together")
		}
	}()
	c, err := a.client()
	return c, p, err
}

func invalid(reason string) error { return adapter.Invalid("URL", reason) }

// address is a URL in its parts. net/url does not parse the hosts: what it accepts of
// several hosts, or of paths as hosts, depends on its version.
type address struct {
	topology string // "", "cluster", "sentinel"
	upstash  bool
	tls      bool
	user     *url.Userinfo
	hosts    []string // each with its port, or the path of a socket
	path     string
	query    url.Values
}

// topologies maps what follows "redis+" or "rediss+" in a scheme. The Upstash layout is on
// one server.
var topologies = map[string]string{"": "", "upstash": "", "cluster": "cluster", "sentinel": "sentinel"}

const defaultPort = "6379"

func parse(rawURL string) (a address, err error) {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	base, kind, _ := strings.Cut(scheme, "+")
	topology, known := topologies[kind]
	if !ok || !known || base != "redis" && base != "rediss" {
		return a, invalid("must be of a form that docs/redis.md or docs/upstash.md lists")
	}
	a.topology, a.upstash, a.tls = topology, kind == "upstash", base == "rediss"
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(rawURL, "#") || strings.Contains(path, "@") {
		return a, errSpecial
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if a.user, err = parseUser(authority[:at]); err != nil {
			return a, err
		}
		authority = authority[at+1:]
	}
	if a.query, err = parseQuery(query); err != nil {
		return a, err
	}
	a.path = strings.Trim(path, "/")
	a.hosts, err = a.parseHosts(authority)
	return a, err
}

var errSpecial = invalid(`has a special character in the user name or the password: percent-encode it ("@" is %40, "/" is %2F, "#" is %23, "?" is %3F, "%" is %25)`)

// plainUser matches user names and passwords that need no further encoding (RFC 3986,
// section 3.2.1).
var plainUser = regexp.MustCompile(`^(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*$`)

func parseUser(text string) (*url.Userinfo, error) {
	if !plainUser.MatchString(text) {
		return nil, errSpecial
	}
	name, password, has := strings.Cut(text, ":")
	user, errU := url.PathUnescape(name)
	secret, errP := url.PathUnescape(password)
	if errors.Join(errU, errP) != nil {
		return nil, errSpecial
	}
	if !has {
		return url.User(user), nil
	}
	return url.UserPassword(user, secret), nil
}

// parseQuery parses a query. It drops no parameter, and refuses one that is there twice.
func parseQuery(query string) (url.Values, error) {
	all := url.Values{}
	if query == "" {
		return all, nil
	}
	if strings.Contains(query, ";") {
		return nil, invalid(`must separate parameters by "&": a ";" in a value is %3B`)
	}
	for _, p := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(p, "=")
		name, errN := url.QueryUnescape(name)
		value, errV := url.QueryUnescape(value)
		switch {
		case errors.Join(errN, errV) != nil:
			return nil, invalid(`has a parameter with a "%" that is not percent-encoded as %25`)
		case name == "" && value == "":
			continue // an empty parameter, as after a final "&"
		case all.Has(name) && name != "addr":
			return nil, invalid("has the option " + quotable(name) + " twice")
		}
		all.Add(name, value)
	}
	return all, nil
}

// quotable returns the name of an option in the form in which an error may contain it.
func quotable(name string) string {
	if !optionName.MatchString(name) {
		return "(not a valid name)"
	}
	return name
}

var optionName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`)

func (a *address) parseHosts(authority string) ([]string, error) {
	list := strings.Split(authority, ",")
	list = append(list, a.query["addr"]...)
	a.query.Del("addr")
	if len(list) == 1 && a.topology == "" {
		if list[0] == "" || strings.HasPrefix(list[0], ":") {
			list[0] = "localhost" + list[0]
		}
	}
	if len(list) > 1 && a.topology == "" {
		return nil, invalid("has several hosts: they are for redis+cluster:// and redis+sentinel://")
	}
	for i, host := range list {
		var err error
		if list[i], err = a.parseHost(host); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// hostName matches names and IPv4 addresses.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// parseHost returns a host with its port, or the path of a socket.
func (a *address) parseHost(text string) (string, error) {
	if len(text) > 3 && strings.EqualFold(text[:3], "%2F") {
		path, err := url.PathUnescape(text)
		if err != nil || a.topology != "" || a.tls {
			return "", invalid("has a socket that cannot be used: sockets are for one server without TLS, with a percent-encoded path")
		}
		return path, nil
	}
	var name string
	port := defaultPort
	switch {
	case strings.HasPrefix(text, "["):
		inner, after, closed := strings.Cut(text[1:], "]")
		inner = strings.Replace(inner, "%25", "%", 1) // the "%" before a zone
		if ip, err := netip.ParseAddr(inner); !closed || err != nil || !ip.Is6() || after != "" && after[0] != ':' {
			return "", invalid("has something in brackets that is not an IPv6 address")
		}
		name = inner
		if len(after) > 1 {
			port = after[1:]
		}
	case strings.Count(text, ":") > 1:
		return "", invalid("has a host with several colons: put an IPv6 address in brackets, separate hosts by commas, and percent-encode a password")
	default:
		var p string
		if name, p, _ = strings.Cut(text, ":"); p != "" {
			port = p
		}
		if name == "" {
			return "", invalid("has an empty host: check for an extra comma")
		}
		if !hostName.MatchString(name) {
			return "", invalid("has a host that is neither a name nor an address")
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", invalid("has a port that is not a number from 1 to 65535: if it is a part of the password, percent-encode that")
	}
	return net.JoinHostPort(name, port), nil
}

// ownParameters removes the store's own parameters and returns them.
func (a *address) ownParameters() (p Parameters, err error) {
	p.Prefix = a.query.Get("prefix")
	a.query.Del("prefix")
	if text := a.query.Get("request_timeout"); a.query.Has("request_timeout") {
		a.query.Del("request_timeout")
		if p.RequestTimeout, err = time.ParseDuration(text); err != nil {
			n, e := strconv.Atoi(text) // seconds, as in the driver's options
			p.RequestTimeout, err = time.Duration(n)*time.Second, e
		}
		if err != nil || p.RequestTimeout <= 0 {
			return p, invalid("must have a positive duration as request_timeout, such as 2s")
		}
	}
	if a.query.Has("no_batching") && !a.upstash {
		if p.NoBatching, err = strconv.ParseBool(a.query.Get("no_batching")); err != nil {
			return p, invalid("must have true or false as the option no_batching")
		}
		a.query.Del("no_batching")
	}
	for _, name := range []string{"read_only", "route_by_latency", "route_randomly", "replica_only", "use_disconnected_replicas"} {
		if v := a.query.Get(name); v != "" && v != "false" && v != "0" {
			return p, invalid("has the option " + name + ", which sends reads to replicas: they would miss writes")
		}
	}
	if a.topology != "" && a.query.Has("tls") {
		if a.tls, err = strconv.ParseBool(a.query.Get("tls")); err != nil {
			return p, invalid("must have true or false as the option tls")
		}
		a.query.Del("tls")
	}
	return p, nil
}

// client opens a client by a URL in the form that go-redis parses.
func (a *address) client() (redis.UniversalClient, error) {
	if err := a.checkDatabase(); err != nil {
		return nil, err
	}
	switch a.topology {
	case "cluster":
		return a.cluster()
	case "sentinel":
		return a.sentinel()
	}
	o, err := redis.ParseURL(a.String())
	if err != nil {
		return nil, a.explainError(err)
	}
	return redis.NewClient(o), nil
}

func (a *address) checkDatabase() error {
	db := a.path
	if a.query.Has("db") {
		if db != "" {
			return invalid("has two database numbers: leave out the path or db")
		}
		db = a.query.Get("db")
	}
	if db == "" {
		return nil
	}
	n, err := strconv.ParseUint(db, 10, 16)
	if err != nil {
		return invalid("must have the number of a database as its path, or no path")
	}
	if a.topology == "cluster" {
		if n != 0 {
			return invalid("has a database number: a Cluster has only 0")
		}
		a.path = ""
		a.query.Del("db")
	}
	return nil
}

func (a *address) cluster() (redis.UniversalClient, error) {
	insecure := a.skipsVerify()
	o, err := redis.ParseClusterURL(a.String())
	if err != nil {
		return nil, a.explainError(err)
	}
	o.Addrs = a.hosts
	o.TLSConfig = a.tlsConfig(insecure)
	return redis.NewClusterClient(o), nil
}

func (a *address) sentinel() (redis.UniversalClient, error) {
	if a.query.Get("master_name") == "" {
		return nil, invalid("must have the name of the primary as the option master_name")
	}
	insecure := a.skipsVerify()
	o, err := redis.ParseFailoverURL(a.String())
	if err != nil {
		return nil, a.explainError(err)
	}
	o.SentinelAddrs = a.hosts
	if o.DialerRetries == 0 {
		o.DialerRetries = 1 // each attempt of a command asks the Sentinels as often as that
	}
	o.TLSConfig = a.tlsConfig(insecure)
	return redis.NewFailoverClient(o), nil
}

// skipsVerify removes the option that turns the verification of certificates off, and
// returns it.
func (a *address) skipsVerify() bool {
	if !a.tls {
		return false
	}
	v := a.query.Get("skip_verify")
	a.query.Del("skip_verify")
	return v == "true" || v == "1"
}

// tlsConfig returns a configuration for several servers, each with the certificate of its
// own name.
func (a *address) tlsConfig(insecure bool) *tls.Config {
	if !a.tls {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // if it was asked for
}

// String returns the URL of the first host.
func (a *address) String() string {
	u := url.URL{Scheme: "redis", User: a.user, Host: a.hosts[0], Path: "/" + a.path, RawQuery: a.query.Encode()}
	if a.tls {
		u.Scheme = "rediss"
	}
	if strings.HasPrefix(a.hosts[0], "/") {
		u.Scheme, u.Host, u.Path = "unix", "", a.hosts[0]
		if a.path != "" {
			query := url.Values{"db": {a.path}}
			for name, v := range a.query {
				query[name] = v
			}
			u.RawQuery = query.Encode()
		}
	}
	return u.String()
}

var (
	unexpectedOption = regexp.MustCompile(`unexpected option: (.*)$`)
	badOption        = regexp.MustCompile(`invalid (\w+) (number|duration|boolean)`)
)

// explainError returns go-redis's error about a URL without the values that it quotes.
func (a *address) explainError(err error) error {
	text := err.Error()
	if m := unexpectedOption.FindStringSubmatch(text); m != nil {
		var names []string
		for _, name := range slices.Sorted(slices.Values(strings.Split(m[1], ", "))) {
			names = append(names, quotable(name)+optionHint(name))
		}
		return invalid(fmt.Sprintf("has an unknown option: %s", strings.Join(names, ", ")))
	}
	if m := badOption.FindStringSubmatch(text); m != nil {
		return invalid(fmt.Sprintf("must have a %s as the option %s", m[2], m[1]))
	}
	return invalid("is not one that go-redis accepts: see docs/redis.md or docs/upstash.md")
}

// optionHint says what to do instead of a misplaced option.
func optionHint(name string) string {
	switch name {
	case "tls", "ssl":
		return " (use rediss:// for TLS)"
	case "skip_verify":
		return " (only with TLS)"
	case "username", "password":
		return " (credentials go before the host)"
	}
	return ""
}
