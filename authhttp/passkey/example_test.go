package passkey_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/passkey"
	"github.com/authstore/authstore/memory"
)

func Example() {
	site, err := webauthn.New(&webauthn.Config{
		RPID: "site.example", RPDisplayName: "The site", RPOrigins: []string{"https://site.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	store := memory.New(memory.Options{})
	defer store.Close()
	passkeys := &passkey.Passkeys{Store: store, Sessions: &authhttp.Sessions{Store: store}, WebAuthn: site}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signin", passkeys.BeginSignIn)
	mux.HandleFunc("POST /signin/finish", passkeys.FinishSignIn)
}

// The passkeys of who is signed in, each with a name that they can change.
func Example_rename() {
	ctx := context.Background()
	store := memory.New(memory.Options{})
	defer store.Close()
	ada, _, err := store.CreateUserWithAuthenticator(ctx, adapter.User{Name: "Ada"}, adapter.Authenticator{
		CredentialID: "AQID", ProviderAccountID: "AQID", CredentialPublicKey: "BAUG", CredentialDeviceType: "singleDevice",
	})
	if err != nil {
		log.Fatal(err)
	}
	rename := func(user adapter.User, id, name string) error {
		stored, err := store.GetAuthenticator(ctx, id)
		if err != nil {
			return err
		}
		if stored.UserID != user.ID {
			return adapter.ErrNotFound // it is somebody else's
		}
		_, err = store.UpdateAuthenticator(ctx, id, adapter.AuthenticatorUpdate{Attributes: adapter.Attributes{passkey.AttrName: name}})
		return err
	}
	if err := rename(ada, "AQID", "The blue one"); err != nil {
		log.Fatal(err)
	}
	all, err := store.ListAuthenticators(ctx, ada.ID)
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range all {
		fmt.Println(key.Attributes[passkey.AttrName], key.Attributes[passkey.AttrLastUsed])
	}
	// Output: The blue one <nil>
}
