package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/memory"
)

// forgetful loses the names of users.
type forgetful struct{ adapter.Adapter }

func (f forgetful) Unwrap() adapter.Adapter { return f.Adapter }

func (f forgetful) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := f.Adapter.GetUser(ctx, id)
	u.Name = ""
	return u, err
}

// rooms are the namespaces of a store for tests, by their names: those that were made, and whether
// they are still there.
type rooms struct {
	there  map[string]bool
	remove func(ctx context.Context) error // nil: it can be removed
}

// place implements placeMaker.
func (r *rooms) place(_, name string) (place, error) {
	p, _ := memoryPlace("", "")
	open := p.open
	p.open = func(ctx context.Context, o adapter.Options) (adapter.Adapter, error) {
		r.there[name] = true
		a, err := open(ctx, o)
		return forgetful{a}, err
	}
	p.remove = func(ctx context.Context) error {
		if r.remove != nil {
			return r.remove(ctx)
		}
		r.there[name] = false
		return ctx.Err()
	}
	return p, nil
}

func init() {
	driver.Register("forgetful", func(context.Context, string, adapter.Options) (adapter.Adapter, error) {
		return forgetful{memory.New(memory.Options{})}, nil
	})
}

// furnish has forgetful: URLs make rooms.
func furnish(t *testing.T) *rooms {
	r := &rooms{there: map[string]bool{}}
	placeMakers["forgetful"] = r.place
	t.Cleanup(func() { delete(placeMakers, "forgetful") })
	return r
}

// left returns how many rooms were made and how many are there.
func (r *rooms) left() (made, left int) {
	for _, there := range r.there {
		if there {
			left++
		}
	}
	return len(r.there), left
}

func TestConformanceRun(t *testing.T) {
	out, errOut, code := try(t, "conformance", "run", "--store", "memory:")
	if code != exitDone || !strings.Contains(out, "failed        0 ") {
		t.Errorf("%d: %s%s", code, out, errOut)
	}
	out, errOut, code = try(t, "conformance", "run", "--store", "memory:", "--run", "^(USR-001|CUT-001|OPN-001)$", "--json")
	var report conformance.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitDone {
		t.Fatalf("%d, %v: %s%s", code, err, out, errOut)
	}
	if report.Backend != "memory" || len(report.Results) != 3 || report.Count(conformance.Passed) != 1 || report.Count(conformance.NotProvided) != 2 {
		t.Errorf("got %+v", report)
	}
}

// A store with a bug is a problem, in each form of the report, and nothing is left of its namespaces.
func TestConformanceRunFindsABug(t *testing.T) {
	r := furnish(t)
	file := filepath.Join(t.TempDir(), "report.xml")
	args := []string{"conformance", "run", "--store", "forgetful:", "--run", "^(USR-00[16]|CRS-001)$"}
	out, errOut, code := try(t, append(args, "--junit", file)...)
	for _, want := range []string{"FAILED USR-001: A user comes back", "  GetUser", "passed        1", "failed        1", "the server is left alone: CRS"} {
		if !strings.Contains(out, want) {
			t.Errorf("got %s, want %q in it", out, want)
		}
	}
	if code != exitProblems || errOut != "" {
		t.Errorf("got the exit code %d: %s", code, errOut)
	}
	if made, left := r.left(); made != 4 || left != 0 {
		t.Errorf("%d of %d namespaces are left", left, made)
	}
	text, err := os.ReadFile(file)
	check(t, err)
	var suite junitSuite
	check(t, xml.Unmarshal(text, &suite))
	if suite.Tests != 3 || suite.Failures != 1 || suite.Skipped != 1 || len(suite.Cases) != 3 || suite.Cases[0].Failure == nil ||
		!strings.Contains(suite.Cases[0].Failure.Text, "GetUser") || suite.Cases[1].Failure != nil || suite.Cases[2].Skipped == nil {
		t.Errorf("got %s", text)
	}
	out, _, code = try(t, append(args, "--json")...)
	var report conformance.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitProblems || report.Count(conformance.Failed) != 1 {
		t.Errorf("%d, %v: %s", code, err, out)
	}
}

// What a test leaves is removed at the end, also when the command was interrupted, and what cannot be
// removed is named.
func TestNamespacesAreRemoved(t *testing.T) {
	r := furnish(t)
	ctx, interrupt := context.WithCancel(t.Context())
	tries := 0
	r.remove = func(context.Context) error { // the first one is made to see whether it can be removed
		switch tries++; tries {
		case 1:
			return nil
		case 3:
			interrupt()
		}
		return errors.New("in use")
	}
	var o, e bytes.Buffer
	code := run(ctx, []string{"conformance", "run", "--store", "forgetful:", "--run", "^USR-00"}, streams{&o, &e})
	if code != exitFailed || !strings.HasPrefix(e.String(), "authstore: interrupted") || tries != 3 {
		t.Errorf("%d, %d tries: %s%s", code, tries, o.String(), e.String())
	}
	tries = 0
	if out, errOut, code := try(t, "conformance", "run", "--store", "forgetful:", "--run", "^USR-006"); code != exitProblems || !strings.Contains(out, "-0002 is left, remove it: in use") {
		t.Errorf("%d: %s%s", code, out, errOut)
	}
	if _, errOut, code := try(t, "conformance", "run", "--store", "forgetful:", "--run", "^USR-006"); code != exitFailed || !strings.Contains(errOut, "-0001 is left, remove it: in use") {
		t.Errorf("%d: %s", code, errOut)
	}

	r.remove = nil
	n := &namespaces{scheme: "forgetful", name: "x", make: r.place, left: map[string]place{}}
	for range 3 {
		_, err := n.next(t.Context())
		check(t, err)
	}
	check(t, n.removeAll())
	for name, there := range r.there {
		if there && strings.HasPrefix(name, "x-") {
			t.Errorf("%s is left", name)
		}
	}
}

func TestConformanceRunRefuses(t *testing.T) {
	t.Setenv("FAUNA_SECRET", "hunter2")
	for args, want := range map[string]string{
		"--store memory: --run (":       "--run is a regular expression",
		"--store memory: --run ^XXX":    "no test has such an ID",
		"--store fauna://127.0.0.1":     "a fauna URL cannot name a part",
		"--store redis://u:hunter2@h/x": "redis: Open",
		"--store dynamodb://arn:aws:dynamodb:eu-central-1:123456789012:table/people": "no table by its ARN",
		"--store redis://127.0.0.1:1 --timeout 20s":                                  "connection refused",
		"--store memory: --run USR-001 --junit none/report.xml":                      "no such file",
	} {
		if out, errOut, code := try(t, append([]string{"conformance", "run"}, strings.Fields(args)...)...); code != exitFailed || !strings.Contains(errOut, want) {
			t.Errorf("%s: %d: %s%s", args, code, out, errOut)
		}
	}
}

// Each place is named by a URL that the store takes, and has the server and the user of the one that
// was given.
func TestPlaces(t *testing.T) {
	for given, want := range map[string]string{
		"mongodb://127.0.0.1":                               "mongodb://127.0.0.1/NAME",
		"mongodb://a,b:27018/app?replicaSet=rs0":            "mongodb://a,b:27018/NAME?replicaSet=rs0",
		"mongodb://u:p%40@h/app":                            "mongodb://u:p%40@h/NAME?authSource=app",
		"mongodb://u:p@h/app?layout=prisma&authSource=else": "mongodb://u:p@h/NAME?layout=prisma&authSource=else",
		"mongodb://u:p@h/app?layout=prisma":                 "mongodb://u:p@h/NAME?layout=prisma&authSource=app",
		"mongodb+srv://u:p@h.example.com/app":               "mongodb+srv://u:p@h.example.com/NAME",
		"dynamodb://people?region=eu-central-1":             "dynamodb://NAME?region=eu-central-1",
		"dynamodb:?region=local&no_index=true":              "dynamodb://NAME?region=local&no_index=true",
		"redis://h":                                         "redis://h/?prefix=NAME",
		"rediss://u:p@h:6380/2?prefix=app&pool_size=5":      "rediss://u:p@h:6380/2?pool_size=5&prefix=NAME",
		"redis+upstash://h/1":                               "redis+upstash://h/1?prefix=NAME",
		"redis+cluster://a,b:7001":                          "redis+cluster://a,b:7001/?prefix=NAME",
		"redis+sentinel://a,b/2?master_name=m":              "redis+sentinel://a,b/2?master_name=m&prefix=NAME",
		"redis://%2Frun%2Fredis.sock/4":                     "redis://%2Frun%2Fredis.sock/4?prefix=NAME",
	} {
		scheme, _, _ := strings.Cut(given, ":")
		p, err := placeMakers[scheme](given, "NAME")
		check(t, err)
		if p.url != want {
			t.Errorf("%s: got %s, want %s", given, p.url, want)
		}
		store, err := p.open(t.Context(), adapter.Options{})
		if err != nil {
			t.Errorf("%s: %v", p.url, err)
			continue
		}
		check(t, store.Close())
		if scheme == "mongodb" { // the driver takes it as it is, with the parameters of the store
			check(t, options.Client().ApplyURI(p.url).Validate())
		}
	}
}

// The client that removes keys is on the servers of the store.
func TestRedisClient(t *testing.T) {
	for given, want := range map[string]string{
		"redis://h": "h:6379 0 ", "rediss://u:p@h:6380/2?prefix=a&no_batching=true&request_timeout=2s": "h:6380 2 u TLS",
		"redis+upstash://h/1":                        "h:6379 1 ",
		"redis://u:p@%2Frun%2Fredis.sock/4":          "/run/redis.sock 4 u",
		"redis+cluster://u:p@a:7000,b:7001?addr=c:1": "[a:7000 b:7001 c:1] u",
		"rediss+cluster://a:7000,b:7001":             "[a:7000 b:7001]  TLS",
		"redis+cluster://a:7000?tls=true":            "[a:7000]  TLS",
		"redis+sentinel://a:1,b:2/2?master_name=m":   "FailoverClient 2 ",
		"rediss+sentinel://u:p@a:1/2?master_name=m":  "FailoverClient 2  TLS",
	} {
		address, path, query := parts(given)
		values, err := url.ParseQuery(query)
		check(t, err)
		client, err := redisClient(address, path, values)
		if err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		got := ""
		switch c := client.(type) {
		case *goredis.Client:
			o := c.Options()
			got = strings.TrimSpace(fmt.Sprint(o.Addr, " ", o.DB, " ", o.Username, tlsOf(o.TLSConfig != nil, "")))
		case *goredis.ClusterClient:
			o := c.Options()
			name := ""
			if o.TLSConfig != nil {
				name = o.TLSConfig.ServerName
			}
			got = strings.TrimSpace(fmt.Sprint(o.Addrs, " ", o.Username, tlsOf(o.TLSConfig != nil, name)))
		}
		if got != strings.TrimSpace(want) {
			t.Errorf("%s: got %q, want %q", given, got, want)
		}
		check(t, client.Close())
	}
}

func tlsOf(has bool, name string) string {
	if !has {
		return ""
	}
	return " TLS" + name
}
