package main

import (
	"net/http"
	"testing"

	"github.com/authstore/authstore/adapter"
)

// withPasskey gives who is signed in a passkey, as if a browser had made it.
func (v *visitor) withPasskey(id string) {
	v.site.t.Helper()
	_, u := v.user()
	_, err := v.site.store.CreateAuthenticator(v.site.t.Context(), adapter.Authenticator{CredentialID: id, ProviderAccountID: id, UserID: u.ID, CredentialPublicKey: "AQID"})
	if err != nil {
		v.site.t.Fatal(err)
	}
}

func TestPasskeysAreListedAndDeleted(t *testing.T) {
	s := newSite(t, setup{})
	ada, mallory := s.visitor(), s.visitor()
	ada.signIn("ada@example.com")
	ada.withPasskey("AAAA")
	ada.get("/").want(t, http.StatusOK, "Passkey", `class="delete"`)

	mallory.signIn("mallory@example.com")
	mallory.post("/passkeys/delete", "id", "AAAA").want(t, http.StatusOK, accountPageIs)
	ada.get("/").want(t, http.StatusOK, `class="delete"`)
	ada.post("/passkeys/delete", "id", "AAAA").want(t, http.StatusOK, "Your passkey is deleted")
	ada.get("/").wantNot(t, `class="delete"`)
}

// Of a passkey and an identity one may go.
func TestLastPasskeyCannotBeDeleted(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	v.consent("1001")
	v.withPasskey("AAAA")
	v.post("/identity/unlink", "provider", exampleIDName, "account", "1001").want(t, http.StatusOK, "Your identity is unlinked", "Your only way in")
	v.post("/passkeys/delete", "id", "AAAA").want(t, http.StatusConflict, "This is your only way in")
}

// Where browsers make no passkeys, nothing offers any.
func TestNoPasskeysForAnAddress(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	v.get("/").wantNot(t, "passkey")
	v.post("/passkeys/signin").want(t, http.StatusNotFound)
	named := newSite(t, setup{localhost: true}).visitor()
	named.get("/").want(t, http.StatusOK, "Sign in with a passkey")
}
