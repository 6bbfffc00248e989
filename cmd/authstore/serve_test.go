package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const serveSecret = "zGx1Vn0Q7c6sJmWbE2RkT9yHuLpA4dfo"

// started runs serve with arguments until the test ends, and returns the address that it serves.
func started(t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...), streams{out: in, err: in})
		_ = in.Close()
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("it has ended with ", <-ended)
	}
	var line struct{ Msg, Address string }
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Msg != "serving" {
		t.Fatalf("the first line of the log is %s", lines.Text())
	}
	if strings.Contains(lines.Text(), serveSecret) {
		t.Error("the log has the secret")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitDone {
			t.Errorf("it ended with %d", code)
		}
	})
	return line.Address
}

// status makes a call, and returns the status of the answer.
func status(t *testing.T, client *http.Client, url, secret string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/getUser", strings.NewReader(`["nobody"]`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+secret)
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestServe(t *testing.T) {
	t.Setenv(secretVariable, serveSecret)
	t.Setenv(urlVariable, "memory:")
	url := "http://" + started(t, "--apply-schema")
	if got := status(t, http.DefaultClient, url, serveSecret); got != http.StatusOK {
		t.Errorf("got the status %d", got)
	}
	if got := status(t, http.DefaultClient, url, serveSecret+"x"); got != http.StatusUnauthorized {
		t.Errorf("with another secret: got the status %d", got)
	}
}

func TestSecretsOfAFile(t *testing.T) {
	t.Setenv(secretVariable, "another secret, which the file is in place of")
	old := strings.ToUpper(serveSecret)
	url := "http://" + started(t, "--store", "memory:", "--secret-file", file(t, "secrets", old+"\n"+serveSecret+"\n"))
	for _, secret := range []string{old, serveSecret} {
		if got := status(t, http.DefaultClient, url, secret); got != http.StatusOK {
			t.Errorf("got the status %d", got)
		}
	}
	if got := status(t, http.DefaultClient, url, os.Getenv(secretVariable)); got != http.StatusUnauthorized {
		t.Errorf("with the secret of the environment: got the status %d", got)
	}
}

func TestServeByTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	cert := text("CERTIFICATE", der)
	addr := started(t, "--store", "memory:", "--tls-cert", file(t, "cert.pem", cert), "--tls-key", file(t, "key.pem", text("PRIVATE KEY", pkcs8)))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(cert))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	if got := status(t, client, "https://"+addr, ""); got != http.StatusOK {
		t.Errorf("got the status %d", got)
	}
}

func TestWhatCannotBeServed(t *testing.T) {
	t.Setenv(secretVariable, "")
	t.Setenv(urlVariable, "")
	for want, args := range map[string][]string{
		"name the store":                    nil,
		"scheme of an imported backend":     {"--store", "nothing://localhost"},
		"both --tls-cert and --tls-key":     {"--store", "memory:", "--tls-cert", "x"},
		"the certificate cannot be used":    {"--store", "memory:", "--tls-cert", "x", "--tls-key", "y"},
		"the file of secrets cannot be":     {"--store", "memory:", "--secret-file", "none"},
		"the file of secrets has none":      {"--store", "memory:", "--secret-file", file(t, "empty", "\n")},
		"must have at least 32 characters":  {"--store", "memory:", "--secret-file", file(t, "short", "short")},
		"signed requests need a secret":     {"--store", "memory:", "--signed"},
		"without a secret it cannot listen": {"--store", "memory:", "--addr", "0.0.0.0:0"},
	} {
		var said bytes.Buffer
		code := run(t.Context(), append([]string{"serve"}, args...), streams{out: io.Discard, err: &said})
		if code != exitFailed || !strings.Contains(said.String(), want) {
			t.Errorf("%q: got %d, %s, want %q", args, code, said.String(), want)
		}
	}
}
