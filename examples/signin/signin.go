package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/emaillink"
)

// home shows the account to who is signed in, and the way in to everybody else.
func (s *server) home(w http.ResponseWriter, r *http.Request) error {
	session, user, err := authhttp.Current(r.Context())
	if errors.Is(err, adapter.ErrNotFound) {
		p := signInPage{Notice: notice(r)}
		if p.Notice == "" && s.cookie(r, "session") != "" {
			p.Notice = notices["ended"] // elsewhere, or by its age
		}
		return s.showSignIn(w, r, http.StatusOK, p)
	}
	if err != nil {
		return err
	}
	return s.showAccount(w, r, session, user)
}

func (s *server) showSignIn(w http.ResponseWriter, r *http.Request, status int, p signInPage) error {
	p.Mails = s.mails.of(s.cookie(r, mailboxCookie))
	p.Passkeys = s.passkeys != nil
	p.now = s.Now()
	return render(w, status, "signin", p)
}

// askLink sends a link to an address. The answer is the same whether or not
// somebody has it, so that nobody can find out who has an account.
func (s *server) askLink(w http.ResponseWriter, r *http.Request) error {
	email := r.PostFormValue("email")
	err := s.links.Ask(w, s.openMailbox(w, r), email, "/")
	if errors.Is(err, emaillink.ErrAddress) {
		return s.showSignIn(w, r, http.StatusUnprocessableEntity, signInPage{Email: email, Invalid: "That doesn’t look like an e-mail address."})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/?done=sent#mailbox")
}

// showLink is what a link opens: a page with a button. It also shows whose link it is:
// somebody may have been sent another person's, to lure them into that account.
func (s *server) showLink(w http.ResponseWriter, r *http.Request, l emaillink.Link) {
	if err := render(w, http.StatusOK, "confirm", confirmPage{Email: l.Address}); err != nil {
		s.fail(w, r, err)
	}
}

// deliver puts a link into the mailbox of the browser that asked for it.
func (s *server) deliver(ctx context.Context, address, link string) error {
	browser, _ := ctx.Value(mailboxKey{}).(string)
	s.mails.add(letter{To: address, Link: link, Sent: s.Now(), browser: browser})
	return nil
}
