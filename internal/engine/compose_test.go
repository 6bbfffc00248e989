package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// composed is a service of docker-compose.yml: its engine, and the variable that
// has its ports.
type composed struct {
	*kind
	service  string
	variable string
	ports    string // set by the test
}

// hosts returns the addresses of the service's ports.
func (c composed) hosts(t *testing.T) []string {
	t.Helper()
	first, last, several := strings.Cut(c.ports, "-")
	if !several {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil {
		t.Fatalf("ports %q", c.ports)
	}
	var hosts []string
	for port := from; port <= to; port++ {
		hosts = append(hosts, "127.0.0.1:"+strconv.Itoa(port))
	}
	return hosts
}

// TestCompose runs what make up and make down run, on ports of its own, with the
// engines that this machine has an image of.
func TestCompose(t *testing.T) {
	d := needDocker(t)
	all := []composed{
		{kind: redisServer, service: "redis", variable: "AUTHSTORE_REDIS_PORT"},
		{kind: redisCluster, service: "redis-cluster", variable: "AUTHSTORE_REDIS_CLUSTER_PORTS"},
		{kind: redisSentinel, service: "redis-sentinel", variable: "AUTHSTORE_REDIS_SENTINEL_PORTS"},
		{kind: mongoReplicaSet, service: "mongo", variable: "AUTHSTORE_MONGO_PORT"},
		{kind: dynamoDB, service: "dynamodb", variable: "AUTHSTORE_DYNAMODB_PORT"},
		{kind: fauna, service: "fauna", variable: "AUTHSTORE_FAUNA_PORT"},
	}
	var services []composed
	for _, c := range all {
		if _, ok := d.present(t.Context(), c.image); ok {
			services = append(services, c)
		}
	}
	if len(services) == 0 {
		without(t, "no image of any engine on this machine")
	}
	if !haveCompose(t) {
		without(t, "Docker Compose isn't installed")
	}
	compose(t, services)
	for _, c := range services {
		t.Run(c.service, func(t *testing.T) {
			s := Server{URL: c.url(c.hosts(t))}
			if _, err := c.probe(within(t, 10*time.Second), s); err != nil {
				t.Errorf("no answer at %s: %v", s.URL, err)
			}
		})
	}
}

func haveCompose(t *testing.T) bool {
	t.Helper()
	if _, err := exec.LookPath("docker-compose"); err == nil {
		return true
	}
	return exec.CommandContext(t.Context(), "docker", "compose", "version").Run() == nil
}

// compose starts services, and stops them at the end of the test.
func compose(t *testing.T, services []composed) {
	t.Helper()
	env := append(os.Environ(), "COMPOSE_PROJECT_NAME=authstore-test-"+strconv.Itoa(os.Getpid()), "AUTHSTORE_ENGINE_OWNER="+self())
	up, profiles := []string{"up"}, []string{}
	next, err := freePorts(6 * len(services))
	if err != nil {
		t.Fatal(err)
	}
	for i := range services {
		c := &services[i]
		c.ports = strconv.Itoa(next)
		if c.kind.ports > 0 {
			c.ports = fmt.Sprintf("%d-%d", next, next+c.kind.ports-1)
			profiles = append(profiles, c.service)
		} else {
			up = append(up, c.service)
		}
		env = append(env, c.variable+"="+c.ports)
		next += 6
	}
	env = append(env, "COMPOSE_PROFILES="+strings.Join(profiles, ","))

	run := func(ctx context.Context, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, "internal/scripts/compose.sh", args...)
		cmd.Dir, cmd.Env = "../..", env
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("compose.sh %s: %v\n%s", args, err, output)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		run(ctx, "down")
	})
	run(within(t, 3*time.Minute), up...)
}

func TestComposeHasTheSameImages(t *testing.T) {
	file, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(imagesText) {
		engine := strings.Fields(line)[0]
		want := fmt.Sprintf("image: ${AUTHSTORE_%s_IMAGE:-%s}\n", strings.ToUpper(engine), officialImage(engine))
		if !strings.Contains(string(file), want) {
			t.Errorf("docker-compose.yml has no %s", want)
		}
	}
}
