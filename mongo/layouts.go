package mongo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/authstore/authstore/adapter"
)

// presets are the layouts by their names in a URL.
var presets = map[string]func() Layout{
	"authjs": AuthJS, "prisma": Prisma, "typeormv3": TypeORMv3, "prismalegacy": PrismaLegacy, "betterauth": BetterAuth,
}

// setPreset sets the layout that a URL names.
func (l *Layout) setPreset(name string) error {
	preset := presets[strings.ToLower(name)]
	if preset == nil {
		return adapter.Invalid("URL", "must have one of these for layout: "+strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
	}
	ids := l.IDs // the parameter ids may come first
	*l = preset()
	l.IDs = ids
	return nil
}

// setIDs sets the form of IDs that a URL names.
func (l *Layout) setIDs(name string) error {
	form, known := map[string]IDForm{"objectid": ObjectIDs, "string": StringIDs, "uuid": UUIDs}[strings.ToLower(name)]
	if !known {
		return adapter.Invalid("URL", "must have objectid, string or uuid for ids")
	}
	l.IDs = form
	return nil
}

// AuthJS returns the layout of the Auth.js adapter, @auth/mongodb-adapter.
func AuthJS() Layout {
	return Layout{
		Users:              Record{Collection: "users"},
		Accounts:           Record{Collection: "accounts"},
		Sessions:           Record{Collection: "sessions"},
		VerificationTokens: Record{Collection: "verification_tokens"},
		Authenticators:     Record{Collection: "authenticators"},
	}
}

// Prisma returns the layout of @auth/prisma-adapter on MongoDB, with the names of the schema
// that Auth.js documents. Prisma 6 is the last with MongoDB.
func Prisma() Layout {
	return Layout{
		PlainSessionTokens: true,

		Users:              Record{Collection: "User"},
		Accounts:           Record{Collection: "Account"},
		Sessions:           Record{Collection: "Session"},
		VerificationTokens: Record{Collection: "VerificationToken"},
		Authenticators: Record{Collection: "Authenticator", Fields: map[string]Field{
			"credentialID": {Name: "_id"},
			"transports":   {Form: Commas},
		}},
	}
}

// TypeORMv3 returns the layout of NextAuth.js 3 with TypeORM, its default.
func TypeORMv3() Layout {
	return Layout{
		PlainSessionTokens: true,

		Users: Record{Collection: "users"},
		Accounts: Record{
			Collection: "accounts",
			Fields: map[string]Field{
				"type":          {Name: "providerType"},
				"provider":      {Name: "providerId"},
				"refresh_token": {Name: "refreshToken"},
				"access_token":  {Name: "accessToken"},
				"expires_at":    {Name: "accessTokenExpires", Form: Date},
			},
			Derived: []Member{compound("compoundId")},
		},
		Sessions:           Record{Collection: "sessions", Derived: []Member{accessToken("accessToken")}},
		VerificationTokens: Record{Collection: "verificationRequests", Derived: []Member{same("updatedAt", "createdAt")}},
		Authenticators:     Record{Collection: "authenticators"},
	}
}

// PrismaLegacy returns the layout of NextAuth.js 3 with Prisma.
func PrismaLegacy() Layout {
	return Layout{
		PlainSessionTokens: true,

		Users: Record{Collection: "users", Fields: map[string]Field{
			"emailVerified": {Name: "email_verified"},
			"createdAt":     {Name: "created_at"},
			"updatedAt":     {Name: "updated_at"},
		}},
		Accounts: Record{
			Collection: "accounts",
			Fields: map[string]Field{
				"userId":            {Name: "user_id"},
				"type":              {Name: "provider_type"},
				"provider":          {Name: "provider_id"},
				"providerAccountId": {Name: "provider_account_id"},
				"expires_at":        {Name: "access_token_expires", Form: Date},
				"createdAt":         {Name: "created_at"},
				"updatedAt":         {Name: "updated_at"},
			},
			Derived: []Member{compound("compound_id")},
		},
		Sessions: Record{
			Collection: "sessions",
			Fields: map[string]Field{
				"sessionToken": {Name: "session_token"},
				"userId":       {Name: "user_id"},
				"createdAt":    {Name: "created_at"},
				"updatedAt":    {Name: "updated_at"},
			},
			Derived: []Member{accessToken("access_token")},
		},
		VerificationTokens: Record{
			Collection: "verification_requests",
			Fields:     map[string]Field{"createdAt": {Name: "created_at"}},
			Derived:    []Member{same("updated_at", "createdAt")},
		},
		Authenticators: Record{Collection: "authenticators"},
	}
}

// BetterAuth returns the layout of Better Auth 1.7 on MongoDB, with its plugin for passkeys.
//
// Verification tokens have a collection of their own. Better Auth finds what it keeps in its
// collection verification by the identifier alone, which in Auth.js is no secret but an e-mail
// address: one program would take the other's tokens for its own.
func BetterAuth() Layout {
	return Layout{
		PlainSessionTokens: true,

		Users: Record{Collection: "user", Fields: map[string]Field{
			"name":          {Required: true},
			"emailVerified": {Form: Boolean, Required: true},
		}},
		Accounts: Record{Collection: "account", Fields: map[string]Field{
			"provider":          {Name: "providerId"},
			"providerAccountId": {Name: "accountId"},
			"refresh_token":     {Name: "refreshToken"},
			"access_token":      {Name: "accessToken"},
			"expires_at":        {Name: "accessTokenExpiresAt", Form: Date},
			"id_token":          {Name: "idToken"},
			"scope":             {Form: Commas},
		}},
		Sessions: Record{Collection: "session", Fields: map[string]Field{
			"sessionToken": {Name: "token"},
			"expires":      {Name: "expiresAt"},
		}},
		VerificationTokens: Record{Collection: "verification_tokens"},
		Authenticators: Record{Collection: "passkey", Fields: map[string]Field{
			"credentialID":         {Form: Base64URL},
			"credentialPublicKey":  {Name: "publicKey", Required: true},
			"credentialDeviceType": {Name: "deviceType", Required: true},
			"credentialBackedUp":   {Name: "backedUp"},
			"transports":           {Form: Commas},
		}},
	}
}

// compound is the member by which NextAuth.js 3 knows an account: a digest of its provider and its
// ID there, with a colon in between. Where the provider has a colon itself, which none had, that
// would be another account's too.
func compound(name string) Member {
	return Member{Name: name, Of: []string{"provider", "providerAccountId"}, Value: func(field func(string) any) any {
		provider, id := fmt.Sprint(field("provider")), fmt.Sprint(field("providerAccountId"))
		if strings.Contains(provider, ":") {
			return digest(fmt.Sprintf("%d\x00%s:%s", len(provider), provider, id))
		}
		return digest(provider + ":" + id)
	}}
}

// accessToken is a second token that a session had in NextAuth.js 3. From this one nobody learns the
// first.
func accessToken(name string) Member {
	return Member{Name: name, Of: []string{"sessionToken"}, Value: func(field func(string) any) any {
		return digest(fmt.Sprint("accessToken:", field("sessionToken")))
	}}
}

// digest returns the SHA-256 digest of a text in hexadecimal digits.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// same is a member with the value of a field.
func same(name, of string) Member {
	return Member{Name: name, Value: func(field func(string) any) any { return field(of) }}
}
