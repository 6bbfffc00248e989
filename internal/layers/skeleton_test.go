package layers

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testsFolder is where the tests of a backend are that call its exported API or need an engine.
const testsFolder = "internal/tests"

// jobs are the files that have the same job, and so the same name, in every backend.
var jobs = map[string]string{
	"doc.go":                "the package comment",
	"open.go":               "Options, New, the adapter's type, Close, Ping",
	"url.go":                "opening by URL",
	"users.go":              "the methods on users",
	"accounts.go":           "the methods on accounts",
	"authenticators.go":     "the methods on authenticators",
	"sessions.go":           "the methods on sessions",
	"verificationtokens.go": "the methods on verification tokens",
	"enumerate.go":          "EnumerateUsers",
	"purge.go":              "PurgeExpired",
	"schema.go":             "CheckSchema, ApplySchema",
	"templates.go":          "PrintSchema: what sets the store up, as text for other tools",
	"repair.go":             "Repair",
	"survey.go":             "the walk that finds what Repair mends",
	"codec.go":              "records and the store's form of them",
	"keys.go":               "names of keys, collections, fields and indexes, and their escaping",
	"claims.go":             "how an address, an account, a credential is taken and given back",
	"owned.go":              "finding what belongs to a user",
	"calls.go":              "how one request is sent, awaited and repeated",
	"errors.go":             "of which kind an error of the driver is",
	"unreadable.go":         "records that cannot be read",
	"example_test.go":       "the examples on pkg.go.dev",

	testsFolder + "/conformance_test.go": "the suite",
	testsFolder + "/harness_test.go":     "what all tests of the folder use",
	testsFolder + "/bench_test.go":       "benchmarks, beside the bare driver",
	testsFolder + "/cost_test.go":        "round trips and costs against the documented ones",
	testsFolder + "/schema_test.go":      "the schema",
	testsFolder + "/repair_test.go":      "Repair",
	testsFolder + "/enumerate_test.go":   "enumeration",
	testsFolder + "/foreign_test.go":     "records of other programs",
	testsFolder + "/errors_test.go":      "that errors name the cause",
	testsFolder + "/access_test.go":      "the least privileges",
	testsFolder + "/wire_test.go":        "connections that are cut, and scripted responses",
	testsFolder + "/silence_test.go":     "connections that have died without a word",
	testsFolder + "/layout_test.go":      "what is stored",
}

// skeleton is how the files of a backend differ from jobs, each file with the reason.
type skeleton struct {
	own   map[string]string // files that no other backend needs
	lacks map[string]string // jobs that the backend does not have
}

const (
	inClient   = "one request has the same rules in both layouts: redis/internal/client"
	noForeign  = "no other program writes to it"
	noSchema   = "it needs no set-up"
	ownExpiry  = "the store removes by itself what has expired"
	noRequests = "calls are function calls"
)

// skeletons has every backend.
var skeletons = map[string]skeleton{
	"memory": {
		own: map[string]string{
			"store.go": "Store, which several adapters share, and the records in it",
		},
		lacks: map[string]string{
			"url.go":        "its URL has no parameters: in open.go",
			"schema.go":     noSchema,
			"templates.go":  noSchema,
			"repair.go":     noForeign,
			"survey.go":     noForeign,
			"codec.go":      "records are stored as they are",
			"keys.go":       "maps have Go's types as keys",
			"claims.go":     "one lock decides what is taken",
			"owned.go":      "a user has pointers to its records",
			"calls.go":      noRequests,
			"errors.go":     "there is no driver",
			"unreadable.go": noForeign,

			testsFolder + "/cost_test.go":      noRequests,
			testsFolder + "/schema_test.go":    noSchema,
			testsFolder + "/repair_test.go":    noForeign,
			testsFolder + "/enumerate_test.go": "the suite sees all of it",
			testsFolder + "/foreign_test.go":   noForeign,
			testsFolder + "/errors_test.go":    "there is no driver",
			testsFolder + "/access_test.go":    "there is no server",
			testsFolder + "/wire_test.go":      noRequests,
			testsFolder + "/silence_test.go":   noRequests,
			testsFolder + "/layout_test.go":    "records are stored as they are",
		},
	},
	"mongo": {
		own: map[string]string{
			"batch.go":       "reads that are made at the same time share a request",
			"changes.go":     "updates of a document: in one step, or of one whose fields have other forms",
			"connections.go": "the connection that is made at the first call, and its options",
			"ids.go":         "text, ObjectID, UUID or number: the forms of one ID",
			"layout.go":      "how records are stored, as data",
			"layouts.go":     "the layouts of Auth.js, Prisma, TypeORM and Better Auth",
			"obstacles.go":   "indexes and options of the application's that are in the way",
			"signup.go":      "a sign-up without transactions, and how it is finished by any reader",
			"values.go":      "values of BSON as what they mean",

			testsFolder + "/batch_test.go":    "shared requests",
			testsFolder + "/concerns_test.go": "read and write concerns",
			testsFolder + "/failover_test.go": "a primary that steps down",
		},
	},
	"dynamodb": {
		own: map[string]string{
			"answers.go":     "middleware that checks who answered",
			"batch.go":       "reads that are made at the same time share a request",
			"cascade.go":     "deleting a user is pages of transactions and a tombstone",
			"changes.go":     "update expressions",
			"connections.go": "a second connection for a client of the application's",
			"items.go":       "gets, batches and pages of items",
			"transact.go":    "transactions of named steps",
			"values.go":      "values of attributes, their types and sizes",

			testsFolder + "/batch_test.go":  "shared requests",
			testsFolder + "/busy_test.go":   "throttling",
			testsFolder + "/faults_test.go": "lost replies and late writes",
			testsFolder + "/heldup_test.go": "calls that stand still between two requests",
		},
		lacks: map[string]string{
			"purge.go": ownExpiry,
		},
	},
	"fauna": {
		own: map[string]string{
			"connections_test.go": "the connections of internal/wire as a store uses them",
			"ids.go":              "IDs are 63-bit numbers",
			"queries.go":          "the text of the queries",
			"silence_test.go":     "needs the transports of the client, which are not exported",

			testsFolder + "/tape_test.go": "recordings, for where there is no server",
		},
		lacks: map[string]string{
			"purge.go":  ownExpiry,
			"repair.go": "its unique constraints bind every program",
			"survey.go": "its unique constraints bind every program",

			testsFolder + "/repair_test.go":  "its unique constraints bind every program",
			testsFolder + "/silence_test.go": "beside the code: it needs the transports of the client",
		},
	},
	"redis": {
		own: map[string]string{
			"batch.go":    "reads that are made at the same time share a request",
			"replicas.go": "waiting for replicas",
			"scripts.go":  "the scripts, and their replies",

			testsFolder + "/batch_test.go":      "shared requests",
			testsFolder + "/clocks_test.go":     "clocks that differ",
			testsFolder + "/eviction_test.go":   "keys that the server evicts",
			testsFolder + "/repetition_test.go": "commands that the driver sends twice",
			testsFolder + "/reshard_test.go":    "slots that move between nodes",
		},
		lacks: map[string]string{
			"purge.go":  ownExpiry,
			"schema.go": noSchema,
			"repair.go": noForeign,
			"survey.go": noForeign,
			"errors.go": inClient,

			testsFolder + "/schema_test.go":  noSchema,
			testsFolder + "/repair_test.go":  noForeign,
			testsFolder + "/foreign_test.go": noForeign,
		},
	},
	"redis/upstash": {
		own: map[string]string{
			"scan.go":    "the walk over all keys",
			"scripts.go": "the scripts, and their replies",

			testsFolder + "/memory_test.go":     "a server whose memory is full",
			testsFolder + "/repetition_test.go": "commands that the driver sends twice",
		},
		lacks: map[string]string{
			"errors.go": inClient,

			testsFolder + "/bench_test.go":  "measured with redis, on the same driver",
			testsFolder + "/errors_test.go": inClient,
			testsFolder + "/layout_test.go": "interop has Auth.js read what is stored",
			testsFolder + "/schema_test.go": "CheckSchema lists what Repair mends: the suite's tests FOR-",
		},
	},
}

// deviations returns how the files of a backend differ from jobs in another way than its
// skeleton says. A test may also have the name of a file of the backend that it tests.
func deviations(files []string, s skeleton) []string {
	var found []string
	has := map[string]bool{}
	for _, f := range files {
		has[f] = true
	}
	for _, f := range slices.Sorted(maps.Keys(has)) {
		tested := strings.TrimSuffix(path.Base(f), "_test.go") + ".go"
		if jobs[f] == "" && s.own[f] == "" && !has[tested] {
			found = append(found, f+" has no job of every backend: give it the name of its job, or put it into own with the reason")
		}
		if s.lacks[f] != "" {
			found = append(found, f+" is there, although lacks has it")
		}
		if jobs[f] != "" && s.own[f] != "" {
			found = append(found, f+" is in own, although every backend has that job")
		}
	}
	for _, f := range slices.Sorted(maps.Keys(jobs)) {
		if !has[f] && s.lacks[f] == "" {
			found = append(found, f+" is missing ("+jobs[f]+"): put it into lacks with the reason")
		}
	}
	for _, f := range slices.Sorted(maps.Keys(s.own)) {
		if !has[f] {
			found = append(found, f+" is in own, and no file")
		}
	}
	for _, f := range slices.Sorted(maps.Keys(s.lacks)) {
		if jobs[f] == "" {
			found = append(found, f+" is in lacks, and no job of every backend")
		}
	}
	return found
}

// backendFiles returns the Go files of a backend and of its tests.
func backendFiles(t *testing.T, place string) []string {
	t.Helper()
	var files []string
	for _, folder := range []string{"", testsFolder} {
		entries, err := os.ReadDir(filepath.Join(root, place, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if path.Ext(e.Name()) == ".go" {
				files = append(files, path.Join(folder, e.Name()))
			}
		}
	}
	return files
}

// The same job has the same file in every backend, and whatever differs has a reason.
func TestBackendsHaveOneSkeleton(t *testing.T) {
	for _, name := range backends {
		if _, there := skeletons[name]; !there {
			t.Errorf("%s has no skeleton", name)
		}
	}
	used := map[string]bool{}
	for place, s := range skeletons {
		files := backendFiles(t, place)
		for _, f := range files {
			used[f] = true
		}
		// The file for the rest is named for the backend.
		rest := testsFolder + "/" + path.Base(place) + "_test.go"
		if !slices.Contains(files, rest) {
			t.Errorf("%s: %s is missing", place, rest)
		}
		files = slices.DeleteFunc(files, func(f string) bool { return f == rest })
		for _, d := range deviations(files, s) {
			t.Errorf("%s: %s", place, d)
		}
	}
	for f := range jobs {
		if !used[f] {
			t.Errorf("no backend has %s", f)
		}
	}
}

func TestDeviations(t *testing.T) {
	all := slices.Collect(maps.Keys(jobs))
	without := func(f string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(g string) bool { return f == g })
	}
	with := func(f ...string) []string { return append(slices.Clone(all), f...) }
	own := func(f string) skeleton { return skeleton{own: map[string]string{f: "a reason"}} }
	lacks := func(f string) skeleton { return skeleton{lacks: map[string]string{f: "a reason"}} }
	for name, test := range map[string]struct {
		files []string
		s     skeleton
		want  string // the beginning of the one deviation; none if empty
	}{
		"all jobs":                          {all, skeleton{}, ""},
		"a file of its own":                 {with("scripts.go"), own("scripts.go"), ""},
		"without its reason":                {with("scripts.go"), skeleton{}, "scripts.go has no job"},
		"a test without its reason":         {with("internal/tests/odd_test.go"), skeleton{}, "internal/tests/odd_test.go has no job"},
		"a test of a file":                  {with("codec_test.go", "internal/tests/claims_test.go"), skeleton{}, ""},
		"a job that it lacks":               {without("purge.go"), lacks("purge.go"), ""},
		"without its reason too":            {without("purge.go"), skeleton{}, "purge.go is missing"},
		"a job that it has":                 {all, lacks("purge.go"), "purge.go is there"},
		"a file of its own that is not":     {all, own("scripts.go"), "scripts.go is in own, and no file"},
		"a job of every backend as its own": {all, own("purge.go"), "purge.go is in own, although"},
		"a job that is none":                {all, lacks("scripts.go"), "scripts.go is in lacks, and no job"},
	} {
		got := deviations(test.files, test.s)
		if test.want == "" && len(got) == 0 || len(got) == 1 && test.want != "" && strings.HasPrefix(got[0], test.want) {
			continue
		}
		t.Errorf("%s: got %q, want %q", name, got, test.want)
	}
}

// maxComment is how many lines a package comment has at most: a page. What is longer is read by
// those who look for it, in docs.
const maxComment = 60

func TestPackageCommentsArePages(t *testing.T) {
	for _, p := range modulePackages(t) {
		place, _ := local(p.ImportPath)
		if !importable(place) || len(p.GoFiles) == 0 {
			continue
		}
		if n := strings.Count(packageComment(t, p), "\n"); n > maxComment {
			t.Errorf("%s: the package comment has %d lines, %d at most: move tables and long sections to docs", place, n, maxComment)
		}
	}
}
