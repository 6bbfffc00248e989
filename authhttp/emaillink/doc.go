// Package emaillink signs people in by links to their e-mail addresses. The application brings
// its pages and its mail.
//
//	import (
//		"context"
//		"fmt"
//		"html"
//		"net/http"
//
//		"github.com/authstore/authstore/authhttp"
//		"github.com/authstore/authstore/authhttp/emaillink"
//		"github.com/authstore/authstore/memory"
//	)
//
//	store := memory.New(memory.Options{})
//	links := &emaillink.Links{
//		Store:    store,
//		Sessions: &authhttp.Sessions{Store: store},
//		Secret:   "the application's own",
//		URL:      "https://site.example/signin/confirm",
//		Send:     func(ctx context.Context, address, link string) error { return nil }, // send a mail
//		Page: func(w http.ResponseWriter, r *http.Request, l emaillink.Link) {
//			fmt.Fprintf(w, `<!doctype html><form method="post"><button>Sign in as %s</button></form>`, html.EscapeString(l.Address))
//		},
//	}
//	http.Handle("/signin/confirm", links)
//	http.HandleFunc("POST /signin", func(w http.ResponseWriter, r *http.Request) {
//		if err := links.Ask(w, r, r.PostFormValue("email"), r.PostFormValue("next")); err != nil {
//			links.Fail(w, r, err)
//			return
//		}
//		fmt.Fprint(w, "Please look for our mail.")
//	})
//
// [Links.Ask] sends a link, and [Links] itself is the handler that the link leads to. A GET
// shows the page, which has a form without an action and with the method POST: the person
// presses its button, and that POST signs them in.
//
// # Promises
//
//   - Opening a link uses nothing up and asks the store nothing: mail scanners and previews open
//     links. The POST uses it, once, however many race; it makes the other links to that address
//     void.
//   - Nobody learns who has an account: asking makes the same calls and the same answer for
//     every address.
//   - A link leads to where the person asked to go on this site ([authhttp.LocalPath]), and
//     nowhere else; where that is the link does not say, the store does.
//   - Signing in starts a fresh session, and ends the one that the browser had. A POST from
//     another site is refused before the link is used; the page cannot be framed, and shows whose
//     address it is, so that nobody is lured into another person's account.
//   - The store has a hash of the token only ([adapter.HashVerificationToken]). No error and no
//     log line has a token or an address.
//   - Who owns the address gets its user, by the rules of package signin: whoever made the
//     user with an address that was never proved is signed out, and has no way in any more.
//   - No more than 5 links go to an address and 30 to a network in 15 minutes: see Links.Limit.
//
// With Links.SameBrowser a link works in the browser only that asked for it.
package emaillink
