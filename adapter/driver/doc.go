// Package driver is for those who write a backend, as package database/sql/driver is for
// those who write a driver of a database. Applications use package adapter.
//
// A backend implements [adapter.Adapter] on an unexported type, for input that is valid
// already, and the optional interfaces that its store can serve. [Guard] puts the rules in
// front that are the same for every store: it checks and normalises input, fills in tokens
// and times, tells of what kind an error is, wraps it, and refuses calls after Close. The
// conformance package proves the result.
//
//	import (
//		"context"
//
//		"github.com/authstore/authstore/adapter"
//		"github.com/authstore/authstore/adapter/driver"
//	)
//
//	// store is the contract on a store, for valid input.
//	type store struct {
//		adapter.Adapter // … its methods
//		options         adapter.Options
//	}
//
//	func New(o adapter.Options) adapter.Adapter {
//		o = o.WithDefaults()
//		return driver.Guard(&store{options: o}, "mine", o, failure)
//	}
//
//	func failure(err error) error { return driver.Caused(adapter.ErrUnavailable, err) }
//
//	func init() {
//		driver.Register("mine", func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
//			return New(o), nil
//		})
//	}
//
// What a backend returns are the plain errors of package adapter, and its driver's own,
// which failure gives a kind with [Caused]:
//
//   - adapter.ErrNotFound, adapter.ErrExpired of a one-time token, adapter.Conflict of a
//     field whose value is taken, adapter.Invalid of what only the store can refuse;
//   - Caused(adapter.ErrUnavailable, err) for what is worth a retry;
//   - Caused(adapter.Setup(problem, remedy), err) for what a person has to mend;
//   - an *adapter.RecordError for a record that cannot be read.
package driver
