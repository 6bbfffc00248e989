package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/authstore/authstore/adapter"
)

// print shows a result: as JSON, or by a function that writes lines with tabs between columns.
func (a *app) print(v any, lines func(w io.Writer)) error {
	if a.json {
		e := json.NewEncoder(a.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	lines(w)
	return w.Flush()
}

// conclude shows the result after lines of JSON: as another one.
func (a *app) conclude(v any, lines func(w io.Writer)) error {
	if a.json {
		return json.NewEncoder(a.out).Encode(v)
	}
	return a.print(v, lines)
}

// row writes a line of a table.
func row(w io.Writer, cells ...string) {
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
}

// clean replaces what could make a terminal do something, or another text than it is: people
// choose their names themselves.
func clean(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// shownTime is how tables show a time.
func shownTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// counted returns "1 user" and "2 users".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// would is the beginning of what a dry run says.
func would(yes bool, done, wouldBe string) string {
	if yes {
		return done
	}
	return "would " + wouldBe
}

// hint ends a dry run.
func (a *app) hint(yes bool) {
	if !yes && !a.json {
		fmt.Fprintln(a.err, "nothing was changed: --yes does it")
	}
}

// The records as they are shown. Tokens, keys and values of attributes are not in them, unless
// values are asked for.

type userView struct {
	ID            string    `json:"id"`
	Name          string    `json:"name,omitempty"`
	Email         string    `json:"email,omitempty"`
	EmailVerified time.Time `json:"emailVerified,omitzero"`
	Image         string    `json:"image,omitempty"`
	Attributes    any       `json:"attributes,omitempty"`
	CreatedAt     time.Time `json:"createdAt,omitzero"`
	UpdatedAt     time.Time `json:"updatedAt,omitzero"`
}

func viewUser(u adapter.User, values bool) userView {
	return userView{u.ID, u.Name, u.Email, u.EmailVerified, u.Image, viewAttributes(u.Attributes, values), u.CreatedAt, u.UpdatedAt}
}

type accountView struct {
	Provider          string    `json:"provider"`
	ProviderAccountID string    `json:"providerAccountId"`
	Type              string    `json:"type"`
	Scope             string    `json:"scope,omitempty"`
	Tokens            []string  `json:"tokens,omitempty"` // which of them there are
	Attributes        any       `json:"attributes,omitempty"`
	CreatedAt         time.Time `json:"createdAt,omitzero"`
	UpdatedAt         time.Time `json:"updatedAt,omitzero"`
}

func viewAccount(a adapter.Account, values bool) accountView {
	v := accountView{a.Provider, a.ProviderAccountID, string(a.Type), a.Scope, nil, viewAttributes(a.Attributes, values), a.CreatedAt, a.UpdatedAt}
	for _, token := range []struct{ name, value string }{{"access", a.AccessToken}, {"refresh", a.RefreshToken}, {"id", a.IDToken}} {
		if token.value != "" {
			v.Tokens = append(v.Tokens, token.name)
		}
	}
	return v
}

type passkeyView struct {
	CredentialID string    `json:"credentialId"`
	DeviceType   string    `json:"deviceType,omitempty"`
	BackedUp     bool      `json:"backedUp"`
	Transports   []string  `json:"transports,omitempty"`
	Counter      uint32    `json:"counter"`
	Attributes   any       `json:"attributes,omitempty"`
	CreatedAt    time.Time `json:"createdAt,omitzero"`
	UpdatedAt    time.Time `json:"updatedAt,omitzero"`
}

func viewPasskey(a adapter.Authenticator, values bool) passkeyView {
	return passkeyView{
		a.CredentialID, a.CredentialDeviceType, a.CredentialBackedUp, a.Transports, a.Counter, viewAttributes(a.Attributes, values), a.CreatedAt, a.UpdatedAt,
	}
}

type sessionView struct {
	ID         string    `json:"id"`
	Expires    time.Time `json:"expires"`
	Attributes any       `json:"attributes,omitempty"`
	CreatedAt  time.Time `json:"createdAt,omitzero"`
	UpdatedAt  time.Time `json:"updatedAt,omitzero"`
}

func viewSession(s adapter.Session, values bool) sessionView {
	return sessionView{s.ID, s.Expires, viewAttributes(s.Attributes, values), s.CreatedAt, s.UpdatedAt}
}

// viewAttributes returns attributes, or only their names, since values may be secrets.
func viewAttributes(a adapter.Attributes, values bool) any {
	switch {
	case len(a) == 0:
		return nil
	case values:
		return a
	}
	return slices.Sorted(maps.Keys(a))
}

// shownAttributes is how tables show them.
func shownAttributes(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, ", ")
	case adapter.Attributes:
		text, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	return ""
}

// views returns how records are shown, in an order that stays, and never nil: JSON has [] for none.
func views[R any, V interface{ key() string }](records []R, view func(R, bool) V, values bool) []V {
	all := make([]V, len(records))
	for i, r := range records {
		all[i] = view(r, values)
	}
	slices.SortStableFunc(all, func(a, b V) int { return strings.Compare(a.key(), b.key()) })
	return all
}

// The keys by which records are sorted. Users stay in the order of the store.
func (userView) key() string      { return "" }
func (v accountView) key() string { return v.Provider + " " + v.ProviderAccountID }
func (v passkeyView) key() string { return v.CreatedAt.UTC().Format(time.RFC3339Nano) + v.CredentialID }
func (v sessionView) key() string { return v.CreatedAt.UTC().Format(time.RFC3339Nano) + v.ID }
