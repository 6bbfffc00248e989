package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	goredis "github.com/redis/go-redis/v9"
	mongodriver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/internal/silent"
	_ "github.com/authstore/authstore/mongo"
	_ "github.com/authstore/authstore/redis"
)

// runtimeVariable is where a function finds Lambda's runtime API.
const runtimeVariable = "AWS_LAMBDA_RUNTIME_API"

// function is a process that Lambda would run, and the end of the runtime API that it takes events
// from.
type function struct {
	t       testing.TB
	process *os.Process
	stderr  *bytes.Buffer // once it has ended
	ended   chan struct{}
	events  chan []byte
	answers chan []byte
}

// start runs the function with variables of its environment.
func start(t testing.TB, variables ...string) *function {
	t.Helper()
	f := &function{t: t, ended: make(chan struct{}), events: make(chan []byte), answers: make(chan []byte, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", f.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("an answer ends early: %v", err)
		}
		w.WriteHeader(http.StatusAccepted)
		f.answers <- body
	})
	api := httptest.NewServer(mux)
	program, err := os.Executable()
	check(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(append(os.Environ(), variables...), runtimeVariable+"="+strings.TrimPrefix(api.URL, "http://"))
	f.stderr = new(bytes.Buffer)
	cmd.Stderr = f.stderr
	check(t, cmd.Start())
	f.process = cmd.Process
	go func() { defer close(f.ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = f.process.Kill()
		<-f.ended
		api.Close()
		if t.Failed() {
			t.Logf("the function's log: %s", f.stderr)
		}
	})
	return f
}

// next hands the next event to the function.
func (f *function) next(w http.ResponseWriter, r *http.Request) {
	select {
	case e := <-f.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(10*time.Second).UnixMilli()))
		_, _ = w.Write(e)
	case <-r.Context().Done():
	}
}

// invoke has the function answer an event.
func (f *function) invoke(e *events.LambdaFunctionURLRequest) answer {
	f.t.Helper()
	text, err := json.Marshal(e)
	check(f.t, err)
	f.events <- text
	select {
	case stream := <-f.answers:
		return answerOf(f.t, bytes.NewReader(stream))
	case <-f.ended:
		f.t.Fatalf("the function has ended: %s", f.stderr)
	case <-time.After(20 * time.Second):
		f.t.Fatal("no answer")
	}
	return answer{}
}

// freeze stops the process for as long as something happens, as Lambda does between requests.
func (f *function) freeze(meanwhile func()) {
	f.t.Helper()
	check(f.t, f.process.Signal(syscall.SIGSTOP))
	meanwhile()
	time.Sleep(*frozen)
	check(f.t, f.process.Signal(syscall.SIGCONT))
}

// tables returns a URL of DynamoDB Local without its endpoint, whose host is also returned.
func tables(t testing.TB) (url, host string) {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	_, host, _ = strings.Cut(engine.DynamoDB(t).URL, "://")
	return fmt.Sprintf("dynamodb://%s-%d?no_index=true&request_timeout=3s&endpoint=http://", strings.ReplaceAll(t.Name(), "/", "-"), os.Getpid()), host
}

// frozen is how long TestAfterAFreeze stops the process each time.
var frozen = flag.Duration("lambda.frozen", 0, "how long the function's process is stopped")

// stores are those that the function can have behind it, by a URL through a host, which reaches target.
var stores = map[string]func(t testing.TB) (through func(host string) string, target string){
	"DynamoDB": func(t testing.TB) (func(string) string, string) {
		table, host := tables(t)
		return func(host string) string { return table + host }, host
	},
	"Redis": func(t testing.TB) (func(string) string, string) {
		prefix := fmt.Sprintf("lambda%d", os.Getpid())
		t.Cleanup(func() {
			o, err := goredis.ParseURL(engine.Redis(t).URL)
			check(t, err)
			check(t, redistest.Remove(goredis.NewClient(o), prefix+":"))
		})
		return func(host string) string { return "redis://" + host + "?request_timeout=3s&prefix=" + prefix }, hostOf(t, engine.Redis(t).URL)
	},
	"MongoDB": func(t testing.TB) (func(string) string, string) {
		name := fmt.Sprintf("lambda%d", os.Getpid())
		t.Cleanup(func() {
			client, err := mongodriver.Connect(options.Client().ApplyURI(engine.Mongo(t).URL))
			check(t, err)
			check(t, client.Database(name).Drop(context.Background()))
			check(t, client.Disconnect(context.Background()))
		})
		return func(host string) string {
			return "mongodb://" + host + "/" + name + "?directConnection=true&requestTimeout=3s"
		}, hostOf(t, engine.Mongo(t).URL)
	},
}

func hostOf(t testing.TB, rawURL string) string {
	u, err := url.Parse(rawURL)
	check(t, err)
	return u.Host
}

// Connections that died in a freeze cost a read a moment. A write may have to end first, where it is
// never made twice: its repetition, which clients make, is answered.
func TestAfterAFreeze(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			through, host := open(t)
			proxy := silent.New(t, host)
			store, err := adapter.Open(t.Context(), through(host))
			check(t, err)
			defer store.Close()
			if schema, ok := adapter.As[adapter.Schema](store); ok {
				check(t, schema.ApplySchema(t.Context()))
			}

			f := start(t, "AUTHSTORE_FUNCTION=adapter", "AUTHSTORE_SECRET="+secret, "AUTHSTORE_URL="+through(proxy.Addr))
			id := signIn(t, f.invoke, "made-by-auth.js")
			f.freeze(proxy.Kill)
			begun := time.Now()
			if a := f.invoke(called("getSessionAndUser", "", `["made-by-auth.js"]`)); a.StatusCode != 200 || !strings.Contains(a.body, id) {
				t.Errorf("a read after a freeze: got %+v", a)
			}
			t.Logf("a read after a freeze took %s", time.Since(begun))

			f.freeze(proxy.Kill)
			begun = time.Now()
			write := called("createSession", "key", sessionOf(id, "another"))
			a := f.invoke(write)
			if name == "DynamoDB" && a.StatusCode != 503 {
				t.Errorf("a write after a freeze: got %+v, want 503: the store never makes it twice", a)
			}
			if a.StatusCode == 503 && a.Headers["Retry-After"] != "" {
				t.Logf("a write after a freeze was 503 after %s", time.Since(begun))
				a = f.invoke(write)
			}
			if a.StatusCode != 200 {
				t.Errorf("a write after a freeze, or its repetition: got %+v", a)
			}
			t.Logf("a write after a freeze, with its repetition if need be, took %s", time.Since(begun))
			if a := f.invoke(called("getSessionAndUser", "", `["another"]`)); a.StatusCode != 200 || !strings.Contains(a.body, id) {
				t.Errorf("what was written after a freeze: got %+v", a)
			}
		})
	}
}

// log returns what the function has logged, which ends now.
func (f *function) log() string {
	_ = f.process.Kill()
	<-f.ended
	return f.stderr.String()
}

// A store that cannot be reached is told at the start, and a call is 503 then.
func TestStartWithoutAStore(t *testing.T) {
	table, _ := tables(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	check(t, listener.Close())
	f := start(t, "AUTHSTORE_FUNCTION=session", "AUTHSTORE_URL="+table+listener.Addr().String())
	if a := f.invoke(event("GET", "/", map[string]string{"authorization": "Bearer token"}, "")); a.StatusCode != 503 {
		t.Errorf("got %+v, want 503", a)
	}
	if log := f.log(); !strings.Contains(log, "the store does not answer") {
		t.Errorf("the log is %q", log)
	}
}

// A function whose table is missing ends at the start, and its log says why.
func TestStartWithoutATable(t *testing.T) {
	table, host := tables(t)
	f := start(t, "AUTHSTORE_FUNCTION=session", "AUTHSTORE_URL="+table+host)
	select {
	case <-f.ended:
	case <-time.After(20 * time.Second):
		t.Error("the function goes on")
	}
	if log := f.log(); !strings.Contains(log, "the function cannot start") || !strings.Contains(log, `"code":"setup"`) {
		t.Errorf("the log is %q", log)
	}
}
