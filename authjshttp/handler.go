package authjshttp

import (
	"context"
	_ "embed" // the OpenAPI document
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Version is that of the protocol. It is in the path and in the header [VersionHeader] of each
// answer.
const Version = "1"

// The headers of answers.
const (
	VersionHeader   = "Authstore-Version"
	SignatureHeader = "Authstore-Signature" // with [Options.Signed]
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the description of the protocol, in OpenAPI 3.1.
func OpenAPI() []byte { return append([]byte(nil), openAPI...) }

// Options say who may call, and how much. The zero value serves programs on this machine.
type Options struct {
	// Secrets are what clients may show, at least 32 characters each. To replace one, add the new
	// one to all services, then give it to the clients, then remove the old one. Without any
	// only requests of this machine are served.
	Secrets []string
	// Signed asks for requests that are signed with a secret (HMAC-SHA256) instead of showing it,
	// and signs answers. Whoever listens still reads what is sent: it does not replace TLS where
	// tokens must not be seen.
	Signed bool
	// Window is how much the clocks of a client and the service may differ with Signed. A request
	// is taken once in it, by each process. 0: a minute.
	Window time.Duration
	// MaxBody is how many bytes a request may have. 0: 1 MiB.
	MaxBody int64
	// Timeout is how long a call may take. Keep it below that of clients, so that a call has
	// ended before it is repeated. 0: 8 seconds.
	Timeout time.Duration
	// Clock gives the time that signatures are judged by. Nil: time.Now.
	Clock func() time.Time
	// Logger gets a line for each call that was refused or failed, and at the level Debug for
	// every other one. Nil: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Window == 0 {
		o.Window = time.Minute
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 8 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Handler is the service. It is safe for concurrent use.
type Handler struct {
	store   adapter.Adapter
	options Options
	access  *access
	mux     *http.ServeMux
	flights flights
}

// New returns the service of a store. The store stays the caller's to close.
func New(store adapter.Adapter, options Options) (*Handler, error) {
	options = options.withDefaults()
	access, err := newAccess(options)
	if err != nil {
		return nil, err
	}
	h := &Handler{store: store, options: options, access: access, mux: http.NewServeMux()}
	h.mux.HandleFunc("/v"+Version+"/{method}", h.serveCall)
	h.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	h.mux.HandleFunc("GET /readyz", h.ready)
	h.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, openAPI) })
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeFailure(w, errUnknownPath) })
	return h, nil
}

// ServeHTTP serves a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set(VersionHeader, Version)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	h.mux.ServeHTTP(w, r)
}

var (
	errUnknownPath = refused(http.StatusNotFound, kindUnknownMethod, "there is nothing here: calls are POST /v"+Version+"/<method>, see /openapi.json")
	errNotPost     = refused(http.StatusMethodNotAllowed, kindMalformed, "calls are POST")
	errNotJSON     = refused(http.StatusUnsupportedMediaType, kindMalformed, "the content type must be application/json")
	errLongKey     = refused(http.StatusBadRequest, kindMalformed, "the idempotency key is too long")
	errCutBody     = refused(http.StatusBadRequest, kindMalformed, "the body did not arrive")
	errPanicked    = refused(http.StatusInternalServerError, "unexpected", "the call has ended in the middle: the log of the service has it")
	errTooLarge    = refused(http.StatusRequestEntityTooLarge, kindTooLarge, "the body is too large")
)

// serveCall answers a call.
func (h *Handler) serveCall(w http.ResponseWriter, r *http.Request) {
	began, name := h.options.Clock(), r.PathValue("method")
	body, signature, err := h.admit(w, r, name)
	var answer []byte
	if err == nil {
		answer, err = h.run(r, name, body)
	}
	status := http.StatusOK
	if err != nil {
		failed := failureOf(err)
		status = failed.status
		answer = encode(failed.object())
	}
	h.log(r, name, status, err, h.options.Clock().Sub(began))
	if signature != nil {
		w.Header().Set(SignatureHeader, sign(signature.secret, signature.answerText(status, answer)))
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	write(w, status, answer)
}

// admit returns the body of a request that may be served.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, name string) ([]byte, *signature, error) {
	if err := h.access.head(r); err != nil {
		return nil, nil, err
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, nil, errNotPost
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		return nil, nil, errNotJSON
	}
	if len(r.Header.Get(keyHeader)) > maxKey {
		return nil, nil, errLongKey
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.options.MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, nil, errTooLarge
	}
	if err != nil {
		return nil, nil, errCutBody
	}
	signature, err := h.access.body(r, name, body)
	return body, signature, err
}

// run makes a call, and returns its answer as JSON. One that may be repeated does not end with
// its client: the repetition waits for it, or finds it done.
func (h *Handler) run(r *http.Request, name string, body []byte) ([]byte, error) {
	m, ok := methods[name]
	if !ok {
		return nil, errUnknownPath
	}
	args, err := decodeArguments(body)
	if err == nil && len(args) != m.params {
		err = fmt.Errorf("%s has %d arguments", name, m.params)
	}
	if err != nil {
		return nil, refused(http.StatusBadRequest, kindMalformed, err.Error())
	}
	again := repetitionOf(name, r.Header.Get(keyHeader), body)
	perform := func(ctx context.Context) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, h.options.Timeout)
		defer cancel()
		v, err := m.do(&call{ctx, h.store, args, again})
		if err != nil {
			return nil, err
		}
		return encode(v), nil
	}
	if !again.asked() {
		return perform(r.Context())
	}
	return h.flights.join(r.Context(), again, func() ([]byte, error) { return perform(context.WithoutCancel(r.Context())) })
}

// log says how a call ended, without a word of what was in it.
func (h *Handler) log(r *http.Request, name string, status int, err error, took time.Duration) {
	level := slog.LevelDebug
	switch status {
	case http.StatusInternalServerError:
		level = slog.LevelError
	case http.StatusUnauthorized, http.StatusServiceUnavailable, http.StatusRequestEntityTooLarge:
		level = slog.LevelWarn
	}
	if !h.options.Logger.Enabled(r.Context(), level) {
		return
	}
	if _, ok := methods[name]; !ok {
		name = "unknown" // it is the client's text
	}
	attrs := []slog.Attr{slog.String("method", name), slog.Int("status", status), slog.Duration("took", took)}
	if err != nil {
		attrs = append(attrs, slog.String("kind", failureOf(err).kind), slog.String("error", err.Error()))
	}
	h.options.Logger.LogAttrs(r.Context(), level, "call", attrs...)
}

// ready answers whether the store does.
func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.options.Timeout)
	defer cancel()
	if p, ok := adapter.As[adapter.Pinger](h.store); ok {
		if err := p.Ping(ctx); err != nil {
			h.options.Logger.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String("kind", adapter.Code(err)), slog.String("error", err.Error()))
			w.Header().Set("Retry-After", "1")
			writeText(w, http.StatusServiceUnavailable, "the store does not answer: the log has more\n")
			return
		}
	}
	writeText(w, http.StatusOK, "ok\n")
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // to a client that is gone
}

func writeFailure(w http.ResponseWriter, f *failure) {
	write(w, f.status, encode(f.object()))
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.Copy(w, strings.NewReader(text))
}

// flights are the calls under way that may be repeated.
type flights struct {
	mu  sync.Mutex
	all map[repetition]*flight
}

type flight struct {
	done   chan struct{}
	answer []byte
	err    error
}

// join makes a call, or waits for the same one that is under way and returns its answer.
func (f *flights) join(ctx context.Context, id repetition, perform func() ([]byte, error)) ([]byte, error) {
	f.mu.Lock()
	other, ok := f.all[id]
	if ok {
		f.mu.Unlock()
		select {
		case <-other.done:
			return other.answer, other.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	own := &flight{done: make(chan struct{}), err: errPanicked}
	if f.all == nil {
		f.all = map[repetition]*flight{}
	}
	f.all[id] = own
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.all, id)
		f.mu.Unlock()
		close(own.done)
	}()
	own.answer, own.err = perform()
	return own.answer, own.err
}
