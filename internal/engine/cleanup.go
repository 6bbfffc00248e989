package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// ownerLabel is the label that says which process a container belongs to.
const ownerLabel = "authstore.engine.owner"

// watchVariable makes a test binary the watcher of the process that it names.
const watchVariable = "AUTHSTORE_ENGINE_WATCH"

// mainRuns is whether Main was called, without which no container is removed.
var mainRuns bool

// Main runs the tests of a package and removes the containers that they started:
//
//	func TestMain(m *testing.M) { engine.Main(m) }
func Main(m *testing.M) {
	if owner := os.Getenv(watchVariable); owner != "" {
		guard(owner)
		return
	}
	mainRuns = true
	code := m.Run()
	if err := cleanUp(); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// cleanUp removes the containers of this process, if it started any.
func cleanUp() error {
	if watcher == nil {
		return nil
	}
	d, err := dial()
	if err != nil {
		return err
	}
	if err := d.remove(func(owner string) bool { return owner == self() }); err != nil {
		return err
	}
	_, err = watcher.Write([]byte("done"))
	return err
}

// watcher is the input of the watcher. Whatever ends this process closes it.
var watcher io.WriteCloser

// watch starts this test binary once more, as a process that waits for the end of
// this one, whatever ends it, and then removes its containers.
func watch() error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	// Without arguments: not the flags of the tests. Without outputs: go test
	// waits for who has its own.
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), watchVariable+"="+self())
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the watcher: %w", err)
	}
	watcher = pipe
	return nil
}

// guard is what the watcher of a process does.
func guard(owner string) {
	// These go to every process of a terminal.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if message, _ := io.ReadAll(os.Stdin); len(message) > 0 {
		return // there is nothing left to do
	}
	time.Sleep(time.Second) // for what Docker was about to create
	if d, err := connect(); err == nil {
		_ = d.remove(func(other string) bool { return other == owner })
	}
}

// sweep removes the containers of processes that are gone.
func (d docker) sweep() error { return d.remove(gone) }

// remove removes the containers of some owners.
func (d docker) remove(theirs func(owner string) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := d.Client().ContainerList(ctx, client.ContainerListOptions{
		All:     true,
		Filters: client.Filters{}.Add("label", ownerLabel),
	})
	if err != nil {
		return err
	}
	var all errgroup.Group // at once, as Docker takes its time for each
	for _, c := range list.Items {
		if !theirs(c.Labels[ownerLabel]) {
			continue
		}
		all.Go(func() error {
			_, err := d.Client().ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
				return nil // or it is being removed
			}
			return err
		})
	}
	return all.Wait()
}

// self returns this process as the owner of containers: where it runs, and its ID.
func self() string { return home() + " " + strconv.Itoa(os.Getpid()) }

// home tells apart processes that have the same ID: those on different machines,
// and those in different containers.
func home() string {
	host, _ := os.Hostname()
	namespace, _ := os.Readlink("/proc/self/ns/pid") // Linux only
	return host + namespace
}

// gone reports whether an owner is a process that was here and has ended.
func gone(owner string) bool {
	place, id, _ := strings.Cut(owner, " ")
	pid, err := strconv.Atoi(id)
	if err != nil || place != home() {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	defer func() { _ = p.Release() }()
	return errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
