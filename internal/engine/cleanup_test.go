package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	dockercontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// childVariable makes TestChild do something, in a process that another test
// starts.
const childVariable = "AUTHSTORE_ENGINE_CHILD"

func TestChild(t *testing.T) {
	what := os.Getenv(childVariable)
	if what == "" {
		t.Skip("for other tests to call")
	}
	fmt.Println("server at", Redis(t).URL)
	switch what {
	case "fail":
		t.FailNow()
	case "panic":
		go panic("as asked")
		select {}
	case "kill":
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		t.Fatal(self.Kill())
	case "hang":
		select {}
	}
}

// child runs TestChild in a process of its own, and returns its ID and what it
// printed.
func child(t *testing.T, what string, env ...string) (pid int, output string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(within(t, time.Minute), binary, "-test.run=^TestChild$", "-test.v", "-test.timeout=10s")
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.Process.Pid, string(out)
}

// containersOf returns how many containers an owner has.
func containersOf(t *testing.T, owner string) int {
	t.Helper()
	d := needDocker(t)
	list, err := d.Client().ContainerList(t.Context(), client.ContainerListOptions{
		All:     true,
		Filters: client.Filters{}.Add("label", ownerLabel+"="+owner),
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

func ownerWith(pid int) string { return home() + " " + strconv.Itoa(pid) }

func TestContainersAreRemoved(t *testing.T) {
	needDocker(t)
	if s := Redis(t); s.container != nil && containersOf(t, self()) == 0 {
		t.Fatal("the containers of this process aren't seen as its own")
	}
	for _, what := range []string{"end", "fail", "panic", "kill", "hang"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			pid, output := child(t, what, redisServer.address+"=")
			if !strings.Contains(output, "server at redis://127.0.0.1:") {
				t.Fatalf("the process started no server:\n%s", output)
			}
			err := wait(within(t, 30*time.Second), func() error {
				if n := containersOf(t, ownerWith(pid)); n > 0 {
					return fmt.Errorf("%d containers are left of a process that is gone", n)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// createFor creates a container, without starting it, for an owner.
func createFor(t *testing.T, owner string) {
	t.Helper()
	d := needDocker(t)
	image, ok := d.present(t.Context(), "redis")
	if !ok {
		without(t, "no image to make a container of")
	}
	c, err := d.Client().ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &dockercontainer.Config{Image: image, Labels: map[string]string{ownerLabel: owner}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = d.Client().ContainerRemove(context.Background(), c.ID, client.ContainerRemoveOptions{Force: true})
	})
}

func TestSweep(t *testing.T) {
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	left, live, foreign := ownerWith(ended.Process.Pid), ownerWith(os.Getppid()), "elsewhere "+strconv.Itoa(ended.Process.Pid)
	for _, owner := range []string{left, live, foreign} {
		createFor(t, owner)
	}
	d := needDocker(t)
	if err := d.sweep(); err != nil {
		t.Fatal(err)
	}
	for owner, want := range map[string]int{left: 0, live: 1, foreign: 1} {
		if n := containersOf(t, owner); n != want {
			t.Errorf("%q has %d containers after a sweep, not %d", owner, n, want)
		}
	}
}

func TestMissingEngine(t *testing.T) {
	needDocker(t)
	const nowhere = "127.0.0.1:1/none" // a registry that isn't there
	tests := []struct{ name, ci, want string }{
		{"on a developer's machine", "", "--- SKIP: TestChild"},
		{"in CI", "true", "--- FAIL: TestChild"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, output := child(t, "end", redisServer.address+"=", "AUTHSTORE_REDIS_IMAGE="+nowhere, "CI="+test.ci)
			for _, want := range []string{test.want, "no Redis: the image " + nowhere + " can't be pulled"} {
				if !strings.Contains(output, want) {
					t.Errorf("no %q in:\n%s", want, output)
				}
			}
		})
	}
}
