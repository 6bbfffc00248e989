package redis_test

import (
	"testing"

	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
)

// Connections that died without a word cost a read a moment, however many of them the
// client has; a write is ErrUnavailable in bounded time.
func TestSilentConnections(t *testing.T) {
	redistest.CheckSilence(t, engine.Redis(t).URL, "redis", newPrefix())
}
