package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	goredis "github.com/redis/go-redis/v9"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"github.com/authstore/authstore/adapter"
	_ "github.com/authstore/authstore/dynamodb/open"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
	_ "github.com/authstore/authstore/mongo"
	_ "github.com/authstore/authstore/redis"
)

var (
	users = flag.Int("transfer.users", 200, "how many users are copied")
	kills = flag.Int("transfer.kills", 5, "how many times the copy is killed")
)

// workers is how many users are written at a time by the tests themselves.
const workers = 16

func TestMain(m *testing.M) { engine.Main(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var name = fmt.Sprintf("transfer%d", os.Getpid())

// dynamoURL returns the URL of a table of its own.
func dynamoURL(t *testing.T, table string) string {
	endpoint := engine.DynamoDB(t).URL
	t.Cleanup(func() {
		client := awsdynamodb.New(awsdynamodb.Options{BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
			})})
		_, err := client.DeleteTable(context.Background(), &awsdynamodb.DeleteTableInput{TableName: &table})
		check(t, err)
	})
	// The emulator takes the longer for a page the further it is in the table: seconds with 100,000 users.
	return "dynamodb://" + table + "?region=local&request_timeout=60s&endpoint=" + url.QueryEscape(endpoint)
}

// mongoURL returns the URL of a database of its own.
func mongoURL(t *testing.T, name string) string {
	server := engine.Mongo(t).URL
	t.Cleanup(func() {
		client, err := driver.Connect(options.Client().ApplyURI(server))
		check(t, err)
		check(t, client.Database(name).Drop(context.Background()))
		check(t, client.Disconnect(context.Background()))
	})
	u, err := url.Parse(server)
	check(t, err)
	u.Path = "/" + name
	return u.String()
}

// clusterURL returns the URL of keys of its own on a Redis Cluster.
func clusterURL(t *testing.T) string {
	server := engine.RedisCluster(t).URL
	addresses, _ := hosts(t, server)
	t.Cleanup(func() {
		check(t, redistest.Remove(goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: addresses}), name))
	})
	separator := "?"
	if strings.Contains(server, "?") {
		separator = "&"
	}
	return server + separator + "prefix=" + name
}

func open(t testing.TB, storeURL string) adapter.Adapter {
	t.Helper()
	s, err := adapter.Open(t.Context(), storeURL)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// id is that of a user, which every store takes.
func id(i int) string { return fmt.Sprintf("%024x", i) }

// sign signs up a user with an account and a session; each tenth has a passkey too.
func sign(ctx context.Context, s adapter.Adapter, i int) error {
	u := adapter.User{
		ID: id(i), Name: fmt.Sprint("User ", i), Email: fmt.Sprintf("user%d@example.com", i), EmailVerified: time.Now(),
		Attributes: adapter.Attributes{"role": "member", "n": int64(i), "seen": time.Now(), "groups": []any{"a", "b"}},
	}
	_, _, err := s.CreateUserWithAccount(ctx, u, adapter.Account{
		Type: adapter.AccountOIDC, Provider: "google", ProviderAccountID: fmt.Sprint(i), AccessToken: "access", RefreshToken: "refresh", ExpiresAt: 4102444800,
	})
	if err != nil {
		return err
	}
	if _, err := s.CreateSession(ctx, adapter.Session{UserID: u.ID, SessionToken: token(i), Expires: time.Now().Add(24 * time.Hour), Attributes: adapter.Attributes{"ip": "192.0.2.1"}}); err != nil {
		return err
	}
	if i%10 != 0 {
		return nil
	}
	_, err = s.CreateAuthenticator(ctx, adapter.Authenticator{UserID: u.ID, CredentialID: fmt.Sprint("credential", i), CredentialPublicKey: "key", Transports: []string{"usb", "internal"}})
	return err
}

// token is that of a user's session: a generated one, or for some one that was made elsewhere.
func token(i int) string {
	if i%3 == 0 {
		return fmt.Sprint("made-elsewhere-", i)
	}
	return adapter.NewSessionToken(id(i), [32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
}

// people does something with each of a number of users, some at a time.
func people(ctx context.Context, n, workers int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// live writes to a store as people do who use it, until the context ends: they sign up, come
// back, sign out, move, link and leave.
func live(ctx context.Context, s adapter.Adapter) (writes int, err error) {
	for i := 0; ; i++ {
		who := (i * 7919) % *users
		steps := []func() error{
			func() error { return sign(ctx, s, *users+i) },
			func() error {
				_, err := s.UpdateUser(ctx, id(who), adapter.UserUpdate{Name: new("renamed"), Email: new(fmt.Sprintf("moved%d@example.com", i))})
				return err
			},
			func() error {
				_, err := s.UpdateSession(ctx, token(who), adapter.SessionUpdate{Expires: new(time.Now().Add(48 * time.Hour))})
				return err
			},
			func() error { return s.DeleteSessions(ctx, id(who)) },
			func() error {
				_, err := s.LinkAccount(ctx, adapter.Account{UserID: id(who), Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: fmt.Sprint(i)})
				return err
			},
			func() error {
				return s.UnlinkAccount(ctx, adapter.AccountKey{Provider: "google", ProviderAccountID: fmt.Sprint(who)})
			},
			func() error { return s.DeleteUser(ctx, id(who)) },
		}
		err := steps[i%len(steps)]()
		switch {
		case ctx.Err() != nil:
			return i, nil
		case err != nil && !errors.Is(err, adapter.ErrNotFound):
			return i, err
		}
	}
}

// command is the program, in a folder of its own.
type command struct {
	program, dir string
	env          []string
}

// build builds the program.
func build(t *testing.T) command {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "authstore")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../..").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return command{program: program, dir: dir}
}

// start starts the program.
func (c command) start(t *testing.T, args ...string) (cmd *exec.Cmd, printed *bytes.Buffer) {
	t.Helper()
	cmd, printed = exec.CommandContext(t.Context(), c.program, args...), &bytes.Buffer{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, append(os.Environ(), c.env...), printed, printed
	check(t, cmd.Start())
	return cmd, printed
}

// run runs the program to its end, and says what it took.
func (c command) run(t *testing.T, args ...string) (printed string) {
	t.Helper()
	began := time.Now()
	cmd, out := c.start(t, args...)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("authstore %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	memory := ""
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && runtime.GOOS == "linux" {
		memory = fmt.Sprintf(", peak memory %d MB", usage.Maxrss/1024)
	}
	t.Logf("authstore %s: %.1f s%s\n%s", strings.Join(args, " "), time.Since(began).Seconds(), memory, out)
	return out.String()
}

// progress returns how many users a checkpoint says are done, and whether all of them are.
func (c command) progress(file string) (n int, done bool) {
	var checkpoint struct {
		Done   bool
		Counts struct{ Users int }
	}
	text, err := os.ReadFile(filepath.Join(c.dir, file))
	if err != nil || json.Unmarshal(text, &checkpoint) != nil {
		return 0, false
	}
	return checkpoint.Counts.Users, checkpoint.Done
}

// killed copies, and kills the program by kill -9 in the middle, as often as the flag says.
func (c command) killed(t *testing.T, args ...string) {
	t.Helper()
	began := time.Now()
	for kill := 1; kill <= *kills; kill++ {
		cmd, out := c.start(t, args...)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		tick := time.NewTicker(2 * time.Millisecond)
		for alive := true; alive; {
			select {
			case err := <-ended:
				t.Fatalf("it ended before it was killed for the %d. time: %v\n%s", kill, err, out)
			case <-tick.C:
			}
			if n, _ := c.progress("authstore-copy.json"); n >= kill**users/(*kills+1) {
				check(t, cmd.Process.Kill())
				<-ended
				alive = false
			}
		}
		tick.Stop()
		if cmd.ProcessState.Exited() {
			t.Fatalf("it ended by itself:\n%s", out)
		}
	}
	n, done := c.progress("authstore-copy.json")
	if done || n == 0 {
		t.Errorf("the checkpoint says %d users, done: %t", n, done)
	}
	t.Logf("killed %d times by the %d. user, after %.1f s", *kills, n, time.Since(began).Seconds())
}

// Everybody moves from DynamoDB to MongoDB while people use it and the copy is killed again and
// again, then on to a Redis Cluster and back to DynamoDB. Nothing is lost or changed on the way, and
// nobody is signed out.
func TestTransfer(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "local")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "local")
	c := build(t)
	stores := []string{dynamoURL(t, name), mongoURL(t, name), clusterURL(t), dynamoURL(t, name+"back")}
	for i, storeURL := range stores {
		c.env = append(c.env, fmt.Sprintf("STORE%d=%s", i, storeURL))
		c.run(t, "schema", "apply", "--store", fmt.Sprintf("env:STORE%d", i))
	}
	source := open(t, stores[0])
	began := time.Now()
	check(t, people(t.Context(), *users, workers, func(ctx context.Context, i int) error { return sign(ctx, source, i) }))
	t.Logf("%d users signed up in %.1f s", *users, time.Since(began).Seconds())
	bare(t, c, source)

	copying := []string{"copy", "env:STORE0", "env:STORE1", "--conflict", "overwrite", "--yes", "--page", fmt.Sprint(max(10, *users/100))}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		writes, err := live(ctx, source)
		t.Logf("the source was written to %d times meanwhile", writes)
		ended <- err
	}()
	c.killed(t, copying...)
	c.run(t, copying...)
	c.run(t, append(copying, "--since", "last")...)
	stop()
	check(t, <-ended)
	c.run(t, append(copying, "--delete")...)
	c.run(t, "verify", "env:STORE0", "env:STORE1")

	for i := 1; i < len(stores)-1; i++ {
		c.run(t, "copy", fmt.Sprintf("env:STORE%d", i), fmt.Sprintf("env:STORE%d", i+1), "--checkpoint", fmt.Sprintf("copy%d.json", i))
	}
	printed := c.run(t, "verify", "env:STORE0", "env:STORE3", "--checkpoint", "verify3.json")
	if !strings.Contains(printed, "no difference") {
		t.Errorf("got %s", printed)
	}
	back := open(t, stores[3])
	for i := range *users {
		before, u, err := source.GetSessionAndUser(t.Context(), token(i))
		after, v, errAfter := back.GetSessionAndUser(t.Context(), token(i))
		if (err == nil) != (errAfter == nil) || !before.Expires.Equal(after.Expires) || u.Email != v.Email {
			t.Fatalf("user %d is signed in otherwise: %v, %v", i, err, errAfter)
		}
	}
	damaged(t, c, back)
}

// bare copies some users by nothing but Get and Create, as many at a time as copy does: the pace
// to hold that of copy against. It repeats nothing, resumes nothing and takes whoever is in the way for an error.
func bare(t *testing.T, c command, source adapter.Adapter) {
	t.Helper()
	storeURL := mongoURL(t, name+"bare")
	c.env = append(slices.Clip(c.env), "BARE="+storeURL)
	c.run(t, "schema", "apply", "--store", "env:BARE")
	destination := open(t, storeURL)
	const byDefault = 8 // of copy --workers
	n, began := min(*users, 5000), time.Now()
	check(t, people(t.Context(), n, byDefault, func(ctx context.Context, i int) error {
		session, u, err := source.GetSessionAndUser(ctx, token(i))
		if err != nil {
			return err
		}
		account, err := source.GetAccount(ctx, adapter.AccountKey{Provider: "google", ProviderAccountID: fmt.Sprint(i)})
		if err != nil {
			return err
		}
		if _, _, err := destination.CreateUserWithAccount(ctx, u, account); err != nil {
			return err
		}
		session.SessionToken = token(i)
		_, err = destination.CreateSession(ctx, session)
		return err
	}))
	t.Logf("a bare loop of Get and Create copied %.0f users/s", float64(n)/time.Since(began).Seconds())
}

// damaged damages the last copy, and has verify find it.
func damaged(t *testing.T, c command, copied adapter.Adapter) {
	t.Helper()
	ctx := t.Context()
	check(t, sign(ctx, open(t, strings.TrimPrefix(c.env[0], "STORE0=")), 1<<20))
	c.run(t, "copy", "env:STORE0", "env:STORE3", "--checkpoint", "again.json")
	check(t, copied.UnlinkAccount(ctx, adapter.AccountKey{Provider: "google", ProviderAccountID: fmt.Sprint(1 << 20)}))
	_, err := copied.UpdateUser(ctx, id(1<<20), adapter.UserUpdate{Attributes: adapter.Attributes{"role": "admin"}})
	check(t, err)
	_, err = copied.CreateSession(ctx, adapter.Session{UserID: id(1 << 20), Expires: time.Now().Add(time.Hour)})
	check(t, err)
	cmd, out := c.start(t, "verify", "env:STORE0", "env:STORE3", "--checkpoint", "verify3.json")
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want the exit code 1", err)
	}
	for _, want := range []string{"account google", "missing", "attribute role", "session", "extra", "3 differences"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("verify does not say %q:\n%s", want, out)
		}
	}
	t.Logf("of a damaged copy verify says:\n%s", out)
}
