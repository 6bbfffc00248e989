package transfer

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/transfer/foreign"
)

// The same two people as mongoexport writes them, in both modes, and DynamoDB's export.
var (
	canonical = map[string]string{
		"users.json": `{"_id":{"$oid":"65a0c0de0000000000000001"},"name":"Ada Lovelace","email":"ada@example.com","image":null,"emailVerified":{"$date":{"$numberLong":"1772362800000"}},"logins":{"$numberInt":"7"}}
{"_id":{"$oid":"65a0c0de0000000000000002"},"name":"Grace Hopper","email":"grace@example.com","emailVerified":null}
`,
		"accounts.json": `{"_id":{"$oid":"65a0c0de0000000000000003"},"provider":"github","type":"oauth","providerAccountId":"1815","access_token":"gho_hunter2","token_type":"bearer","scope":"read:user,user:email","expires_at":{"$numberInt":"1772362800"},"userId":{"$oid":"65a0c0de0000000000000001"}}
`,
		"sessions.json": `{"_id":{"$oid":"65a0c0de0000000000000004"},"sessionToken":"3f1c7a52-hunter2","userId":{"$oid":"65a0c0de0000000000000001"},"expires":{"$date":{"$numberLong":"1772370000000"}}}
{"_id":{"$oid":"65a0c0de0000000000000005"},"sessionToken":"expired","userId":{"$oid":"65a0c0de0000000000000002"},"expires":{"$date":{"$numberLong":"1772362800000"}}}
`,
		"verification_tokens.json": `{"_id":{"$oid":"65a0c0de0000000000000006"},"identifier":"grace@example.com","token":"hunter2","expires":{"$date":{"$numberLong":"1772370000000"}}}
`,
		"authenticators.json": `{"_id":{"$oid":"65a0c0de0000000000000007"},"credentialID":"Y3JlZGVudGlhbA==","userId":{"$oid":"65a0c0de0000000000000002"},"providerAccountId":"Y3JlZGVudGlhbA==","credentialPublicKey":"a2V5","counter":{"$numberInt":"3"},"credentialDeviceType":"multiDevice","credentialBackedUp":true,"transports":"internal,hybrid"}
`,
	}
	relaxed = strings.NewReplacer(
		`{"$date":{"$numberLong":"1772362800000"}}`, `{"$date":"2026-03-01T11:00:00Z"}`, `{"$date":{"$numberLong":"1772370000000"}}`, `{"$date":"2026-03-01T13:00:00Z"}`,
		`{"$numberInt":"7"}`, `7`, `{"$numberInt":"3"}`, `3`, `{"$numberInt":"1772362800"}`, `1772362800`,
	)
	items = map[string]string{
		"one.json.gz": `{"Item":{"pk":{"S":"USER#65a0c0de0000000000000001"},"sk":{"S":"SESSION#3f1c7a52-hunter2"},"GSI1PK":{"S":"SESSION#3f1c7a52-hunter2"},"GSI1SK":{"S":"SESSION#3f1c7a52-hunter2"},"type":{"S":"SESSION"},"sessionToken":{"S":"3f1c7a52-hunter2"},"userId":{"S":"65a0c0de0000000000000001"},"expires":{"N":"1772370000"}}}
{"Item":{"pk":{"S":"USER#65a0c0de0000000000000002"},"sk":{"S":"USER#65a0c0de0000000000000002"},"GSI1PK":{"S":"USER#grace@example.com"},"GSI1SK":{"S":"USER#grace@example.com"},"type":{"S":"USER"},"id":{"S":"65a0c0de0000000000000002"},"name":{"S":"Grace Hopper"},"email":{"S":"grace@example.com"},"emailVerified":{"NULL":true}}}
{"Item":{"pk":{"S":"VT#grace@example.com"},"sk":{"S":"VT#hunter2"},"type":{"S":"VT"},"identifier":{"S":"grace@example.com"},"token":{"S":"hunter2"},"expires":{"N":"1772370000"}}}
`,
		"two.json.gz": `{"Item":{"pk":{"S":"USER#65a0c0de0000000000000001"},"sk":{"S":"USER#65a0c0de0000000000000001"},"GSI1PK":{"S":"USER#ada@example.com"},"GSI1SK":{"S":"USER#ada@example.com"},"type":{"S":"USER"},"id":{"S":"65a0c0de0000000000000001"},"name":{"S":"Ada Lovelace"},"email":{"S":"ada@example.com"},"emailVerified":{"S":"2026-03-01T11:00:00.000Z"},"logins":{"N":"7"}}}
{"Item":{"pk":{"S":"USER#65a0c0de0000000000000001"},"sk":{"S":"ACCOUNT#github#1815"},"GSI1PK":{"S":"ACCOUNT#github"},"GSI1SK":{"S":"ACCOUNT#1815"},"type":{"S":"oauth"},"id":{"S":"7d9a1f34-0000-4000-8000-000000000001"},"provider":{"S":"github"},"providerAccountId":{"S":"1815"},"access_token":{"S":"gho_hunter2"},"token_type":{"S":"bearer"},"scope":{"S":"read:user,user:email"},"expires_at":{"N":"1772362800"},"userId":{"S":"65a0c0de0000000000000001"}}}
{"Item":{"pk":{"S":"USER#65a0c0de0000000000000002"},"sk":{"S":"AUTHENTICATOR#Y3JlZGVudGlhbA=="},"userId":{"S":"65a0c0de0000000000000002"},"credentialID":{"S":"Y3JlZGVudGlhbA=="},"providerAccountId":{"S":"Y3JlZGVudGlhbA=="},"credentialPublicKey":{"S":"a2V5"},"counter":{"N":"3"},"credentialDeviceType":{"S":"multiDevice"},"credentialBackedUp":{"BOOL":true},"transports":{"S":"internal,hybrid"}}}
`,
	}
)

// write writes files, in a folder of their own, and returns their names in order.
func write(t *testing.T, files map[string]string) (names []string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if strings.HasSuffix(name, ".gz") {
			var zipped bytes.Buffer
			w := gzip.NewWriter(&zipped)
			_, err := w.Write([]byte(text))
			check(t, errors.Join(err, w.Close()))
			text = zipped.String()
		}
		names = append(names, filepath.Join(dir, name))
		check(t, os.WriteFile(names[len(names)-1], []byte(text), 0o600))
	}
	slices.Sort(names)
	return names
}

// described returns a store with the two people, made by its own calls.
func described(t *testing.T) adapter.Adapter {
	s, ctx := store(t), t.Context()
	const ada, grace = "65a0c0de0000000000000001", "65a0c0de0000000000000002"
	unknown := time.Unix(0, 0)
	for _, u := range []adapter.User{
		{ID: ada, Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: start.Add(-time.Hour), Attributes: adapter.Attributes{"logins": int64(7)}, CreatedAt: unknown},
		{ID: grace, Name: "Grace Hopper", Email: "grace@example.com", CreatedAt: unknown},
	} {
		_, err := s.CreateUser(ctx, u)
		check(t, err)
	}
	_, err := s.LinkAccount(ctx, adapter.Account{
		UserID: ada, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1815", AccessToken: "gho_hunter2", TokenType: "bearer",
		Scope: "read:user,user:email", ExpiresAt: start.Add(-time.Hour).Unix(), CreatedAt: unknown,
	})
	check(t, err)
	_, err = s.CreateSession(ctx, adapter.Session{SessionToken: "3f1c7a52-hunter2", UserID: ada, Expires: start.Add(time.Hour), CreatedAt: unknown})
	check(t, err)
	_, err = s.CreateAuthenticator(ctx, adapter.Authenticator{
		UserID: grace, CredentialID: "Y3JlZGVudGlhbA==", ProviderAccountID: "Y3JlZGVudGlhbA==", CredentialPublicKey: "a2V5", Counter: 3,
		CredentialDeviceType: "multiDevice", CredentialBackedUp: true, Transports: []string{"internal", "hybrid"}, CreatedAt: unknown,
	})
	check(t, err)
	return s
}

func TestImportExports(t *testing.T) {
	inRelaxed := map[string]string{}
	for name, text := range canonical {
		inRelaxed[name] = relaxed.Replace(text)
	}
	for name, tt := range map[string]struct {
		form  foreign.Form
		files map[string]string
	}{
		"canonical": {foreign.MongoDB, canonical}, "relaxed": {foreign.MongoDB, inRelaxed}, "DynamoDB": {foreign.DynamoDB, items},
	} {
		t.Run(name, func(t *testing.T) {
			destination, files := store(t), write(t, tt.files)
			for _, file := range files {
				form, err := FormOf(file)
				if check(t, err); form != tt.form {
					t.Errorf("%s: got the form %q", file, form)
				}
			}
			for _, want := range []Counts{{Users: 2, Created: 2, Accounts: 1, Passkeys: 1, Sessions: 1}, {Users: 2, Unchanged: 2}} {
				got, err := ImportExports(t.Context(), options(t, nil, destination), tt.form, files)
				check(t, err)
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			same(t, described(t), destination)
			session, user, err := destination.GetSessionAndUser(t.Context(), "3f1c7a52-hunter2")
			if check(t, err); session.UserID != user.ID || user.Email != "ada@example.com" {
				t.Errorf("the token signs %s in", user.Email)
			}
			if _, err := destination.UseVerificationToken(t.Context(), "grace@example.com", "hunter2"); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("a verification token is imported: %v", err)
			}
		})
	}
}

// Everybody is in one of the shares, with all that belongs to it, and what is wrong is said once.
func TestShares(t *testing.T) {
	var users, accounts strings.Builder
	const people = 50
	for i := range people {
		fmt.Fprintf(&users, `{"_id":{"$oid":"%024x"},"email":"user%d@example.com"}`+"\n", i, i)
		fmt.Fprintf(&accounts, `{"_id":1,"userId":{"$oid":"%024x"},"provider":"github","providerAccountId":"%d","type":"oauth"}`+"\n", people-1-i, i)
	}
	files := write(t, map[string]string{"accounts.json": accounts.String() + "{\n", "users.json": users.String()})
	shares, err := sharesOf(files, 2048)
	if check(t, err); shares < 3 {
		t.Fatalf("got %d shares", shares)
	}
	zipped := write(t, map[string]string{"users.json.gz": users.String()})
	if n, err := sharesOf(zipped, 1024); err != nil || n < 3 {
		t.Errorf("got %d shares of a compressed file, %v", n, err)
	}
	destination, reported := store(t), 0
	o := options(t, nil, destination)
	o.Report = func(Difference) { reported++ }
	got, err := importShares(t.Context(), o, foreign.MongoDB, files, shares)
	if want := (Counts{Users: people, Created: people, Accounts: people, Problems: 1}); got != want || !errors.Is(err, ErrProblems) || reported != 1 {
		t.Errorf("got %+v, %v, %d reported, want %+v", got, err, reported, want)
	}
}

// What cannot be imported is reported with its place, and the others are imported.
func TestImportExportsReports(t *testing.T) {
	files := write(t, map[string]string{
		"accounts.json": canonical["accounts.json"] + `{"_id":1,"userId":"nobody","provider":"github","providerAccountId":"2","type":"oauth"}
{"_id":1,"userId":"65a0c0de0000000000000002","provider":"github"}
`,
		"orders.json":   "{\"_id\":1,\"card\":\"hunter2\"}\n\n{\"_id\":1,\"card\":\"hunt",
		"sessions.json": `{"_id":1,"sessionToken":"hunter2","userId":"gone","expires":{"$date":"2026-02-01T12:00:00Z"}}` + "\n",
		"users.json":    canonical["users.json"] + strings.Split(canonical["users.json"], "\n")[0] + "\n" + `{"_id":"x","email":null,"image":{"$minKey":1},"pattern":{"$maxKey":1}}`,
	})
	var got []string
	o := options(t, nil, store(t))
	o.Report = func(d Difference) {
		got = append(got, strings.Join(append([]string{d.UserID, d.Record, d.How}, d.Fields...), "|"))
	}
	counts, err := ImportExports(t.Context(), o, foreign.MongoDB, files)
	want := []string{
		"65a0c0de0000000000000002|accounts.json, line 3|unreadable: providerAccountId is not text or a number",
		"|orders.json, line 1|unreadable: it is none of the records of Auth.js",
		"|orders.json, line 3|unreadable: it is not one JSON object",
		"65a0c0de0000000000000001|users.json, line 3|not imported: the user is there twice",
		"x|users.json, line 4|imported without what no store can hold|image|pattern",
		"nobody|accounts.json, line 2|not imported: its user is in none of the files",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := (Counts{Users: 3, Created: 3, Accounts: 1, Problems: 6}); counts != want || !errors.Is(err, ErrProblems) {
		t.Errorf("got %+v, %v, want %+v", counts, err, want)
	}
}

// What ends an import.
func TestImportExportsFails(t *testing.T) {
	files := write(t, items)
	whole, err := os.ReadFile(files[0])
	check(t, err)
	cut := filepath.Join(t.TempDir(), "cut.json.gz")
	check(t, os.WriteFile(cut, whole[:len(whole)-10], 0o600))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		ctx   context.Context
		files []string
		want  string
	}{
		"interrupted": {ended, files, "context canceled"},
		"cut":         {t.Context(), []string{cut}, "cut.json.gz: it cannot be read to its end"},
		"no file":     {t.Context(), []string{cut + "x"}, "no such file"},
		"a folder":    {t.Context(), []string{filepath.Dir(cut)}, "is not a file"},
	} {
		_, err := ImportExports(tt.ctx, options(t, nil, store(t)), foreign.DynamoDB, tt.files)
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrProblems) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	destination := store(t)
	_, err = destination.CreateUser(t.Context(), adapter.User{ID: "65a0c0de0000000000000001", Name: "somebody else"})
	check(t, err)
	if _, err := ImportExports(t.Context(), options(t, nil, destination), foreign.DynamoDB, files); err == nil || !strings.Contains(err.Error(), "--conflict") {
		t.Errorf("a conflict: got %v", err)
	}
}
