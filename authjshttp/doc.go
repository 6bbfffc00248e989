// Package authjshttp serves a store to applications of Auth.js over HTTP: with the npm package
// @authstore/authjs-adapter any of them, in Node.js or at the edge, has a complete adapter on
// any store, without a database driver in its bundle.
//
//	import (
//		"log"
//		"net/http"
//		"os"
//
//		"github.com/authstore/authstore/authjshttp"
//		"github.com/authstore/authstore/memory"
//	)
//
//	store := memory.New(memory.Options{})
//	handler, err := authjshttp.New(store, authjshttp.Options{Secrets: []string{os.Getenv("AUTHSTORE_SECRET")}})
//	if err != nil {
//		log.Fatal(err)
//	}
//	_ = http.ListenAndServe(":8080", handler)
//
// and in the application:
//
//	import { AuthStore } from "@authstore/authjs-adapter";
//
//	export const { handlers, auth } = NextAuth({
//		adapter: AuthStore({ url: "https://authstore.internal", secret: process.env.AUTHSTORE_SECRET }),
//		providers: [ … ],
//	});
//
// A call is POST /v1/<method> with the JSON array of its arguments. The methods are those of an
// Auth.js adapter and three that make a sign-up whole (see below); [OpenAPI] describes them
// all, and is served at /openapi.json. /healthz says that the process runs, /readyz that its store answers.
//
// # Promises
//
//   - Absence is 200 and null. What is not an answer of this protocol's version is never taken
//     for absence: each one has the header Authstore-Version.
//   - Secrets are compared in constant time; any number hold at once, so that one can be replaced.
//     Without one, only this machine is served. With [Options.Signed] a request is signed instead
//     (HMAC-SHA256 over time, method, key and body), is taken once, and its answer is signed too.
//   - A call that makes or uses something up may be repeated with its Idempotency-Key: the
//     repetition has the answer of the first, in any process. See docs/authjs-http.md for what that is kept in.
//   - A person's first sign-in by a provider is one write (signUp), so that nobody is locked
//     out by a sign-up that is cut short; of two first clicks on sign-in links neither is lost
//     (createVerifiedUser).
//   - What is refused (401, 413, 4xx) has written nothing.
//   - Dates are {"$date": "2026-01-02T03:04:05.678Z"}, so that no text becomes one. Members that
//     Auth.js does not know are kept as attributes.
//   - No log line holds an argument, an answer or a secret.
package authjshttp
