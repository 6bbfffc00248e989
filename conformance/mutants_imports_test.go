package conformance_test

import (
	"context"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

var importMutants = []mutant{
	{"an imported session has no attributes", []string{"IMP-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return imports{base{inner}, func(s adapter.Session) adapter.Session { s.Attributes = nil; return s }}
	}},
	{"an imported session is stored under the digest of its ID", []string{"IMP-001", "IMP-002", "IMP-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return imports{base{inner}, func(s adapter.Session) adapter.Session { s.ID = adapter.SessionID(s.ID); return s }}
	}},
	{"a session is imported for ever", []string{"IMP-001", "IMP-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return imports{base{inner}, func(s adapter.Session) adapter.Session {
			s.Expires = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
			return s
		}}
	}},
	{"sign-out by ID does not reach imported sessions", []string{"IMP-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return keepsImported{imports{base{inner}, func(s adapter.Session) adapter.Session { e.shared.Store(s.ID, true); return s }}, e}
	}},
	{"an import takes the place of a session that is there", []string{"IMP-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return importsOver{base{inner}}
	}},
	{"an ID that is no digest is taken for a token", []string{"IMP-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return importsTokens{base{inner}}
	}},
	{"an imported session stays when its user is deleted", []string{"IMP-005"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return staysImported{imports{base{inner}, func(s adapter.Session) adapter.Session { e.shared.Store(s.ID, s); return s }}, e}
	}},
	{"a store of plain tokens imports digests", []string{"IMP-006"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return imports{base{e.with(func(o *adapter.Options) { o.PlainSessionTokens = false })}, func(s adapter.Session) adapter.Session { return s }}
	}},
}

// imports changes what is imported.
type imports struct {
	base
	change func(adapter.Session) adapter.Session
}

func (m imports) ImportSession(ctx context.Context, s adapter.Session) error {
	i, _ := adapter.As[adapter.SessionImporter](m.Adapter)
	return i.ImportSession(ctx, m.change(s))
}

type keepsImported struct {
	imports
	*env
}

func (m keepsImported) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	if _, imported := m.shared.Load(sessionID); imported {
		return nil
	}
	return m.Adapter.DeleteSessionByID(ctx, userID, sessionID)
}

type importsOver struct{ base }

func (m importsOver) ImportSession(ctx context.Context, s adapter.Session) error {
	i, _ := adapter.As[adapter.SessionImporter](m.Adapter)
	_ = m.DeleteSessionByID(ctx, s.UserID, s.ID)
	return i.ImportSession(ctx, s)
}

type importsTokens struct{ base }

func (m importsTokens) ImportSession(ctx context.Context, s adapter.Session) error {
	i, _ := adapter.As[adapter.SessionImporter](m.Adapter)
	if strings.Contains(s.ID, " ") {
		s.ID = adapter.SessionID(s.ID)
	}
	return i.ImportSession(ctx, s)
}

type staysImported struct {
	imports
	*env
}

func (m staysImported) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if s, imported := m.shared.Load(adapter.SessionID(token)); imported {
		return s.(adapter.Session), adapter.User{}, nil
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}
