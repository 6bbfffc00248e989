package dynamodb

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

func TestURLs(t *testing.T) {
	const arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/Next-Auth"
	arnHere := location{options: Options{Table: arn}, region: "eu-central-1"}
	for raw, want := range map[string]location{
		"dynamodb:":                                  {},
		"dynamodb://":                                {},
		"dynamodb://?region=x":                       {region: "x"},
		"dynamodb:///?region=x":                      {region: "x"},
		"dynamodb://Next-Auth_2.x":                   {options: Options{Table: "Next-Auth_2.x"}},
		"DynamoDB://Users/":                          {options: Options{Table: "Users"}},
		"dynamodb://users?&region=x&":                {options: Options{Table: "users"}, region: "x"},
		"dynamodb://" + arn:                          arnHere,
		"dynamodb:///" + arn:                         arnHere,
		"dynamodb://" + escaped(arn):                 arnHere,
		"dynamodb:///" + escaped(arn):                arnHere,
		"dynamodb://" + arn + "?region=eu-central-1": arnHere,
		"dynamodb://" + arn + "?region=local&endpoint=http://127.0.0.1:8000": {
			options: Options{Table: arn}, region: "local", endpoint: "http://127.0.0.1:8000",
		},
		"dynamodb://users?endpoint=http%3A%2F%2F%5B%3A%3A1%5D%3A8000%2Fa%26b": {options: Options{Table: "users"}, endpoint: "http://[::1]:8000/a&b"},
		"dynamodb://users?profile=a%3Bb+c%25":                                 {options: Options{Table: "users"}, profile: "a;b c%"},
		"dynamodb://users?partition_key=id&sort_key=range&index=byKey&index_partition_key=a&index_sort_key=b": {
			options: Options{Table: "users", PartitionKey: "id", SortKey: "range", Index: "byKey", IndexPartitionKey: "a", IndexSortKey: "b"},
		},
		"dynamodb://users?no_index=true&eventually_consistent=1&no_batching=true&request_timeout=2s": {
			options: Options{Table: "users", NoIndex: true, EventuallyConsistent: true, NoBatching: true, RequestTimeout: 2 * time.Second},
		},
	} {
		got, err := parseURL(raw, adapter.Options{})
		got.options.Options = adapter.Options{}
		if err != nil || got.options.Table != want.options.Table || got.region != want.region || got.endpoint != want.endpoint || got.profile != want.profile ||
			got.options.PartitionKey != want.options.PartitionKey || got.options.SortKey != want.options.SortKey || got.options.Index != want.options.Index ||
			got.options.IndexPartitionKey != want.options.IndexPartitionKey || got.options.IndexSortKey != want.options.IndexSortKey ||
			got.options.NoIndex != want.options.NoIndex || got.options.EventuallyConsistent != want.options.EventuallyConsistent || got.options.NoBatching != want.options.NoBatching || got.options.RequestTimeout != want.options.RequestTimeout {
			t.Errorf("%s: got %+v, %v, want %+v", raw, got, err, want)
		}
	}
}

// escaped percent-encodes what an ARN may contain and a host may not.
func escaped(arn string) string {
	return strings.NewReplacer(":", "%3A", "/", "%2F").Replace(arn)
}

// What is not understood in a URL is an error that names it; the error does not contain text
// that may be a secret.
func TestURLsThatAreNotUnderstood(t *testing.T) {
	for raw, want := range map[string]string{
		"dynamodb:users":                  "the form dynamodb://table",
		"dynamodb://u":                    "a table's name",
		"dynamodb://users:8000":           "endpoint",
		"dynamodb://users/path":           "a table's name",
		"dynamodb://us ers":               "a table's name",
		"dynamodb://us%zzers":             "the form",
		"dynamodb://key:hunter2@users":    "credentials",
		"dynamodb://key:hunter2%2F@users": "credentials",
		"dynamodb://arn:aws:dynamodb:eu-central-1:1:table/users":                             "ARN",
		"dynamodb://arn:aws:dynamodb:eu-central-1:123456789012:table/users/index/GSI1":       "ARN",
		"dynamodb://arn:aws:dynamodb:eu-central-1:123456789012:table/users?region=us-east-1": "region of the table's ARN",
		"dynamodb://users?regoin=x":                             "unknown parameter regoin",
		"dynamodb://users?Region=x":                             "unknown parameter Region",
		"dynamodb://users?region=x&region=y":                    "region twice",
		"dynamodb://users?region=x;no_index=true":               "separate them by &",
		"dynamodb://users?region=x&no_index=true;hunter2":       "separate them by &",
		"dynamodb://users?region=":                              "an empty parameter region",
		"dynamodb://users?region":                               "an empty parameter region",
		"dynamodb://users?=hunter2":                             "percent-encode a &",
		"dynamodb://users?profile=a&hunter2!":                   "percent-encode a &",
		"dynamodb://users?profile=100%":                         "write %25",
		"dynamodb://users?region=x#hunter2":                     "write %23",
		"dynamodb://users?no_index=hunter2":                     "true or false as its no_index",
		"dynamodb://users?request_timeout=5":                    "such as 5s",
		"dynamodb://users?request_timeout=-5s":                  "such as 5s",
		"dynamodb://users?request_timeout=0":                    "such as 5s",
		"dynamodb://users?endpoint=127.0.0.1:8000":              "http or https",
		"dynamodb://users?endpoint=http://":                     "http or https",
		"dynamodb://users?endpoint=http://a?b=hunter2":          "http or https",
		"dynamodb://users?endpoint=http://key:hunter2@host":     "credentials in its endpoint",
		"dynamodb://users?endpoint=http://key:hun%25zter2@host": "percent-encode",
	} {
		_, err := parseURL(raw, adapter.Options{})
		if !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want ErrInvalid that says %q", raw, err, want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q holds a secret", raw, err)
		}
	}
}

// A program that imports only this package does not link what URLs need, and is told so.
func TestURLsNeedTheirOpener(t *testing.T) {
	_, err := adapter.Open(t.Context(), "dynamodb://users?region=eu-central-1")
	if !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), `import _ "github.com/authstore/authstore/dynamodb/open"`) {
		t.Errorf("got %v, want which package to import", err)
	}
}
