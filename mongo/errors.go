package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	xdriver "go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/description"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/cause"
)

// transientCodes are the codes of answers that another attempt can change (the server's
// error_codes.yml: elections, shutdown, time limits, overload).
var transientCodes = []int{
	6, 7, 89, 9001, // network errors within a cluster
	91, 189, 10107, 11600, 11602, 13435, 13436, // no primary, or no longer
	24, 46, 50, 112, 134, 262, 462, // locks, time limits and load
	64, // applied, but not confirmed by the majority in time
}

// kinds are those of the contract, which need no translation.
var kinds = []error{
	adapter.ErrNotFound, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrUnavailable, adapter.ErrSetup,
	adapter.ErrUnreadable, adapter.ErrClosed,
}

// failure returns an error of the driver as one of the contract's kinds.
func failure(err error) error {
	switch {
	case err == nil, errors.Is(err, errBeside), slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }):
		return err
	case errors.Is(err, mongo.ErrNoDocuments):
		return adapter.ErrNotFound
	case errors.Is(err, mongo.ErrClientDisconnected):
		return driver.Caused(adapter.ErrClosed, err)
	}
	if setup := diagnose(err); setup != nil {
		return driver.Caused(setup, err)
	}
	switch {
	case isTransient(err):
		return driver.Caused(unavailable(err), err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return driver.Caused(refusal(err), err)
}

func isTransient(err error) bool {
	var (
		selection topology.ServerSelectionError
		conn      topology.ConnectionError
		pool      xdriver.RetryablePoolError
	)
	return mongo.IsTimeout(err) || errors.As(err, &selection) || errors.As(err, &conn) || errors.As(err, &pool) || isRepeatable(err)
}

// isRepeatable reports whether a command got no answer, or one that another primary would
// not give.
func isRepeatable(err error) bool {
	var server mongo.ServerError
	return mongo.IsNetworkError(err) ||
		errors.As(err, &server) && (slices.ContainsFunc(transientCodes, server.HasErrorCode) || server.HasErrorLabel("RetryableWriteError"))
}

// reply is the server's answer to a command or a write that failed.
type reply struct {
	code    int
	name    string
	message string // may contain data
	raw     bson.Raw
	isWrite bool // about the document to be written, not the command
}

// replyOf returns the server's answer from an error.
func replyOf(err error) (reply, bool) {
	if write := (mongo.WriteException{}); errors.As(err, &write) && len(write.WriteErrors) > 0 {
		e := write.WriteErrors[0]
		return reply{code: e.Code, message: e.Message, raw: e.Raw, isWrite: true}, true
	}
	if bulk := (mongo.BulkWriteException{}); errors.As(err, &bulk) && len(bulk.WriteErrors) > 0 {
		e := bulk.WriteErrors[0]
		return reply{code: e.Code, message: e.Message, raw: e.Raw, isWrite: true}, true
	}
	if command := (mongo.CommandError{}); errors.As(err, &command) {
		return reply{code: int(command.Code), name: command.Name, message: command.Message, raw: command.Raw}, true
	}
	return reply{}, false
}

// Codes of answers about a document.
const (
	codeInvalidDocument = 121 // according to the validator of the collection
	codeDuplicate       = 11000
)

// isRefused reports whether the server rejects a document for its content: a unique index
// or a validator refuses it, or it is too large.
func isRefused(err error) bool {
	r, ok := replyOf(err)
	return ok && !isRepeatable(err) && (r.isWrite || r.code == codeInvalidDocument || r.code == codeDuplicate)
}

// refusal returns an error with the server's reason, in a text without data.
func refusal(err error) error {
	switch r, ok := replyOf(err); {
	case ok && r.name != "":
		return fmt.Errorf("the server refuses with %s (%d)", r.name, r.code)
	case ok:
		return fmt.Errorf("the server refuses the write with the code %d", r.code)
	}
	return errors.New("unexpected error of the MongoDB driver")
}

// duplicate is a unique index that refused a write.
type duplicate struct {
	collection, index string
	fields            []string
	collated          bool // it does not compare texts byte by byte
}

// duplicateOf returns the unique index that refused a write, from its error.
func duplicateOf(err error) (duplicate, bool) {
	if form := (*formError)(nil); errors.As(err, &form) {
		return duplicate{fields: form.key}, true
	}
	if !mongo.IsDuplicateKeyError(err) {
		return duplicate{}, false
	}
	r, _ := replyOf(err)
	_, place, _ := strings.Cut(r.message, " collection: ")
	place, _, _ = strings.Cut(place, " dup key: ")
	place, _, collated := strings.Cut(place, " collation: ")
	namespace, index, _ := strings.Cut(place, " index: ")
	_, collection, _ := strings.Cut(namespace, ".")
	d := duplicate{collection: collection, index: index, collated: collated}
	if _, err := r.raw.LookupErr("collation"); err == nil {
		d.collated = true
	}
	pattern, _ := r.raw.Lookup("keyPattern").DocumentOK()
	elements, _ := pattern.Elements()
	for _, e := range elements {
		d.fields = append(d.fields, e.Key())
	}
	return d, true
}

// covers reports whether documents that are duplicates in the index have the same values in
// these fields.
func (d duplicate) covers(fields ...string) bool {
	for _, field := range fields {
		if !slices.Contains(d.fields, field) {
			return false
		}
	}
	return !d.collated
}

// setup says what to do about an index that this package does not need.
func (d duplicate) setup() error {
	how := ""
	if d.collated {
		how = ", which compares with a collation,"
	}
	return adapter.Setup(
		fmt.Sprintf("the unique index %q of the collection %s on %s%s refuses a document", d.index, d.collection, strings.Join(d.fields, ", "), how),
		"the package does not need it: drop it, or restrict it to documents that have the field (partialFilterExpression)")
}

// invalidDocument is the error of a collection's validator. The server does not name the
// collection.
type invalidDocument struct {
	collection string
	err        error
}

func (e *invalidDocument) Error() string { return e.err.Error() }

func (e *invalidDocument) Unwrap() error { return e.err }

// withCollection adds the collection's name to an error in which the server omits it.
func withCollection(c *collection, err error) error {
	if r, ok := replyOf(err); ok && r.code == codeInvalidDocument {
		return &invalidDocument{c.Name(), err}
	}
	return err
}

// setup says what to do about a validator.
func (e *invalidDocument) setup() error {
	where := ""
	if e.collection != "" {
		where = " of the collection " + e.collection
	}
	which := ""
	if r, ok := replyOf(e.err); ok {
		if names := unsatisfied(r.raw.Lookup("errInfo")); len(names) > 0 {
			which = ", for " + strings.Join(names, ", ")
		}
	}
	return adapter.Setup("the validator"+where+" refuses a document"+which,
		"let it accept the fields that docs/mongo.md lists, and documents without some of them")
}

// unsatisfied returns the names of the fields for which a validator refuses a document:
// each rule of a schema lists them in its own way. Their values, which are there too, are
// skipped.
func unsatisfied(v bson.RawValue) (names []string) {
	elements := func(v bson.RawValue) []bson.RawElement {
		switch v.Type {
		case bson.TypeEmbeddedDocument:
			all, _ := v.Document().Elements()
			return all
		case bson.TypeArray:
			all, _ := bson.Raw(v.Array()).Elements()
			return all
		}
		return nil
	}
	for _, e := range elements(v) {
		switch e.Key() {
		case "consideredValue", "consideredValues", "specifiedAs":
		case "missingProperties", "additionalProperties":
			for _, name := range elements(e.Value()) {
				if s, ok := name.Value().StringValueOK(); ok {
					names = append(names, s)
				}
			}
		case "propertyName":
			if s, ok := e.Value().StringValueOK(); ok {
				names = append(names, s)
			}
		default:
			names = append(names, unsatisfied(e.Value())...)
		}
	}
	return names
}

// diagnose returns what a person has to do about an error, or nil if that is unknown or
// another attempt may succeed.
func diagnose(err error) error {
	if taken, ok := duplicateOf(err); ok {
		return taken.setup()
	}
	var invalid *invalidDocument
	if errors.As(err, &invalid) {
		return invalid.setup()
	}
	if errors.Is(err, xdriver.ErrDocumentTooLarge) {
		return errTooLarge
	}
	if r, ok := replyOf(err); ok {
		if setup := r.diagnose(err); setup != nil {
			return setup
		}
	}
	if authentication := (*auth.Error)(nil); errors.As(err, &authentication) && !isNetwork(err) {
		return errAuthentication
	}
	if selection := (topology.ServerSelectionError{}); errors.As(err, &selection) {
		return diagnoseSelection(selection)
	}
	if errors.As(err, new(topology.ConnectionError)) {
		return diagnoseConnection(err, false)
	}
	if strings.Contains(err.Error(), "wire version") {
		return errOld
	}
	return nil
}

var (
	errTooLarge       = adapter.Invalid("Attributes", "must not make the record larger than 16 MB, the limit of the server")
	errAuthentication = adapter.Setup("authentication failed", "check the user name, the password and, if the user belongs to another database than the one in the URL, the option authSource")
	errCredentials    = adapter.Setup("the server requires authentication", "set a user name and a password in the URL or the client")
	errSpace          = adapter.Setup("the server has no space left", "free some, or add more")
	errSecondary      = adapter.Setup("the server is a secondary, and the connection is direct", "name the replica set (replicaSet=…) instead of directConnection=true, or connect to the primary")
	errNotMongo       = adapter.Setup("what answers is not a MongoDB server", "check host and port, and whether it requires TLS (tls=true)")
	errWantsTLS       = adapter.Setup("the server closes every connection at once", "check whether it requires TLS and the client does not use it (tls=true in the URL) or the reverse, and whether the proxy or load balancer in front has a server behind it")
	errSRV            = adapter.Setup("the host name has no SRV record", "check the name, or use mongodb:// with the names of the servers")
	errSetName        = adapter.Setup("no server belongs to a replica set of that name", "check the option replicaSet")
	errOld            = adapter.Setup("the server is too old or too new for the driver", "use MongoDB 4.4 or later, and a version that the driver supports")
	errNoSet          = adapter.Setup("the server is not part of a replica set", "do not set Options.LinearizableReads")
	errUnknownCommand = adapter.Setup("the server does not know a command", "use MongoDB 4.4 or later")
)

// setupErrors are the errors for codes of answers that every attempt will get.
var setupErrors = map[int]error{
	18: errAuthentication, 11: errAuthentication,
	59: errUnknownCommand, 40324: errUnknownCommand, 115: errUnknownCommand,
	123:   errNoSet,
	14031: errSpace,
	10334: errTooLarge, 17419: errTooLarge, 17420: errTooLarge, 17280: errTooLarge,
}

const (
	codeUnauthorized = 13
	codeAtlas        = 8000
)

func (r reply) diagnose(err error) error {
	switch {
	case r.code == codeInvalidDocument:
		return (&invalidDocument{err: err}).setup()
	case r.code == codeUnauthorized:
		return unauthorized(r.message)
	case r.code == codeAtlas && strings.Contains(r.message, "space quota"):
		return errSpace
	case r.code == codeAtlas && strings.Contains(r.message, "auth"):
		return errAuthentication
	}
	return setupErrors[r.code]
}

// refusedCommand matches the server's text about a missing privilege, up to where it
// contains data.
var refusedCommand = regexp.MustCompile(`^not authorized on ([\w.-]+) to execute command \{ (\w+): (?:"([\w.-]+)")?`)

// actions are the privileges that commands need and that have another name.
var actions = map[string]string{
	"aggregate": "find", "findAndModify": "update and find", "delete": "remove", "createIndexes": "createIndex", "count": "find", "getMore": "find",
}

func unauthorized(message string) error {
	match := refusedCommand.FindStringSubmatch(message)
	if match == nil {
		if strings.Contains(message, "requires authentication") {
			return errCredentials
		}
		return adapter.Setup("the user lacks a privilege that the call needs", "grant it the privileges that docs/mongo.md lists")
	}
	action := match[2]
	if named, ok := actions[action]; ok {
		action = named
	}
	resource := "the database " + match[1]
	if match[3] != "" {
		resource = "the collection " + match[1] + "." + match[3]
	}
	return adapter.Setup("not authorized: the user lacks the privilege "+action+" on "+resource, "grant it the privileges that docs/mongo.md lists")
}

// isNetwork reports whether an error is that of a broken connection.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// diagnoseSelection says why no server can be selected.
func diagnoseSelection(e topology.ServerSelectionError) error {
	if e.Desc.CompatibilityErr != nil {
		return errOld
	}
	if e.Desc.SetName != "" && len(e.Desc.Servers) == 0 {
		return errSetName
	}
	var failed []error
	for _, server := range e.Desc.Servers {
		if server.LastError == nil && e.Desc.SetName != "" && e.Desc.Kind == description.TopologyKindSingle {
			return errSetName
		}
		if server.LastError == nil {
			return nil // this one answers
		}
		failed = append(failed, server.LastError)
	}
	return diagnoseAll(failed)
}

// diagnoseAll says what to do if no server can be reached, or returns nil if another
// attempt may reach one of them.
func diagnoseAll(failed []error) error {
	var first error
	for _, err := range failed {
		setup := diagnoseConnection(err, true)
		if setup == nil {
			return nil
		}
		if first == nil {
			first = setup
		}
	}
	return first
}

// remedies are for what prevents connections.
var remedies = cause.Remedies{
	cause.NoHost:    "check the hosts in the URL, and those in the configuration of the replica set",
	cause.NotTLS:    "remove tls=true, check the port, or enable TLS on the server",
	cause.Authority: "set a file with the certificate of the authority (tlsCAFile)",
	cause.Handshake: "check whether it requires a client certificate (tlsCertificateKeyFile), and which versions of TLS it supports",
}

// diagnoseConnection says why a connection cannot be made, or broke. That the other side
// closed it is a reason only for a new one.
func diagnoseConnection(err error, isNew bool) error {
	switch text := err.Error(); {
	case strings.Contains(text, "wire version"):
		return errOld
	case strings.Contains(text, "malformed message length"), strings.Contains(text, "length of read message too large"):
		return errNotMongo
	case isNew && cause.Of(err) == cause.Closed:
		return errWantsTLS
	}
	return cause.Mend(err, remedies)
}

// unavailable returns an ErrUnavailable with as much of the cause as contains no data.
func unavailable(err error) error {
	if why := reason(err); why != "" {
		return fmt.Errorf("%w: %s", adapter.ErrUnavailable, why)
	}
	return adapter.ErrUnavailable
}

func reason(err error) string {
	var selection topology.ServerSelectionError
	if errors.As(err, &selection) {
		for _, server := range selection.Desc.Servers {
			if server.LastError != nil {
				if why := reason(server.LastError); why != "" {
					return why
				}
			}
		}
		return "no primary can be reached"
	}
	if r, ok := replyOf(err); ok && r.name != "" {
		return fmt.Sprintf("the server answers %s (%d)", r.name, r.code)
	}
	problem, isLate := cause.Problem(err), cause.Of(err) == cause.Late || mongo.IsTimeout(err)
	switch pool := (xdriver.RetryablePoolError)(nil); {
	case (problem == "" || isLate) && errors.As(err, &pool):
		return "the connections to the server were lost"
	case problem == "" && isLate:
		return "no answer in time"
	}
	return problem
}

// lookupError returns the error for a mongodb+srv name that could not be looked up.
func lookupError(lookup *net.DNSError, err error) error {
	if lookup.IsNotFound {
		return driver.Caused(errSRV, err)
	}
	return driver.Caused(fmt.Errorf("%w: the SRV record of the host name could not be looked up", adapter.ErrUnavailable), err)
}

// isUntargeted reports whether a sharded cluster refuses a write whose filter has several
// forms of a key, because these do not determine the shard.
func isUntargeted(err error) bool {
	const shardKeyNotFound = 61
	r, ok := replyOf(err)
	return ok && r.code == shardKeyNotFound
}

// racedError says that a call kept losing races. It is worth a retry.
type racedError struct{}

func (racedError) Error() string { return "mongo: too many calls for the same key at once" }

func raced() error { return driver.Caused(adapter.ErrUnavailable, racedError{}) }
