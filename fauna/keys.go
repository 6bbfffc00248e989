package fauna

import (
	"slices"
	"strconv"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/attribute"
)

// The names of fields: those of the Auth.js adapters, and those that they lack.
const (
	fieldID      = "id"
	fieldCreated = "createdAt"
	fieldUpdated = "updatedAt"
	fieldUserID  = "userId"
	fieldExpires = "expires"
	fieldTTL     = "ttl" // when the server removes the document

	userName     = "name"
	userEmail    = "email"
	userVerified = "emailVerified"
	userImage    = "image"

	accountType         = "type"
	accountProvider     = "provider"
	accountID           = "providerAccountId"
	accountRefreshToken = "refresh_token"
	accountAccessToken  = "access_token"
	accountExpiresAt    = "expires_at"
	accountTokenType    = "token_type"
	accountScope        = "scope"
	accountIDToken      = "id_token"
	accountSessionState = "session_state"

	sessionToken = "sessionToken"

	verificationIdentifier = "identifier"
	verificationToken      = "token"
	verificationValue      = "value"

	authenticatorID         = "credentialID"
	authenticatorAccount    = "providerAccountId"
	authenticatorKey        = "credentialPublicKey"
	authenticatorCounter    = "counter"
	authenticatorDeviceType = "credentialDeviceType"
	authenticatorBackedUp   = "credentialBackedUp"
	authenticatorTransports = "transports"
)

// reserved are the names that the server refuses at the top of a document, since they are its
// own fields and methods, and id.
var reserved = []string{fieldID, "coll", "ts", fieldTTL, "data", "delete", "update", "replace", "updateData", "replaceData", "exists"}

// layout escapes the names of attributes at the top of a document.
var layout = attribute.Layout(func(name string) bool { return slices.Contains(reserved, name) })

// nullsPrefix begins the name of the field that lists where an attribute has nulls, which the
// server drops from objects: paths, of which the empty one is the attribute itself. No
// attribute's name begins with it (driver.Reserved).
const nullsPrefix = "authstoreNulls:"

// accountArgs returns the arguments that find an account.
func accountArgs(key adapter.AccountKey) args {
	return args{"provider": key.Provider, "providerAccountId": key.ProviderAccountID, "numbers": asNumbers(key.ProviderAccountID)}
}

// asNumbers returns the numbers that another program may have stored for an account's ID: to
// the server, an integer and a number with a fraction of 0 are different.
func asNumbers(id string) []any {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != id {
		return []any{}
	}
	return []any{n, float64(n)}
}
