package passkey

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/limit"
	"github.com/authstore/authstore/authhttp/signin"
)

// Why nothing was registered and nobody signed in, for [errors.Is].
var (
	// ErrChallenge: this browser was given no such challenge, has used it already, or took
	// more than ten minutes.
	ErrChallenge = errors.New("passkey: the challenge is not this browser's, was used already or is too old")
	// ErrRefused: the authenticator's answer proves nothing.
	ErrRefused = errors.New("passkey: the answer of the authenticator is not valid")
	// ErrUnknown: nobody here has this passkey.
	ErrUnknown = errors.New("passkey: nobody has this passkey")
	// ErrCloned: the signature counter did not grow. There may be two of the authenticator.
	ErrCloned = errors.New("passkey: the signature counter did not grow (a cloned authenticator?)")
	// ErrSignedIn: somebody who is signed in signs up.
	ErrSignedIn = errors.New("passkey: somebody is signed in: they register a passkey instead of signing up")
	// ErrName: the name of who signs up is empty, too long, or no text.
	ErrName = errors.New("passkey: the name must be text of 1 to 64 bytes")
)

// codes are what a page's script is told.
var codes = []struct {
	err    error
	status int
	code   string
}{
	{ErrChallenge, http.StatusForbidden, "challenge"},
	{ErrRefused, http.StatusForbidden, "refused"},
	{ErrUnknown, http.StatusForbidden, "unknown"},
	{ErrCloned, http.StatusForbidden, "cloned"},
	{ErrSignedIn, http.StatusConflict, "signed_in"},
	{ErrName, http.StatusUnprocessableEntity, "name"},
	{signin.ErrTaken, http.StatusConflict, "taken"},
	{signin.ErrUnverified, http.StatusForbidden, "unverified"},
	{adapter.ErrNotFound, http.StatusUnauthorized, "nobody"},
}

const maxBody = 32 << 10 // with which a credential fits into attributes

// done is the answer to what is finished.
type done struct {
	ID string `json:"id"` // the credential ID of the record
}

// serve answers a POST request of this site's own pages.
func (p *Passkeys) serve(w http.ResponseWriter, r *http.Request, h func(http.ResponseWriter, *http.Request) error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	p.Sessions.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			p.fail(w, r, err)
		}
	})).ServeHTTP(w, r)
}

// begin answers as serve does, within the limit.
func (p *Passkeys) begin(w http.ResponseWriter, r *http.Request, h func(http.ResponseWriter, *http.Request) error) {
	p.serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
		if err := p.limit.Check(w, r, p.Limit, p.Sessions.Clock); err != nil {
			return err
		}
		return h(w, r)
	})
}

func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, ErrRefused
	}
	return body, nil
}

func answer(w http.ResponseWriter, v any) error { return write(w, http.StatusOK, v) }

func write(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // it fails if the visitor is gone
	return nil
}

func (p *Passkeys) fail(w http.ResponseWriter, r *http.Request, err error) {
	if p.Failed != nil {
		w.Header().Set("Cache-Control", "no-store")
		p.Failed(w, r, err)
		return
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			_ = write(w, c.status, map[string]string{"error": c.code})
			return
		}
	}
	if _, limited := errors.AsType[*limit.Error](err); limited {
		_ = write(w, http.StatusTooManyRequests, map[string]string{"error": "limited"})
		return
	}
	logger := cmp.Or(p.Sessions.Logger, slog.Default())
	logger.ErrorContext(r.Context(), "passkey: request failed", "code", adapter.Code(err), "err", err)
	_ = write(w, http.StatusServiceUnavailable, map[string]string{"error": "unavailable"})
}

// refused is an [ErrRefused] that says what kind of problem go-webauthn has with an answer,
// and nothing of what is in it.
func refused(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return fmt.Errorf("%w: %s", ErrRefused, e.Type)
	}
	return ErrRefused
}

// unknown is [ErrUnknown] for a record that is not there.
func unknown(err error) error {
	if errors.Is(err, adapter.ErrNotFound) {
		return ErrUnknown
	}
	return err
}
