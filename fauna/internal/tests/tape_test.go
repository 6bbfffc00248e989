package fauna_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/authstore/authstore/internal/silent"
)

// exchange is a query as it was sent, and the server's answer. Headers, which contain the secret,
// are not recorded.
type exchange struct {
	Query  json.RawMessage `json:"query"`
	Status int             `json:"status,omitempty"` // 0: there was no answer before the context ended
	Answer json.RawMessage `json:"answer,omitempty"`
}

// answer is the recorded part of a response: what the driver reads, without what is different
// each time.
type answer struct {
	Data  json.RawMessage `json:"data,omitempty"`
	Error *struct {
		Code               string          `json:"code"`
		ConstraintFailures json.RawMessage `json:"constraint_failures,omitempty"`
		Abort              json.RawMessage `json:"abort,omitempty"`
	} `json:"error,omitempty"`
	Stats *struct {
		ComputeOps int `json:"compute_ops"`
		ReadOps    int `json:"read_ops"`
		WriteOps   int `json:"write_ops"`
	} `json:"stats,omitempty"`
}

// tape is the transport of one test. It records queries and answers, or plays them back: a query
// has an answer if it is equal to a recorded one byte for byte, and one that was recorded n times has
// the n answers in order.
type tape struct {
	file   string
	server http.RoundTripper // nil to play back

	mu        sync.Mutex
	exchanges []exchange
	unplayed  map[string][]exchange
	strange   error // the first query that was not recorded
}

func tapeFile(name string) string { return filepath.Join("testdata", name+".json.gz") }

// record returns a tape that save writes.
func record(name string, server http.RoundTripper) *tape {
	return &tape{file: tapeFile(name), server: server}
}

// play returns a recorded tape.
func play(name string) (*tape, error) {
	t := &tape{file: tapeFile(name), unplayed: map[string][]exchange{}}
	f, err := os.Open(t.file)
	if err != nil {
		return nil, fmt.Errorf("record it with AUTHSTORE_FAUNA_URL and AUTHSTORE_FAUNA_RECORD=1: %w", err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	if err := json.NewDecoder(unzipped).Decode(&t.exchanges); err != nil {
		return nil, err
	}
	for _, e := range t.exchanges {
		t.unplayed[string(e.Query)] = append(t.unplayed[string(e.Query)], e)
	}
	return t, nil
}

func (t *tape) RoundTrip(req *http.Request) (*http.Response, error) {
	query, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if t.server == nil {
		return t.playBack(req, query)
	}
	sent := req.Clone(req.Context())
	sent.Body = io.NopCloser(bytes.NewReader(query))
	resp, err := silent.Whole(t.server.RoundTrip(sent))
	if err != nil {
		if req.Context().Err() != nil {
			t.keep(exchange{Query: query})
		}
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var kept answer
	if err := json.Unmarshal(body, &kept); err != nil {
		return nil, err
	}
	packed, err := json.Marshal(kept)
	if err != nil {
		return nil, err
	}
	t.keep(exchange{Query: query, Status: resp.StatusCode, Answer: packed})
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (t *tape) keep(e exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.exchanges = append(t.exchanges, e)
}

func (t *tape) playBack(req *http.Request, query []byte) (*http.Response, error) {
	e, err := t.next(string(query))
	if err != nil {
		return nil, err
	}
	if e.Status == 0 {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return &http.Response{
		StatusCode: e.Status, Status: http.StatusText(e.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(bytes.NewReader(e.Answer)), ContentLength: int64(len(e.Answer)),
	}, nil
}

func (t *tape) next(query string) (exchange, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := t.unplayed[query]
	if len(left) == 0 {
		err := fmt.Errorf("%s has no such query, or not so often: %.2000s", t.file, query)
		t.strange = cmp.Or(t.strange, err)
		return exchange{}, err
	}
	t.unplayed[query] = left[1:]
	if len(left) == 1 {
		delete(t.unplayed, query)
	}
	return left[0], nil
}

// done writes a recorded tape, or fails unless one was played back as it is.
func (t *tape) done() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server != nil {
		return t.save()
	}
	if t.strange == nil && len(t.unplayed) > 0 {
		for query := range t.unplayed {
			return fmt.Errorf("%s has %d queries that were not made, such as %.2000s", t.file, len(t.unplayed), query)
		}
	}
	return t.strange
}

func (t *tape) save() error {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := errors.Join(encoder.Encode(t.exchanges), w.Close()); err != nil {
		return err
	}
	return os.WriteFile(t.file, zipped.Bytes(), 0o644)
}
