package mongo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func init() {
	driver.Register("mongodb", openURL)
	driver.Register("mongodb+srv", openURL)
}

// openURL returns an adapter whose client connects with the first call.
func openURL(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
	own := Options{Options: o}
	uri, database, err := parseURL(rawURL, &own)
	if err != nil {
		return nil, err
	}
	s, err := newStore(own)
	if err != nil {
		return nil, err
	}
	s.connect = func() (*mongo.Database, error) { return s.dial(uri, database) }
	return s.guarded(), nil
}

// The driver accepts URLs that net/url does not: several hosts with ports, paths of
// sockets, ";" between options. So only this package's own options are removed from a URL,
// and the rest stays as it was given.

// parseURL returns the URL for the driver, and the database that it names. This package's
// own parameters are set in the options.
func parseURL(rawURL string, o *Options) (uri, database string, err error) {
	scheme, rest, found := strings.Cut(rawURL, "://")
	if !found {
		return "", "", adapter.Invalid("URL", "must have the form mongodb://host/DATABASE")
	}
	user, hosts, path, query, err := split(rest)
	if err != nil {
		return "", "", err
	}
	database, err = url.QueryUnescape(path) // as the driver does
	if err != nil || database == "" || strings.ContainsAny(database, "/\\. \"$\x00") {
		return "", "", adapter.Invalid("URL", "must name the database, by a name that the server accepts: mongodb://host/DATABASE")
	}
	kept, err := extract(query, o)
	if err != nil {
		return "", "", err
	}
	uri = strings.ToLower(scheme) + "://" + user + hosts + "/" + path
	if len(kept) > 0 {
		uri += "?" + strings.Join(kept, "&")
	}
	if strings.EqualFold(scheme, "mongodb") { // others are looked up by the first call
		if err := options.Client().ApplyURI(uri).Validate(); err != nil {
			return "", "", refusedURL(err)
		}
	}
	return uri, database, nil
}

// split splits a URL without its scheme. The user ends with its "@".
func split(rest string) (user, hosts, path, query string, err error) {
	// No password is after the last "@", so a "?" or "/" before it belongs to one, unless the
	// "@" is in an option.
	i := strings.LastIndex(rest, "@")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 && i > end && isInQuery(rest[end:], i-end) {
		i = strings.LastIndex(rest[:end], "@")
	}
	if i >= 0 {
		user, rest = rest[:i+1], rest[i+1:]
		if !isUserInfo(user[:i]) {
			return "", "", "", "", adapter.Invalid("URL", `must have user name and password percent-encoded: "@" is %40, ":" %3A, "/" %2F, "?" %3F, "#" %23, "%" %25`)
		}
	}
	if strings.Contains(rest, "#") {
		return "", "", "", "", adapter.Invalid("URL", `must not contain "#": write %23, also in a user name or password`)
	}
	hosts, query, _ = strings.Cut(rest, "?")
	hosts, path, _ = strings.Cut(hosts, "/")
	if strings.Contains(path, "/") {
		return "", "", "", "", adapter.Invalid("URL", `must have the path of a socket percent-encoded: "/" is %2F`)
	}
	if hosts == "" {
		return "", "", "", "", adapter.Invalid("URL", "must name a host: mongodb://host/DATABASE")
	}
	for _, host := range strings.Split(hosts, ",") {
		if !isHost(host) {
			return "", "", "", "", adapter.Invalid("URL", "must have hosts of the form host, host:27017, [::1]:27017 or %2Frun%2Fmongodb.sock, separated by commas")
		}
	}
	return user, hosts, path, query, nil
}

// isInQuery reports whether the "@" at an index is in the value of an option: there is a
// "?" before it, after a path that can be the name of a database.
func isInQuery(rest string, i int) bool {
	path, _, found := strings.Cut(rest[:i], "?")
	return found && strings.HasPrefix(path, "/") && strings.Count(path, "/") == 1 && strings.Contains(rest[len(path):i], "=")
}

// isUserInfo reports whether a user name and a password are encoded as the driver requires.
func isUserInfo(s string) bool {
	if strings.Count(s, ":") > 1 || strings.ContainsAny(s, "/?#@") {
		return false
	}
	_, err := url.PathUnescape(s)
	return err == nil
}

func isHost(host string) bool {
	plain, err := url.PathUnescape(host)
	if err != nil || plain == "" {
		return false
	}
	if strings.HasPrefix(plain, "/") {
		return strings.HasSuffix(plain, ".sock")
	}
	name, port, err := net.SplitHostPort(plain)
	if err != nil {
		return !strings.ContainsAny(strings.TrimSuffix(strings.TrimPrefix(plain, "["), "]"), "[]/@ ") &&
			(!strings.Contains(plain, ":") || strings.HasPrefix(plain, "[") && strings.HasSuffix(plain, "]"))
	}
	n, err := strconv.Atoi(port)
	return err == nil && 0 < n && n < 1<<16 && name != "" && !strings.ContainsAny(name, "/@ ")
}

// extract sets this package's own options from a query, and returns the others as they were
// given.
func extract(query string, o *Options) (kept []string, err error) {
	if query == "" {
		return nil, nil
	}
	if strings.Contains(query, ";") {
		return nil, adapter.Invalid("URL", `must have "&" between its options, not ";", which is %3B in a value`)
	}
	seen := map[string]bool{}
	for _, pair := range strings.Split(query, "&") {
		if pair == "" {
			continue
		}
		name, value, err := option(pair)
		if err != nil {
			return nil, err
		}
		lower := strings.ToLower(name)
		if seen[lower] && lower != "readpreferencetags" {
			return nil, adapter.Invalid("URL", "must have the option "+name+" at most once")
		}
		seen[lower] = true
		own, err := o.set(lower, value)
		switch {
		case err != nil:
			return nil, err
		case own:
		case !driverOptions[lower]:
			return nil, adapter.Invalid("URL", fmt.Sprintf("has the option %q, which neither this package nor the MongoDB driver has%s", name, suggestion(lower)))
		default:
			kept = append(kept, strings.ReplaceAll(pair, "@", "%40")) // the driver would take what is before an "@" for the user
		}
	}
	return kept, nil
}

// option returns the name and the value of an option.
func option(pair string) (name, value string, err error) {
	name, value, found := strings.Cut(pair, "=")
	name, err1 := url.QueryUnescape(name)
	value, err2 := url.QueryUnescape(value)
	if !found || name == "" || err1 != nil || err2 != nil {
		return "", "", adapter.Invalid("URL", "must have options of the form name=value, with special characters percent-encoded")
	}
	if value == "" && !strings.EqualFold(name, "readPreferenceTags") {
		return "", "", adapter.Invalid("URL", "must have a value for the option "+name)
	}
	return name, value, nil
}

// set sets an option of this package, and reports whether it is one.
func (o *Options) set(name, value string) (own bool, err error) {
	switch name {
	case "layout":
		return true, o.Layout.setPreset(value)
	case "ids":
		return true, o.Layout.setIDs(value)
	case "skipschemacheck":
		o.SkipSchemaCheck, err = strconv.ParseBool(value)
	case "linearizablereads":
		o.LinearizableReads, err = strconv.ParseBool(value)
	case "nobatching":
		o.NoBatching, err = strconv.ParseBool(value)
	case "requesttimeout":
		if o.RequestTimeout, err = time.ParseDuration(value); err != nil || o.RequestTimeout <= 0 {
			return true, adapter.Invalid("URL", "must have a duration such as 10s for requestTimeout")
		}
	default:
		return false, nil
	}
	if err != nil {
		return true, adapter.Invalid("URL", "must have true or false for "+ownNames[name])
	}
	return true, nil
}

// ownNames are the names of this package's options as they are written.
var ownNames = map[string]string{
	"layout": "layout", "ids": "ids", "skipschemacheck": "skipSchemaCheck", "linearizablereads": "linearizableReads", "nobatching": "noBatching", "requesttimeout": "requestTimeout",
}

// driverOptions are the options of the driver, which silently ignores others.
var driverOptions = func() map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.Fields(`
		appname authmechanism authmechanismproperties authsource compressors connect directconnection connecttimeoutms
		heartbeatintervalms heartbeatfrequencyms journal loadbalanced localthresholdms maxidletimems maxpoolsize minpoolsize
		maxconnecting readconcernlevel readpreference readpreferencetags maxstaleness maxstalenessseconds replicaset retrywrites
		retryreads maxadaptiveretries enableoverloadretargeting servermonitoringmode serverselectiontimeoutms sockettimeoutms
		srvmaxhosts srvservicename ssl tls sslclientcertificatekeyfile tlscertificatekeyfile sslclientcertificatekeypassword
		tlscertificatekeyfilepassword tlscertificatefile tlsprivatekeyfile sslinsecure tlsinsecure sslcertificateauthorityfile
		tlscafile timeoutms tlsdisablecertificaterevocationcheck tlsdisableocspendpointcheck w zlibcompressionlevel
		zstdcompressionlevel`) {
		all[name] = true
	}
	return all
}()

// suggestion names an option that may have been meant.
func suggestion(name string) string {
	best, least := "", 4
	for known := range driverOptions {
		if d := distance(name, known); d < least || d == least && known < best {
			best, least = known, d
		}
	}
	for lower, known := range ownNames {
		if d := distance(name, lower); d < least {
			best, least = known, d
		}
	}
	if best == "" {
		return ""
	}
	return ": " + best + "?"
}

// distance is the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// refusedURL returns the error for a URL that the driver does not accept, whose own error
// may quote it, or whose name cannot be looked up.
func refusedURL(err error) error {
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return lookupError(lookup, err)
	}
	reason := "has options that the MongoDB driver does not accept together, or a value that it does not accept"
	if match := refusedValue.FindStringSubmatch(err.Error()); match != nil {
		reason = "has a value for the option " + match[1] + " that the MongoDB driver does not accept"
	}
	if file := (*fs.PathError)(nil); errors.As(err, &file) {
		reason = "names a file that cannot be read: " + file.Path
	}
	return driver.Caused(adapter.Invalid("URL", reason), err)
}

// refusedValue matches the driver's text about a value, which it quotes after the option's
// name.
var refusedValue = regexp.MustCompile(`invalid (?:value for "|')(\w+)["']`)
