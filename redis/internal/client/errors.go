package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
)

// passing are the codes of answers that another time will be different.
var passing = []string{"LOADING", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "BUSY", "OOM", "NOREPLICAS", "MOVED", "ASK"}

// ErrRecord is a stored value that the layout does not know.
var ErrRecord = errors.New("a stored record is not of the form that this package writes")

// Failure returns an error of the client as one of the contract's kinds.
func Failure(err error) error {
	var reply redis.Error
	switch {
	case err == nil, errors.Is(err, adapter.ErrNotFound), errors.Is(err, adapter.ErrConflict),
		errors.Is(err, adapter.ErrInvalid), errors.Is(err, adapter.ErrUnavailable), errors.Is(err, ErrRecord):
		return err
	case errors.Is(err, redis.ErrClosed):
		return adapter.Caused(adapter.ErrClosed, err)
	case errors.Is(err, redis.Nil):
		return adapter.ErrNotFound
	case !errors.As(err, &reply):
		return adapter.Caused(adapter.ErrUnavailable, err) // no answer: the network
	}
	code, _, _ := strings.Cut(reply.Error(), " ")
	for _, p := range passing {
		if code == p {
			return adapter.Caused(adapter.ErrUnavailable, err)
		}
	}
	return adapter.Caused(fmt.Errorf("the server refuses with %s", code), err)
}
