package redis_test

import (
	"testing"

	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
)

// Dead connections cost a read no more than a second, however many the client has; a write is
// ErrUnavailable in bounded time.
func TestSilentConnections(t *testing.T) {
	redistest.CheckSilence(t, engine.Redis(t).URL, "redis", newPrefix())
}
