package dynamodb

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/dynamodb/internal/awsconfig"
)

func init() { driver.Register("dynamodb", openURL) }

// openURL opens dynamodb://table. It reads the SDK's configuration, and connects to nothing.
func openURL(ctx context.Context, raw string, o adapter.Options) (adapter.Adapter, error) {
	l, err := parseURL(raw, o)
	if err != nil {
		return nil, err
	}
	if awsconfig.Load == nil {
		return nil, errNoOpener
	}
	cfg, err := awsconfig.Load(ctx, l.region, l.profile)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, errNoRegion
	}
	client := clientOf(cfg.HTTPClient)
	cfg.HTTPClient = client
	s, err := newStore(dynamodb.NewFromConfig(cfg, l.client), l.options)
	if err != nil {
		return nil, err
	}
	s.close = client.CloseIdleConnections
	return driver.Guard(s, backend, s.options.Options, failure), nil
}

// errNoOpener is the error of a program that does not import dynamodb/open.
var errNoOpener = invalidURL(`needs a package that opens it: import _ "github.com/authstore/authstore/dynamodb/open"`)

// errNoRegion is the error of a client without a region.
var errNoRegion = adapter.Setup("no region is set", "name the table's region by region=… in the URL, AWS_REGION, or the AWS SDK's configuration")

// location is what a URL says.
type location struct {
	options Options
	region  string
	// endpoint and profile are for the SDK.
	endpoint, profile string
}

// parseURL reads a URL such as dynamodb://table?region=eu-central-1. Package net/url cannot: an
// ARN has colons, and parameters that are not understood must be errors.
func parseURL(raw string, o adapter.Options) (location, error) {
	l := location{options: Options{Options: o}}
	_, rest, _ := strings.Cut(raw, ":")
	table, query, _ := strings.Cut(rest, "?")
	if err := l.setTable(table); err != nil {
		return l, err
	}
	seen := map[string]bool{}
	for parameter := range strings.SplitSeq(query, "&") {
		if parameter == "" {
			continue
		}
		name, value, err := parseParameter(parameter)
		if err == nil && seen[name] {
			err = invalidURL("has the parameter " + name + " twice")
		}
		if err == nil {
			seen[name], err = true, l.set(name, value)
		}
		if err != nil {
			return l, err
		}
	}
	return l, l.setRegion()
}

func invalidURL(reason string) error { return adapter.Invalid("URL", reason) }

// setTable reads what precedes the parameters: //name, or an ARN, with or without a slash
// before it.
func (l *location) setTable(text string) error {
	table, hasAuthority := strings.CutPrefix(text, "//")
	if text == "" || table == "" && hasAuthority || table == "/" {
		return nil
	}
	if strings.Contains(table, "@") {
		return invalidURL("must not hold credentials: they come from the AWS SDK's chain, such as the environment or a profile")
	}
	table, err := url.PathUnescape(table)
	if !hasAuthority || err != nil {
		return invalidURL("must have the form dynamodb://table?region=eu-central-1")
	}
	if table = strings.TrimPrefix(table, "/"); !tableARN.MatchString(table) {
		table = strings.TrimSuffix(table, "/")
	}
	if !isTable(table) {
		return invalidURL("must have a table's name or ARN where a host is, and no port: the service's address is the parameter endpoint")
	}
	l.options.Table = table
	return nil
}

// parseParameter splits name=value, both percent-encoded.
func parseParameter(text string) (name, value string, err error) {
	if strings.Contains(text, ";") {
		return "", "", invalidURL("has a ; in its parameters: separate them by &, or write %3B in a value")
	}
	if strings.Contains(text, "#") {
		return "", "", invalidURL("has a # in its parameters: write %23")
	}
	name, value, _ = strings.Cut(text, "=")
	if !parameterName.MatchString(name) {
		return "", "", invalidURL("has a parameter without a valid name: percent-encode a & in a value as %26")
	}
	if value, err = url.QueryUnescape(value); err != nil {
		return "", "", invalidURL("has a % that begins no escape in the parameter " + name + ": write %25")
	}
	if value == "" {
		return "", "", invalidURL("has an empty parameter " + name)
	}
	return name, value, nil
}

// parameterName is what an error may quote of a URL: a longer text may be a secret that was not
// percent-encoded.
var parameterName = regexp.MustCompile(`^[A-Za-z][A-Za-z_-]{0,31}$`)

// set sets a parameter.
func (l *location) set(name, value string) (err error) {
	text := map[string]*string{
		"region": &l.region, "profile": &l.profile, "partition_key": &l.options.PartitionKey, "sort_key": &l.options.SortKey,
		"index": &l.options.Index, "index_partition_key": &l.options.IndexPartitionKey, "index_sort_key": &l.options.IndexSortKey,
	}
	flag := map[string]*bool{
		"no_index": &l.options.NoIndex, "eventually_consistent": &l.options.EventuallyConsistent, "no_batching": &l.options.NoBatching,
	}
	switch {
	case text[name] != nil:
		*text[name] = value
	case flag[name] != nil:
		if *flag[name], err = strconv.ParseBool(value); err != nil {
			return invalidURL("must have true or false as its " + name)
		}
	case name == "request_timeout":
		if l.options.RequestTimeout, err = time.ParseDuration(value); err != nil || l.options.RequestTimeout <= 0 {
			return invalidURL("must have a duration such as 5s as its request_timeout")
		}
	case name == "endpoint":
		return l.setEndpoint(value)
	default:
		return invalidURL("has the unknown parameter " + name + ": there are region, endpoint, profile, partition_key, sort_key, index, " +
			"index_partition_key, index_sort_key, no_index, eventually_consistent, no_batching and request_timeout")
	}
	return nil
}

// setEndpoint sets the address of the service.
func (l *location) setEndpoint(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return invalidURL("must have an http or https address as its endpoint, such as http://127.0.0.1:8000, and percent-encode its special characters")
	}
	if u.User != nil {
		return invalidURL("must not hold credentials in its endpoint: they come from the AWS SDK's chain, such as the environment or a profile")
	}
	l.endpoint = value
	return nil
}

// setRegion takes the region from an ARN.
func (l *location) setRegion() error {
	arn := tableARN.FindStringSubmatch(l.options.Table)
	if arn == nil {
		return nil
	}
	if l.region != "" && l.region != arn[1] && l.endpoint == "" {
		return invalidURL("must have the region of the table's ARN, or none")
	}
	if l.region == "" {
		l.region = arn[1]
	}
	return nil
}

// client sets the endpoint of the DynamoDB client only: it is not for the other services that
// the SDK calls, such as the one that issues credentials.
func (l *location) client(o *dynamodb.Options) {
	if l.endpoint != "" {
		o.BaseEndpoint = &l.endpoint
	}
}
