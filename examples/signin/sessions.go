package main

import (
	"net"
	"net/http"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
)

// device is what a session keeps of the browser that it is in.
func device(r *http.Request) adapter.Attributes {
	return adapter.Attributes{"browser": browserName(r.UserAgent()), "ip": ip(r)}
}

// ip returns the address that the request came from. Behind a proxy that is the
// proxy's; X-Forwarded-For may be trusted only if the proxy is known to set it.
func ip(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// then redirects to a path after what has worked. The path is always one of this
// program's own: no request says where to go, so no link can lead astray.
func then(path string, do handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := do(w, r); err != nil {
			return err
		}
		return redirect(w, r, path)
	}
}

func redirect(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// signOutOthers ends the person's sessions in all other browsers.
func (s *server) signOutOthers(_ http.ResponseWriter, r *http.Request) error {
	return s.sessions.SignOutOthers(r.Context())
}

// endSession ends one session of the list.
func (s *server) endSession(w http.ResponseWriter, r *http.Request) error {
	id := r.PostFormValue("id")
	if session, _, err := authhttp.Current(r.Context()); err != nil || session.ID == id {
		return then("/?done=out", s.sessions.SignOut)(w, r)
	}
	if err := s.sessions.End(r.Context(), id); err != nil {
		return err
	}
	return redirect(w, r, "/?done=session")
}
