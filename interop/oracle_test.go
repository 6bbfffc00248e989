package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// undefined is JavaScript's value of that name. null is nil.
type undefined struct{}

// object is a JavaScript object. Its values are nil, undefined, bool, float64, string,
// time.Time for a Date, []any, object, and odd for all else.
type object map[string]any

// odd is a value of a type that no application of Auth.js expects.
type odd struct{ Type, Text string }

// oracle is the Node.js process.
type oracle struct {
	stdin   io.WriteCloser
	stderr  *strings.Builder
	mu      sync.Mutex
	last    int
	waiting map[int]chan reply
	ended   error // why there will be no more replies
}

type reply struct {
	ID    int             `json:"id"`
	Value json.RawMessage `json:"value"`
	Error *string         `json:"error"`
}

const folder = "oracle"

// startOracle starts the process, which ends with the test.
func startOracle(t testing.TB) *oracle {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, "node_modules", "@auth", "core"))
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("make setup installs Node.js and the packages: ", err)
		}
		t.Skip("make setup installs Node.js and the packages: ", err)
	}
	cmd := exec.Command(node, "oracle.mjs")
	cmd.Dir = folder
	o := &oracle{stderr: new(strings.Builder), waiting: map[int]chan reply{}}
	cmd.Stderr = o.stderr
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	o.stdin, err = cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.listen(stdout)
	}()
	t.Cleanup(func() {
		_ = o.stdin.Close() // the process ends at the end of its input
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("the oracle: %v\n%s", err, o.stderr)
		}
	})
	return o
}

// listen hands replies to those who wait for them.
func (o *oracle) listen(stdout io.Reader) {
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadBytes('\n')
		var re reply
		if err == nil {
			err = json.Unmarshal(line, &re)
		}
		o.mu.Lock()
		if err != nil {
			o.ended = fmt.Errorf("the oracle has ended: %w", err)
			for _, c := range o.waiting {
				close(c)
			}
			o.waiting = nil
			o.mu.Unlock()
			return
		}
		c := o.waiting[re.ID]
		delete(o.waiting, re.ID)
		o.mu.Unlock()
		c <- re
	}
}

// patience is how long a reply may take.
const patience = 30 * time.Second

// do runs an operation of oracle.mjs. An error is what JavaScript threw.
func (o *oracle) do(op string, args object) (any, error) {
	c := make(chan reply, 1)
	o.mu.Lock()
	if o.ended != nil {
		o.mu.Unlock()
		return nil, o.ended
	}
	o.last++
	id := o.last
	o.waiting[id] = c
	line, err := json.Marshal(map[string]any{"id": id, "op": op, "args": encode(args)})
	if err == nil {
		_, err = o.stdin.Write(append(line, '\n'))
	}
	o.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case re, ok := <-c:
		switch {
		case !ok:
			return nil, o.ended
		case re.Error != nil:
			return nil, errors.New(*re.Error)
		}
		var v any
		if err := json.Unmarshal(re.Value, &v); err != nil {
			return nil, err
		}
		return decode(v), nil
	case <-time.After(patience):
		return nil, fmt.Errorf("no answer to %s within %v", op, patience)
	}
}

// encode returns what values.mjs decodes.
func encode(v any) any {
	switch v := v.(type) {
	case undefined:
		return map[string]any{"$": "undefined"}
	case time.Time:
		return map[string]any{"$": "date", "ms": v.UnixMilli()}
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = encode(e)
		}
		return all
	case object:
		members := make([]any, 0, len(v))
		for name, e := range v {
			members = append(members, []any{name, encode(e)})
		}
		return map[string]any{"$": "object", "members": members}
	}
	return v
}

// decode undoes what values.mjs encodes.
func decode(v any) any {
	if list, ok := v.([]any); ok {
		for i := range list {
			list[i] = decode(list[i])
		}
		return list
	}
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	switch m["$"] {
	case "undefined":
		return undefined{}
	case "date":
		return time.UnixMilli(int64(m["ms"].(float64))).UTC()
	case "object":
		o := object{}
		for _, member := range m["members"].([]any) {
			pair := member.([]any)
			o[pair[0].(string)] = decode(pair[1])
		}
		return o
	}
	return odd{fmt.Sprint(m["$"]), fmt.Sprint(m["text"])}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
