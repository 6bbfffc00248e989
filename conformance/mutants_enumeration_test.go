package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/authstore/authstore/adapter"
)

var enumerationMutants = []mutant{
	{"a cursor skips the user at a page's end", []string{"ENU-001", "ENU-003", "ENU-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return skipsLast{pages{base{inner}}}
	}},
	{"an enumeration returns what a deletion has left", []string{"ENU-001"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return enumeratesDeleted{pages{base{inner}}, e}
	}},
	{"an enumeration returns users without their attributes", []string{"ENU-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return enumeratesBare{pages{base{inner}}}
	}},
	{"an enumeration of no users is ErrNotFound", []string{"ENU-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return findsNone{pages{base{inner}}}
	}},
	{"a cursor means something only to the adapter that made it", []string{"ENU-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &keepsCursors{pages: pages{base{inner}}}
	}},
	{"a cursor is a number of users, which a deletion changes", []string{"ENU-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return countsUsers{pages{base{inner}}, e}
	}},
	{"a limit that cannot be is one that can", []string{"ENU-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return limits{pages{base{inner}}}
	}},
	{"a cursor that cannot be begins anew", []string{"ENU-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return beginsAnew{pages{base{inner}}}
	}},
	{"Ping answers after Close", []string{"ENU-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return alwaysThere{base{inner}}
	}},
	{"PurgeExpired pays no heed to its context", []string{"ENU-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return purgesAnyway{base{inner}}
	}},
}

// pages is in front of an adapter that can enumerate.
type pages struct{ base }

func (m pages) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	e, _ := adapter.As[adapter.Enumerator](m.Adapter)
	return e.EnumerateUsers(ctx, cursor, limit)
}

type skipsLast struct{ pages }

func (m skipsLast) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	page, err := m.pages.EnumerateUsers(ctx, cursor, limit)
	if page.Next != "" {
		page.Users = page.Users[:len(page.Users)-1]
	}
	return page, err
}

type enumeratesDeleted struct {
	pages
	*env
}

func (m enumeratesDeleted) DeleteUser(ctx context.Context, id string) error {
	m.shared.Store(id, true)
	return m.Adapter.DeleteUser(ctx, id)
}

func (m enumeratesDeleted) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	page, err := m.pages.EnumerateUsers(ctx, cursor, limit)
	if page.Next == "" && err == nil {
		m.shared.Range(func(id, _ any) bool {
			page.Users = append(page.Users, adapter.User{ID: id.(string)})
			return true
		})
	}
	return page, err
}

type enumeratesBare struct{ pages }

func (m enumeratesBare) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	page, err := m.pages.EnumerateUsers(ctx, cursor, limit)
	for i := range page.Users {
		page.Users[i].Attributes = nil
	}
	return page, err
}

type findsNone struct{ pages }

func (m findsNone) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	page, err := m.pages.EnumerateUsers(ctx, cursor, limit)
	if len(page.Users) == 0 && err == nil {
		err = fail(ctx, "EnumerateUsers", adapter.ErrNotFound)
	}
	return page, err
}

// keepsCursors hands out names of cursors, and begins anew at one that it has not handed
// out.
type keepsCursors struct {
	pages
	own sync.Map
}

func (m *keepsCursors) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	kept, _ := m.own.LoadOrStore(cursor, "")
	page, err := m.pages.EnumerateUsers(ctx, kept.(string), limit)
	if page.Next != "" {
		name := fmt.Sprintf("%p %s", m, page.Next)
		m.own.Store(name, page.Next)
		page.Next = name
	}
	return page, err
}

// countsUsers drops a user for each one who was deleted since the page before.
type countsUsers struct {
	pages
	*env
}

func (m countsUsers) DeleteUser(ctx context.Context, id string) error {
	m.shared.Store(id, true)
	return m.Adapter.DeleteUser(ctx, id)
}

func (m countsUsers) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	page, err := m.pages.EnumerateUsers(ctx, cursor, limit)
	m.shared.Range(func(id, _ any) bool {
		m.shared.Delete(id)
		if cursor != "" && len(page.Users) > 0 {
			page.Users = page.Users[1:]
		}
		return true
	})
	return page, err
}

type limits struct{ pages }

func (m limits) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	return m.pages.EnumerateUsers(ctx, cursor, min(max(limit, 1), 1000))
}

type beginsAnew struct{ pages }

func (m beginsAnew) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	page, err := m.pages.EnumerateUsers(ctx, cursor, limit)
	if errors.Is(err, adapter.ErrInvalid) && cursor != "" {
		return m.pages.EnumerateUsers(ctx, "", limit)
	}
	return page, err
}

type alwaysThere struct{ base }

func (m alwaysThere) Ping(context.Context) error { return nil }

type purgesAnyway struct{ base }

func (m purgesAnyway) PurgeExpired(ctx context.Context) (int, error) {
	p, _ := adapter.As[adapter.Purger](m.Adapter)
	return p.PurgeExpired(context.WithoutCancel(ctx))
}
