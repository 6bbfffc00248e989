// Package cause says why a store gave no answer: what the network, TLS and the look-up of
// names report. It is the same for every driver; what a person can do about it is not.
package cause

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/authstore/authstore/adapter"
)

// Kind is a kind of cause.
type Kind int

// The kinds. A person has to mend those up to Handshake; the others pass.
const (
	Unknown Kind = iota

	NoHost         // there is no host of this name
	NotTLS         // the server does not speak TLS
	SpeaksTLS      // the server speaks TLS, and the client does not
	Authority      // the certificate is of an unknown authority
	OtherHost      // the certificate is for another host
	Expired        // the certificate has expired, or is not valid yet
	BadCertificate // the certificate is not valid for another reason
	Handshake      // the server refuses the TLS handshake

	LookUp      // the name could not be looked up
	Refused     // the connection was refused
	Unreachable // there is no way to the host
	NoSocket    // there is no such socket
	Closed      // the connection was closed
	Late        // there was no answer in time
)

// Remedies say what a person can do about each kind that does not pass. A kind that a store
// does not name has the remedy that is right everywhere.
type Remedies map[Kind]string

var remedies = Remedies{
	NoHost:         "check the host",
	NotTLS:         "connect without TLS, or check the port",
	SpeaksTLS:      "connect by TLS, or check the port",
	Authority:      "have the client or the system trust the authority's certificate",
	OtherHost:      "use the host that it is for",
	Expired:        "renew it, or set the clock of this machine",
	BadCertificate: "check the server, and the proxies before it",
	Handshake:      "check which versions of TLS it speaks, and whether it wants a certificate of the client's",
}

var problems = map[Kind]string{
	NotTLS:         "the server does not speak TLS",
	SpeaksTLS:      "the server speaks TLS, and was called in plain text",
	Authority:      "the server's certificate is of an unknown authority",
	OtherHost:      "the server's certificate is for another host",
	Expired:        "the server's certificate has expired or is not valid yet",
	BadCertificate: "the server's certificate is not valid",
	Handshake:      "the server refuses the TLS handshake",
	Unreachable:    "the host cannot be reached",
	NoSocket:       "there is no such socket",
	Closed:         "the connection was closed",
	Late:           "no answer in time",
}

// Of returns the kind of cause of a driver's error.
func Of(err error) Kind {
	if err == nil {
		return Unknown
	}
	if kind := ofTLS(err); kind != Unknown {
		return kind
	}
	var (
		name    *net.DNSError
		network net.Error
	)
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return NoHost
	case name != nil:
		return LookUp
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Unreachable
	case isSocket(err) && errors.Is(err, syscall.ENOENT):
		return NoSocket
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Closed
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return Late
	}
	return Unknown
}

// isSocket reports whether an error is of the network, and not of a file.
func isSocket(err error) bool { return errors.As(err, new(*net.OpError)) }

// ofTLS finds why there is no secure connection. The standard library has no types for a
// server that does not expect one, or expects one, and for what it refuses.
func ofTLS(err error) Kind {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, new(tls.RecordHeaderError)), says(err, "server gave HTTP response to HTTPS client"):
		return NotTLS
	case says(err, `\x15\x03`): // an alert, as a client without TLS quotes it
		return SpeaksTLS
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return Authority
	case errors.As(err, new(x509.HostnameError)):
		return OtherHost
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Expired
	case errors.As(err, &invalid), errors.As(err, new(*tls.CertificateVerificationError)):
		return BadCertificate
	case says(err, "remote error: tls: ", "tls: no supported versions", "tls: server selected unsupported"):
		return Handshake
	}
	return Unknown
}

func says(err error, texts ...string) bool {
	all := err.Error()
	for _, text := range texts {
		if strings.Contains(all, text) {
			return true
		}
	}
	return false
}

// Problem says in words what the cause is, "" if it is unknown. Names of hosts are in it,
// and nothing else of the error.
func Problem(err error) string {
	var name *net.DNSError
	var operation *net.OpError
	switch kind := Of(err); kind {
	case NoHost:
		errors.As(err, &name)
		return "there is no host " + name.Name
	case LookUp:
		errors.As(err, &name)
		return "the name " + name.Name + " could not be looked up"
	case Refused:
		if errors.As(err, &operation) && operation.Addr != nil {
			return "connection refused by " + operation.Addr.String()
		}
		return "connection refused"
	default:
		return problems[kind]
	}
}

// Mend returns an adapter.ErrSetup for a cause that a person has to mend, nil for another
// one.
func Mend(err error, of Remedies) error {
	kind := Of(err)
	standard, is := remedies[kind]
	if !is {
		return nil
	}
	if remedy, own := of[kind]; own {
		return adapter.Setup(Problem(err), remedy)
	}
	return adapter.Setup(Problem(err), standard)
}

// Unavailable returns an adapter.ErrUnavailable that says why, as far as it is known.
func Unavailable(err error) error {
	if problem := Problem(err); problem != "" {
		return fmt.Errorf("%w: %s", adapter.ErrUnavailable, problem)
	}
	return adapter.ErrUnavailable
}

// Explain returns the kind of the contract that an error of the network has: what Mend
// returns, or else Unavailable.
func Explain(err error, of Remedies) error {
	if mend := Mend(err, of); mend != nil {
		return mend
	}
	return Unavailable(err)
}
