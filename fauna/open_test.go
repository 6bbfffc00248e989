package fauna

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
)

// What cannot work is refused when the store is opened, not at its first call.
func TestNewRefuses(t *testing.T) {
	at := func(address string) *fauna.Client {
		return fauna.NewClient("hunter2", fauna.DefaultTimeouts(), append(ClientOptions(), fauna.URL(address))...)
	}
	good := at("https://fauna.example.com")
	for name, test := range map[string]struct {
		client  *fauna.Client
		options Options
		words   string
	}{
		"no client":               {nil, Options{}, "client must not be nil"},
		"an address that is none": {at("https://fauna.example.com:hunter2"), Options{}, "client must have an address"},
		"a negative timeout":      {good, Options{RequestTimeout: -time.Second}, "RequestTimeout must not be negative"},
		"one name twice":          {good, Options{Collections: Collections{Users: "People", Accounts: "People"}}, "Collections must be five different names"},
		"the name of a default":   {good, Options{Collections: Collections{Users: "Account"}}, "Collections must be five different names"},
	} {
		a, err := New(test.client, test.options)
		if a != nil || !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, %v, want ErrInvalid: %s", name, a, err, test.words)
		}
	}
	if _, err := New(good, Options{}); err != nil {
		t.Error(err)
	}
}
