package dynamodb

import (
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

// Keys are those of the Auth.js adapter, except those that are ambiguous or too long.
func TestKeys(t *testing.T) {
	for got, want := range map[string]string{
		accountSort(adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}):            "ACCOUNT#github#1",
		accountSort(adapter.AccountKey{Provider: "github", ProviderAccountID: "a#b"}):          "ACCOUNT#github#a#b",
		accountSort(adapter.AccountKey{Provider: "a%b", ProviderAccountID: "a%b"}):             "ACCOUNT#a%b#a%b",
		accountSort(adapter.AccountKey{Provider: "a#b", ProviderAccountID: "c"}):               "ACCOUNT#%" + digest("a#b") + "#c",
		accountSort(adapter.AccountKey{Provider: "%" + digest("a#b"), ProviderAccountID: "c"}): "ACCOUNT#%" + digest("%"+digest("a#b")) + "#c",
		sessionSort("4ce6a1f5-6b3c"):                 "SESSION#4ce6a1f5-6b3c",
		sessionSort("a#b"):                           "SESSION#a#b",
		sessionSort("%a"):                            "SESSION#%" + digest("%a"),
		sessionSort(strings.Repeat("k", maxPart)):    "SESSION#" + strings.Repeat("k", maxPart),
		sessionSort(strings.Repeat("k", maxPart+1)):  "SESSION#%" + digest(strings.Repeat("k", maxPart+1)),
		authenticatorSort("AQID"):                    "AUTHENTICATOR#AQID",
		userKey("u#v").sort:                          "USER#u#v",
		tokenKey("ada@example.com", "t#u").partition: "VT#ada@example.com",
		emailGuard("a#b@example.com").partition:      "EMAIL#a#b@example.com",
		recordGuard("SESSION#a").partition:           "SESSION#a",
		tombstoneKey("u").partition:                  "DELETED#" + digest("u"),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// No key is longer than DynamoDB accepts, with parts as long as the contract allows: 2,048
// bytes of a partition key, 1,024 of a sort key.
func TestKeysFit(t *testing.T) {
	for _, s := range []string{"a", "#", "%", "é"} {
		long := func(n int) string { return strings.Repeat(s, n/len(s)) }
		for _, sort := range []string{
			userKey(long(255)).sort, sessionSort(long(1024)), authenticatorSort(long(1364)), tokenKey(long(512), long(512)).sort,
			accountSort(adapter.AccountKey{Provider: long(255), ProviderAccountID: long(512)}),
		} {
			if len(sort) > 1024 {
				t.Errorf("got a sort key of %d bytes, want at most 1,024", len(sort))
			}
		}
	}
}

// No two accounts have the same key, however their parts are joined.
func TestAccountKeysDiffer(t *testing.T) {
	parts := []string{"a", "b", "#", "%", "a#", "#a", "a#b", "%23", "a%23b", "%" + digest("a#b"), "%" + digest("#"), "ACCOUNT#a", "##", strings.Repeat("#", 255), strings.Repeat("a", 255)}
	seen := map[string]adapter.AccountKey{}
	for _, provider := range parts {
		for _, account := range append(parts, "b#c", "c#d") {
			k := adapter.AccountKey{Provider: provider, ProviderAccountID: account}
			sort := accountSort(k)
			if other, taken := seen[sort]; taken {
				t.Errorf("got one key for %q and %q", k, other)
			}
			seen[sort] = k
		}
	}
}
