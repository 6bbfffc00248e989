package engine

import (
	"context"
	_ "embed" // for images.txt and the script
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	dockercontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/log"
)

// loopback is where ports are published: the servers have no passwords.
var loopback = netip.MustParseAddr("127.0.0.1")

// docker is the Docker engine of this machine.
type docker struct{ *testcontainers.DockerProvider }

// dial connects to Docker. The first time it also removes what earlier processes
// have left, and starts the watcher of this one.
var dial = sync.OnceValues(func() (docker, error) {
	log.SetDefault(log.NewNoopLogger())
	// Its reaper is one more image to pull, and the watcher does the same.
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return docker{}, err
	}
	d, err := connect()
	if err != nil {
		return docker{}, missing{"Docker isn't running: " + oneLine(err)}
	}
	return d, errors.Join(d.sweep(), watch())
})

func connect() (docker, error) {
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return docker{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return docker{provider}, provider.Health(ctx)
}

// superviseScript is supervise.sh, for the scripts that run several servers too.
//
//go:embed supervise.sh
var superviseScript string

//go:embed images.txt
var imagesText string

// officialImage returns the official image of an engine.
func officialImage(engine string) string {
	for line := range strings.Lines(imagesText) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == engine {
			return fields[1]
		}
	}
	panic("engine: images.txt has no " + engine)
}

// image returns the image to run an engine of, which is then on this machine.
func (d docker) image(engine string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	image, ok := d.present(ctx, engine)
	if ok {
		return image, nil
	}
	if err := d.pull(ctx, image); err != nil {
		return "", missing{fmt.Sprintf("the image %s can't be pulled (make setup may build one): %s", image, oneLine(err))}
	}
	return image, nil
}

// present returns the image that is to be used for an engine, and whether it is on
// this machine.
func (d docker) present(ctx context.Context, engine string) (string, bool) {
	candidates := []string{officialImage(engine), "authstore/" + engine + ":local"}
	if named := os.Getenv("AUTHSTORE_" + strings.ToUpper(engine) + "_IMAGE"); named != "" {
		candidates = []string{named}
	}
	for _, image := range candidates {
		if _, err := d.Client().ImageInspect(ctx, image); err == nil {
			return image, true
		}
	}
	return candidates[0], false
}

// pull tries once: the method of testcontainers goes on for minutes where there
// is no network.
func (d docker) pull(ctx context.Context, image string) error {
	progress, err := d.Client().ImagePull(ctx, image, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	return progress.Wait(ctx)
}

// inMemory are the folders where servers store what they have: no test is about a disk, and MongoDB waits for it at
// every write. They outlive a server that is killed, as a disk would.
var inMemory = map[string]string{"/data/db": "", "/tmp": "exec"}

// container is a running container of a server.
type container struct {
	*testcontainers.DockerContainer
	hosts []string // the addresses of its ports, outside it
	ports string   // their numbers inside it, such as "7000-7005"
}

// run starts a container for a server of a kind.
func (d docker) run(ctx context.Context, k *kind, image string) (*container, error) {
	if k.ports == 0 {
		return d.runAt(ctx, k, image, k.port, k.port)
	}
	// Between the choice of the ports and their use another process may take one.
	for try := 1; ; try++ {
		first, err := freePorts(k.ports)
		if err != nil {
			return nil, err
		}
		c, err := d.runAt(ctx, k, image, first, first+k.ports-1)
		if err == nil || try == 5 || !strings.Contains(err.Error(), "already") {
			return c, err
		}
	}
}

// runAt starts a container for a server of a kind at the ports first to last.
func (d docker) runAt(ctx context.Context, k *kind, image string, first, last int) (*container, error) {
	c := &container{ports: fmt.Sprintf("%d-%d", first, last)}
	bindings := network.PortMap{}
	for port := first; port <= last; port++ {
		outside := "" // any free one
		if k.ports > 0 {
			outside = strconv.Itoa(port)
		}
		bindings[tcp(port)] = []network.PortBinding{{HostIP: loopback, HostPort: outside}}
	}
	var err error
	c.DockerContainer, err = testcontainers.Run(ctx, image,
		testcontainers.WithEntrypoint(k.entrypoint...),
		testcontainers.WithEnv(map[string]string{"SUPERVISE": superviseScript}),
		testcontainers.WithCmd(k.command(c.ports)...),
		testcontainers.WithExposedPorts(c.ports+"/tcp"),
		testcontainers.WithHostConfigModifier(func(h *dockercontainer.HostConfig) { h.PortBindings, h.Tmpfs = bindings, inMemory }),
		testcontainers.WithLabels(map[string]string{ownerLabel: self()}),
	)
	if err != nil {
		return nil, errors.Join(err, testcontainers.TerminateContainer(c.DockerContainer))
	}
	for port := first; port <= last; port++ {
		outside, err := c.MappedPort(ctx, tcp(port).String())
		if err != nil { // it has ended already
			return nil, fmt.Errorf("%s: %w\n%s", image, err, c.tail())
		}
		c.hosts = append(c.hosts, net.JoinHostPort(loopback.String(), outside.Port()))
	}
	return c, nil
}

func tcp(port int) network.Port { return network.MustParsePort(strconv.Itoa(port) + "/tcp") }

// freePorts returns the first of n free ports in a row. They are below those that
// systems give to outgoing connections, and so are the ports 10000 above them,
// where the nodes of a Redis Cluster talk to each other.
func freePorts(n int) (int, error) {
	for range 100 {
		first := 10000 + rand.IntN(10000-n)
		if err := allFree(first, n); err == nil {
			return first, nil
		}
	}
	return 0, fmt.Errorf("found no %d free ports in a row", n)
}

func allFree(first, n int) error {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort(loopback.String(), strconv.Itoa(port)))
		if err != nil {
			return err
		}
		defer l.Close() // at the end, so that all are free at once
	}
	return nil
}

// exec runs a command in the container, and fails if it does.
func (c *container) exec(ctx context.Context, command []string) error {
	code, output, err := c.Exec(ctx, command, exec.Multiplexed())
	if err != nil {
		return err
	}
	if code == 0 {
		return nil
	}
	text, err := io.ReadAll(output)
	if err != nil {
		return err
	}
	return fmt.Errorf("not ready yet: exit status %d: %s", code, lastLines(string(text), 5))
}

// running reports whether the container still runs.
func (c *container) running(ctx context.Context) bool {
	state, err := c.State(ctx)
	return err != nil || state.Running
}

// tail returns the last that the container printed.
func (c *container) tail() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	logs, err := c.Logs(ctx)
	if err != nil {
		return "no logs: " + err.Error()
	}
	defer logs.Close()
	text, err := io.ReadAll(logs)
	if err != nil {
		return "no logs: " + err.Error()
	}
	return lastLines(string(text), 20)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// oneLine is an error's text on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Pause stops the server's processes where they are, until Unpause or the end of
// the test: connections stay open, and nothing is answered. It skips the test if
// the server's address came from the environment. Other tests of the process hang
// meanwhile if they use the server, so no such test may run in parallel.
func (s Server) Pause(t testing.TB) error {
	t.Helper()
	if s.container == nil {
		t.Skip("only a server in a container of ours can be paused")
	}
	d, id := s.docker(t)
	t.Cleanup(func() {
		if state, err := s.container.State(context.Background()); err != nil || state.Paused {
			if err := s.Unpause(t); err != nil {
				t.Error(err)
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), pauseTime)
	defer cancel()
	return wait(ctx, func() error {
		_, err := d.Client().ContainerPause(ctx, id, client.ContainerPauseOptions{})
		return err
	})
}

// pauseTime is how long a pause is tried: a container that is busy cannot always be frozen at once.
const pauseTime = 10 * time.Second

// Unpause lets a paused server go on.
func (s Server) Unpause(t testing.TB) error {
	t.Helper()
	d, id := s.docker(t)
	_, err := d.Client().ContainerUnpause(context.Background(), id, client.ContainerUnpauseOptions{})
	return err
}

// Exec runs a command beside the server, in its container, and returns what it printed. It
// skips the test where the server was there before.
func (s Server) Exec(t testing.TB, command ...string) (string, error) {
	t.Helper()
	if s.container == nil {
		t.Skip("commands run beside a server only in a container of ours")
	}
	code, output, err := s.container.Exec(t.Context(), command, exec.Multiplexed())
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(output)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit status %d", code)
	}
	return string(text), err
}

func (s Server) docker(t testing.TB) (docker, string) {
	t.Helper()
	d, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	return d, s.container.GetContainerID()
}

// Ports returns the numbers of the ports of a server that has several, which are the same
// inside its container.
func (s Server) Ports() (ports []string) {
	for _, host := range s.container.hosts {
		ports = append(ports, host[strings.LastIndex(host, ":")+1:])
	}
	return ports
}
