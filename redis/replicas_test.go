package redis

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
)

// answer is an error that a server answers with.
type answer string

func (a answer) Error() string { return string(a) }

func (answer) RedisError() {}

func TestWhatIsTriedOnAnotherServer(t *testing.T) {
	for _, test := range []struct {
		err           error
		asking        bool
		address       string
		again, unique bool // whether a command, and one that must not be repeated, is tried again
	}{
		{nil, false, "", false, false},
		{redis.Nil, false, "", false, false},
		{answer("MOVED 3999 127.0.0.1:6381"), false, "127.0.0.1:6381", false, false},
		{answer("ASK 3999 127.0.0.1:6381"), true, "127.0.0.1:6381", false, false},
		{answer("READONLY You can't write against a read only replica."), false, "", true, true},
		{answer("CLUSTERDOWN The cluster is down"), false, "", true, true},
		{answer("ERR unknown command"), false, "", false, false},
		{errReplicas, false, "", false, false},
		{errors.New("EOF"), false, "", true, false},
	} {
		cmd := redis.NewCmd(context.Background())
		cmd.SetErr(test.err)
		if asking, address := redirected(test.err); asking != test.asking || address != test.address {
			t.Errorf("%v: redirected to %q, %v", test.err, address, asking)
		}
		if got := canRetryElsewhere(cmd); got != test.again {
			t.Errorf("%v: tried again: %v, want %v", test.err, got, test.again)
		}
		if got := canRetryElsewhere(noRetry{cmd}); got != test.unique {
			t.Errorf("%v: tried again, of what must not be repeated: %v, want %v", test.err, got, test.unique)
		}
	}
}

func TestAServerThatIsNoPrimaryAnyMoreIsUnavailable(t *testing.T) {
	wait := redis.NewCmd(t.Context())
	wait.SetErr(answer("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"))
	if err := (&store{replicas: 1}).acknowledged(wait); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
