package tests

import (
	"context"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	goredis "github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
)

// ours begins the names of all that conformance run and bench make.
const ours = "authstore-"

// server is a server, what there is on it whose name is like ours, and what go test calls it.
type server struct {
	url    string
	report reported
	left   func(t *testing.T) []string
}

// reported is where go test reports a backend, and by what name.
type reported struct{ file, backend string }

// keys returns what a Redis has.
func keys(client goredis.UniversalClient) func(t *testing.T) []string {
	return func(t *testing.T) []string {
		all, err := redistest.Dump(t.Context(), client, ours)
		check(t, err)
		return all
	}
}

func single(t *testing.T) *goredis.Client {
	o, err := goredis.ParseURL(engine.Redis(t).URL)
	check(t, err)
	return goredis.NewClient(o)
}

// hosts returns those of a URL of several.
func hosts(t *testing.T, rawURL string) ([]string, url.Values) {
	u, err := url.Parse(rawURL)
	check(t, err)
	return strings.Split(u.Host, ","), u.Query()
}

// servers are those of each kind of URL.
var servers = map[string]func(t *testing.T) server{
	"Redis": func(t *testing.T) server {
		return server{engine.Redis(t).URL, reported{"redis.json", "redis"}, keys(single(t))}
	},
	"Redis, Upstash layout": func(t *testing.T) server {
		return server{strings.Replace(engine.Redis(t).URL, "redis://", "redis+upstash://", 1), reported{"redis/upstash.json", "redis (Upstash layout)"}, keys(single(t))}
	},
	"Redis Cluster": func(t *testing.T) server {
		s := engine.RedisCluster(t)
		addresses, _ := hosts(t, s.URL)
		return server{s.URL, reported{"redis.json", "redis (Cluster)"}, keys(goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: addresses}))}
	},
	"Redis Sentinel": func(t *testing.T) server {
		s := engine.RedisSentinel(t)
		addresses, query := hosts(t, s.URL)
		return server{s.URL, reported{"redis.json", "redis (Sentinel)"}, keys(goredis.NewFailoverClient(&goredis.FailoverOptions{SentinelAddrs: addresses, MasterName: query.Get("master_name")}))}
	},
	"MongoDB": func(t *testing.T) server {
		s := engine.Mongo(t)
		return server{strings.Replace(s.URL, "/?", "/app?", 1), reported{"mongo.json", "mongo"}, func(t *testing.T) []string {
			client, err := driver.Connect(options.Client().ApplyURI(s.URL))
			check(t, err)
			defer func() { check(t, client.Disconnect(context.Background())) }()
			all, err := client.ListDatabaseNames(t.Context(), bson.D{})
			check(t, err)
			return slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, ours) })
		}}
	},
	"DynamoDB Local": func(t *testing.T) server {
		endpoint := engine.DynamoDB(t).URL
		return server{"dynamodb://people?region=local&endpoint=" + url.QueryEscape(endpoint), reported{"dynamodb.json", "dynamodb"}, func(t *testing.T) []string {
			client := awsdynamodb.New(awsdynamodb.Options{BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: aws.CredentialsProviderFunc(
				func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
				})})
			out, err := client.ListTables(t.Context(), &awsdynamodb.ListTablesInput{ExclusiveStartTableName: aws.String(ours)})
			check(t, err)
			return slices.DeleteFunc(out.TableNames, func(name string) bool { return !strings.HasPrefix(name, ours) })
		}}
	},
}

// reports has conformance run make the whole suite, and compares what it says with go test.
var reports = flag.String("conformance.reports", "", "the `folder` of the reports of make test, build/reports")

// The suite and the benchmark run on each engine by its URL, and leave nothing there.
func TestConformanceRun(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "local")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "local")
	program := build(t)
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			s, c := serve(t), program
			c.env = []string{"AUTHSTORE_URL=" + s.url}
			if *reports != "" {
				report := conform(t, c, "")
				t.Logf("%s: %d passed, %d failed, %d not provided", name, report.Count(conformance.Passed), report.Count(conformance.Failed), report.Count(conformance.NotProvided))
				compare(t, goTest(t, s.report), report)
			} else if report := conform(t, c, "^(USR-001|ACC-001|SES-001|VER-001|OPN-001|RAC-001)$"); report.Count(conformance.Passed) != 6 {
				t.Errorf("got %+v, want 6 that passed", report)
			}
			c.run(t, "bench", "--callers", "1,8", "--time", "100ms", "--users", "10")
			if left := s.left(t); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// conform runs tests of the suite by the program.
func conform(t *testing.T, c command, pattern string) (report conformance.Report) {
	printed := c.run(t, "conformance", "run", "--json", "--run", pattern)
	_, begins, _ := strings.Cut(printed, "{") // a driver may have warned of something before
	check(t, json.Unmarshal([]byte("{"+begins), &report))
	return report
}

// goTest returns the report of a backend that go test has written.
func goTest(t *testing.T, of reported) conformance.Report {
	text, err := os.ReadFile(filepath.Join(*reports, of.file))
	check(t, err)
	var all struct{ Reports []conformance.Report }
	check(t, json.Unmarshal(text, &all))
	for _, r := range all.Reports {
		if r.Backend == of.backend {
			return r
		}
	}
	t.Fatalf("%s has no report of %q: make test writes it", of.file, of.backend)
	return conformance.Report{}
}

// compare reports where a run by URL differs from one of go test, which has no other result of any test
// unless the URL cannot give what it needs. The random sequences are a part of the tests of a backend alone.
func compare(t *testing.T, want, got conformance.Report) {
	byID := map[string]conformance.Result{}
	for _, r := range got.Results {
		byID[r.ID] = r
	}
	missing := map[string][]string{}
	for _, w := range want.Results {
		r, ran := byID[w.ID]
		delete(byID, w.ID)
		switch {
		case strings.HasPrefix(w.ID, "SEQ-") && !ran:
		case r.Status == conformance.NotProvided && w.Status != conformance.Failed:
			missing[r.Detail] = append(missing[r.Detail], r.ID)
		case r.Status != w.Status || r.Rule != w.Rule:
			t.Errorf("%s is %q, and %q for go test: %s", w.ID, r.Status, w.Status, r.Detail)
		}
	}
	for id, r := range byID {
		t.Errorf("go test does not know %s, %s", id, r.Status)
	}
	for why, ids := range missing {
		t.Logf("%d not provided, because %s: %s", len(ids), why, strings.Join(ids, " "))
	}
}
