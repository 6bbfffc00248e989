package cause

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// dialed returns an error as the network has it.
func dialed(err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 27017}, Err: os.NewSyscallError("connect", err)}
}

func TestCauses(t *testing.T) {
	setup, later := adapter.ErrSetup, adapter.ErrUnavailable
	for _, tt := range []struct {
		name string
		err  error
		kind Kind
		is   error
		says string
	}{
		{"a name that is not there", &net.DNSError{Err: "no such host", Name: "db.test", IsNotFound: true}, NoHost, setup, "no host db.test: check the host"},
		{"a name server that is silent", &net.DNSError{Err: "timeout", Name: "db.test", IsTimeout: true}, LookUp, later, "the name db.test could not be looked up"},
		{"no TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, NotTLS, setup, "does not speak TLS: connect without"},
		{"HTTP in place of HTTPS", http.ErrSchemeMismatch, NotTLS, setup, "does not speak TLS"},
		{"TLS", errors.New(`can't parse "\x15\x03\x01"`), SpeaksTLS, setup, "speaks TLS"},
		{"an unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, Authority, setup, "unknown authority"},
		{"another host", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db.test"}}, OtherHost, setup, "for another host"},
		{"an old certificate", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, Expired, setup, "expired"},
		{"a certificate for something else", x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}, BadCertificate, setup, "certificate is not valid"},
		{"a certificate that is not taken", &tls.CertificateVerificationError{Err: errors.New("hunter2")}, BadCertificate, setup, "certificate is not valid"},
		{"an alert", &net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, Handshake, setup, "refuses the TLS handshake"},
		{"refused", dialed(syscall.ECONNREFUSED), Refused, later, "connection refused by 127.0.0.1:27017"},
		{"refused, it is not known by whom", syscall.ECONNREFUSED, Refused, later, "connection refused"},
		{"no way to the host", dialed(syscall.EHOSTUNREACH), Unreachable, later, "cannot be reached"},
		{"no way to the network", dialed(syscall.ENETUNREACH), Unreachable, later, "cannot be reached"},
		{"no socket", dialed(syscall.ENOENT), NoSocket, later, "no such socket"},
		{"no file", &os.PathError{Op: "open", Path: "hunter2", Err: syscall.ENOENT}, Unknown, later, "unavailable"},
		{"reset", dialed(syscall.ECONNRESET), Closed, later, "was closed"},
		{"a broken pipe", dialed(syscall.EPIPE), Closed, later, "was closed"},
		{"the end", io.EOF, Closed, later, "was closed"},
		{"an end in the middle", io.ErrUnexpectedEOF, Closed, later, "was closed"},
		{"a deadline", context.DeadlineExceeded, Late, later, "no answer in time"},
		{"a deadline of the connection", os.ErrDeadlineExceeded, Late, later, "no answer in time"},
		{"a time-out", dialed(syscall.ETIMEDOUT), Late, later, "no answer in time"},
		{"anything else", errors.New("hunter2"), Unknown, later, "unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := fmt.Errorf("driver: hunter2: %w", tt.err)
			if got := Of(err); got != tt.kind {
				t.Errorf("got the kind %d, want %d", got, tt.kind)
			}
			explained := Explain(err, nil)
			if !errors.Is(explained, tt.is) || errors.Is(explained, setup) == errors.Is(explained, later) || !strings.Contains(explained.Error(), tt.says) {
				t.Errorf("got %v, want %v, saying %q", explained, tt.is, tt.says)
			}
			if strings.Contains(explained.Error(), "hunter2") {
				t.Errorf("%v quotes the driver", explained)
			}
			if mend := Mend(err, nil); (mend != nil) != (tt.is == setup) {
				t.Errorf("Mend: got %v", mend)
			}
		})
	}
	if Of(nil) != Unknown {
		t.Error("no error has a cause")
	}
}

// What a person can do about it is the store's to say.
func TestRemedies(t *testing.T) {
	of := Remedies{NoHost: "check the endpoint"}
	err := Mend(&net.DNSError{Name: "db.test", IsNotFound: true}, of)
	var setup *adapter.SetupError
	if !errors.As(err, &setup) || *setup != (adapter.SetupError{Problem: "there is no host db.test", Remedy: "check the endpoint"}) {
		t.Errorf("got %+v", setup)
	}
	for kind := NoHost; kind <= Handshake; kind++ {
		if remedies[kind] == "" {
			t.Errorf("the kind %d has no remedy", kind)
		}
	}
}

// The texts that are looked for, since there are no types for them, are those of this
// version of Go.
func TestTextsOfTheStandardLibrary(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	secure.StartTLS()
	defer secure.Close()
	alerting, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer alerting.Close()
	go func() {
		for {
			conn, err := alerting.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte{0x15, 3, 1, 0, 2, 2, 10})
			_ = conn.Close()
		}
	}()
	old := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}}} //nolint:gosec // nothing is sent
	for url, want := range map[string]Kind{
		strings.Replace(plain.URL, "http:", "https:", 1): NotTLS,
		"http://" + alerting.Addr().String():             SpeaksTLS,
		secure.URL:                                       Handshake,
	} {
		resp, err := old.Get(url)
		if err == nil {
			_ = resp.Body.Close()
		}
		if got := Of(err); got != want {
			t.Errorf("%v is of the kind %d, want %d", err, got, want)
		}
	}
}
