package robust_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	mongodriver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/internal/engine"
)

// again makes a fault over and over, with a pause of about every between, until the
// context ends.
func again(every time.Duration, breaks func(n int) error) func(context.Context) (int, error) {
	return func(ctx context.Context) (n int, err error) {
		for {
			select {
			case <-ctx.Done():
				return n, nil
			case <-time.After(every/2 + rand.N(every)):
			}
			if err := breaks(n); err != nil {
				return n, err
			}
			n++
		}
	}
}

// pauses stops a server for longer than its clients wait for a reply.
func pauses(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(time.Second, func(int) error {
		if err := s.Pause(t); err != nil {
			return err
		}
		time.Sleep(time.Duration(200+rand.IntN(1500)) * time.Millisecond)
		return s.Unpause(t)
	})
}

// in runs a script in the server's container.
func in(t testing.TB, s engine.Server, script string, args ...string) error {
	if text, err := s.Exec(t, append([]string{"sh", "-c", script, "sh"}, args...)...); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
}

// killed kills a server (kill -9), by the beginning of its command line, which is run again a
// moment later, with what it has stored. It is not killed again before it answers, which
// takes some servers seconds.
func killed(command string) func(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return func(t testing.TB, s engine.Server) func(context.Context) (int, error) {
		return again(1500*time.Millisecond, func(int) error {
			if err := in(t, s, killScript+`kill_all "$1" 0.2`, "^"+command); err != nil {
				return err
			}
			return s.Await(t.Context())
		})
	}
}

// killScript has functions for scripts that kill: processes by a pattern of their command
// lines, and all of them for some seconds.
const killScript = `
	processes() {
		for p in /proc/[0-9]*; do
			if tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -q "$1"; then echo "${p#/proc/}"; fi
		done
	}
	kill_all() {
		touch /down
		kill -9 $(processes "$1")
		sleep "$2"
		rm /down
	}
`

// killedNode kills a node of a Redis Cluster, or the master or the replica that Sentinels
// watch, for too short a time for a failover.
func killedNode(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(2*time.Second, func(n int) error {
		servers := s.Ports()
		if len(servers) == 5 { // three are Sentinels
			servers = servers[3:]
		}
		return in(t, s, killScript+`kill_all "^redis-server.*:$1" 0.2`, servers[n%len(servers)])
	})
}

// killedMember kills the primary of a MongoDB replica set.
func killedMember(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(4*time.Second, func(int) error {
		port, err := primary(t, s)
		if err != nil {
			return err
		}
		return in(t, s, killScript+`kill_all "^mongod --port $1 " 0.5`, port)
	})
}

// laggingFailover cuts the replicas of a master off, and kills it a moment later, so that
// the one that takes its place lacks what was written last. The master comes back as its
// replica.
func laggingFailover(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(2*time.Second, func(n int) error {
		return in(t, s, killScript+`set -e
			masters=
			for port in $1; do
				if [ "$(redis-cli -p "$port" role | head -n 1)" = master ]; then masters="$masters $port"; fi
			done
			set -- $masters $masters $masters "$2"
			while [ $# -gt 1 ] && [ "$n" != "$2" ]; do break; done
			eval "n=\${$#}"
			shift $((n % 3))
			master=$1
			for try in $(seq 100); do
				replicas=$(redis-cli -p "$master" info replication | sed -n 's/^slave[0-9]*:.*port=\([0-9]*\),.*state=online.*/\1/p')
				[ -z "$replicas" ] || break
				sleep 0.2
			done
			[ -n "$replicas" ]
			for port in $replicas; do redis-cli -p "$port" config set masterauth none; done
			redis-cli -p "$master" client kill type replica
			sleep 0.7
			touch /down
			kill -9 $(processes "^redis-server.*:$master")
			for port in $replicas; do redis-cli -p "$port" config set masterauth ""; done
			for try in $(seq 200); do
				for port in $replicas; do
					if [ "$(redis-cli -p "$port" role | head -n 1)" = master ]; then break 2; fi
				done
				sleep 0.1
			done
			rm /down
			sleep 2`, ports(s), fmt.Sprint(n))
	})
}

func scriptFlush(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(200*time.Millisecond, func(int) error { return in(t, s, `redis-cli script flush`) })
}

// memoryFull has the server refuse what makes it larger.
func memoryFull(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(400*time.Millisecond, func(int) error {
		return in(t, s, `redis-cli config set maxmemory 1 && sleep 0.3; redis-cli config set maxmemory 0`)
	})
}

// slot has what a fault on a Redis Cluster needs: the ports of its nodes.
func ports(s engine.Server) string { return strings.Join(s.Ports(), " ") }

// reshard moves slots from one master to another.
func reshard(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(300*time.Millisecond, func(n int) error {
		return in(t, s, `
			masters=$(redis-cli -p "$1" cluster nodes | grep master | grep -v fail | awk '{ print $1 }')
			from=$(echo "$masters" | sed -n "$(($2 % 3 + 1))p")
			to=$(echo "$masters" | sed -n "$((($2 + 1) % 3 + 1))p")
			redis-cli --cluster reshard "127.0.0.1:$1" --cluster-from "$from" --cluster-to "$to" --cluster-slots 400 --cluster-yes`,
			s.Ports()[0], fmt.Sprint(n))
	})
}

// clusterFailover has a replica take its master's place, which waits for it, so that
// nothing is lost.
func clusterFailover(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(500*time.Millisecond, func(n int) error {
		return in(t, s, `
			for port in $1; do
				if redis-cli -p "$port" info replication | grep -q role:slave && [ $((port % 3)) = $(($2 % 3)) ]; then
					redis-cli -p "$port" cluster failover
					exit
				fi
			done`, ports(s), fmt.Sprint(n))
	})
}

// sentinelFailover has the Sentinels promote the replica, which does not wait for the
// master's last writes.
func sentinelFailover(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(4*time.Second, func(int) error {
		return in(t, s, `redis-cli -p "$1" sentinel failover authstore || true; sleep 2`, s.Ports()[0])
	})
}

// stepDown has the primary step down, and another be elected.
func stepDown(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(2*time.Second, func(int) error {
		client, err := mongodriver.Connect(options.Client().ApplyURI(s.URL))
		if err != nil {
			return err
		}
		defer func() { _ = client.Disconnect(context.Background()) }()
		_ = client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "replSetStepDown", Value: 5}, {Key: "force", Value: true}}).Err()
		return nil // the command breaks its own connection on some versions
	})
}

// stoppedMember stops the primary for longer than an election takes, and lets it go on.
func stoppedMember(t testing.TB, s engine.Server) func(context.Context) (int, error) {
	return again(2*time.Second, func(int) error {
		port, err := primary(t, s)
		if err != nil {
			return err
		}
		return in(t, s, killScript+`p=$(processes "^mongod --port $1 "); kill -STOP $p; sleep 4; kill -CONT $p`, port)
	})
}

// primary returns the port of the primary of a MongoDB replica set, once it has one that
// answers: an earlier fault may have left it amid an election.
func primary(t testing.TB, s engine.Server) (port string, err error) {
	client, err := mongodriver.Connect(options.Client().ApplyURI(s.URL))
	if err != nil {
		return "", err
	}
	defer func() { _ = client.Disconnect(context.Background()) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var hello struct{ Primary string }
		err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
		if _, port, ok := strings.Cut(hello.Primary, ":"); err == nil && ok {
			return port, nil
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("no primary was found: %w", errors.Join(ctx.Err(), err))
		}
		time.Sleep(100 * time.Millisecond)
	}
}
