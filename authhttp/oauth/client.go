package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/internal/flow"
	"github.com/authstore/authstore/authhttp/limit"
	"github.com/authstore/authstore/authhttp/signin"
)

// Why nobody was signed in, for [errors.Is].
var (
	// ErrDeclined: the person, or the provider for them, said no.
	ErrDeclined = errors.New("oauth: the provider was not allowed to say who it is")
	// ErrState: this browser has begun no such sign-in, or has ended it already. It is
	// what somebody sees who was sent the end of another person's.
	ErrState = errors.New("oauth: the answer is to nothing that this browser has asked, or came twice")
	// ErrLate: the person took more than ten minutes.
	ErrLate = errors.New("oauth: the answer came too late")
	// ErrIssuer: another server has answered than was asked (RFC 9207).
	ErrIssuer = errors.New("oauth: the answer is another provider's")
	// ErrPerson: since the beginning somebody has signed in or out in this browser.
	ErrPerson = errors.New("oauth: who is signed in has changed since the beginning")
	// ErrProvider: the provider does not answer, or what it answers proves nothing.
	ErrProvider = errors.New("oauth: the provider's answer is no use")
)

const (
	maxForm = 8 << 10
	apiTime = 10 * time.Second
)

// Store is what a Client reads and writes: an [adapter.Adapter] is one.
type Store interface {
	signin.Store
	adapter.VerificationTokens
}

// Client signs people in with an account of a provider, and links one to those who are
// signed in. It is not changed or copied once it is in use.
type Client struct {
	Provider Provider
	Store    Store
	Sessions *authhttp.Sessions

	// Trusted is for a provider that is believed to verify addresses: an account of its
	// is linked to the user who has the same verified address, see
	// [signin.SignUpLinkOrIn]. Without it that is [signin.ErrNotLinked].
	Trusted bool

	// Limit returns how long a request to begin has to wait, 0 if it need not. Nil: 300 of a
	// network at once, and as many again in 15 minutes, counted in this process
	// ([limit.ByNetwork]; behind a proxy see there).
	Limit func(*http.Request) (wait time.Duration)

	// HTTP sends requests to the provider. Nil: a client that waits ten seconds.
	HTTP *http.Client

	// Done answers once somebody is signed in or has linked an account. It is given the
	// path that Start was. Nil: it redirects there.
	Done func(w http.ResponseWriter, r *http.Request, path string, result signin.Result)

	// Failed answers if nobody was signed in: err is one of this package's, of package
	// signin's, a [*limit.Error], or the store's. Nil: a line of text.
	Failed func(w http.ResponseWriter, r *http.Request, err error)

	limit      flow.Limit
	refreshing locks
}

// Start sends a browser to the provider. It takes a form by POST, with the path of this
// site to go to afterwards in the field "next".
func (c *Client) Start(w http.ResponseWriter, r *http.Request) {
	c.serve(w, r, http.MethodPost, c.start)
}

// Callback is where the provider sends the browser back to: by GET, and by POST too if the
// provider has FormPost.
func (c *Client) Callback(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && c.Provider.FormPost {
		c.relay(w, r)
		return
	}
	c.serve(w, r, http.MethodGet, c.callback)
}

// relay has the browser come back with the answer of a form, by GET. Another site's form comes
// without the cookies that are SameSite=Lax, which say what was asked and who is signed in; the
// GET that follows has them. Nothing is read or changed here, so that it is of no use to forge
// the form: it is no more than a link.
func (c *Client) relay(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	to, err := url.Parse(c.Provider.Config.RedirectURL)
	if err != nil || r.ParseForm() != nil {
		c.fail(w, r, ErrState)
		return
	}
	query := to.Query()
	for _, name := range answerNames {
		if values := r.PostForm[name]; values != nil {
			query[name] = values
		}
	}
	to.RawQuery = query.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

func (c *Client) serve(w http.ResponseWriter, r *http.Request, method string, h func(http.ResponseWriter, *http.Request) error) {
	if r.Method != method {
		w.Header().Set("Allow", method)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	c.Sessions.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			c.fail(w, r, err)
		}
	})).ServeHTTP(w, r)
}

func (c *Client) start(w http.ResponseWriter, r *http.Request) error {
	if err := c.limit.Check(w, r, c.Limit, c.Sessions.Clock); err != nil {
		return err
	}
	user, err := current(r.Context())
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	state := rand.Text()
	to, a := c.Provider.ask(state)
	a.Next, a.UserID = authhttp.LocalPath(r.PostFormValue("next")), user.ID
	if err := c.flow().Begin(w, r, state, a); err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (c *Client) callback(w http.ResponseWriter, r *http.Request) error {
	a, code, err := c.answered(r)
	if err != nil {
		return err
	}
	user, err := current(r.Context())
	if err != nil {
		return err
	}
	if user.ID != a.UserID {
		return ErrPerson
	}
	profile, account, err := c.Provider.redeem(c.outgoing(r.Context()), code, a)
	if err != nil {
		return err
	}
	result, err := c.enter(w, r, user, profile, account)
	if err != nil {
		return err
	}
	if c.Done != nil {
		c.Done(w, r, a.Next, result)
		return nil
	}
	http.Redirect(w, r, a.Next, http.StatusSeeOther)
	return nil
}

// enter links the account to who is signed in, or signs in who has it.
func (c *Client) enter(w http.ResponseWriter, r *http.Request, user adapter.User, profile adapter.User, account adapter.Account) (signin.Result, error) {
	if user.ID != "" {
		return signin.Link(r.Context(), c.Store, user, account)
	}
	signUpOrIn := signin.SignUpOrIn
	if c.Trusted {
		signUpOrIn = signin.SignUpLinkOrIn
	}
	result, err := signUpOrIn(r.Context(), c.Store, profile, account)
	if err != nil {
		return signin.Result{}, err
	}
	_, err = c.Sessions.SignIn(w, r, result.User)
	return result, err
}

// answerNames are the parameters of an answer that count.
var answerNames = []string{"state", "code", "iss", "error"}

// answered returns what was asked, and the code that is the answer to it.
func (c *Client) answered(r *http.Request) (asked, string, error) {
	answer, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return asked{}, "", ErrState
	}
	for _, name := range answerNames {
		if len(answer[name]) > 1 {
			return asked{}, "", ErrState
		}
	}
	var a asked
	err = c.flow().End(r, answer.Get("state"), &a)
	switch {
	case errors.Is(err, adapter.ErrExpired):
		return asked{}, "", ErrLate
	case errors.Is(err, adapter.ErrNotFound):
		return asked{}, "", ErrState
	case err != nil:
		return asked{}, "", err
	}
	code, err := c.Provider.code(answer)
	return a, code, err
}

// current returns who is signed in, nobody without an error.
func current(ctx context.Context) (adapter.User, error) {
	_, user, err := authhttp.Current(ctx)
	if errors.Is(err, adapter.ErrNotFound) {
		return adapter.User{}, nil
	}
	return user, err
}

func (c *Client) flow() flow.Flow {
	return flow.Flow{
		Store: c.Store, Purpose: "oauth:" + c.Provider.ID,
		Insecure: c.Sessions.Cookie.Insecure, Clock: c.Sessions.Clock,
	}
}

// outgoing returns a context with which requests go to the provider.
func (c *Client) outgoing(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, cmp.Or(c.HTTP, &http.Client{Timeout: apiTime}))
}

// fail answers that nobody was signed in.
func (c *Client) fail(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if c.Failed != nil {
		c.Failed(w, r, err)
		return
	}
	status, text := Status(err), explain(err)
	if status >= http.StatusInternalServerError {
		logger := cmp.Or(c.Sessions.Logger, slog.Default())
		logger.ErrorContext(r.Context(), "oauth: nobody was signed in", "provider", c.Provider.ID, "err", err)
	}
	http.Error(w, text, status)
}

// Status returns the HTTP status of an error that Failed is told.
func Status(err error) int {
	var limited *limit.Error
	switch {
	case errors.As(err, &limited):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrDeclined), errors.Is(err, ErrState), errors.Is(err, ErrLate), errors.Is(err, ErrPerson), errors.Is(err, signin.ErrUnverified):
		return http.StatusForbidden
	case errors.Is(err, signin.ErrNotLinked), errors.Is(err, signin.ErrTaken):
		return http.StatusConflict
	case errors.Is(err, ErrIssuer), errors.Is(err, ErrProvider):
		return http.StatusBadGateway
	}
	return http.StatusServiceUnavailable
}

// explain says what a person can do about an error.
func explain(err error) string {
	var limited *limit.Error
	switch {
	case errors.As(err, &limited):
		return limited.Error()
	case errors.Is(err, ErrDeclined):
		return "You did not agree. Nothing was changed."
	case errors.Is(err, ErrState), errors.Is(err, ErrLate), errors.Is(err, ErrPerson):
		return "This answer does not belong here any more. Please start again."
	case errors.Is(err, signin.ErrNotLinked):
		return "Somebody has this address here already. Please sign in as you did before, and link this account then."
	case errors.Is(err, signin.ErrTaken):
		return "This account is linked to somebody else here. Please unlink it there first."
	case errors.Is(err, signin.ErrUnverified):
		return "Please confirm your e-mail address first."
	case errors.Is(err, ErrIssuer), errors.Is(err, ErrProvider):
		return "The provider's answer cannot be used. Please try again."
	}
	return "Please try again in a moment."
}
