package fauna

// The queries, each one transaction. They are constants: what varies is in their
// arguments, the names of the collections included, so no data is ever read as FQL.
//
// Each returns an object, never null: an empty result is then distinct from a response that is
// not an answer, which the driver treats as success.
//
// Documents are changed by replaceData with all of their fields, since update merges an object
// with the previous one, and treats some names of fields as the server's own. The ttl has to
// be set again then.
//
// Other programs store values in other forms. Records of a user are also found by a reference
// to the user, and an account by its ID as a number. FQL cannot decide which text is a time or a
// number: a document whose expiry is not a Time, or whose counter is not a Number, is returned
// as it is. If it can be read and is live, a second query changes it, unless it has changed in
// between (ts).
//
// Sets are filtered before they are concatenated: in a concatenated set that is filtered
// afterwards, the server finds nothing if a page ends at the end of one of its parts.
const (
	// findOwner finds the user of a record.
	findOwner = `
		let field: Any = if (owned == null) null else owned.userId
		let all: Any = Collection(${users})
		let number: Any = if (field isa String) field.parseLong() else null
		let owner: Any = if (number != null) all.byId(number) else if (field isa all) field else null`

	// findAccount finds an account by its key.
	findAccount = `
		let text: Any = Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).first()
		let account: Any = if (text != null) text else {
			let found: Any = ${numbers}.flatMap(n => Collection(${accounts}).byProviderAndProviderAccountId(${provider}, n).toArray())
			found.first()
		}`

	// hasOwner decides whether a record has a user. One without, or whose user was deleted by
	// another program, does not reserve its key and is replaced by a new record. A value of
	// an unknown form counts as a user.
	hasOwner = `
		let all: Any = Collection(${users})
		let leads: Any = (d) => {
			let field: Any = d.userId
			let number: Any = if (field isa String) field.parseLong() else null
			if (number != null) all.byId(number).exists() else if (field isa all) field.exists() else field isa Doc || field isa Number || field isa String && field != ""
		}`

	// accountTaken decides whether a user has an account, credentialTaken an authenticator.
	accountTaken = hasOwner + `
		let held: Any = Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).toArray()
			.concat(${numbers}.flatMap(n => Collection(${accounts}).byProviderAndProviderAccountId(${provider}, n).toArray()))
		let taken = held.any(leads)`

	credentialTaken = hasOwner + `
		let held: Any = Collection(${authenticators}).byCredentialID(${credentialID}).toArray()
		let taken = held.any(leads)`

	// signUp creates a user together with a record, and createRecord a record of an existing user.
	signUp = `
		if (!left && !taken) {
			held.forEach(d => d.delete())
			Collection(${users}).create(${user})
			Collection(${name}).create(${brought})
		}
		{ left: left, taken: taken }`

	createRecord = `
		let owner = Collection(${users}).byId(${id}).exists()
		if (owner && !taken) {
			held.forEach(d => d.delete())
			Collection(${name}).create(${brought})
		}
		{ owner: owner, taken: taken }`

	// checkLeftovers treats an ID as taken while the deletion of its user is unfinished, or the
	// new user would inherit sessions of the old one.
	checkLeftovers = `
		let old: Any = Collection(${users}).byId(${id})
		let left = Collection(${sessions}).byUserId(${id}).concat(Collection(${sessions}).byUserId(old)).first() != null`

	// findSession finds a session that is live, as far as FQL can tell.
	findSession = `
		let session: Any = Collection(${sessions}).bySessionToken(${token}).where(s => !(s.expires isa Time) || s.expires > ${now}).first()
		let owned: Any = session` + findOwner

	createUser = checkLeftovers + `
		if (!left) Collection(${users}).create(${user})
		{ left: left }`

	createUserWithAccount = checkLeftovers + accountTaken + signUp

	createUserWithAuthenticator = checkLeftovers + credentialTaken + signUp

	getUser = `
		{ user: Collection(${users}).byId(${id}) { id, data } }`

	getUserByEmail = `
		{ user: Collection(${users}).byEmail(${email}).first() { id, data } }`

	getUserByAccount = findAccount + `
		let owned: Any = account` + findOwner + `
		{ user: owner { id, data } }`

	updateUser = `
		let u: Any = Collection(${users}).byId(${id})
		let ttl = u?.ttl
		if (u.exists()) u.replaceData(Object.assign(u.data, ${changes}))
		if (ttl != null) u.update({ ttl: ttl })
		{ user: u { id, data } }`

	// deleteUser deletes the user with the first n of its records. Without the user none of the
	// rest can be reached.
	deleteUser = `
		let u: Any = Collection(${users}).byId(${id})
		if (u.exists()) u.delete()
		let accounts = Collection(${accounts}).byUserId(${id}).concat(Collection(${accounts}).byUserId(u)).take(${n}).toArray()
		let passkeys = Collection(${authenticators}).byUserId(${id}).concat(Collection(${authenticators}).byUserId(u)).take(${n} - accounts.length).toArray()
		let sessions = Collection(${sessions}).byUserId(${id}).concat(Collection(${sessions}).byUserId(u)).take(${n} - accounts.length - passkeys.length).toArray()
		accounts.concat(passkeys).concat(sessions).forEach(d => d.delete())
		{ more: accounts.length + passkeys.length + sessions.length == ${n} }`

	// deleteUserOnly deletes the user alone, which does not conflict with calls that have only
	// checked that the user exists.
	deleteUserOnly = `
		let u: Any = Collection(${users}).byId(${id})
		if (u.exists()) u.delete()
		{ done: true }`

	// listOwned and listTokens list documents to be deleted by their IDs.
	listOwned = `
		let u: Any = Collection(${users}).byId(${id})
		let own: Any = Collection(${name}).byUserId(${id}).concat(Collection(${name}).byUserId(u))
		{ page: own.map(d => ({ id: d.id, data: { sessionToken: d.sessionToken } })).pageSize(${n}) }`

	listTokens = `
		{ page: Collection(${tokens}).byIdentifier(${identifier}).map(d => ({ id: d.id, data: {} })).pageSize(${n}) }`

	// deleteDocuments reads no index, so it does not conflict with calls that add documents.
	deleteDocuments = `
		let all: Any = Collection(${name})
		${documents}.forEach(id => {
			let d: Any = all.byId(id)
			if (d.exists()) d.delete()
		})
		{ done: true }`

	linkAccount = accountTaken + createRecord

	getAccount = findAccount + `
		{ account: account { data } }`

	listAccounts = `
		let u: Any = Collection(${users}).byId(${id})
		{ page: Collection(${accounts}).byUserId(${id}).concat(Collection(${accounts}).byUserId(u)).pageSize(${n}) { data } }`

	updateAccount = findAccount + `
		let ttl = account?.ttl
		if (account != null) account.replaceData(Object.assign(account.data, ${changes}))
		if (ttl != null) account.update({ ttl: ttl })
		{ account: account { data } }`

	unlinkAccount = `
		Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).forEach(d => d.delete())
		${numbers}.forEach(n => Collection(${accounts}).byProviderAndProviderAccountId(${provider}, n).forEach(d => d.delete()))
		{ done: true }`

	createSession = `
		let owner = Collection(${users}).byId(${id}).exists()
		if (owner) Collection(${sessions}).create(${session})
		{ owner: owner }`

	// deleteExpiredSession deletes a session whose token is wanted, if it has expired.
	deleteExpiredSession = `
		let expired = Collection(${sessions}).bySessionToken(${token}).where(s => s.expires isa Time && s.expires <= ${now}).toArray()
		expired.forEach(s => s.delete())
		{ deleted: expired.length > 0 }`

	getSessionAndUser = findSession + `
		let user: Any = owner { id, data }
		{ session: if (user == null) null else session { id, data }, user: user }`

	// updateSession writes once, unless another program stored a field with a name that the
	// server reserves. A session that ends now keeps a ttl of a minute, since a document past
	// its ttl cannot be read, not even to return it.
	updateSession = findSession + `
		let there = session != null && owner != null
		let odd = there && !(session.expires isa Time)
		let live = there && (!odd || session.ts == ${seen})
		let soon = Time.now().add(1, "minute")
		let ttl: Any = if (${ttl} == null) session?.ttl else if (${ttl} < soon) soon else ${ttl}
		let data: Any = if (live) session.data else {}
		let names = Object.keys(data).concat(${reserved})
		let named = names.distinct().length < names.length
		if (live && !named) session.replace(Object.assign(Object.assign(data, { ttl: ttl }), ${changes}))
		if (named) {
			session.replaceData(Object.assign(data, ${changes}))
			session.update({ ttl: ttl })
		}
		{ session: if (live || odd) session { id, ts, data } else null, odd: odd && !live }`

	deleteSession = `
		Collection(${sessions}).bySessionToken(${token}).forEach(d => d.delete())
		{ done: true }`

	// deleteOwnSession deletes a user's session by its stored digest. If there is none it returns
	// the sessions of the user that may have been stored in another form.
	deleteOwnSession = `
		let user: Any = Collection(${users}).byId(${id})
		let own = Collection(${sessions}).bySessionToken(${digest}).where(s => s.userId == ${id} || s.userId isa Collection(${users}) && s.userId.id == ${id}).toArray()
		own.forEach(d => d.delete())
		let other: Any = (s) => ${plain} || s.ttl == null || s.createdAt == null || !(s.sessionToken isa String) || s.sessionToken.matches("^[A-Za-z0-9_-]{43}$$").length == 0
		let others: Any = Collection(${sessions}).byUserId(${id}).where(other).concat(Collection(${sessions}).byUserId(user).where(other))
		{ page: if (own.length > 0) null else others.pageSize(${n}) { id, ttl, data } }`

	listSessions = `
		let user: Any = Collection(${users}).byId(${id})
		let live: Any = (s) => !(s.expires isa Time) || s.expires > ${now}
		let own: Any = Collection(${sessions}).byUserId(${id}).where(live).concat(Collection(${sessions}).byUserId(user).where(live))
		{ page: if (user.exists()) own.pageSize(${n}) { id, ttl, data } else null }`

	deleteSessions = `
		let keep = ${keep}
		let user: Any = Collection(${users}).byId(${id})
		let ends: Any = (s) => !keep.includes(s.sessionToken)
		let sessions = Collection(${sessions}).byUserId(${id}).where(ends).concat(Collection(${sessions}).byUserId(user).where(ends)).take(${n}).toArray()
		sessions.forEach(d => d.delete())
		{ more: sessions.length == ${n} }`

	createVerificationToken = `
		Collection(${tokens}).create(${link})
		{ done: true }`

	// deleteExpiredToken deletes a verification token whose place is wanted, if it has expired.
	deleteExpiredToken = `
		let expired = Collection(${tokens}).byIdentifierAndToken(${identifier}, ${token}).where(t => t.expires isa Time && t.expires <= ${now}).toArray()
		expired.forEach(t => t.delete())
		{ deleted: expired.length > 0 }`

	// useVerificationToken copies the fields, since a projection of a document from an index may
	// be evaluated after it is deleted.
	useVerificationToken = `
		let t: Any = Collection(${tokens}).byIdentifierAndToken(${identifier}, ${token}).first()
		let odd = t != null && !(t.expires isa Time)
		let take = t != null && (!odd || t.ts == ${seen})
		let out: Any = if (t == null) null else { id: t.id, ts: t.ts, data: Object.assign({}, t.data) }
		if (take) t.delete()
		{ link: out, odd: odd && !take }`

	deleteVerificationTokens = `
		let links = Collection(${tokens}).byIdentifier(${identifier}).take(${n}).toArray()
		links.forEach(d => d.delete())
		{ more: links.length == ${n} }`

	createAuthenticator = credentialTaken + createRecord

	getAuthenticator = `
		{ authenticator: Collection(${authenticators}).byCredentialID(${credentialID}).first() { id, data } }`

	listAuthenticators = `
		let u: Any = Collection(${users}).byId(${id})
		{ page: Collection(${authenticators}).byUserId(${id}).concat(Collection(${authenticators}).byUserId(u)).pageSize(${n}) { id, data } }`

	updateCounter = `
		let a: Any = Collection(${authenticators}).byCredentialID(${credentialID}).first()
		let counter: Any = a?.counter
		let stored: Any = if (counter == null) 0 else if (counter isa String) counter.parseNumber() else counter
		let grows = a != null && stored isa Number && stored >= 0 && stored <= 4294967295 && (${counter} > stored || ${counter} == 0 && stored == 0)
		{ grows: grows, authenticator: if (grows) a.update({ counter: ${counter}, updatedAt: ${now} }) { id, data } else a { id, data } }`

	// updateAuthenticator does not change an authenticator whose counter cannot be read.
	updateAuthenticator = `
		let a: Any = Collection(${authenticators}).byCredentialID(${credentialID}).first()
		let counter: Any = a?.counter
		let odd = counter != null && !(counter isa Number && counter >= 0 && counter <= 4294967295)
		let change = a != null && (!odd || a.ts == ${seen})
		let ttl = a?.ttl
		if (change) a.replaceData(Object.assign(a.data, ${changes}))
		if (change && ttl != null) a.update({ ttl: ttl })
		{ authenticator: a { id, ts, data }, odd: odd && !change }`

	deleteAuthenticator = `
		Collection(${authenticators}).byCredentialID(${credentialID}).forEach(d => d.delete())
		{ done: true }`

	// enumerateUsers returns users in the order of their IDs, beginning with an ID that need not
	// exist.
	enumerateUsers = `
		let all: Any = Collection(${users})
		{ users: all.all({ from: all.byId(${from}) }).take(${n}).toArray() { id, data } }`

	nextPage = `
		{ page: Set.paginate(${after}) }`

	ping = `
		{ done: true }`
)

// readOnly are the queries that change nothing, and may be sent twice.
var readOnly = map[string]bool{
	getUser: true, enumerateUsers: true, getUserByEmail: true, getUserByAccount: true, getAccount: true, listAccounts: true,
	getSessionAndUser: true, listSessions: true, listOwned: true, listTokens: true, getAuthenticator: true, listAuthenticators: true,
	nextPage: true, checkCollections: true, checkExpiries: true, ping: true,
}
