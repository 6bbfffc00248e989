package robust

import "fmt"

// Call is a call of an operation on keys of a world. Keys count from 1; 0 is none.
type Call struct {
	Op         string `json:"op"`
	User       int    `json:"user,omitempty"`
	Email      int    `json:"email,omitempty"`
	Account    int    `json:"account,omitempty"`
	Session    int    `json:"session,omitempty"`
	Token      int    `json:"token,omitempty"`
	Credential int    `json:"credential,omitempty"`
	Value      int    `json:"value,omitempty"` // what is written; a number of its own for each write
}

// The operations: those of the contract, and those of several steps in the parts that they come
// in (see parts and stray).
const (
	createUser       = "CreateUser"
	signUp           = "CreateUserWithAccount"
	signUpByPasskey  = "CreateUserWithAuthenticator"
	getUser          = "GetUser"
	getUserByEmail   = "GetUserByEmail"
	getUserByAccount = "GetUserByAccount"
	updateName       = "UpdateUser(name)"
	updateImage      = "UpdateUser(image)"
	updateEmail      = "UpdateUser(e-mail)"
	deleteUser       = "DeleteUser"
	linkAccount      = "LinkAccount"
	unlinkAccount    = "UnlinkAccount"
	getAccount       = "GetAccount"
	updateAccount    = "UpdateAccount"
	listAccounts     = "ListAccounts"
	createSession    = "CreateSession"
	openSession      = "GetSessionAndUser"
	updateSession    = "UpdateSession"
	deleteSession    = "DeleteSession"
	deleteSessions   = "DeleteSessions"
	listSessions     = "ListSessions"
	createToken      = "CreateVerificationToken"
	useToken         = "UseVerificationToken"
	deleteTokens     = "DeleteVerificationTokens"
	createCredential = "CreateAuthenticator"
	getCredential    = "GetAuthenticator"
	count            = "UpdateAuthenticatorCounter"
	rename           = "UpdateAuthenticator"
	deleteCredential = "DeleteAuthenticator"

	endDeletion   = "DeleteUser(end)"
	endAccount    = "DeleteUser(account)"
	endSession    = "DeleteSessions(session)"
	endToken      = "DeleteVerificationTokens(token)"
	endCredential = "DeleteUser(credential)"

	strayAccount    = "CreateUserWithAccount(account alone)"
	strayCredential = "CreateUserWithAuthenticator(credential alone)"
)

// isRead reports whether an operation changes nothing.
func isRead(op string) bool {
	switch op {
	case getUser, getUserByEmail, getUserByAccount, getAccount, listAccounts, openSession, listSessions, getCredential:
		return true
	}
	return false
}

// Answer is what a call was answered.
type Answer struct {
	Kind  string `json:"kind"`            // one of those below
	Field string `json:"field,omitempty"` // of a conflict
	User  int    `json:"user,omitempty"`
	Email int    `json:"email,omitempty"`
	Name  int    `json:"name,omitempty"` // of a user or a credential
	Image int    `json:"image,omitempty"`
	Value int    `json:"value,omitempty"` // of an account, a session or a credential
	Set   int    `json:"set,omitempty"`   // of a list: bit n for the key n
}

// The kinds of answers.
const (
	ok       = "ok"
	notFound = "not found"
	conflict = "conflict"
	invalid  = "invalid" // the user is not known
	unknown  = "unknown" // no answer: the call may have been applied
)

// Operation is a call of a client in a world, with its answer and the time.
type Operation struct {
	World  int    `json:"world"`
	Client int    `json:"client"`
	Call   Call   `json:"call"`
	Answer Answer `json:"answer"`
	Begun  int64  `json:"begun"` // nanoseconds since 1970, on one machine
	Ended  int64  `json:"ended"`
	Error  string `json:"error,omitempty"` // of an error that is of no kind
	// InSteps is whether the store's sign-ups take several writes.
	InSteps bool `json:"inSteps,omitempty"`
}

// String is one line of a history.
func (o Operation) String() string {
	return fmt.Sprintf("%8.1f to %8.1f ms  client %d  %s", float64(o.Begun)/1e6, float64(o.Ended)/1e6, o.Client, describe(o.Call, o.Answer))
}

// describe writes a call and its answer down.
func describe(c Call, a Answer) string {
	call := c.Op + "("
	for _, k := range []struct {
		name string
		n    int
	}{{"user ", c.User}, {"e-mail ", c.Email}, {"account ", c.Account}, {"session ", c.Session}, {"token ", c.Token}, {"credential ", c.Credential}, {"value ", c.Value}} {
		if k.n != 0 {
			call += fmt.Sprintf("%s%d ", k.name, k.n)
		}
	}
	return call + ") " + a.String()
}

func (a Answer) String() string {
	text := a.Kind
	if a.Field != "" {
		text += " " + a.Field
	}
	for _, k := range []struct {
		name string
		n    int
	}{{"user", a.User}, {"e-mail", a.Email}, {"name", a.Name}, {"image", a.Image}, {"value", a.Value}} {
		if k.n != 0 {
			text += fmt.Sprintf(" %s=%d", k.name, k.n)
		}
	}
	if a.Set != 0 {
		text += fmt.Sprintf(" set=%b", a.Set)
	}
	return text
}
