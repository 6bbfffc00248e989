package robust

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Report is what a run came to.
type Report struct {
	Run
	Operations int
	Unknown    int         // operations without an answer
	Faults     int         // that were made
	Illegal    []int       // worlds whose histories no order explains
	Undecided  []int       // worlds whose histories took the checker too long
	Strange    []Operation // with an error that is of no kind

	mu        sync.Mutex
	histories map[int][]Operation
}

// Histories returns how many histories were checked.
func (r *Report) Histories() int { return len(r.histories) }

// Row is a line of the table of totals.
func (r *Report) Row(name string) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d |", name, r.Operations, r.Histories(), r.Faults, r.Unknown, len(r.Illegal), len(r.Undecided))
}

// Explain writes an illegal history down: the shortest beginning of it that is illegal,
// without the reads that it does not need. It leaves the history, and a picture of it that
// a browser shows, in a folder.
func (r *Report) Explain(world int, folder string) (string, error) {
	short := shorten(r.histories[world])
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", err
	}
	file := filepath.Join(folder, fmt.Sprintf("%s-%d-world-%d", r.Engine, r.Seed, world))
	whole, err := json.MarshalIndent(r.histories[world], "", "\t")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file+".json", whole, 0o666); err != nil {
		return "", err
	}
	_, info := porcupine.CheckOperationsVerbose(model, picture(expand(short)), patience)
	if err := porcupine.VisualizePath(model, info, file+".html"); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, o := range relative(short) {
		fmt.Fprintln(&text, o)
	}
	fmt.Fprintf(&text, "history: %s.json, picture: %s.html", file, file)
	return text.String(), nil
}

// picture gives what has no end one that can be drawn.
func picture(history []porcupine.Operation) []porcupine.Operation {
	var end int64
	for _, o := range history {
		if o.Return != math.MaxInt64 {
			end = max(end, o.Return)
		}
	}
	for i := range history {
		if history[i].Return == math.MaxInt64 {
			history[i].Return = max(end, history[i].Call) + 1
		}
	}
	return history
}

// shortening is how long a history is made shorter, at most.
const shortening = time.Minute

// shorten returns the shortest beginning of an illegal history that is illegal too,
// without reads that it does not need. Nothing else can be left out: a write may be what
// would explain the rest.
func shorten(history []Operation) []Operation {
	end := time.Now().Add(shortening)
	byEnd := slices.SortedFunc(slices.Values(history), func(a, b Operation) int { return cmp.Compare(a.Ended, b.Ended) })
	n, _ := slices.BinarySearchFunc(byEnd, true, func(o Operation, _ bool) int {
		if judge(until(history, o.Ended), true) == porcupine.Illegal {
			return 1
		}
		return -1
	})
	if n < len(byEnd) {
		history = until(history, byEnd[n].Ended)
	}
	for i := len(history) - 1; i >= 0 && time.Now().Before(end); i-- {
		if without := slices.Delete(slices.Clone(history), i, i+1); isRead(history[i].Call.Op) && judge(without, true) == porcupine.Illegal {
			history = without
		}
	}
	slices.SortFunc(history, func(a, b Operation) int { return cmp.Compare(a.Begun, b.Begun) })
	return history
}

// until returns what had begun by a time. What had not ended has no answer yet.
func until(history []Operation, end int64) (all []Operation) {
	for _, o := range history {
		switch {
		case o.Begun > end:
			continue
		case o.Ended > end && isRead(o.Call.Op):
			continue
		case o.Ended > end:
			o.Answer = Answer{Kind: unknown}
		}
		all = append(all, o)
	}
	return all
}

// relative counts times from the first operation.
func relative(history []Operation) []Operation {
	all := slices.Clone(history)
	for i := range all {
		all[i].Begun -= history[0].Begun
		all[i].Ended -= history[0].Begun
	}
	return all
}
