package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/authstore/authstore/adapter"
)

// program is a function that is started again and again.
type program struct {
	name, path  string
	environment []string
	event       *events.LambdaFunctionURLRequest
	took, cpu   []time.Duration // from the request to the answer, of a function that does not run yet
	memory      []int           // KB at the most, after it
}

// BenchmarkColdStart measures cold starts in Lambda's runtime interface emulator, which make
// bench-lambda builds: the session check, bare functions that make the same read, and one in Node
// with the published adapter, by turns.
func BenchmarkColdStart(b *testing.B) {
	emulator, err := filepath.Abs("../../build/aws-lambda-rie")
	check(b, err)
	if _, err := os.Stat(emulator); err != nil {
		b.Fatal("no emulator: run make bench-lambda")
	}
	table, host := tables(b)
	table = strings.Replace(table, "no_index=true&", "", 1) // in which the published adapter looks sessions up
	store, err := adapter.Open(b.Context(), table+host)
	check(b, err)
	defer store.Close()
	schema, _ := adapter.As[adapter.Schema](store)
	check(b, schema.ApplySchema(b.Context()))
	u, err := store.CreateUser(b.Context(), adapter.User{Email: "ada@example.com"})
	check(b, err)
	s, err := store.CreateSession(b.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(30 * 24 * time.Hour)})
	check(b, err)
	warm(b, store, s.SessionToken)
	plain, err := adapter.Open(b.Context(), table+host, adapter.Options{PlainSessionTokens: true})
	check(b, err)
	defer plain.Close()
	_, err = plain.CreateSession(b.Context(), adapter.Session{UserID: u.ID, SessionToken: "of-the-published-adapter", Expires: s.Expires})
	check(b, err)

	read := func(session string) *events.LambdaFunctionURLRequest {
		e := event("GET", "/", nil, "")
		e.RawQueryString = url.Values{"user": {u.ID}, "session": {session}}.Encode()
		return e
	}
	stored := adapter.SessionID(s.SessionToken)
	_, name, _ := strings.Cut(table, "://")
	name, _, _ = strings.Cut(name, "?")
	bare := []string{"TABLE=" + name, "AWS_ENDPOINT_URL_DYNAMODB=http://" + host}
	programs := []*program{
		{
			name: "authstore", path: build(b, "."), environment: []string{"AUTHSTORE_FUNCTION=session", "AUTHSTORE_URL=" + table + host},
			event: event("GET", "/", map[string]string{"authorization": "Bearer " + s.SessionToken}, ""),
		},
		{name: "bare", path: build(b, "./internal/bare"), environment: bare, event: read(stored)},
		{name: "pinging", path: build(b, "./internal/bare"), environment: append(bare, "PING=1"), event: read(stored)},
		{name: "node", path: published(b), environment: bare, event: read("of-the-published-adapter")},
	}
	for b.Loop() {
		for _, p := range programs {
			p.start(b, emulator)
		}
	}
	for _, p := range programs {
		slices.Sort(p.took)
		slices.Sort(p.cpu)
		slices.Sort(p.memory)
		size, err := os.Stat(p.path)
		check(b, err)
		b.ReportMetric(float64(p.took[len(p.took)/2].Microseconds())/1e3, p.name+"-ms")
		b.ReportMetric(float64(p.cpu[len(p.cpu)/2].Microseconds())/1e3, p.name+"-cpu-ms")
		b.ReportMetric(float64(p.memory[len(p.memory)/2])/1024, p.name+"-MiB")
		b.ReportMetric(float64(size.Size())/(1<<20), p.name+"-file-MiB")
	}
}

// warm has the engine compile what both programs ask of it, which takes it some hundred requests.
func warm(b *testing.B, store adapter.Adapter, token string) {
	b.Helper()
	for range 500 {
		check(b, ping(b.Context(), store))
		_, _, err := store.GetSessionAndUser(b.Context(), token)
		check(b, err)
	}
}

// published returns the function in Node, whose packages make setup installs.
func published(b *testing.B) string {
	b.Helper()
	path, err := filepath.Abs("../../interop/oracle/coldstart.mjs")
	check(b, err)
	return path
}

// build builds a function as docs/serverless.md says.
func build(b *testing.B, folder string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bootstrap")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o", path, folder)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// start has a fresh emulator start the function for an event.
func (p *program) start(b *testing.B, emulator string) {
	b.Helper()
	address := freeAddress(b)
	cmd := exec.CommandContext(b.Context(), emulator, "--log-level", "error",
		"--runtime-interface-emulator-address", address, "--runtime-api-address", freeAddress(b), p.path)
	cmd.Env = append(os.Environ(), p.environment...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	check(b, cmd.Start())
	ended := false
	end := func() {
		if !ended {
			ended = true
			for _, child := range children(cmd.Process.Pid) {
				if process, err := os.FindProcess(child); err == nil {
					_ = process.Kill()
				}
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	defer end()
	listens(b, address)

	text, err := json.Marshal(p.event)
	check(b, err)
	begun := time.Now()
	response, err := http.Post("http://"+address+"/2015-03-31/functions/function/invocations", "application/json", bytes.NewReader(text))
	check(b, err)
	stream, err := io.ReadAll(response.Body)
	p.took = append(p.took, time.Since(begun))
	check(b, err)
	check(b, response.Body.Close())
	for _, child := range children(cmd.Process.Pid) {
		p.memory, p.cpu = append(p.memory, peak(b, child)), append(p.cpu, used(b, child))
	}
	if !bytes.Contains(stream, make([]byte, 8)) || answerOf(b, bytes.NewReader(stream)).StatusCode != 200 || len(p.memory) != len(p.took) {
		end()
		b.Fatalf("%s: got %q, want 200 of one process\n%s", p.name, stream, log.String())
	}
}

func freeAddress(b *testing.B) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(b, err)
	defer listener.Close()
	return listener.Addr().String()
}

// listens waits until something does.
func listens(b *testing.B, address string) {
	b.Helper()
	for begun := time.Now(); time.Since(begun) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}
	b.Fatal("the emulator does not listen")
}

// children returns the processes that a process has started.
func children(pid int) (all []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread may have ended
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}

// peak returns how many KB of memory a process has had at the most.
func peak(b *testing.B, pid int) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(b, err)
	_, text, _ = bytes.Cut(text, []byte("VmHWM:"))
	kb, err := strconv.Atoi(strings.Fields(string(text))[0])
	check(b, err)
	return kb
}

// used returns how much time of a processor a process has used.
func used(b *testing.B, pid int) (sum time.Duration) {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	check(b, err)
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		check(b, err)
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		check(b, err)
		sum += time.Duration(ns)
	}
	return sum
}
