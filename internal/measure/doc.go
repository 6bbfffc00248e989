// Package measure has what the backends' own tests and benchmarks measure alike: the
// round trips of each operation, each operation beside the driver's bare calls, a read by
// more and more callers at once, the first call of a process, the operations on a store
// with many users, and what is in use in the long run. It is imported by tests only.
package measure
