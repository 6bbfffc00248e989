package engine

import (
	"context"
	"fmt"
	"testing"
)

// killScript kills what supervise.sh runs.
const killScript = `kill -9 $(for p in /proc/[0-9]*; do
	grep -q '^PPid:[[:space:]]*1$' "$p/status" 2>/dev/null && echo "${p#/proc/}"
done)`

// Restart kills a server (kill -9) that is run again then, as [RedisDurable],
// [MongoDurable] and [DynamoDBDurable] are, and waits until it works. It skips the test
// where the server was there before.
func (s Server) Restart(ctx context.Context, t testing.TB) error {
	t.Helper()
	if text, err := s.Exec(t, "sh", "-c", killScript); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return s.Await(ctx)
}
