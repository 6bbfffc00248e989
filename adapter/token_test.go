package adapter

import (
	"strings"
	"testing"
)

func TestSessionTokensComeApartAgain(t *testing.T) {
	secret := [32]byte{0: 0xff, 31: 0x01}
	for _, userID := range []string{"1", "6f1b1b5e-8a3a-4c43-9d86-6d6f0b8a9f10", "507f1f77bcf86cd799439011", "a.b", "a b", "é", "a;b,c\"", "%41", "..", "/"} {
		token := NewSessionToken(userID, secret)
		got, ok := ParseSessionToken(token)
		if !ok || got != userID {
			t.Errorf("ParseSessionToken of %q: got %q, %v, want %q", token, got, ok, userID)
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;\`, r) }) {
			t.Errorf("the token %q cannot stand in a cookie (RFC 6265 section 4.1.1)", token)
		}
	}
}

func TestTokensOfOtherFormsAreNotParsed(t *testing.T) {
	secret := strings.Repeat("A", 43)
	for _, token := range []string{
		"", ".", secret, "." + secret, "u." + secret[1:], "u." + secret + "A", "u" + secret, "u.." + secret[1:],
		"u." + secret[1:] + "=", "u." + secret[1:] + "+", "u." + secret[1:] + "B", // bits that 32 bytes do not have
		"%4." + secret, "%zz." + secret, "%61." + secret, "a b." + secret, "é." + secret, // not as PathEscape writes it
		"6f1b1b5e-8a3a-4c43-9d86-6d6f0b8a9f10", "u." + secret[1:] + "\n", "u." + secret[2:] + "\nA",
	} {
		if userID, ok := ParseSessionToken(token); ok {
			t.Errorf("ParseSessionToken of %q: got user %q, want none", token, userID)
		}
	}
}

// FuzzParseSessionToken checks that a token which is parsed is the only one of its
// user and secret, so that no two strings are the same session.
func FuzzParseSessionToken(f *testing.F) {
	f.Add("u.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("%61.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		userID, ok := ParseSessionToken(token)
		if !ok {
			return
		}
		if userID == "" {
			t.Errorf("%q names the empty user", token)
		}
		again := NewSessionToken(userID, [32]byte{})
		if prefix := strings.TrimSuffix(token, token[len(token)-secretLen:]); !strings.HasPrefix(again, prefix) {
			t.Errorf("%q names user %q, whose tokens begin as %q does", token, userID, again)
		}
	})
}

func TestHashesAreThoseOfAuthJS(t *testing.T) {
	// printf %s tokensecret | sha256sum
	const want = "d9db21448d73f8397d9401d925e90810faadaad67b0053599e61d9b9e3f7ad37"
	if got := HashVerificationToken("token", "secret"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzNormalizeEmail(f *testing.F) {
	for _, email := range []string{"Ada@Example.COM", " a@b ", "\u212a@example.com", "\u0130@example.com", "\xff", "ẞ@example.com", "ǅ"} {
		f.Add(email)
	}
	f.Fuzz(func(t *testing.T, email string) {
		once := NormalizeEmail(email)
		if twice := NormalizeEmail(once); twice != once {
			t.Errorf("%q becomes %q, and that %q: the form is not stable", email, once, twice)
		}
		if !isASCII(email) && isASCII(once) && !isASCII(strings.TrimSpace(email)) {
			t.Errorf("%q becomes %q: another person's address", email, once)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f })
}
