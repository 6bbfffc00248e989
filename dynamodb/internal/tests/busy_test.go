package dynamodb_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// busy is a service that refuses some requests before it does anything.
type busy struct {
	mu      sync.Mutex
	left    int // calls to refuse
	refused int
	err     error
	only    string // the operation to refuse; "": all
}

func (s *busy) refuse(err error, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.left, s.refused = err, calls, 0
}

func (s *busy) next(operation string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 || s.only != "" && s.only != operation {
		return nil
	}
	s.left--
	s.refused++
	return s.err
}

// middleware passes requests that are not refused. A refused batch is left unprocessed.
func (s *busy) middleware(o *awsdynamodb.Options) {
	refuse := middleware.InitializeMiddlewareFunc("busy", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		err := s.next(middleware.GetOperationName(ctx))
		if err == nil {
			return next.HandleInitialize(ctx, in)
		}
		switch batch := in.Parameters.(type) {
		case *awsdynamodb.BatchGetItemInput:
			return middleware.InitializeOutput{Result: &awsdynamodb.BatchGetItemOutput{UnprocessedKeys: batch.RequestItems}}, middleware.Metadata{}, nil
		case *awsdynamodb.BatchWriteItemInput:
			return middleware.InitializeOutput{Result: &awsdynamodb.BatchWriteItemOutput{UnprocessedItems: batch.RequestItems}}, middleware.Metadata{}, nil
		}
		return middleware.InitializeOutput{}, middleware.Metadata{}, err
	})
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error { return stack.Initialize.Add(refuse, middleware.After) })
}

// Throttling, conflicts between transactions and unprocessed parts of batches are waited out.
func TestABusyServiceIsWaitedFor(t *testing.T) {
	var service busy
	a := withIndex.newStore(t, dynamodb.Options{Table: newTable()}, service.middleware)
	ctx, hour := t.Context(), time.Now().Add(time.Hour)
	conflict := &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("None")}, {Code: aws.String("TransactionConflict")}}}
	const calls = 4
	do := func(what string, err error, call func() error) {
		t.Helper()
		service.refuse(err, calls)
		if err := call(); err != nil {
			t.Errorf("%s: got %v, want it done", what, err)
		}
		if service.refused != calls {
			t.Errorf("%s: got %d calls refused, want all %d", what, service.refused, calls)
		}
	}
	var u adapter.User
	var s adapter.Session
	do("a transaction that conflicts", conflict, func() (err error) {
		u, err = a.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
		return err
	})
	do("a transaction that is throttled", &types.ThrottlingException{}, func() error {
		_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: new("new@example.com")})
		return err
	})
	do("a write that is throttled", &types.ProvisionedThroughputExceededException{}, func() (err error) {
		s, err = a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: hour})
		return err
	})
	do("an update that meets a transaction", &types.TransactionConflictException{}, func() error {
		_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: new("Ada")})
		return err
	})
	do("a read that is throttled", &types.RequestLimitExceeded{}, func() error { _, err := a.GetUser(ctx, u.ID); return err })
	do("a batch of reads that is left undone", errors.New("unprocessed"), func() error {
		_, _, err := a.GetSessionAndUser(ctx, s.SessionToken)
		return err
	})
	_, err := a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: hour})
	check(t, err)
	do("a use that is throttled", &types.ThrottlingException{}, func() error { _, err := a.UseVerificationToken(ctx, "ada", "t"); return err })
	service.refuse(nil, 0)
	check(t, a.DeleteUser(ctx, u.ID))
}

// A batch of deletes is sent again until nothing of it is left.
func TestUnprocessedDeletesAreSentAgain(t *testing.T) {
	var service busy
	a := withIndex.newStore(t, dynamodb.Options{Table: newTable()}, service.middleware)
	for range 30 {
		_, err := a.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(time.Hour)})
		check(t, err)
	}
	service.refuse(errors.New("unprocessed"), 3)
	service.only = "BatchWriteItem"
	check(t, a.DeleteSessions(t.Context(), "u"))
	left, err := a.ListSessions(t.Context(), "u")
	check(t, err)
	if len(left) != 0 || service.refused != 3 {
		t.Errorf("got %d sessions left after %d batches that were refused, want none after 3", len(left), service.refused)
	}
}

// Waiting ends when the context does, with the context's error.
func TestABusyServiceIsWaitedForNoLongerThanTheContext(t *testing.T) {
	var service busy
	a := withIndex.newStore(t, dynamodb.Options{Table: newTable()}, service.middleware)
	service.refuse(&types.ProvisionedThroughputExceededException{}, 1<<30)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.GetUser(ctx, "u"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	service.refuse(errors.New("unprocessed"), 1<<30)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := a.GetSessionAndUser(ctx, adapter.NewSessionToken("u", [32]byte{})); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	service.refuse(nil, 0)
}
