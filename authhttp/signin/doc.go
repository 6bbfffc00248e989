// Package signin finds or makes the user of somebody who has proved who they are: by a
// provider's account, an e-mail address or a passkey. It has the rules by which nobody gets
// into another person's account, on any store, and knows nothing of HTTP.
//
//	import (
//		"context"
//		"log"
//
//		"github.com/authstore/authstore/adapter"
//		"github.com/authstore/authstore/authhttp/signin"
//		"github.com/authstore/authstore/memory"
//	)
//
//	store := memory.New(memory.Options{})
//	profile := adapter.User{Name: "Ada", Email: "ada@example.com"} // EmailVerified only if the provider vouches for it
//	account := adapter.Account{Type: adapter.AccountOIDC, Provider: "example", ProviderAccountID: "1001", AccessToken: "…"}
//	result, err := signin.SignUpOrIn(context.Background(), store, profile, account)
//	if err != nil {
//		log.Fatal(err)
//	}
//	log.Print(result.User.ID, result.New)
//
// # Rules
//
//   - An account signs in the user that it is linked to, whatever address its provider tells.
//   - An unknown account with an address that no user has signs up, in one atomic step.
//   - An unknown account with the address of a user is [ErrNotLinked], as it is in Auth.js
//     (OAuthAccountNotLinked): the person signs in as before, and then links it by [Link].
//     [SignUpLinkOrIn] links it at once if both sides have proved the address.
//   - An account or a passkey has one user: that of another one is [ErrTaken].
//   - Who has an address that was never proved gets no more ways in, [ErrUnverified], since
//     its owner may yet come.
//   - Who proves an address ([SignUpOrInByEmail]) gets its user. If the address was never
//     proved before, whoever made that user may have been somebody else: all accounts,
//     passkeys and sessions of the user go first.
//   - An address is proved by a link to it, or by a provider that says so in
//     [adapter.User.EmailVerified] and that the application believes. Nothing else verifies or
//     links anything.
//
// They are against those who get at an account by an address that they do not own, and those
// who make a user with another person's address and wait for the owner to fill it
// (A. Sudhodanan and A. Paverd, Pre-hijacked accounts, USENIX Security 2022). What the
// application keeps of a user by itself, such as API keys, it ends by itself when TakenOver of
// [Result] says so. The table of all cases is in docs/authhttp.md.
//
// # Races
//
// Two first sign-ins of one person at the same time make one user: the loser is signed in as
// the same one. Both address and account are taken then, and which of the two a store names in
// its [adapter.ConflictError] is up to it: after any conflict the account decides, and then
// the address. A call that loses races time after time returns the last conflict.
//
// Errors are those named here, or the store's. None has a token or an address in it.
package signin
