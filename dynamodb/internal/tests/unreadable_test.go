package dynamodb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

// An authenticator with an unreadable counter is not changed; one with a counter of another
// form is.
func TestOddAuthenticators(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	s.put(theirNobody("u"))
	for credential, counter := range map[string]types.AttributeValue{
		"text": &types.AttributeValueMemberS{Value: "5"}, "whole": &types.AttributeValueMemberN{Value: "5"}, "map": oddValues["M"], "bool": oddValues["BOOL"],
	} {
		check(t, errOf(s.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: credential, UserID: "u", CredentialPublicKey: "key"})))
		s.putAttributes(item{"pk": "USER#u", "sk": "AUTHENTICATOR#" + credential, "credentialID": credential, "credentialPublicKey": "key"},
			map[string]types.AttributeValue{"counter": counter, "transports": oddValues["SS"], "credentialBackedUp": oddValues["N"]})
	}
	for credential, want := range map[string]error{"text": nil, "whole": nil, "map": adapter.ErrUnreadable, "bool": adapter.ErrUnreadable} {
		for _, err := range []error{errOf(s.UpdateAuthenticatorCounter(ctx, credential, 6)), errOf(s.GetAuthenticator(ctx, credential))} {
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", credential, err, want)
			}
		}
	}
	if err := errOf(s.UpdateAuthenticatorCounter(ctx, "text", 6)); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("a counter that does not grow: got %v, want ErrConflict", err)
	}
	all, err := s.ListAuthenticators(ctx, "u")
	check(t, err)
	if len(all) != 2 || len(all[0].Transports) != 2 {
		t.Errorf("got %+v, want the two that can be read", all)
	}
	if got := s.left(); len(got) != 2 {
		t.Errorf("got %q, want the two that cannot be read", got)
	}
	check(t, s.DeleteAuthenticator(ctx, "map"))
	check(t, s.DeleteUser(ctx, "u"))
}

// A required field that is unreadable is an error that says where it is, and not its value.
func TestUnreadableRecords(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	s.put(theirUser("u", "ada@example.com"))
	for token, expires := range map[string]any{"4": nil, "5": true, "6": "tomorrow", "7": -1e20} {
		s.put(theirSession("u", token, expires))
		_, _, err := s.GetSessionAndUser(ctx, token)
		isUnreadable(t, err, adapter.RecordError{Place: "table " + s.table + ", session " + adapter.SessionID(token), UserID: "u", Field: "expires"})
		isUnreadable(t, errOf(s.UpdateSession(ctx, token, adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "::1"}})),
			adapter.RecordError{Place: "table " + s.table + ", session " + adapter.SessionID(token), UserID: "u", Field: "expires"})
		if strings.Contains(s.itemText("USER#u", "SESSION#"+token), "ip") {
			t.Errorf("an update of a session that cannot be read changed it")
		}
	}
	s.put(theirSession("u", "8", 4102444800))
	all, err := s.ListSessions(ctx, "u")
	check(t, err)
	if len(all) != 1 {
		t.Errorf("got %d sessions, want the one that can be read", len(all))
	}
	link := item{"pk": "VT#ada@example.com", "sk": "VT#9", "type": "VT", "identifier": "ada@example.com", "token": "9"}
	s.put(link)
	want := adapter.RecordError{Place: "table " + s.table + ", verification token with the SHA-256 digest " + adapter.SessionID(adapter.HashVerificationToken("9", "")), Field: "expires"}
	link["sk"] = "VT#" + adapter.HashVerificationToken("9", "")
	s.put(link)
	for range 2 { // it is not used up
		isUnreadable(t, errOf(s.UseVerificationToken(ctx, "ada@example.com", adapter.HashVerificationToken("9", ""))), want)
	}
	check(t, s.DeleteSessions(ctx, "u"))
	check(t, s.DeleteUser(ctx, "u"))
	check(t, s.DeleteVerificationTokens(ctx, "ada@example.com"))
	for _, it := range s.dump() {
		if !strings.Contains(it, "sk: TOMBSTONE") {
			t.Errorf("got %s left, want the tombstone only", it)
		}
	}
}

func isUnreadable(t *testing.T, err error, want adapter.RecordError) {
	t.Helper()
	var got *adapter.RecordError
	if !errors.As(err, &got) || !errors.Is(err, adapter.ErrUnreadable) || got.Place != want.Place || got.UserID != want.UserID || got.Field != want.Field {
		t.Errorf("got %v, want that %s of %s cannot be read", err, want.Field, want.Place)
	} else if strings.Contains(err.Error(), "tomorrow") || strings.Contains(err.Error(), "ada@") {
		t.Errorf("%v holds the value or an address", err)
	}
}
