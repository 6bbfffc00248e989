package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/emaillink"
	"github.com/authstore/authstore/authhttp/limit"
	"github.com/authstore/authstore/authhttp/oauth"
	"github.com/authstore/authstore/authhttp/signin"
)

// problem is an error that is the visitor's to read.
type problem struct {
	Status      int
	Title, Text string
}

// Error says the title.
func (p problem) Error() string { return p.Title }

func notFound(http.ResponseWriter, *http.Request) error {
	return problem{http.StatusNotFound, "There is nothing here", "The address is wrong, or the page has moved."}
}

// problems are what the errors of the packages mean to a visitor.
var problems = []struct {
	err error
	problem
}{
	{authhttp.ErrCrossOrigin, problem{http.StatusForbidden, "That came from another page", "For your safety nothing was changed. Please use the buttons on this page."}},
	{authhttp.ErrTakenOver, problem{http.StatusForbidden, "Please sign in again", "Somebody has just confirmed this address."}},
	{emaillink.ErrIncomplete, problem{http.StatusBadRequest, "This link is incomplete", "Mail software may have cut it. Copy all of it, or ask for a new one."}},
	{emaillink.ErrExpired, problem{http.StatusGone, "This link has expired", "A link works for 15 minutes. Please ask for a new one."}},
	{emaillink.ErrUsed, problem{http.StatusForbidden, "This link doesn’t work", "It was used already, or it was never ours. Please ask for a new one."}},
	{oauth.ErrState, notAsked},
	{oauth.ErrLate, notAsked},
	{oauth.ErrPerson, notAsked},
	{oauth.ErrProvider, problem{http.StatusBadGateway, "Example ID’s answer is no use", "Please start again."}},
	{oauth.ErrIssuer, problem{http.StatusBadGateway, "Example ID’s answer is no use", "Please start again."}},
	{signin.ErrTaken, problem{http.StatusConflict, "Somebody else has this identity", "It is linked to another account. Sign in to that one and unlink it there first."}},
	{signin.ErrUnverified, problem{http.StatusForbidden, "Please confirm your address first", "Sign out, and sign in by a link to your e-mail address. Then you can link an identity."}},
	{adapter.ErrUnavailable, tryAgain},
	{context.DeadlineExceeded, tryAgain},
}

var (
	notAsked = problem{http.StatusForbidden, "This isn’t what you asked for", "The answer doesn’t belong to this browser, or it came too late. Please start again."}
	tryAgain = problem{http.StatusServiceUnavailable, "Please try again in a moment", "The place where accounts are kept doesn’t answer."}
)

// explain says what an error means to a visitor, and whether it is theirs.
func explain(err error) (p problem, theirs bool) {
	if p, ok := errors.AsType[problem](err); ok {
		return p, true
	}
	if often, ok := errors.AsType[*limit.Error](err); ok {
		return problem{http.StatusTooManyRequests, "That was often",
			fmt.Sprintf("The next time has to wait. Please try again in %d minutes.", int(often.Wait.Minutes())+1)}, true
	}
	for _, known := range problems {
		if errors.Is(err, known.err) {
			return known.problem, known.Status < http.StatusInternalServerError
		}
	}
	return problem{http.StatusInternalServerError, "Something went wrong", "It isn’t your fault. Please try again."}, false
}

// fail shows an error. Those that are not the visitor's are logged with the route
// instead of the URL, which may hold a token; the packages' errors hold no data.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the visitor is gone
	}
	if errors.Is(err, oauth.ErrDeclined) {
		_ = redirect(w, r, "/?done=declined")
		return
	}
	p, theirs := explain(err)
	if !theirs {
		s.Log.Error("request failed", "route", r.Pattern, "err", err)
	}
	if err := render(w, p.Status, "problem", problemPage{p, s.Base.String()}); err != nil {
		s.Log.Error("page failed", "route", r.Pattern, "err", err)
		http.Error(w, p.Title, p.Status)
	}
}
