// Package measure has what the backends' own tests and benchmarks measure alike: the
// round trips of each operation, each operation beside the driver's bare calls, and
// the operations on a store with many users. It is imported by tests only.
package measure
