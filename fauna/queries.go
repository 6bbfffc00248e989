package fauna

// The queries, each one transaction. They are constants: what varies is in their
// arguments, the names of the collections included, so no data is ever read as FQL.
//
// Each answers with an object, never with null: an answer that holds nothing is then
// told from a response that is no answer, which the driver takes for success.
//
// Documents are changed by replace with all that they have, as update merges an object
// that is the value of a field with the one that was there.
const (
	// createUser finds an ID taken while a deletion of its user has not been finished,
	// else the new user would inherit what is left of the old one.
	createUser = `
		let left = Collection(${sessions}).byUserId(${id}).first() != null
		if (!left) Collection(${users}).create(${user})
		{ left: left }`

	createUserWithAccount = `
		let left = Collection(${sessions}).byUserId(${id}).first() != null
		if (!left) {
			Collection(${users}).create(${user})
			Collection(${accounts}).create(${account})
		}
		{ left: left }`

	getUser = `
		{ user: Collection(${users}).byId(${id}) { id, data } }`

	getUserByEmail = `
		{ user: Collection(${users}).byEmail(${email}).first() { id, data } }`

	getUserByAccount = `
		let a = Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).first()
		{ user: if (a == null) null else Collection(${users}).byId(a.userId) { id, data } }`

	updateUser = `
		let u = Collection(${users}).byId(${id})
		{ user: if (u.exists()) u.replace(Object.assign(u.data, ${changes})) { id, data } else null }`

	// deleteUser deletes the user with the first n of what belongs to it. Without the
	// user nothing of the rest can be reached.
	deleteUser = `
		let u = Collection(${users}).byId(${id})
		if (u.exists()) u.delete()
		let accounts = Collection(${accounts}).byUserId(${id}).take(${n}).toArray()
		let passkeys = Collection(${authenticators}).byUserId(${id}).take(${n} - accounts.length).toArray()
		let sessions = Collection(${sessions}).byUserId(${id}).take(${n} - accounts.length - passkeys.length).toArray()
		accounts.concat(passkeys).concat(sessions).forEach(d => d.delete())
		{ more: accounts.length + passkeys.length + sessions.length == ${n} }`

	linkAccount = `
		let owner = Collection(${users}).byId(${id}).exists()
		if (owner) Collection(${accounts}).create(${account})
		{ owner: owner }`

	getAccount = `
		{ account: Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).first() { data } }`

	listAccounts = `
		{ page: Collection(${accounts}).byUserId(${id}).pageSize(${n}) { data } }`

	updateAccount = `
		let a = Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).first()
		{ account: if (a == null) null else a.replace(Object.assign(a.data, ${changes})) { data } }`

	unlinkAccount = `
		Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).forEach(d => d.delete())
		{ done: true }`

	createSession = `
		let owner = Collection(${users}).byId(${id}).exists()
		if (owner) Collection(${sessions}).create(${session})
		{ owner: owner }`

	getSessionAndUser = `
		let s = Collection(${sessions}).bySessionToken(${token}).where(.expires > ${now}).first()
		let u = if (s == null) null else Collection(${users}).byId(s.userId) { id, data }
		{ session: if (u == null) null else s { data }, user: u }`

	// updateSession gives a session that ends now a little time, as a document cannot be
	// read any more at its ttl, not even to answer with it.
	updateSession = `
		let s = Collection(${sessions}).bySessionToken(${token}).where(.expires > ${now}).first()
		let live = if (s == null) false else Collection(${users}).byId(s.userId).exists()
		let soon = Time.now().add(1, "minute")
		let ttl = if (${ttl} == null) s?.ttl else if (${ttl} < soon) soon else ${ttl}
		{ session: if (live) s.replace(Object.assign(Object.assign(s.data, { ttl: ttl }), ${changes})) { data } else null }`

	deleteSession = `
		Collection(${sessions}).bySessionToken(${token}).forEach(d => d.delete())
		{ done: true }`

	deleteOwnSession = `
		Collection(${sessions}).bySessionToken(${token}).where(.userId == ${id}).forEach(d => d.delete())
		{ done: true }`

	listSessions = `
		let owner = Collection(${users}).byId(${id}).exists()
		{ page: if (owner) Collection(${sessions}).byUserId(${id}).where(.expires > ${now}).pageSize(${n}) { data } else null }`

	deleteSessions = `
		let keep = ${keep}
		let sessions = Collection(${sessions}).byUserId(${id}).where(s => !keep.includes(s.sessionToken)).take(${n}).toArray()
		sessions.forEach(d => d.delete())
		{ more: sessions.length == ${n} }`

	createVerificationToken = `
		Collection(${tokens}).create(${link})
		{ done: true }`

	// useVerificationToken copies the fields, as a projection of what an index has found
	// may be evaluated after the document is gone.
	useVerificationToken = `
		let t = Collection(${tokens}).byIdentifierAndToken(${identifier}, ${token}).first()
		let out = if (t == null) null else { data: Object.assign({}, t.data) }
		if (t != null) t.delete()
		{ link: out }`

	deleteVerificationTokens = `
		let links = Collection(${tokens}).byIdentifier(${identifier}).take(${n}).toArray()
		links.forEach(d => d.delete())
		{ more: links.length == ${n} }`

	createAuthenticator = `
		let owner = Collection(${users}).byId(${id}).exists()
		if (owner) Collection(${authenticators}).create(${authenticator})
		{ owner: owner }`

	getAuthenticator = `
		{ authenticator: Collection(${authenticators}).byCredentialID(${credentialID}).first() { data } }`

	listAuthenticators = `
		{ page: Collection(${authenticators}).byUserId(${id}).pageSize(${n}) { data } }`

	updateCounter = `
		let a = Collection(${authenticators}).byCredentialID(${credentialID}).first()
		let grows = a != null && (${counter} > a.counter || ${counter} == 0 && a.counter == 0)
		{ grows: grows, authenticator: if (grows) a.update({ counter: ${counter} }) { data } else a { data } }`

	deleteAuthenticator = `
		Collection(${authenticators}).byCredentialID(${credentialID}).forEach(d => d.delete())
		{ done: true }`

	nextPage = `
		{ page: Set.paginate(${after}) }`

	ping = `
		{ done: true }`
)

// reads are the queries that change nothing, which may be sent twice.
var reads = map[string]bool{
	getUser: true, getUserByEmail: true, getUserByAccount: true, getAccount: true, listAccounts: true,
	getSessionAndUser: true, listSessions: true, getAuthenticator: true, listAuthenticators: true,
	nextPage: true, checkCollections: true, ping: true,
}
