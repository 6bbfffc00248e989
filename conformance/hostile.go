package conformance

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// separators are the characters that some store, query language or key layout
// means something by.
var separators = []string{
	"#", ":", "|", "/", "\\", "{", "}", "*", "?", "[", "]", "(", ")", "^", "%", "+", " ", "$", ".", "@", ",", ";", "=", "&", "~",
	"'", `"`, "`", "<", ">", "!", "-", "_", "\u00a0", "\u2028", "\x1f", "\x00", "\n", "\r", "\t", "\x7f", "\u0085",
}

// hostileKeys returns keys that differ from the victim's, but that some store may
// take for it, or for something else than a key. limit is that of the kind of key.
func hostileKeys(victim string, limit int) []string {
	half := len(victim) / 2
	keys := []string{
		"", victim[:half], victim[half:], victim[1:], victim + victim, strings.ToUpper(victim), strings.ToUpper(victim[:1]) + victim[1:], // parts and variants
		"$ne", "$where", "$" + victim, `{"$gt":""}`, `{"$ne":null}`, `{"$regex":".*"}`, "[$ne]", "$$ROOT", // query operators
		`{"@ref":"x"}`, "@ref", "${" + victim + "}", "#{" + victim + "}", "{{" + victim + "}}", "`id`", // templates and tagged values
		"' OR '1'='1", `" OR ""="`, "'; DROP TABLE users; --", "*\r\nDEL *\r\n", "FLUSHALL", "\r\n", // queries and protocols
		"..", ".", "../" + victim, "./" + victim, "%2e%2e%2f" + victim, victim + "/..", "//" + victim, // paths
		"USER#" + victim, "ACCOUNT#" + victim, "SESSION#" + victim, "VT#" + victim, "GUARD#" + victim, // prefixes of layouts
		"user:" + victim, "user:email:" + victim, "user:session:" + victim, "{" + victim + "}", "*" + victim + "*",
		"null", "undefined", "true", "0", "-1", "1e3", "NaN", "[]", "{}", "__proto__", "constructor", "_id", "id", // values and names
		"2100-01-02T03:04:05.678Z", "5f8d0d55b54764421b7156c9", "00000000-0000-0000-0000-000000000000",
		"\u00e9" + victim, "e\u0301" + victim, "\u212b" + victim, "\u00c5" + victim, "A\u030a" + victim, // Unicode normal forms
		"\ufb01" + victim, "fi" + victim, "\u1e9e" + victim, "ss" + victim, "\u00df" + victim, "\u0130" + victim, "\u0131" + victim,
		victim + "\u200b", victim + "\u00ad", "\ufeff" + victim, "\u202e" + victim, victim + "\u2069", "\ufffd" + victim, // invisible ones
		"\xff" + victim, victim + "\xc3", "\xc3\x28" + victim, "\xed\xa0\x80" + victim, "\xf4\x90\x80\x80", "\xc0\x80" + victim, // not UTF-8
		"👩‍💻" + victim, "\U0010ffff" + victim, "\ue000" + victim,
	}
	for _, s := range separators {
		keys = append(keys, s, victim+s, s+victim, victim[:half]+s+victim[half:],
			victim+url.QueryEscape(s), victim[:half]+url.QueryEscape(s)+victim[half:])
	}
	for _, s := range []string{"a", "#", "%", ":", "\\", "é", "\u2028", "👩"} {
		long := strings.Repeat(s, limit/len(s))
		keys = append(keys, long, long+strings.Repeat(s, 1+limit%len(s)), long[:len(long)-len(s)])
	}
	keys = append(keys, strings.Repeat("k", 2048), victim+strings.Repeat("k", limit-len(victim)))
	return keys
}

// isKey reports whether a text is one that a key of a kind may be.
func isKey(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// keyspace is a kind of record, by the one key that the tests vary. Its functions
// work on the first adapter; check reads by the second.
type keyspace[K comparable] struct {
	kind   string
	victim K
	keys   []K
	valid  func(K) bool
	// choosy: the store has a form of its own for these keys, and may refuse valid
	// ones of another form.
	choosy bool
	// create makes a record that holds text.
	create func(key K, text string) error
	// read returns the record with its key.
	read func(a adapter.Adapter, key K) (record any, got K, err error)
	// update has the record hold another text. Nil: there is no update by this key.
	update func(key K, text string) error
	remove func(key K) error
}

// entry is a record as it was last read.
type entry[K comparable] struct {
	key    K
	record any
}

// hostile fails the test unless every key is either the key of one record, which
// comes back under this key alone, or refused, and the key of none.
func hostile[K comparable](t *T, ks keyspace[K]) {
	t.Helper()
	t.Both() // opened before goroutines ask for them
	ks.keys = distinct(ks.keys, ks.victim)
	t.ok("creating the victim of "+ks.kind, ks.create(ks.victim, "victim"))
	victim := ks.reads(t, []K{ks.victim})
	ks.each(t, "a key that is not taken", ks.keys, func(key K) error { return ks.absent(t, key) })
	ks.unchanged(t, victim)

	made := ks.createAll(t)
	ks.unchanged(t, victim)
	if len(made) == 0 && !ks.choosy {
		t.Fatalf("%s\n  got:  no key was taken\n  want: the valid ones", ks.kind)
	}
	records := ks.reads(t, made)
	if ks.update != nil {
		ks.each(t, "an update", made, func(key K) error { return ks.update(key, fmt.Sprintf("updated %x", fmt.Sprint(key))) })
		ks.unchanged(t, victim)
		updated := ks.reads(t, made)
		for i, e := range updated {
			if fmt.Sprintf("%+v", e.record) == fmt.Sprintf("%+v", records[i].record) {
				t.Errorf("the record with the key %s\n  got:  the same as before its update\n  want: the update", short(e.key))
			}
		}
		records = updated
	}
	var gone []K
	var left []entry[K]
	for i, e := range records {
		if i%2 == 0 {
			gone = append(gone, e.key)
		} else {
			left = append(left, e)
		}
	}
	ks.each(t, "a delete", gone, ks.remove)
	ks.each(t, "a deleted key", gone, func(key K) error { return ks.absent(t, key) })
	ks.unchanged(t, left)
	ks.unchanged(t, victim)
	for _, e := range left {
		gone = append(gone, e.key)
	}
	ks.each(t, "a delete", gone, ks.remove)
	ks.each(t, "a deleted key", gone, func(key K) error { return ks.absent(t, key) })
	ks.unchanged(t, victim)
}

// distinct returns the keys without doubles, and without one.
func distinct[K comparable](keys []K, without K) []K {
	seen := map[K]bool{without: true}
	var all []K
	for _, key := range keys {
		if !seen[key] {
			seen[key] = true
			all = append(all, key)
		}
	}
	return all
}

// short prints a key, which may be long.
func short(key any) string {
	s := fmt.Sprintf("%q", key)
	if len(s) > 100 {
		return fmt.Sprintf("%s… (%d bytes)", s[:100], len(fmt.Sprint(key)))
	}
	return s
}

// each calls f for all keys, some at once, and fails the test for each error.
func (ks keyspace[K]) each(t *T, doing string, keys []K, f func(K) error) {
	t.Helper()
	_ = t.parallel(len(keys), func(i int) error {
		if err := f(keys[i]); err != nil {
			t.Errorf("%s: %s %s\n  got:  %v\n  want: no error", ks.kind, doing, short(keys[i]), err)
		}
		return nil
	})
}

// absent returns an error unless a key is that of no record: for reads, updates and
// deletes.
func (ks keyspace[K]) absent(t *T, key K) error {
	if _, _, err := ks.read(t.Second(), key); !errors.Is(err, adapter.ErrNotFound) {
		return fmt.Errorf("a read of nothing: %v", err)
	}
	if ks.update != nil {
		if err := ks.update(key, "stray"); !errors.Is(err, adapter.ErrNotFound) {
			return fmt.Errorf("an update of nothing: %v", err)
		}
	}
	if err := ks.remove(key); err != nil {
		return fmt.Errorf("a delete of nothing: %v", err)
	}
	return nil
}

// createAll creates a record for every key that can be one, and returns those keys.
func (ks keyspace[K]) createAll(t *T) []K {
	t.Helper()
	taken := make([]bool, len(ks.keys))
	_ = t.parallel(len(ks.keys), func(i int) error {
		key := ks.keys[i]
		err := ks.create(key, fmt.Sprintf("%x", fmt.Sprint(key)))
		switch valid := ks.valid(key); {
		case valid && err == nil:
			taken[i] = true
		case (!valid || ks.choosy) && errors.Is(err, adapter.ErrInvalid):
			if err := ks.absent(t, key); err != nil {
				t.Errorf("%s: the refused key %s\n  got:  %v\n  want: nothing written", ks.kind, short(key), err)
			}
		default:
			t.Errorf("%s: a create with the key %s\n  got:  %v\n  want: %s", ks.kind, short(key), err,
				map[bool]string{true: "no error", false: "invalid"}[valid])
		}
		return nil
	})
	var made []K
	for i, key := range ks.keys {
		if taken[i] {
			made = append(made, key)
		}
	}
	return made
}

// reads reads the records of keys, and fails the test unless each has its key.
func (ks keyspace[K]) reads(t *T, keys []K) []entry[K] {
	t.Helper()
	entries := make([]entry[K], len(keys))
	_ = t.parallel(len(keys), func(i int) error {
		record, got, err := ks.read(t.Second(), keys[i])
		if err != nil || got != keys[i] {
			t.Errorf("%s: a read of the key %s\n  got:  the key %s, the error %v\n  want: the key byte for byte", ks.kind, short(keys[i]), short(got), err)
		}
		entries[i] = entry[K]{keys[i], record}
		return nil
	})
	return entries
}

// unchanged fails the test unless records are as they were.
func (ks keyspace[K]) unchanged(t *T, want []entry[K]) {
	t.Helper()
	keys := make([]K, len(want))
	for i, e := range want {
		keys[i] = e.key
	}
	for i, got := range ks.reads(t, keys) {
		t.equal(ks.kind+": the record with the key "+short(got.key), got.record, want[i].record)
	}
}

// refused are names that no attribute may have; longName is the longest that one may.
var (
	longName = strings.Repeat("n", 255)
	refused  = []string{
		"", "a\x00", "\x00", "a\nb", "\t", "\x1f", "\x7f",
		"\u0085", "\xff", "a\xc3", longName + "n", strings.Repeat("é", 128),
	}
)

// hostileNames returns names of attributes that some store may take for something
// else than a name.
func hostileNames() []string {
	names := []string{
		"$", "$set", "$where", "$name", "@", "@ref", ".", "a.b", ".a", "a.", "__proto__.x", "#", ":", "#n", ":v", "a#b", "a:b", "a$b", "a@b", "a b", " ", "a/b", `a\b`, "a'b", `a"b`, "a`b", "[0]", "a[0]", "a{b}", "*", "?", "%", "%24set",
		"-", "_", "__v", "__proto__", "constructor", "toString", "prototype", "length", "size", "hasOwnProperty",
		"ID", "Id", "Email", "NAME", "Name", "emailverified", "EMAIL", "EmailVerified", "user_id", "userid", "UserID", "Attributes", "attributes",
		"user", "select", "where", "SET", "REMOVE", "ABORT", "status", "value", "values", "key", "keys", "null", "nil", "undefined", "true", "0", "1", "-1", "1e3",
		"\u00e9", "e\u0301", "\ufb01", "fi", "\u202e", "\ufeff", "\u200b", "👩‍💻", "\ufffd", "\u2028", "été", strings.Repeat("é", 127), longName, longName[1:],
		"token", "secret", "password", "version", "hash", "coll_", "_ts", "_ttl", "TTL", "Data", "PK", "SK", "gsi1pk", "Authstore", "auth",
	}
	return slices.DeleteFunc(names, func(n string) bool {
		return slices.ContainsFunc([]driver.Record{driver.UserRecord, driver.AccountRecord, driver.SessionRecord}, func(r driver.Record) bool {
			return driver.Reserved(r, n)
		})
	})
}

// hostileTexts are texts that some store may take for something else than text.
func hostileTexts() []string {
	texts := []string{
		"", " ", "null", "undefined", "true", "false", "0", "-0", "1e309", "NaN", "Infinity", "007", "0x10", "[]", "{}", `""`, `"quoted"`,
		"2100-01-02T03:04:05.678Z", "2100-01-02", "4102444800", "5f8d0d55b54764421b7156c9", "@date", "12:30",
		`{"$date":"2100-01-02T03:04:05.678Z"}`, `{"$oid":"5f8d0d55b54764421b7156c9"}`, `{"@time":"2100-01-02T03:04:05.678Z"}`, `{"S":"x"}`, `{"NULL":true}`,
		"$name", "$$ROOT", "$set", `{"$gt":""}`, "#n", ":v", "${x}", "#{x}", "a.b", "../x", "\x01\x1f\x7f\r\n\t\v", "\u0085\u2028\u2029",
		"\u00e9e\u0301", "\ufffd", "\ufeffx\ufeff", "\u202ex", "👩‍💻\U0010ffff\ue000", `\`, `\\`, `\u0000`, `'"` + "`", "<script>&amp;</script>", "%00%", "a\\\nb",
		"  leading and trailing  ", "trailing\n",
	}
	for _, s := range separators {
		if s != "\x00" {
			texts = append(texts, s, s+"x"+s)
		}
	}
	return texts
}

var hostileTests = []Test{
	{ID: "KEY-001", Rule: "An e-mail address is the address of one user, whatever it holds, or refused.", Source: "docs/contract.md R8", Run: hostileEmails},
	{ID: "KEY-002", Rule: "A user ID is the ID of one user with records of its own, whatever it holds, or refused.", Source: "docs/contract.md R8", Run: hostileUserIDs},
	{ID: "KEY-003", Rule: "A provider is that of one account, whatever it holds, or refused.", Source: "docs/contract.md R8", Run: func(t *T) {
		var keys []adapter.AccountKey
		for _, key := range hostileKeys("github", 255) {
			keys = append(keys, adapter.AccountKey{Provider: key, ProviderAccountID: "octocat"})
		}
		hostile(t, t.accountSpace(adapter.AccountKey{Provider: "github", ProviderAccountID: "octocat"}, keys))
	}},
	{ID: "KEY-004", Rule: "A provider's account ID is that of one account, whatever it holds, or refused.", Source: "docs/contract.md R8", Run: func(t *T) {
		var keys []adapter.AccountKey
		for _, key := range hostileKeys("octocat", 512) {
			keys = append(keys, adapter.AccountKey{Provider: "github", ProviderAccountID: key})
		}
		hostile(t, t.accountSpace(adapter.AccountKey{Provider: "github", ProviderAccountID: "octocat"}, keys))
	}},
	{ID: "KEY-005", Rule: "Provider and account ID that are the same text when they are joined are two accounts.", Source: "docs/contract.md R8", Run: func(t *T) {
		var keys []adapter.AccountKey
		for _, p := range joined(255, 512) {
			keys = append(keys, adapter.AccountKey{Provider: p[0], ProviderAccountID: p[1]})
		}
		hostile(t, t.accountSpace(adapter.AccountKey{Provider: "a", ProviderAccountID: "b"}, keys))
	}},
	{ID: "KEY-006", Rule: "A session token opens one session, whatever it holds, or is refused.", Source: "docs/contract.md R8", Run: func(t *T) {
		hostileTokens(t, t.store, t.Second())
	}},
	{ID: "KEY-007", Rule: "A session token that is stored as it is opens one session, whatever it holds, or is refused.", Source: "docs/contract.md R16", Run: func(t *T) {
		o := t.Options()
		o.PlainSessionTokens = true
		hostileTokens(t, t.Open(o), t.Open(o))
	}},
	{ID: "KEY-008", Rule: "An identifier is that of its own one-time tokens, whatever it holds, or refused.", Source: "docs/contract.md R8", Run: func(t *T) {
		var keys [][2]string
		for _, key := range hostileKeys("ada@example.com", 512) {
			keys = append(keys, [2]string{key, "token"})
		}
		ks := t.linkSpace([2]string{"ada@example.com", "token"}, keys)
		ks.remove = func(key [2]string) error { return t.store.DeleteVerificationTokens(t.ctx, key[0]) }
		hostile(t, ks)
	}},
	{ID: "KEY-009", Rule: "A one-time token is one token of its identifier, whatever it holds, or refused.", Source: "docs/contract.md R8", Run: func(t *T) {
		var keys [][2]string
		for _, key := range hostileKeys("0123456789abcdef", 512) {
			keys = append(keys, [2]string{"ada@example.com", key})
		}
		hostile(t, t.linkSpace([2]string{"ada@example.com", "0123456789abcdef"}, keys))
	}},
	{ID: "KEY-010", Rule: "Identifier and one-time token that are the same text when they are joined are two tokens.", Source: "docs/contract.md R8", Run: func(t *T) {
		hostile(t, t.linkSpace([2]string{"a", "b"}, joined(512, 512)))
	}},
	{ID: "KEY-011", Rule: "A credential ID is that of one credential, whatever it holds, or refused.", Source: "docs/contract.md R8", Run: hostileCredentials},
	{ID: "KEY-012", Rule: "One text may be the key of a record of every type at once.", Source: "docs/contract.md R8", Run: oneTextForAll},
	{ID: "KEY-013", Rule: "A user ID, session ID or kept token that no record can have touches nothing.", Source: "docs/contract.md R8", Run: hostileReferences},
	{ID: "KEY-014", Rule: "An attribute may have any valid name, and is no other attribute.", Source: "docs/contract.md R12", Run: hostileAttributes},
	{ID: "KEY-015", Rule: "An attribute's name that is not valid is refused, at any depth, and nothing is written.", Source: "docs/contract.md R8", Run: refusedAttributes},
	{ID: "KEY-016", Rule: "A text is kept as it is, whatever it looks like.", Source: "docs/contract.md R12", Run: hostileValues},
}

// joined returns pairs of keys that are one text when they are joined by a separator,
// as it is or escaped.
func joined(first, second int) [][2]string {
	var pairs [][2]string
	for _, s := range separators {
		for _, s := range []string{s, url.QueryEscape(s), `\` + s} {
			pairs = append(pairs, [2]string{"a" + s + "b", "c"}, [2]string{"a", "b" + s + "c"}, [2]string{"a" + s, "b"}, [2]string{"a", s + "b"},
				[2]string{s, s + s}, [2]string{s + s, s})
		}
	}
	for _, s := range []string{"%2523", "%253A", "%25257C", `\\#`, `\x23`, `\u0023`, "=23", "&#35;"} {
		pairs = append(pairs, [2]string{"a" + s + "b", "c"}, [2]string{"a", "b" + s + "c"})
	}
	for _, s := range []string{"a", "#", "%", ":", "é"} {
		pairs = append(pairs, [2]string{strings.Repeat(s, first/len(s)), strings.Repeat(s, second/len(s))})
	}
	return append(pairs, [2]string{"ab", "c"}, [2]string{"a", "bc"}, [2]string{"b", "a"}, [2]string{"a", "a"}, [2]string{"1a", "b"}, [2]string{"1", "ab"})
}

func hostileEmails(t *T) {
	victim := email(ada)
	byForm := map[string]string{}
	for _, key := range hostileKeys(victim, 320) {
		if form := adapter.NormalizeEmail(key); form != "" {
			byForm[form] = key
		}
	}
	find := func(key string) (adapter.User, error) { return t.store.GetUserByEmail(t.ctx, key) }
	hostile(t, keyspace[string]{
		kind:   "e-mail address",
		victim: victim,
		keys:   slices.Sorted(maps.Keys(byForm)),
		valid:  func(form string) bool { return isKey(form, 320) },
		create: func(form, text string) error {
			key, spelled := byForm[form]
			if !spelled {
				key = form
			}
			_, err := t.store.CreateUser(t.ctx, adapter.User{Email: key, Name: text})
			return err
		},
		read: func(a adapter.Adapter, form string) (any, string, error) {
			u, err := a.GetUserByEmail(t.ctx, form)
			return u, u.Email, err
		},
		update: func(form, text string) error {
			u, err := find(form)
			if err == nil {
				_, err = t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: &text})
			}
			return err
		},
		remove: func(form string) error {
			u, err := find(form)
			if errors.Is(err, adapter.ErrNotFound) {
				return nil
			}
			return errors.Join(err, t.store.DeleteUser(t.ctx, u.ID))
		},
	})
}

// hostileUserIDs gives each user an account, a session and an authenticator, so
// that the ID is in their keys too.
func hostileUserIDs(t *T) {
	victim := t.NewID()
	create := func(id, text string) error {
		u, err := t.store.CreateUser(t.ctx, adapter.User{ID: id, Name: text})
		if err != nil {
			return err
		}
		s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)})
		if err != nil {
			return fmt.Errorf("CreateSession: %w", err)
		}
		if got, _, err := t.Second().GetSessionAndUser(t.ctx, s.SessionToken); err != nil || got.UserID != id {
			return fmt.Errorf("GetSessionAndUser with the generated token: a session of the user %q, %w", got.UserID, err)
		}
		_, err = t.store.LinkAccount(t.ctx, plainAccount(id, "github", text))
		if err == nil {
			_, err = t.store.CreateAuthenticator(t.ctx, fullAuthenticator(id, text))
		}
		return err
	}
	hostile(t, keyspace[string]{
		kind:   "user ID",
		victim: victim,
		keys:   given(hostileKeys(victim, 255)),
		valid:  func(id string) bool { return isKey(id, 255) },
		choosy: true,
		create: create,
		read: func(a adapter.Adapter, id string) (any, string, error) {
			u, err := a.GetUser(t.ctx, id)
			b, listErr := t.belongings(a, id)
			if n := b.counts(); err == nil && n != [3]int{1, 1, 1} || err != nil && n != [3]int{} {
				err = fmt.Errorf("GetUser: %v, but lists of %v records", err, n)
			}
			return fmt.Sprintf("%+v %+v", u, b), u.ID, errors.Join(err, listErr)
		},
		update: func(id, text string) error {
			_, err := t.store.UpdateUser(t.ctx, id, adapter.UserUpdate{Name: &text})
			return err
		},
		remove: func(id string) error { return t.store.DeleteUser(t.ctx, id) },
	})
}

func (t *T) accountSpace(victim adapter.AccountKey, keys []adapter.AccountKey) keyspace[adapter.AccountKey] {
	u := t.user(ada)
	return keyspace[adapter.AccountKey]{
		kind:   "account",
		victim: victim,
		keys:   keys,
		valid:  func(k adapter.AccountKey) bool { return isKey(k.Provider, 255) && isKey(k.ProviderAccountID, 512) },
		create: func(key adapter.AccountKey, text string) error {
			a := plainAccount(u.ID, key.Provider, key.ProviderAccountID)
			a.Scope = text
			_, err := t.store.LinkAccount(t.ctx, a)
			return err
		},
		read: func(a adapter.Adapter, key adapter.AccountKey) (any, adapter.AccountKey, error) {
			acc, err := a.GetAccount(t.ctx, key)
			owner, ownerErr := a.GetUserByAccount(t.ctx, key)
			if (err == nil) != (ownerErr == nil) || err == nil && owner.ID != u.ID {
				err = fmt.Errorf("GetAccount: %v, but GetUserByAccount: the user %q, %v", err, owner.ID, ownerErr)
			}
			return acc, acc.Key(), err
		},
		update: func(key adapter.AccountKey, text string) error {
			_, err := t.store.UpdateAccount(t.ctx, key, adapter.AccountUpdate{Scope: &text})
			return err
		},
		remove: func(key adapter.AccountKey) error { return t.store.UnlinkAccount(t.ctx, key) },
	}
}

// hostileTokens is the test of session tokens, written by one adapter and read by
// the other.
func hostileTokens(t *T, writer, reader adapter.Adapter) {
	const victim = "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b"
	u := t.user(ada)
	hostile(t, keyspace[string]{
		kind:   "session token",
		victim: victim,
		keys:   given(hostileKeys(victim, 1024)),
		valid:  func(token string) bool { return isKey(token, 1024) },
		create: func(token, text string) error {
			_, err := writer.CreateSession(t.ctx, adapter.Session{
				UserID: u.ID, SessionToken: token, Expires: Start.Add(time.Hour), Attributes: adapter.Attributes{"text": text},
			})
			return err
		},
		read: func(_ adapter.Adapter, token string) (any, string, error) {
			s, owner, err := reader.GetSessionAndUser(t.ctx, token)
			if err == nil && owner.ID != u.ID {
				err = fmt.Errorf("a session of the user %q", owner.ID)
			}
			return s, s.SessionToken, err
		},
		update: func(token, text string) error {
			_, err := writer.UpdateSession(t.ctx, token, adapter.SessionUpdate{Attributes: adapter.Attributes{"text": text}})
			return err
		},
		remove: func(token string) error { return writer.DeleteSession(t.ctx, token) },
	})
}

// linkSpace is the one-time tokens, by identifier and token. Reading one uses it up,
// and makes it anew.
func (t *T) linkSpace(victim [2]string, keys [][2]string) keyspace[[2]string] {
	return keyspace[[2]string]{
		kind:   "one-time token",
		victim: victim,
		keys:   keys,
		valid:  func(k [2]string) bool { return isKey(k[0], 512) && isKey(k[1], 512) },
		create: func(key [2]string, _ string) error {
			_, err := t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{Identifier: key[0], Token: key[1], Expires: Start.Add(time.Hour)})
			return err
		},
		read: func(a adapter.Adapter, key [2]string) (any, [2]string, error) {
			v, err := a.UseVerificationToken(t.ctx, key[0], key[1])
			if err == nil {
				_, err = a.CreateVerificationToken(t.ctx, v)
			}
			return v, [2]string{v.Identifier, v.Token}, err
		},
		remove: func(key [2]string) error {
			_, err := t.store.UseVerificationToken(t.ctx, key[0], key[1])
			if errors.Is(err, adapter.ErrNotFound) {
				return nil
			}
			return err
		},
	}
}

func hostileCredentials(t *T) {
	u := t.user(ada)
	hostile(t, keyspace[string]{
		kind:   "credential ID",
		victim: "AQIDBAUGBwgJ",
		keys:   hostileKeys("AQIDBAUGBwgJ", 1364),
		valid:  func(id string) bool { return isKey(id, 1364) },
		create: func(id, text string) error {
			a := fullAuthenticator(u.ID, id)
			a.ProviderAccountID, a.CredentialDeviceType, a.Counter = "", text, 1
			_, err := t.store.CreateAuthenticator(t.ctx, a)
			return err
		},
		read: func(a adapter.Adapter, id string) (any, string, error) {
			got, err := a.GetAuthenticator(t.ctx, id)
			return got, got.CredentialID, err
		},
		update: func(id, text string) error {
			_, err := t.store.UpdateAuthenticatorCounter(t.ctx, id, 2+uint32(len(text)))
			return err
		},
		remove: func(id string) error { return t.store.DeleteAuthenticator(t.ctx, id) },
	})
}

// oneTextForAll makes a record of every type under one text, and removes them one by
// one.
func oneTextForAll(t *T) {
	u, err := t.store.CreateUser(t.ctx, adapter.User{Name: "owner"})
	t.ok("CreateUser", err)
	for _, text := range []string{
		"ada", "ada@example.com", u.ID, "user:" + u.ID, "user:email:ada", "USER#" + u.ID, "SESSION#x", "ACCOUNT#x#y", "email:ada", "{ada}:x", "#", ":", "%", "*", "a#b:c|d/e",
	} {
		e, err := t.store.CreateUser(t.ctx, adapter.User{Email: text})
		t.ok("CreateUser with the address "+text, err)
		s := stage{user: e, account: t.account(u.ID, text, text), authenticator: t.authenticator(u.ID, text), link: t.link(text, text)}
		s.session, err = t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: text, Expires: Start.Add(time.Hour)})
		t.ok("CreateSession", err)
		for i, remove := range []func() error{
			func() error { return t.store.DeleteVerificationTokens(t.ctx, text) },
			func() error { return t.store.DeleteUser(t.ctx, e.ID) },
			func() error { return t.store.UnlinkAccount(t.ctx, s.account.Key()) },
			func() error { return t.store.DeleteSession(t.ctx, text) },
			func() error { return t.store.DeleteAuthenticator(t.ctx, text) },
		} {
			t.hasAuthenticator(s.authenticator)
			if i <= 3 {
				t.opens(s.session)
			}
			if i <= 2 {
				t.sameAccount(s.account)
			}
			if i <= 1 {
				t.sameUser(s.user)
			}
			t.ok("deleting one of the records with the key "+text, remove())
		}
		t.nothing(universe{accounts: []adapter.AccountKey{s.account.Key()}, sessions: []string{text}, credentials: []string{text}})
		t.equal("usable", t.usable(t.ctx, t.store, text, text), false)
		t.noUser(e.ID)
	}
	t.sameUser(u)
}

// hostileReferences names records by keys that they do not have where a call names
// more than its own key.
func hostileReferences(t *T) {
	s, other := t.newStage(ada), t.newStage(grace)
	a := t.Second()
	ids := distinct(hostileKeys(s.user.ID, 255), s.user.ID)
	t.ok("calls with the ID of no user", t.parallel(len(ids), func(i int) error {
		if _, err := a.GetUser(t.ctx, ids[i]); !errors.Is(err, adapter.ErrNotFound) {
			return fmt.Errorf("GetUser of %s: %v", short(ids[i]), err)
		}
		b, err := t.belongings(a, ids[i])
		if n := b.counts(); n != [3]int{} {
			return fmt.Errorf("lists of %v records of the user %s", n, short(ids[i]))
		}
		return errors.Join(err, a.DeleteSessionByID(t.ctx, ids[i], s.session.ID), a.DeleteSessions(t.ctx, ids[i]), a.DeleteUser(t.ctx, ids[i]))
	}))
	sessionIDs := append(distinct(hostileKeys(s.session.ID, 43), s.session.ID), s.session.SessionToken, other.session.ID)
	t.ok("DeleteSessionByID", t.parallel(len(sessionIDs), func(i int) error {
		return a.DeleteSessionByID(t.ctx, s.user.ID, sessionIDs[i])
	}))
	kept := append(hostileKeys(other.session.SessionToken, 1024), s.session.SessionToken)
	t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, s.user.ID, kept...))
	t.whole(s)
	t.whole(other)
}

func hostileAttributes(t *T) {
	attributes := adapter.Attributes{}
	for i, name := range hostileNames() {
		attributes[name] = numbered("value", i)
	}
	attributes["nested"] = map[string]any{
		"id": "x", "_id": "x", "pk": "x", "email": "x", "expires": "x", "sessionToken": "x", "a b": "x", "#": "x", "é": "x", "__proto__": "x", longName: "x",
	}
	want := t.newStage(ada)
	var err error
	want.user, err = t.store.UpdateUser(t.ctx, want.user.ID, adapter.UserUpdate{Attributes: attributes})
	t.ok("UpdateUser", err)
	want.account, err = t.store.UpdateAccount(t.ctx, want.account.Key(), adapter.AccountUpdate{Attributes: attributes})
	t.ok("UpdateAccount", err)
	want.session, err = t.store.UpdateSession(t.ctx, want.session.SessionToken, adapter.SessionUpdate{Attributes: attributes})
	t.ok("UpdateSession", err)
	for _, got := range []adapter.Attributes{want.user.Attributes, want.account.Attributes, want.session.Attributes} {
		t.equal("attributes", got, attributes)
	}
	made, err := t.store.CreateUser(t.ctx, adapter.User{Email: email(grace), Attributes: attributes})
	t.ok("CreateUser", err)
	t.equal("attributes of CreateUser", made.Attributes, attributes)
	t.sameUser(made)

	// Half of them change one by one, the others go.
	for i, name := range slices.Sorted(maps.Keys(attributes)) {
		up := adapter.UserUpdate{RemoveAttributes: []string{name}}
		if i%2 == 0 {
			up = adapter.UserUpdate{Attributes: adapter.Attributes{name: int64(i)}}
		}
		up.Apply(&want.user, Start)
		got, err := t.store.UpdateUser(t.ctx, want.user.ID, up)
		t.ok("UpdateUser of the attribute "+short(name), err)
		t.equal("UpdateUser of the attribute "+short(name), got, want.user)
	}
	t.sameUser(made)
	t.whole(want)
}

func refusedAttributes(t *T) {
	s := t.newStage(ada)
	for _, name := range refused {
		for _, attributes := range []adapter.Attributes{
			{name: "x", "fine": "x"}, {"nested": map[string]any{name: "x"}}, {"list": []any{int64(1), map[string]any{"deep": map[string]any{name: "x"}}}},
		} {
			_, err := t.store.CreateUser(t.ctx, adapter.User{Email: email(grace), Attributes: attributes})
			t.invalid("CreateUser with the attribute "+short(name), err, "User.Attributes")
			_, err = t.store.UpdateUser(t.ctx, s.user.ID, adapter.UserUpdate{Name: new("changed"), Attributes: attributes})
			t.invalid("UpdateUser with the attribute "+short(name), err, "User.Attributes")
			account := plainAccount(s.user.ID, "gitlab", "1")
			account.Attributes = attributes
			_, err = t.store.LinkAccount(t.ctx, account)
			t.invalid("LinkAccount with the attribute "+short(name), err, "Account.Attributes")
			_, err = t.store.UpdateAccount(t.ctx, s.account.Key(), adapter.AccountUpdate{Scope: new("changed"), Attributes: attributes})
			t.invalid("UpdateAccount with the attribute "+short(name), err, "Account.Attributes")
			_, err = t.store.CreateSession(t.ctx, adapter.Session{UserID: s.user.ID, SessionToken: "hostile", Expires: Start.Add(time.Hour), Attributes: attributes})
			t.invalid("CreateSession with the attribute "+short(name), err, "Session.Attributes")
			_, err = t.store.UpdateSession(t.ctx, s.session.SessionToken, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour)), Attributes: attributes})
			t.invalid("UpdateSession with the attribute "+short(name), err, "Session.Attributes")
		}
		_, err := t.store.UpdateUser(t.ctx, s.user.ID, adapter.UserUpdate{Name: new("changed"), RemoveAttributes: []string{name}})
		t.invalid("UpdateUser without the attribute "+short(name), err, "User.RemoveAttributes")
	}
	t.freeEmail(email(grace))
	t.nothing(universe{accounts: []adapter.AccountKey{{Provider: "gitlab", ProviderAccountID: "1"}}, sessions: []string{"hostile"}})
	t.whole(s)
}

func hostileValues(t *T) {
	texts := hostileTexts()
	values, list := adapter.Attributes{}, []any{}
	for i, text := range texts {
		values[numbered("text", i)] = text
		list = append(list, text, map[string]any{"text": text})
	}
	values["list"] = list
	u, err := t.store.CreateUser(t.ctx, adapter.User{Email: email(ada), Attributes: values})
	t.ok("CreateUser", err)
	t.equal("attributes of CreateUser", u.Attributes, values)
	t.sameUser(u)
	t.ok("texts as they are", t.parallel(len(texts), func(i int) error {
		text := texts[i]
		u, err := t.store.CreateUser(t.ctx, adapter.User{Name: text, Image: text})
		if err != nil {
			return err
		}
		got, err := t.Second().GetUser(t.ctx, u.ID)
		t.equal("Name and Image", []string{got.Name, got.Image}, []string{text, text})
		a := fullAccount(u.ID, "github", numbered("a", i))
		a.RefreshToken, a.AccessToken, a.IDToken, a.Scope, a.TokenType, a.SessionState = text, text, text, text, text, text
		if _, err := t.store.LinkAccount(t.ctx, a); err != nil {
			return err
		}
		stored, accountErr := t.Second().GetAccount(t.ctx, a.Key())
		t.equal("GetAccount", stored, a)
		return errors.Join(err, accountErr)
	}))
}
