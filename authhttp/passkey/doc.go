// Package passkey signs people in with passkeys (WebAuthn), by go-webauthn.
//
//	import (
//		"log"
//		"net/http"
//
//		"github.com/go-webauthn/webauthn/webauthn"
//
//		"github.com/authstore/authstore/authhttp"
//		"github.com/authstore/authstore/authhttp/passkey"
//		"github.com/authstore/authstore/memory"
//	)
//
//	site, err := webauthn.New(&webauthn.Config{
//		RPID: "site.example", RPDisplayName: "The site", RPOrigins: []string{"https://site.example"},
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	store := memory.New(memory.Options{})
//	passkeys := &passkey.Passkeys{Store: store, Sessions: &authhttp.Sessions{Store: store}, WebAuthn: site}
//	http.HandleFunc("POST /passkeys/register", passkeys.BeginRegistration) // by who is signed in
//	http.HandleFunc("POST /passkeys/registered", passkeys.FinishRegistration)
//	http.HandleFunc("POST /signup", passkeys.BeginSignUp) // if people may sign up with nothing else
//	http.HandleFunc("POST /signup/finish", passkeys.FinishSignUp)
//	http.HandleFunc("POST /signin", passkeys.BeginSignIn)
//	http.HandleFunc("POST /signin/finish", passkeys.FinishSignIn)
//
// The handlers speak the JSON of browsers. What a page's script has to do:
//
//	const post = async (path, body) => {
//	  const r = await fetch(path, { method: "POST", body: JSON.stringify(body) });
//	  const answer = await r.json();
//	  if (!r.ok) throw new Error(answer.error);
//	  return answer;
//	};
//	// To register, or to sign up with {name: "Ada"}:
//	let publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await post("/passkeys/register"));
//	await post("/passkeys/registered", await navigator.credentials.create({ publicKey }));
//	// To sign in:
//	publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await post("/signin"));
//	await post("/signin/finish", await navigator.credentials.get({ publicKey }));
//
// # Promises
//
//   - A challenge is of use in the browser that was given it, once, and for ten minutes: it
//     is a one-time token of the store, under a secret that a cookie has (__Host-).
//   - A sign-up makes the user together with the passkey, in one atomic step.
//   - People sign in without saying who they are (discoverable credentials), and verify
//     themselves to the authenticator.
//   - A signature counter that does not grow is [ErrCloned], and signs nobody in, also when
//     two sign-ins race.
//   - What a sign-in tells of backups is stored, and when it was ([AttrLastUsed]).
//   - A passkey of a user whose address was never verified is refused
//     ([signin.ErrUnverified]).
//   - The user handle is the user's ID, which must not say anything of the person.
//   - No error and no log line has a credential or an address.
//
// The store's own calls list, rename ([AttrName]) and delete passkeys; make sure whose one is,
// and that it is not their last way in.
package passkey
