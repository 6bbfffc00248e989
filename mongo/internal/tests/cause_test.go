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
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/silent"
	"github.com/authstore/authstore/mongo"
)

// certificate returns a certificate for a name, and a file with it.
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

// hello is a server that answers every message with a document, as a server does to hello.
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

// What keeps a store from serving is said to the first call and to Ping, without a secret.
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
	for _, test := range []struct {
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
		{"another set", server + "/app?directConnection=true&replicaSet=another", "no server is of a replica set with that name", false},
		{"another set, found", server + "/app?replicaSet=another", "no server is of a replica set with that name", false},
		{"too old", old + "/app?", "too old", false},
		{"a secondary", secondary + "/app?directConnection=true&skipSchemaCheck=true", "secondary", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, err := adapter.Open(t.Context(), "mongodb://"+test.url+"&serverSelectionTimeoutMS=700&appName=hunter2")
			check(t, err)
			defer func() { check(t, store.Close()) }()
			_, called := store.GetUser(t.Context(), newID(1))
			pinger, _ := adapter.As[adapter.Pinger](store)
			for op, err := range map[string]error{"GetUser": called, "Ping": pinger.Ping(t.Context())} {
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

// A caller who has less patience than the client hears the cause too, if it is one that
// somebody has to mend.
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

// authenticated wants users to say who they are.
var authenticated = deployment{name: "mongo (with authentication)", server: engine.MongoAuth}

// leastPrivileges is the role in doc.go.
func leastPrivileges(db string, schema bool) bson.A {
	all := bson.A{}
	grant := func(collection string, actions ...string) {
		all = append(all, bson.D{{Key: "resource", Value: bson.D{{Key: "db", Value: db}, {Key: "collection", Value: collection}}}, {Key: "actions", Value: actions}})
	}
	for _, collection := range []string{"users", "accounts", "sessions", "verification_tokens", "authenticators"} {
		actions := []string{"find", "insert", "update", "remove", "listIndexes"}
		if schema {
			actions = append(actions, "createIndex", "createCollection")
		}
		grant(collection, actions...)
	}
	if schema {
		grant("", "listCollections")
	}
	return all
}

// as makes a user with privileges, and returns a URL for it.
func as(t *testing.T, server string, db *driver.Database, name string, privileges bson.A) string {
	t.Helper()
	check(t, db.RunCommand(t.Context(), bson.D{{Key: "createRole", Value: name}, {Key: "privileges", Value: privileges}, {Key: "roles", Value: bson.A{}}}).Err())
	check(t, db.RunCommand(t.Context(), bson.D{{Key: "createUser", Value: name}, {Key: "pwd", Value: "hunter2"}, {Key: "roles", Value: bson.A{name}}}).Err())
	t.Cleanup(func() {
		check(t, db.RunCommand(context.Background(), bson.D{{Key: "dropUser", Value: name}}).Err())
		check(t, db.RunCommand(context.Background(), bson.D{{Key: "dropRole", Value: name}}).Err())
	})
	_, at, _ := strings.Cut(host(t, server), "@")
	return fmt.Sprintf("mongodb://%s:hunter2@%s/%s?directConnection=true", name, at, db.Name())
}

// The role of the package comment is enough, and each privilege of it is needed.
func TestLeastPrivileges(t *testing.T) {
	server := authenticated.server(t).URL
	db := authenticated.bare(t)
	ctx := t.Context()
	administrator, err := adapter.Open(ctx, as(t, server, db, "schema", leastPrivileges(db.Name(), true)))
	check(t, err)
	defer func() { check(t, administrator.Close()) }()
	schema, _ := adapter.As[adapter.Repairer](administrator)
	check(t, schema.ApplySchema(ctx))
	if problems, err := schema.CheckSchema(ctx); err != nil || len(problems) > 0 {
		t.Errorf("CheckSchema: %+v, %v", problems, err)
	}
	insert(t, db.Collection("sessions"), bson.D{{Key: "userId", Value: bson.NewObjectID()}, {Key: "sessionToken", Value: "s"}, {Key: "expires", Value: bson.NewDateTimeFromTime(noon)}})
	if repaired, err := schema.Repair(ctx, false); err != nil || len(repaired) != 1 {
		t.Errorf("Repair: %+v, %v", repaired, err)
	}
	store, err := adapter.Open(ctx, as(t, server, db, "application", leastPrivileges(db.Name(), false)))
	check(t, err)
	defer func() { check(t, store.Close()) }()
	for n := range 2 {
		for _, op := range calls(ctx, store, n) {
			if err := op.Call(ctx); err != nil {
				t.Errorf("%s: %v", op.Name, err)
			}
		}
	}
	purger, _ := adapter.As[adapter.Purger](store)
	_, err = purger.PurgeExpired(ctx)
	check(t, err)
	check(t, pingOf(t, store))
	for _, action := range []string{"find", "insert", "update", "remove", "listIndexes"} {
		less := leastPrivileges(db.Name(), false)
		for i, privilege := range less {
			kept := []string{}
			for _, a := range privilege.(bson.D)[1].Value.([]string) {
				if a != action {
					kept = append(kept, a)
				}
			}
			less[i].(bson.D)[1].Value = kept
		}
		without, err := adapter.Open(ctx, as(t, server, db, "without_"+action, less))
		check(t, err)
		missed := 0
		for _, op := range calls(ctx, without, 7) {
			err := op.Call(ctx)
			if err == nil || errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrConflict) {
				continue
			}
			missed++
			saysSetup(t, op.Name+" without "+action, err, "privilege")
			if strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: data is in %v", op.Name, err)
			}
		}
		if missed == 0 {
			t.Errorf("nothing needs the privilege %s", action)
		}
		check(t, without.Close())
	}
}

func pingOf(t *testing.T, store adapter.Adapter) error {
	t.Helper()
	pinger, ok := adapter.As[adapter.Pinger](store)
	if !ok {
		t.Fatal("no Pinger")
	}
	return pinger.Ping(t.Context())
}

func TestAuthentication(t *testing.T) {
	_, at, _ := strings.Cut(host(t, authenticated.server(t).URL), "@")
	for user, want := range map[string]string{"root:hunter2@": "authentication failed", "nobody:hunter2@": "authentication failed", "": "wants authentication"} {
		store, err := adapter.Open(t.Context(), "mongodb://"+user+at+"/app?directConnection=true")
		check(t, err)
		_, err = store.GetUser(t.Context(), newID(1))
		saysSetup(t, "GetUser as "+user, err, want)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in %v", err)
		}
		if err := pingOf(t, store); user != "" {
			saysSetup(t, "Ping as "+user, err, want)
		}
		check(t, store.Close())
	}
	// A client of the application's.
	client, err := driver.Connect(options.Client().ApplyURI("mongodb://root:hunter2@" + at + "/?directConnection=true"))
	check(t, err)
	defer func() { check(t, client.Disconnect(context.Background())) }()
	_, err = mongo.New(client.Database("app"), mongo.Options{}).GetUser(t.Context(), newID(1))
	saysSetup(t, "GetUser with a client", err, "authentication failed")
}
