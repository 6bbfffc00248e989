package conformance

import (
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

var verificationTokenTests = []Test{
	{ID: "VER-001", Rule: "A verification token comes back as it was written, field by field.", Source: "docs/contract.md R12", Run: func(t *T) {
		want := adapter.VerificationToken{
			Identifier: email(ada), Token: adapter.HashVerificationToken("token", "secret"),
			Expires: Start.Add(time.Hour + 345*time.Millisecond), CreatedAt: Start.Add(-time.Minute),
		}
		got, err := t.store.CreateVerificationToken(t.ctx, want)
		t.ok("CreateVerificationToken", err)
		t.equal("CreateVerificationToken", got, want)
		got, err = t.Second().UseVerificationToken(t.ctx, want.Identifier, want.Token)
		t.ok("UseVerificationToken", err)
		t.equal("UseVerificationToken", got, want)
	}},
	{ID: "VER-016", Rule: "A verification token's value comes back from its use, as it was given.", Source: "adapter.VerificationToken.Value", Run: func(t *T) {
		for i, value := range []string{"", "pkce-verifier", `{"state":"ü","n":[1,2]}`, " \t\r\n", "2100-01-02T03:04:05.678Z", "42", strings.Repeat("é", 32<<10)} {
			want := adapter.VerificationToken{Identifier: email(ada), Token: numbered("token", i), Value: value, Expires: Start.Add(time.Hour), CreatedAt: Start}
			got, err := t.store.CreateVerificationToken(t.ctx, want)
			t.ok("CreateVerificationToken", err)
			t.equal("CreateVerificationToken", got, want)
			got, err = t.Second().UseVerificationToken(t.ctx, want.Identifier, want.Token)
			t.ok("UseVerificationToken", err)
			t.equal("UseVerificationToken", got, want)
		}
	}},
	{ID: "VER-017", Rule: "A value that is too long, or no text, is refused, and no token is stored.", Source: "docs/contract.md R8", Run: func(t *T) {
		for _, value := range []string{strings.Repeat("x", 64<<10+1), "a\x00b", "\xff"} {
			_, err := t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{Identifier: email(ada), Token: "token", Value: value, Expires: Start.Add(time.Hour)})
			t.invalid("CreateVerificationToken", err, "VerificationToken.Value")
			t.equal("usable", t.usable(t.ctx, t.Second(), email(ada), "token"), false)
		}
	}},
	{ID: "VER-002", Rule: "A verification token can be used once.", Source: "docs/contract.md R15", Run: func(t *T) {
		v := t.link(email(ada), "token")
		_, err := t.store.UseVerificationToken(t.ctx, v.Identifier, v.Token)
		t.ok("UseVerificationToken", err)
		for _, a := range t.Both() {
			got, err := a.UseVerificationToken(t.ctx, v.Identifier, v.Token)
			t.is("UseVerificationToken again", err, adapter.ErrNotFound)
			t.equal("UseVerificationToken again", got, adapter.VerificationToken{})
		}
	}},
	{ID: "VER-003", Rule: "An expired token is ErrExpired, which is an ErrNotFound too, and gone.", Source: "docs/contract.md R15", Run: func(t *T) {
		v := t.link(email(ada), "token")
		t.Clock.Advance(time.Hour)
		got, err := t.store.UseVerificationToken(t.ctx, v.Identifier, v.Token)
		t.is("UseVerificationToken", err, adapter.ErrExpired)
		t.is("UseVerificationToken", err, adapter.ErrNotFound)
		t.equal("UseVerificationToken", got, adapter.VerificationToken{})
		t.Clock.Advance(-time.Hour)
		_, err = t.Second().UseVerificationToken(t.ctx, v.Identifier, v.Token)
		t.absent("UseVerificationToken again, with the clock put back", err)
	}},
	{ID: "VER-004", Rule: "A verification token is live strictly before its Expires, to the millisecond.", Source: "docs/contract.md R3", Run: func(t *T) {
		for i, lifetime := range []time.Duration{time.Millisecond, 999 * time.Millisecond, time.Second, 1001 * time.Millisecond, time.Hour} {
			for _, late := range []time.Duration{0, time.Millisecond} {
				v, err := t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{
					Identifier: email(ada), Token: numbered(late.String(), i), Expires: t.Clock.Now().Add(lifetime),
				})
				t.ok("CreateVerificationToken", err)
				t.Clock.Advance(lifetime - time.Millisecond + late)
				_, err = t.Second().UseVerificationToken(t.ctx, v.Identifier, v.Token)
				if late == 0 {
					t.ok("UseVerificationToken a millisecond before it expires", err)
				} else {
					t.is("UseVerificationToken at the millisecond at which it expires", err, adapter.ErrExpired)
				}
			}
		}
	}},
	{ID: "VER-005", Rule: "A token that is not there is ErrNotFound, and not ErrExpired.", Source: "docs/contract.md R1", Run: func(t *T) {
		_, err := t.store.UseVerificationToken(t.ctx, email(ada), "token")
		t.absent("UseVerificationToken", err)
	}},
	{ID: "VER-006", Rule: "A wrong identifier or a wrong token uses nothing up.", Source: "docs/contract.md R15", Run: func(t *T) {
		v := t.link(email(ada), "token")
		t.link(email(grace), "other")
		for _, wrong := range [][2]string{
			{email(grace), "token"}, {email(ada), "other"}, {email(ada), "toke"}, {email(ada), "TOKEN"},
			{"ADA@EXAMPLE.COM", "token"}, {"", "token"}, {email(ada), ""},
		} {
			_, err := t.store.UseVerificationToken(t.ctx, wrong[0], wrong[1])
			t.is("UseVerificationToken of a wrong one", err, adapter.ErrNotFound)
		}
		_, err := t.store.UseVerificationToken(t.ctx, v.Identifier, v.Token)
		t.ok("UseVerificationToken of the right one", err)
	}},
	{ID: "VER-007", Rule: "All tokens of one identifier can be made void, and nobody else's are.", Source: "adapter.VerificationTokens.DeleteVerificationTokens", Run: func(t *T) {
		for i := range 3 {
			t.link(email(ada), numbered("a", i))
		}
		for _, identifier := range []string{email(grace), email(ada) + "m", "a" + email(ada), "ADA@example.com"} {
			t.link(identifier, "stays")
		}
		t.ok("DeleteVerificationTokens", t.Second().DeleteVerificationTokens(t.ctx, email(ada)))
		for i := range 3 {
			t.equal("a void token can be used", t.usable(t.ctx, t.store, email(ada), numbered("a", i)), false)
		}
		for _, identifier := range []string{email(grace), email(ada) + "m", "a" + email(ada), "ADA@example.com"} {
			t.equal("another identifier's token can be used", t.usable(t.ctx, t.store, identifier, "stays"), true)
		}
		t.ok("DeleteVerificationTokens of none", t.store.DeleteVerificationTokens(t.ctx, email(ada)))
		t.link(email(ada), "a-0")
		t.equal("a token made later can be used", t.usable(t.ctx, t.store, email(ada), "a-0"), true)
	}},
	{ID: "VER-008", Rule: "One identifier may have several tokens, each to be used once.", Source: "docs/contract.md R15", Run: func(t *T) {
		for i := range 3 {
			t.link(email(ada), numbered("a", i))
		}
		for i := range 3 {
			for _, want := range []bool{true, false} {
				t.equal("usable", t.usable(t.ctx, t.Second(), email(ada), numbered("a", i)), want)
			}
		}
	}},
	{ID: "VER-009", Rule: "The same token of two identifiers is two tokens.", Source: "adapter.VerificationToken", Run: func(t *T) {
		t.link(email(ada), "token")
		t.link(email(grace), "token")
		t.equal("usable", t.usable(t.ctx, t.store, email(ada), "token"), true)
		t.equal("usable", t.usable(t.ctx, t.store, email(grace), "token"), true)
	}},
	{ID: "VER-010", Rule: "A token that was made twice can be used once.", Source: "adapter.VerificationTokens.CreateVerificationToken", Run: func(t *T) {
		v := t.link(email(ada), "token")
		_, err := t.Second().CreateVerificationToken(t.ctx, v)
		if err != nil {
			t.conflict("CreateVerificationToken", err, adapter.FieldVerificationToken)
		}
		t.equal("usable", t.usable(t.ctx, t.store, email(ada), "token"), true)
		t.equal("usable again", t.usable(t.ctx, t.store, email(ada), "token"), false)
	}},
	{ID: "VER-018", Rule: "An expired token gives way to a new one, whether the store still has it or not.", Source: "docs/contract.md R15", Run: func(t *T) {
		t.link(email(ada), "token")
		t.link(email(ada), "live")
		t.Clock.Advance(time.Hour - time.Millisecond)
		again := func(token string) (adapter.VerificationToken, error) {
			return t.Second().CreateVerificationToken(t.ctx, adapter.VerificationToken{
				Identifier: email(ada), Token: token, Value: "new", Expires: t.Clock.Now().Add(time.Hour),
			})
		}
		if _, err := again("live"); err != nil { // see VER-010
			t.conflict("CreateVerificationToken a millisecond before there is room", err, adapter.FieldVerificationToken)
		}
		t.Clock.Advance(time.Millisecond)
		want, err := again("token")
		t.ok("CreateVerificationToken in the place of an expired one", err)
		got, err := t.store.UseVerificationToken(t.ctx, email(ada), "token")
		t.ok("UseVerificationToken", err)
		t.equal("UseVerificationToken", got, want)
		t.equal("usable again", t.usable(t.ctx, t.Second(), email(ada), "token"), false)
	}},
	{ID: "VER-011", Rule: "Verification tokens belong to no user: they need none, and a deleted user leaves them.", Source: "adapter.VerificationTokens", Run: func(t *T) {
		u := t.user(ada)
		t.link(email(ada), "token")
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.equal("usable", t.usable(t.ctx, t.store, email(ada), "token"), true)
	}},
	{ID: "VER-012", Rule: "CreatedAt is the clock's time where none is given.", Source: "adapter.VerificationToken", Run: func(t *T) {
		v := t.link(email(ada), "token")
		t.equal("CreatedAt", v.CreatedAt, Start)
		t.Clock.Advance(time.Minute)
		v, err := t.store.UseVerificationToken(t.ctx, v.Identifier, v.Token)
		t.ok("UseVerificationToken", err)
		t.equal("CreatedAt", v.CreatedAt, Start)
	}},
	{ID: "VER-013", Rule: "An identifier may be anything: an address, a phone number, a sentence.", Source: "adapter.VerificationToken", Run: func(t *T) {
		for _, identifier := range []string{"+41 79 000 00 00", "Ada Lovelace <ada@example.com>", "עדה@example.com", "👩‍💻"} {
			v := t.link(identifier, "token")
			got, err := t.Second().UseVerificationToken(t.ctx, identifier, "token")
			t.ok("UseVerificationToken", err)
			t.equal("UseVerificationToken", got, v)
		}
	}},
	{ID: "VER-014", Rule: "A token that is no hash is stored as its SHA-256 digest in base64url, by which nobody can use it.", Source: "docs/contract.md R15", Needs: []Feature{Dump}, Run: func(t *T) {
		const token, digest = "0123456789abcdef", "n59REfeyengfHx3d5evC3St5a_xzZcnCi1SOVkF2kp8"
		v := t.link(email(ada), token)
		t.equal("the token that CreateVerificationToken returns", v.Token, token)
		t.equal("a stored record holds the token", t.stored(token), false)
		t.equal("a stored record holds the digest", t.stored(digest), true)
		for _, known := range []string{digest, adapter.HashVerificationToken(token, "")} {
			_, err := t.store.UseVerificationToken(t.ctx, email(ada), known)
			t.is("UseVerificationToken of what the store has", err, adapter.ErrNotFound)
		}
		t.equal("usable", t.usable(t.ctx, t.Second(), email(ada), token), true)
	}},
	{ID: "VER-015", Rule: "A token that was hashed as Auth.js does is stored as it is, for an Auth.js application to use.", Source: "docs/contract.md R15", Needs: []Feature{Dump, Live}, Run: func(t *T) {
		const hash = "d9db21448d73f8397d9401d925e90810faadaad67b0053599e61d9b9e3f7ad37" // of "token" and "secret"
		links := adapter.Links{Store: t.Second(), Secret: "secret"}
		t.link(email(ada), hash)
		t.equal("a stored record holds the hash", t.stored(hash), true)
		_, err := links.UseLink(t.ctx, email(ada), "other")
		t.is("UseLink of another token", err, adapter.ErrNotFound)
		v, err := links.UseLink(t.ctx, email(ada), "token")
		t.ok("UseLink", err)
		t.equal("UseLink", v, adapter.VerificationToken{Identifier: email(ada), Token: hash, Expires: v.Expires, CreatedAt: v.CreatedAt})
		token, err := links.NewLink(t.ctx, email(ada), Start.Add(time.Hour))
		t.ok("NewLink", err)
		t.equal("a stored record holds the token of a new link", t.stored(token), false)
		t.equal("usable by its hash", t.usable(t.ctx, t.store, email(ada), adapter.HashVerificationToken(token, "secret")), true)
	}},
}
