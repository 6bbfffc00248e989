package oauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/authstore/authstore/adapter"
)

// ErrRefresh is the error of tokens that cannot be refreshed any more: the provider gave
// no refresh token, or takes it no longer. The person has to sign in anew.
var ErrRefresh = errors.New("oauth: the tokens cannot be refreshed: the person has to sign in with the provider again")

const (
	refreshTime = 30 * time.Second
	rereads     = 3
	rereadPause = 100 * time.Millisecond
	writes      = 3
)

// Tokens returns the tokens of a person's account, for calls of the provider's API:
//
//	api := oauth2.NewClient(ctx, client.Tokens(ctx, account.ProviderAccountID))
//
// An access token that has expired is refreshed, and what the provider gives is stored
// before it is returned. In one process, one caller at a time refreshes the tokens of an
// account, and the others get what it got. Of several processes that refresh at the same
// moment, one may be refused by the provider: it reads what the other has stored. There is no
// lock between processes: for a provider that takes the second use of a refresh token for
// theft and revokes all that it gave, have one process call Tokens, or the person may have to
// sign in anew ([ErrRefresh]).
//
// A source keeps a token in memory for as long as it is good. One round trip for a new
// source; three and a request to the provider to refresh.
func (c *Client) Tokens(ctx context.Context, accountID string) oauth2.TokenSource {
	key := adapter.AccountKey{Provider: c.Provider.ID, ProviderAccountID: accountID}
	return oauth2.ReuseTokenSource(nil, source{c, ctx, key})
}

// source is where the tokens of an account come from. It has the context that it was made
// with, like every oauth2.TokenSource.
type source struct {
	c   *Client
	ctx context.Context //nolint:containedctx // an oauth2.TokenSource has no other way
	key adapter.AccountKey
}

// Token returns a token that is good, refreshed if need be.
func (s source) Token() (*oauth2.Token, error) {
	_, token, err := s.stored()
	if err != nil || token.Valid() {
		return token, err
	}
	unlock, err := s.c.refreshing.lock(s.ctx, s.key)
	if err != nil {
		return nil, err
	}
	defer unlock()
	account, token, err := s.stored() // another caller may have refreshed it meanwhile
	if err != nil || token.Valid() {
		return token, err
	}
	return s.refresh(account)
}

func (s source) stored() (adapter.Account, *oauth2.Token, error) {
	a, err := s.c.Store.GetAccount(s.ctx, s.key)
	if err != nil {
		return adapter.Account{}, nil, err
	}
	t := &oauth2.Token{AccessToken: a.AccessToken, TokenType: a.TokenType, RefreshToken: a.RefreshToken}
	if a.ExpiresAt != 0 {
		t.Expiry = time.Unix(a.ExpiresAt, 0)
	}
	return a, t, nil
}

// refresh asks the provider. It goes on without the caller: a provider may take the
// old refresh token only once, so that the new one has to reach the store.
func (s source) refresh(account adapter.Account) (*oauth2.Token, error) {
	if account.RefreshToken == "" {
		return nil, ErrRefresh
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), refreshTime)
	defer cancel()
	old := &oauth2.Token{RefreshToken: account.RefreshToken}
	token, err := s.c.Provider.Config.TokenSource(s.c.outgoing(ctx), old).Token()
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok && answer.ErrorCode == "invalid_grant" {
		return s.another(account)
	}
	if err != nil {
		return nil, failed("it did not refresh the tokens", err)
	}
	if err := s.store(ctx, token); err != nil {
		return nil, err
	}
	return token, nil
}

// another waits a moment for what another process has refreshed.
func (s source) another(old adapter.Account) (*oauth2.Token, error) {
	for range rereads {
		account, token, err := s.stored()
		if err != nil {
			return nil, err
		}
		if account.RefreshToken != old.RefreshToken || account.AccessToken != old.AccessToken {
			return token, nil
		}
		select {
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		case <-time.After(rereadPause):
		}
	}
	return nil, ErrRefresh
}

// store writes new tokens. The ID token stays that of the last sign-in: a new one would
// have to be verified.
func (s source) store(ctx context.Context, t *oauth2.Token) error {
	up := adapter.AccountUpdate{
		AccessToken: new(t.AccessToken), TokenType: new(t.TokenType),
		RefreshToken: new(t.RefreshToken), ExpiresAt: new(expiresAt(t)),
	}
	if scope := extra(t, "scope"); scope != "" {
		up.Scope = new(scope)
	}
	var err error
	for range writes {
		if _, err = s.c.Store.UpdateAccount(ctx, s.key, up); !errors.Is(err, adapter.ErrUnavailable) {
			return err
		}
	}
	return fmt.Errorf("oauth: the refreshed tokens were not stored: %w", err)
}

// locks are a lock for each account that somebody refreshes.
type locks struct {
	mu   sync.Mutex
	held map[adapter.AccountKey]*lock
}

type lock struct {
	free  chan struct{} // holds one element while nobody has the lock
	users int
}

// lock waits for the lock of an account.
func (l *locks) lock(ctx context.Context, key adapter.AccountKey) (unlock func(), err error) {
	it := l.join(key)
	select {
	case <-it.free:
		return func() { it.free <- struct{}{}; l.leave(key) }, nil
	case <-ctx.Done():
		l.leave(key)
		return nil, ctx.Err()
	}
}

func (l *locks) join(key adapter.AccountKey) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	it := l.held[key]
	if it == nil {
		it = &lock{free: make(chan struct{}, 1)}
		it.free <- struct{}{}
		if l.held == nil {
			l.held = map[adapter.AccountKey]*lock{}
		}
		l.held[key] = it
	}
	it.users++
	return it
}

func (l *locks) leave(key adapter.AccountKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key].users--; l.held[key].users == 0 {
		delete(l.held, key)
	}
}
