package fauna

import "net/http"

// NewConnections are those of ClientOptions.
func NewConnections() http.RoundTripper { return newConnections() }

// Reads are those that may be sent twice.
var Reads = reads

// Queries are all constants that are sent, for the tests.
var Queries = map[string]string{
	"createUser": createUser, "createUserWithAccount": createUserWithAccount, "getUser": getUser, "getUserByEmail": getUserByEmail,
	"getUserByAccount": getUserByAccount, "updateUser": updateUser, "deleteUser": deleteUser,
	"linkAccount": linkAccount, "getAccount": getAccount, "listAccounts": listAccounts, "updateAccount": updateAccount, "unlinkAccount": unlinkAccount,
	"createSession": createSession, "getSessionAndUser": getSessionAndUser, "updateSession": updateSession, "deleteSession": deleteSession,
	"deleteOwnSession": deleteOwnSession, "dropUser": dropUser, "ownDocuments": ownDocuments, "linkDocuments": linkDocuments, "deleteDocuments": deleteDocuments, "checkExpiries": checkExpiries, "listSessions": listSessions, "deleteSessions": deleteSessions,
	"createVerificationToken": createVerificationToken, "useVerificationToken": useVerificationToken, "deleteVerificationTokens": deleteVerificationTokens,
	"createAuthenticator": createAuthenticator, "getAuthenticator": getAuthenticator, "listAuthenticators": listAuthenticators,
	"updateCounter": updateCounter, "deleteAuthenticator": deleteAuthenticator, "nextPage": nextPage, "ping": ping,
	"checkCollections": checkCollections, "createCollection": createCollection, "extendCollection": extendCollection,
}
