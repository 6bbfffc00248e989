package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	xdriver "go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/description"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/cause"
)

// diagnose returns what a person has to do about an error: nil if that is not known, or
// another attempt may do.
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
		if mend := r.diagnose(err); mend != nil {
			return mend
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
	errTooLarge       = adapter.Invalid("Attributes", "must not make the record larger than the server takes, which is 16 MB")
	errAuthentication = adapter.Setup("authentication failed", "check the user name, the password and, if the user is of another database than the one in the URL, the option authSource")
	errCredentials    = adapter.Setup("the server wants authentication", "give a user name and a password in the URL, or to the client")
	errSpace          = adapter.Setup("the server has no space left", "make room, or give it more")
	errSecondary      = adapter.Setup("the server is a secondary, and the connection a direct one", "name the replica set (replicaSet=…) instead of directConnection=true, or connect to the primary")
	errNotMongo       = adapter.Setup("what answers is not a MongoDB server", "check host and port, and whether it wants TLS (tls=true)")
	errWantsTLS       = adapter.Setup("the server closes every connection at once", "check whether it wants TLS and the client speaks none (tls=true in the URL) or the reverse, and whether a server is behind what accepts the connections")
	errSRV            = adapter.Setup("the host name has no SRV record", "check the name, or write mongodb:// with the names of the servers")
	errSetName        = adapter.Setup("no server is of a replica set with that name", "check the option replicaSet")
	errOld            = adapter.Setup("the server is too old or too new for the driver", "use MongoDB 4.4 or later, and a version that the driver supports")
	errNoSet          = adapter.Setup("the server is no replica set", "leave out Options.LinearizableReads")
	errUnknownCommand = adapter.Setup("the server does not know a command", "use MongoDB 4.4 or later")
)

// Codes of answers that will be the same the next time.
var mends = map[int]error{
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
	return mends[r.code]
}

// refusedCommand is the server's text about a privilege that is missing, as far as it holds no
// data.
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
		return adapter.Setup("the user may not do what the call needs", "give it the role of the package comment")
	}
	action := match[2]
	if named, ok := actions[action]; ok {
		action = named
	}
	on := "the database " + match[1]
	if match[3] != "" {
		on = "the collection " + match[1] + "." + match[3]
	}
	return adapter.Setup("not authorized: the user lacks the privilege "+action+" on "+on, "give it the role of the package comment")
}

// isNetwork reports whether an error is of a connection that broke.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// diagnoseSelection says why there is no server to send a command to.
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
			return nil // one answers
		}
		failed = append(failed, server.LastError)
	}
	return diagnoseAll(failed)
}

// diagnoseAll says what to do about servers none of which can be reached: nil if another
// attempt may do with one of them.
func diagnoseAll(failed []error) error {
	var first error
	for _, err := range failed {
		mend := diagnoseConnection(err, true)
		if mend == nil {
			return nil
		}
		if first == nil {
			first = mend
		}
	}
	return first
}

// remedies are for what keeps commands from a server.
var remedies = cause.Remedies{
	cause.NoHost:    "check the hosts of the URL, and those that the members of the replica set have for themselves",
	cause.NotTLS:    "leave out tls=true, check the port, or have the server use it",
	cause.Authority: "name a file with the authority's certificate (tlsCAFile)",
	cause.Handshake: "check whether it wants a certificate of the client (tlsCertificateKeyFile) and which versions of TLS it speaks",
}

// diagnoseConnection says why a connection cannot be made, or broke. One that the other
// side closes tells something only if it never worked.
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

// unavailable is an ErrUnavailable that says as much of the cause as holds no data.
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

// ofLookup returns the error for a mongodb+srv name that could not be looked up.
func ofLookup(lookup *net.DNSError, err error) error {
	if lookup.IsNotFound {
		return driver.Caused(errSRV, err)
	}
	return driver.Caused(fmt.Errorf("%w: the SRV record of the host name could not be looked up", adapter.ErrUnavailable), err)
}

// health is what a client that was opened by URL hears of its servers.
type health struct {
	mu       sync.Mutex
	failures map[string]error // the last one of each server: nil if it answers

	isSecondary atomic.Bool // it is the only one, and a secondary
	wasPrimary  atomic.Bool
}

func (h *health) monitor() *event.ServerMonitor {
	return &event.ServerMonitor{
		ServerHeartbeatFailed:    func(e *event.ServerHeartbeatFailedEvent) { h.note(e.ConnectionID, e.Failure) },
		ServerHeartbeatSucceeded: func(e *event.ServerHeartbeatSucceededEvent) { h.note(e.ConnectionID, nil) },
		TopologyDescriptionChanged: func(e *event.TopologyDescriptionChangedEvent) {
			isOnly := e.NewDescription.Kind == "Single" && len(e.NewDescription.Servers) == 1
			h.isSecondary.Store(isOnly && e.NewDescription.Servers[0].Kind == "RSSecondary")
			if isOnly && e.NewDescription.Servers[0].Kind == "RSPrimary" {
				h.wasPrimary.Store(true)
			}
		},
	}
}

func (h *health) note(connection string, failure error) {
	address, _, _ := strings.Cut(connection, "[-")
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures == nil {
		h.failures = map[string]error{}
	}
	h.failures[address] = failure
}

// cause says why no server can be reached, as an ErrSetup or ErrUnavailable: nil if one can
// or it is not known.
func (h *health) cause() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var failed []error
	for _, failure := range h.failures {
		if failure == nil {
			return nil
		}
		failed = append(failed, failure)
	}
	if len(failed) == 0 {
		return nil
	}
	if mend := diagnoseAll(failed); mend != nil {
		return driver.Caused(mend, failed[0])
	}
	if reason(failed[0]) == "" {
		return nil
	}
	return driver.Caused(unavailable(failed[0]), failed[0])
}

// secondary is the error of a direct connection to a secondary, which takes no writes and
// shows what is not true any more: nil if it is another one.
func (h *health) secondary() error {
	switch {
	case !h.isSecondary.Load():
		return nil
	case h.wasPrimary.Load():
		return fmt.Errorf("%w: the server is a secondary at the moment", adapter.ErrUnavailable)
	}
	return errSecondary
}
