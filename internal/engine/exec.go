package engine

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go/exec"
)

// Exec runs a shell script with arguments in the server's container and returns what it
// prints. It skips the test if the server's address came from the environment.
func (s Server) Exec(t testing.TB, script string, args ...string) (string, error) {
	t.Helper()
	if s.container == nil {
		t.Skip("only in a container of ours something can be run")
	}
	code, output, err := s.container.Exec(t.Context(), shell(script, args...), exec.Multiplexed())
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(output)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit status %d: %s", code, lastLines(string(text), 5))
	}
	return strings.TrimSpace(string(text)), err
}

// Ports returns the numbers of the ports of a server that has several, which are the same
// inside its container.
func (s Server) Ports() (ports []string) {
	for _, host := range s.container.hosts {
		ports = append(ports, host[strings.LastIndex(host, ":")+1:])
	}
	return ports
}
