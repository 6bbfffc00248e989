// Package backendmutants plants bugs in the code and the scripts of the backends, one at a
// time, and says whether the backend's own tests catch it:
//
//	make backend-mutants BACKEND=redis
//
// The bugs are data: a text of a file, and what takes its place. Where no test can tell the
// difference, the reason is there too. That each still is a text of its file, every run of
// the tests checks.
package backendmutants
