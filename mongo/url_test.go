package mongo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
)

// What is not this package's reaches the driver as it was given.
func TestURLsReachTheDriver(t *testing.T) {
	for given, want := range map[string]string{
		"mongodb://a/app":                                                                       "mongodb://a/app",
		"mongodb://a,b:27018,c/app?replicaSet=rs0":                                              "mongodb://a,b:27018,c/app?replicaSet=rs0",
		"mongodb://a:1,b:2/app":                                                                 "mongodb://a:1,b:2/app",
		"mongodb://[::1]/app":                                                                   "mongodb://[::1]/app",
		"mongodb://[::1]:27018,[fe80::1%25eth0]:1/app":                                          "mongodb://[::1]:27018,[fe80::1%25eth0]:1/app",
		"mongodb://%2Frun%2Fmongodb-27017.sock/app":                                             "mongodb://%2Frun%2Fmongodb-27017.sock/app",
		"mongodb://u:p@%2Frun%2Fmongodb-27017.sock,b/app":                                       "mongodb://u:p@%2Frun%2Fmongodb-27017.sock,b/app",
		"MongoDB://u:p%40%2F%3A%25+@a/app":                                                      "mongodb://u:p%40%2F%3A%25+@a/app",
		"mongodb://u@a/app?authMechanism=MONGODB-X509&tls=true":                                 "mongodb://u@a/app?authMechanism=MONGODB-X509&tls=true",
		"mongodb://a/app?ids=string&tls=true":                                                   "mongodb://a/app?tls=true",
		"mongodb://a/app?tls=true&Layout=Prisma&appName=a+b%20c%26d%3B":                         "mongodb://a/app?tls=true&appName=a+b%20c%26d%3B",
		"mongodb://a/app?requestTimeout=3s&linearizableReads=true":                              "mongodb://a/app",
		"mongodb://a/app?readPreferenceTags=dc:ny&readPreferenceTags=&readPreference=secondary": "mongodb://a/app?readPreferenceTags=dc:ny&readPreferenceTags=&readPreference=secondary",
		"mongodb://a/app?&minPoolSize=50&":                                                      "mongodb://a/app?minPoolSize=50",
		"mongodb://u:p@a/app?appName=me@example.com/x":                                          "mongodb://u:p@a/app?appName=me%40example.com/x",
		"mongodb://a/app?appName=me@example.com":                                                "mongodb://a/app?appName=me%40example.com",
		"mongodb://a/my%2Dapp":                                                                  "mongodb://a/my%2Dapp",
		"mongodb+srv://u:p@cluster.example.com/app?w=1":                                         "mongodb+srv://u:p@cluster.example.com/app?w=1",
		"mongodb://u:p[1]^`{|}!$&'()*,;=~<>\"\\@a:1/app":                                        "mongodb://u:p[1]^`{|}!$&'()*,;=~<>\"\\@a:1/app",
		"mongodb://a/app?heartbeatFrequencyMS=10000&w=majority":                                 "mongodb://a/app?heartbeatFrequencyMS=10000&w=majority",
	} {
		var o Options
		got, _, err := parseURL(given, &o)
		if err != nil || got != want {
			t.Errorf("%s\n  got:  %s, %v\n  want: %s", given, got, err, want)
		}
	}
	var o Options
	_, database, err := parseURL("mongodb://a/my%2Dapp?ids=string&layout=prisma&SkipSchemaCheck=1&requestTimeout=1500ms&linearizableReads=true&noBatching=true", &o)
	if err != nil || database != "my-app" || o.Layout.IDs != StringIDs || o.Layout.Users.Collection != "User" || !o.SkipSchemaCheck || o.RequestTimeout != 1500*time.Millisecond || !o.LinearizableReads {
		t.Errorf("got %q, %+v, %v", database, o, err)
	}
}

// What cannot be meant is refused with what to do, without the password.
func TestURLsThatAreRefused(t *testing.T) {
	for given, want := range map[string]string{
		"mongodb://u:hunter2@a":                                 "must name the database",
		"mongodb://u:hunter2@a/":                                "must name the database",
		"mongodb://u:hunter2@a/a.b":                             "must name the database",
		"mongodb://u:hunter2@a/?tls=true":                       "must name the database",
		"mongodb:u:hunter2@a/app":                               "must have the form mongodb://",
		"mongodb://u:hunter2@/app":                              "must name a host",
		"mongodb://u:hunter2@a,/app":                            "must have hosts",
		"mongodb://u:hunter2@a:x/app":                           "must have hosts",
		"mongodb://u:hunter2@a:99999/app":                       "must have hosts",
		"mongodb://u:hunter2@::1/app":                           "must have hosts",
		"mongodb://u:hunter2@/run/mongodb.sock/app":             "%2F",
		"mongodb://u:hunter2@%2Frun%2Fmongodb/app":              "must have hosts",
		"mongodb://u:hunter2/@a/app":                            "percent-encoded",
		"mongodb://u:hunter2?@a/app":                            "percent-encoded",
		"mongodb://u:hunter2#@a/app":                            "percent-encoded",
		"mongodb://u:hunter2@@a/app":                            "percent-encoded",
		"mongodb://u:hun:ter2@a/app":                            "percent-encoded",
		"mongodb://u:hunter2%@a/app":                            "percent-encoded",
		"mongodb://u:hunter2%zz@a/app":                          "percent-encoded",
		"mongodb://u/x:hunter2@a/app":                           "percent-encoded",
		"mongodb://u:hunter2/?@a/app?tls=true":                  "percent-encoded",
		"mongodb://u:hunter2@a/app#x":                           "%23",
		"mongodb://u:hunter2@a/app?tls=true;replicaSet=rs0":     `"&" between its options`,
		"mongodb://u:hunter2@a/app?replicaset=a&replicaSet=b":   "at most once",
		"mongodb://u:hunter2@a/app?noBatching=1&nobatching=0":   "at most once",
		"mongodb://u:hunter2@a/app?tsl=true":                    ": ssl?",
		"mongodb://u:hunter2@a/app?replicasett=rs0":             ": replicaset?",
		"mongodb://u:hunter2@a/app?skipShemaCheck=true":         ": skipSchemaCheck?",
		"mongodb://u:hunter2@a/app?sockettimeout=5":             `the option "sockettimeout"`,
		"mongodb://u:hunter2@a/app?tls":                         "name=value",
		"mongodb://u:hunter2@a/app?tls=":                        "value for the option tls",
		"mongodb://u:hunter2@a/app?=true":                       "name=value",
		"mongodb://u:hunter2@a/app?tls=%zz":                     "name=value",
		"mongodb://u:hunter2@a/app?tls=yes":                     "the option tls",
		"mongodb://u:hunter2@a/app?noBatching=perhaps":          "true or false for noBatching",
		"mongodb://u:hunter2@a/app?ids=number":                  "must have objectid, string or uuid",
		"mongodb://u:hunter2@a/app?layout=drizzle":              "must have one of these for layout: authjs, betterauth, prisma",
		"mongodb://u:hunter2@a/app?requestTimeout=10":           "requestTimeout",
		"mongodb://u:hunter2@a/app?requestTimeout=-1s":          "requestTimeout",
		"mongodb://u:hunter2@a,b/app?directConnection=true":     "does not accept together",
		"mongodb://u:hunter2@a/app?minPoolSize=9&maxPoolSize=3": "does not accept together",
		"mongodb://u:hunter2@a/app?tlsCAFile=/nowhere.pem":      "/nowhere.pem",
		"mongodb://u:hunter2@a/app?connectTimeoutMS=hunter2":    "the option connectTimeoutMS",
		"mongodb://u:hunter2@a/app?authMechanism=hunter2":       "the MongoDB driver does not accept",
	} {
		var o Options
		got, _, err := parseURL(given, &o)
		if !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n  got:  %q, %v\n  want: an ErrInvalid with %s", given, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error has the password: %v", given, err)
		}
	}
}

// A pool is as large as the URL has it be at least.
func TestMinPoolSizeAboveOurMaximum(t *testing.T) {
	o := clientOptions("mongodb://a/app?minPoolSize=50")
	if *o.MaxPoolSize != 50 || *o.MinPoolSize != 50 || o.Validate() != nil {
		t.Errorf("got the maximum %d, %v", *o.MaxPoolSize, o.Validate())
	}
	if o = clientOptions("mongodb://a/app"); *o.MaxPoolSize != maxPoolSize {
		t.Errorf("got the maximum %d", *o.MaxPoolSize)
	}
	if o = clientOptions("mongodb://a/app?minPoolSize=5&maxPoolSize=0"); *o.MaxPoolSize != 0 {
		t.Errorf("got the maximum %d", *o.MaxPoolSize)
	}
}

// Whatever the driver takes without this package's own options it is given, or it is
// refused with a reason; never something else.
func FuzzURLs(f *testing.F) {
	for _, seed := range []string{
		"u:p@a,b:1/app?tls=true", "[::1]:1/app", "%2Frun%2Fm.sock/app?w=1", "u:p@w@a/app?appName=x@y", "a/app?tls=true;w=1", "a/app?w=%31&noBatching=true",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		var o Options
		given := "mongodb://" + rest
		got, database, err := parseURL(given, &o)
		if err != nil {
			if !errors.Is(err, adapter.ErrInvalid) {
				t.Fatalf("%q: %v", given, err)
			}
			return
		}
		a, b := options.Client().ApplyURI(got), options.Client().ApplyURI(given)
		if a.Validate() != nil || database == "" {
			t.Fatalf("%q: the driver does not take %q: %v", given, got, a.Validate())
		}
		if b.Validate() != nil {
			return // an "@" in an option
		}
		if strings.Join(a.Hosts, ",") != strings.Join(b.Hosts, ",") || (a.Auth == nil) != (b.Auth == nil) || a.Auth != nil && (a.Auth.Username != b.Auth.Username || a.Auth.Password != b.Auth.Password) ||
			(a.TLSConfig == nil) != (b.TLSConfig == nil) {
			t.Fatalf("%q became %q", given, got)
		}
	})
}
