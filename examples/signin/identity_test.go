package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

func TestLinkAndUnlinkAnIdentity(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.signIn("ada@example.com")
	_, u := v.user()
	v.consent("1001").want(t, http.StatusOK, "Your identity is linked", "Example ID", "Ada Example", "Unlink")

	other := s.visitor()
	other.consent("1001").want(t, http.StatusOK, accountPageIs, "ada@example.com")
	if _, got := other.user(); got.ID != u.ID {
		t.Errorf("signed in as %s, want %s", got.ID, u.ID)
	}

	v.post("/identity/unlink", "provider", exampleIDName, "account", "1001").want(t, http.StatusOK, "Your identity is unlinked")
	v.get("/").wantNot(t, "Ada Example")
	stranger := s.visitor()
	stranger.consent("1001").want(t, http.StatusOK, accountPageIs)
	if _, got := stranger.user(); got.ID == u.ID {
		t.Error("the unlinked identity still signs in")
	}
}

func TestUnknownIdentityMakesAUser(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.consent("1002").want(t, http.StatusOK, accountPageIs, "Ben Sample", "Your only way in")
	_, u := v.user()
	if u.Name != "Ben Sample" || u.Email != "" {
		t.Errorf("the user is %+v", u)
	}
	again := s.visitor()
	again.consent("1002")
	if _, got := again.user(); got.ID != u.ID {
		t.Errorf("the second time it is another user")
	}
}

func TestRacingSignUpsWithOneIdentity(t *testing.T) {
	s := newSite(t, setup{})
	var group sync.WaitGroup
	for range 10 {
		v := s.visitor()
		group.Go(func() { v.consent("1001").want(t, http.StatusOK, accountPageIs) })
	}
	group.Wait()
	if n := recordsOf[adapter.User](s); n != 1 {
		t.Errorf("%d users, want 1", n)
	}
}

func TestIdentityHasOneOwner(t *testing.T) {
	s := newSite(t, setup{})
	ada, ben := s.visitor(), s.visitor()
	ada.signIn("ada@example.com")
	ada.consent("1001")
	ben.signIn("ben@example.com")
	ben.consent("1001").want(t, http.StatusConflict, "Somebody else has this identity", "Back to the start")

	_, u := ada.user()
	owner, err := s.store.GetUserByAccount(t.Context(), account(people[0]).Key())
	if err != nil || owner.ID != u.ID {
		t.Errorf("the owner is %+v, %v, want %s", owner, err, u.ID)
	}
	ben.get("/").wantNot(t, "Ada Example")
}

func TestLinkingTwiceIsFine(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	v.signIn("ada@example.com")
	v.consent("1001")
	v.consent("1001").want(t, http.StatusOK, "Your identity is linked", "Ada Example")
}

func TestLastWayInCannotBeUnlinked(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	v.consent("1001")
	unlink := func(id string) answer {
		return v.post("/identity/unlink", "provider", exampleIDName, "account", id)
	}
	v.get("/").wantNot(t, `class="unlink"`)
	unlink("1001").want(t, http.StatusConflict, "This is your only way in")

	v.consent("1002").want(t, http.StatusOK, "Your identity is linked", "Ben Sample")
	unlink("1001").want(t, http.StatusOK, "Your identity is unlinked", "Your only way in")
	unlink("1002").want(t, http.StatusConflict, "This is your only way in")
}

func TestUnverifiedAddressIsNoWayIn(t *testing.T) {
	s := newSite(t, setup{})
	_, _, err := s.store.CreateUserWithAccount(t.Context(),
		adapter.User{Email: "ada@example.com"}, account(people[0]))
	if err != nil {
		t.Fatal(err)
	}
	v := s.visitor()
	v.consent("1001").want(t, http.StatusOK, "Your only way in")
	v.post("/identity/unlink", "provider", exampleIDName, "account", "1001").want(t, http.StatusConflict)
	v.consent("1002").want(t, http.StatusForbidden, "Please confirm your address first")
}

func TestIdentityOfAnotherUserCannotBeUnlinked(t *testing.T) {
	s := newSite(t, setup{})
	ada, mallory := s.visitor(), s.visitor()
	ada.signIn("ada@example.com")
	ada.consent("1001")
	mallory.signIn("mallory@example.com")
	mallory.post("/identity/unlink", "provider", exampleIDName, "account", "1001").want(t, http.StatusOK, accountPageIs)
	ada.get("/").want(t, http.StatusOK, "Ada Example")
}

func TestDeclining(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.consent("").want(t, http.StatusOK, "You didn’t share your identity", signedOutPage)
	v.consent("nobody").want(t, http.StatusOK, "You didn’t share your identity")
	if n := recordsOf[adapter.User](s); n != 0 {
		t.Errorf("%d users, want none", n)
	}
}

func TestAnswerMustBelongToTheBrowser(t *testing.T) {
	const refused = "This isn’t what you asked for"
	tests := []struct {
		name string
		// follow has the victim follow what the attacker prepared.
		follow func(attacker, victim *visitor) answer
	}{
		{"the end of somebody else's flow", func(attacker, victim *visitor) answer {
			return victim.get(attacker.issue(attacker.post("/identity").request(attacker.site.t), "1003"))
		}},
		{"while a flow of one's own is under way", func(attacker, victim *visitor) answer {
			victim.post("/identity")
			return victim.get(attacker.issue(attacker.post("/identity").request(attacker.site.t), "1003"))
		}},
		{"without a state", func(attacker, victim *visitor) answer {
			victim.post("/identity")
			return victim.get(withoutState(attacker.issue(attacker.post("/identity").request(attacker.site.t), "1003")))
		}},
		{"without a flow or a state", func(attacker, victim *visitor) answer {
			return victim.get(withoutState(attacker.issue(attacker.post("/identity").request(attacker.site.t), "1003")))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, setup{})
			attacker, victim := s.visitor(), s.visitor()
			victim.signIn("ada@example.com")
			test.follow(attacker, victim).want(t, http.StatusForbidden, refused)
			victim.get("/").wantNot(t, "Cleo Specimen")

			signedOut := s.visitor()
			test.follow(attacker, signedOut).want(t, http.StatusForbidden, refused)
			signedOut.wantSignedIn(false)
		})
	}
}

func TestAnswerMustBelongToTheSession(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	asked := v.post("/identity").request(t) // to sign in
	v.signIn("ada@example.com")             // in another tab
	v.get(v.issue(asked, "1001")).want(t, http.StatusForbidden, "This isn’t what you asked for")

	asked = v.post("/identity").request(t) // to link
	v.signIn("ben@example.com")
	v.get(v.issue(asked, "1001")).want(t, http.StatusForbidden, "This isn’t what you asked for")
	v.get("/").wantNot(t, "Ada Example")
}

func TestAnswerCountsOnce(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	end := v.issue(v.post("/identity").request(t), "1001")
	v.get(end).want(t, http.StatusOK, accountPageIs)
	v.post("/signout")
	v.get(end).want(t, http.StatusForbidden, "This isn’t what you asked for")
}

func TestIdentitiesOfOtherProvidersAreListed(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.signIn("ada@example.com")
	_, u := v.user()
	_, err := s.store.LinkAccount(t.Context(), adapter.Account{
		UserID: u.ID, Type: adapter.AccountOIDC, Provider: "elsewhere", ProviderAccountID: "4711",
	})
	if err != nil {
		t.Fatal(err)
	}
	v.get("/").want(t, http.StatusOK, "elsewhere", "4711")
	v.post("/identity/unlink", "provider", "elsewhere", "account", "4711").want(t, http.StatusOK, "Your identity is unlinked")
}

// withoutState returns the end of a flow without its state.
func withoutState(end string) string {
	path, query, _ := strings.Cut(end, "?")
	values, _ := url.ParseQuery(query)
	values.Del("state")
	return path + "?" + values.Encode()
}

func TestForgedCode(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	end, err := url.Parse(v.issue(v.post("/identity").request(t), "1001"))
	if err != nil {
		t.Fatal(err)
	}
	query := end.Query()
	query.Set("code", "forged")
	v.get(end.Path+"?"+query.Encode()).want(t, http.StatusBadGateway, "Example ID’s answer is no use")
	v.wantSignedIn(false)
}

// The provider answers what it was asked, and nothing else.
func TestConsentThatWasNotAskedFor(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	v.post("/login/username", "request", "forged", "person", "1001").want(t, http.StatusBadRequest)
}

func TestLateAnswer(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	end := v.issue(v.post("/identity").request(t), "1001")
	s.clock.pass(10 * time.Minute)
	v.get(end).want(t, http.StatusForbidden, "This isn’t what you asked for")
	v.wantSignedIn(false)
}
