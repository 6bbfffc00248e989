package mongo

import (
	"errors"

	"github.com/authstore/authstore/adapter"
)

func diagnose(err error) error {
	if taken, ok := duplicateOf(err); ok {
		return taken.setup()
	}
	var invalid *invalidDocument
	if errors.As(err, &invalid) {
		return invalid.setup()
	}
	if r, ok := replyOf(err); ok && r.code == codeInvalidDocument {
		return (&invalidDocument{err: err}).setup()
	}
	return nil
}

func unavailable(error) error { return adapter.ErrUnavailable }
