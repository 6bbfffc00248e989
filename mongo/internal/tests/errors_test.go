package mongo_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/silent"
)

// certificate returns a certificate for a name, and a file that contains it.
func certificate(t *testing.T, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	ip := net.ParseIP(name)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// hello returns the address of a server that answers every message with a document, as a
// server answers hello.
func hello(t *testing.T, reply bson.D) string {
	doc, err := bson.Marshal(reply)
	check(t, err)
	return silent.Serve(t, func(conn net.Conn) {
		for {
			header := make([]byte, 16)
			if _, err := io.ReadFull(conn, header); err != nil {
				return
			}
			size := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
			if _, err := io.CopyN(io.Discard, conn, int64(size-16)); err != nil {
				return
			}
			const opReply, opQuery, opMsg = 1, 2004, 2013
			var out []byte
			word := func(n int) { out = append(out, byte(n), byte(n>>8), byte(n>>16), byte(n>>24)) }
			isQuery := int(header[12])|int(header[13])<<8 == opQuery
			if isQuery {
				word(16 + 20 + len(doc))
			} else {
				word(16 + 5 + len(doc))
			}
			word(1)
			out = append(out, header[4:8]...)
			if isQuery {
				word(opReply)
				word(8)
				word(0)
				word(0)
				word(0)
				word(1)
			} else {
				word(opMsg)
				word(0)
				out = append(out, 0)
			}
			if _, err := conn.Write(append(out, doc...)); err != nil {
				return
			}
		}
	})
}

// What prevents a store from working is in the errors of the first call and of Ping,
// without a secret. Each takes all the time that there is to find a server, so they wait together.
func TestCauses(t *testing.T) {
	server := host(t, replicaSet.server(t).URL)
	ours, _ := certificate(t, "127.0.0.1")
	anothers, ca := certificate(t, "other.example.com")
	handshake := func(cert tls.Certificate) func(net.Conn) {
		return func(conn net.Conn) {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake()
		}
	}
	inTLS, asAnother := silent.Serve(t, handshake(ours)), silent.Serve(t, handshake(anothers))
	http := silent.Serve(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 16))
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
	})
	closing := silent.Serve(t, func(net.Conn) {})
	old := hello(t, bson.D{{Key: "ok", Value: 1}, {Key: "ismaster", Value: true}, {Key: "isWritablePrimary", Value: true}, {Key: "maxWireVersion", Value: 5}, {Key: "minWireVersion", Value: 0}})
	secondary := hello(t, bson.D{
		{Key: "ok", Value: 1}, {Key: "ismaster", Value: false}, {Key: "secondary", Value: true}, {Key: "setName", Value: "rs0"}, {Key: "maxWireVersion", Value: 17}, {Key: "minWireVersion", Value: 0},
		{Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "app.x"}, {Key: "firstBatch", Value: bson.A{}}}},
	})
	tests := []struct {
		name, url, want string
		retry           bool
	}{
		{"refused", "127.0.0.1:1/app?", "connection refused", true},
		{"no such name", "nowhere.invalid/app?", "no host nowhere.invalid", false},
		{"no such socket", "%2Fnowhere%2Fmongodb-27017.sock/app?", "no such socket", true},
		{"TLS against plain", server + "/app?tls=true&directConnection=true", "TLS", false},
		{"plain against TLS", inTLS + "/app?", "tls=true", false},
		{"unknown authority", inTLS + "/app?tls=true", "tlsCAFile", false},
		{"another host's certificate", asAnother + "/app?tls=true&tlsCAFile=" + ca, "for another host", false},
		{"HTTP", http + "/app?", "not a MongoDB server", false},
		{"closes at once", closing + "/app?", "closes every connection", false},
		{"another set", server + "/app?directConnection=true&replicaSet=another", "no server belongs to a replica set of that name", false},
		{"another set, found", server + "/app?replicaSet=another", "no server belongs to a replica set of that name", false},
		{"too old", old + "/app?", "too old", false},
		{"a secondary", secondary + "/app?directConnection=true&skipSchemaCheck=true", "secondary", false},
	}
	type outcome struct{ called, pinged error }
	outcomes := make([]outcome, len(tests))
	var calls sync.WaitGroup
	for i, test := range tests {
		store, err := adapter.Open(t.Context(), "mongodb://"+test.url+"&serverSelectionTimeoutMS=3000&appName=hunter2")
		check(t, err)
		defer func() { check(t, store.Close()) }()
		pinger, _ := adapter.As[adapter.Pinger](store)
		calls.Go(func() {
			_, outcomes[i].called = store.GetUser(t.Context(), newID(1))
			outcomes[i].pinged = pinger.Ping(t.Context())
		})
	}
	calls.Wait()
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for op, err := range map[string]error{"GetUser": outcomes[i].called, "Ping": outcomes[i].pinged} {
				kind, other := adapter.ErrSetup, adapter.ErrUnavailable
				if test.retry {
					kind, other = other, kind
				}
				if !errors.Is(err, kind) || errors.Is(err, other) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: %v\n  want: %v, saying %q", op, err, kind, test.want)
				}
				if err != nil && strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: a secret is in it: %v", op, err)
				}
			}
		})
	}
	t.Run("no SRV record", func(t *testing.T) {
		store, err := adapter.Open(t.Context(), "mongodb+srv://u:hunter2@nowhere.invalid/app")
		check(t, err)
		_, err = store.GetUser(t.Context(), newID(1))
		if errors.Is(err, adapter.ErrUnavailable) == errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "SRV record") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("GetUser: %v", err)
		}
		check(t, store.Close())
	})
}

// If the deadline of a caller is earlier than that of the client, the error has the cause
// all the same, if a person has to fix it.
func TestCausesWithADeadline(t *testing.T) {
	server := host(t, replicaSet.server(t).URL)
	store, err := adapter.Open(t.Context(), "mongodb://"+server+"/app?tls=true")
	check(t, err)
	defer func() { check(t, store.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = store.GetUser(ctx, newID(1))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("GetUser: %v", err)
	}
}
