// Package interop proves that a service in Go and an application of Auth.js can work on
// one store. It has tests only: they run the published npm packages, in versions that
// oracle/package-lock.json pins, in a Node.js process beside Go's adapters, on the same
// servers as the conformance suite.
//
// Every record is written by each side and then read, updated, listed and deleted by the
// other (records_test.go); an application of @auth/core signs somebody in over HTTP, and Go
// accepts and ends the session (signin_test.go); cookies that Auth.js, NextAuth.js and
// Better Auth make are read by authhttp, and those of authhttp by them (cookies_test.go);
// an application of Better Auth and Go work on one database (betterauth_test.go), or on Redis
// (betterauth_redis_test.go); and what the packages break is listed and repaired by Go
// (broken_test.go). The stores are the rows of a table (stores_test.go). The adapter in npm, on the
// service of authjshttp, passes the same cases and more on each store (served_test.go), and signs
// people in by passkeys in a browser (browser_test.go). How many cases each store passed in each direction is
// printed, and written to build/reports/interop.json. A benchmark looks up sessions on both
// sides (bench_test.go, oracle/load.mjs).
//
// The oracle is oracle/oracle.mjs: one JSON object a line on stdin and stdout, with types
// that JSON has no form for (oracle_test.go, oracle/values.mjs).
package interop
