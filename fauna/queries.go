package fauna

// The queries, each one transaction. They are constants: what varies is in their
// arguments, the names of the collections included, so no data is ever read as FQL.
//
// Each answers with an object, never with null: an answer that holds nothing is then
// told from a response that is no answer, which the driver takes for success.
//
// Documents are changed by replaceData with all that they have, as update merges an object
// that is the value of a field with the one that was there, and takes some names of fields
// for the server's own. A ttl has to be set again then.
//
// Other programs have values in other forms. What belongs to a user is also found by a
// reference to it, and an account by its ID as a number. Which text is a time, and which
// a number, is not for FQL to say: a document whose expiry is no Time, or whose counter is no
// Number, is answered as it is, and if it can be read and is live, a second query changes it,
// unless it has changed meanwhile (ts).
//
// Sets are filtered before they are put together: the server finds nothing in a set that
// was put together, and then filtered, if a page of it ends where one of its parts does.
const (
	// theOwner leads from what is owned to its user.
	theOwner = `
		let field: Any = if (owned == null) null else owned.userId
		let all: Any = Collection(${users})
		let number: Any = if (field isa String) field.parseLong() else null
		let owner: Any = if (number != null) all.byId(number) else if (field isa all) field else null`

	// theAccount finds an account by its key.
	theAccount = `
		let text: Any = Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).first()
		let account: Any = if (text != null) text else {
			let found: Any = ${numbers}.flatMap(n => Collection(${accounts}).byProviderAndProviderAccountId(${provider}, n).toArray())
			found.first()
		}`

	// leads tells whether somebody has a document. One of nobody, or of a user who is gone,
	// which another program has left, holds no key and makes room for a new one. What may
	// be a user in a way that is not known here is somebody.
	leads = `
		let all: Any = Collection(${users})
		let leads: Any = (d) => {
			let field: Any = d.userId
			let number: Any = if (field isa String) field.parseLong() else null
			if (number != null) all.byId(number).exists() else if (field isa all) field.exists() else field isa Doc || field isa Number || field isa String && field != ""
		}`

	// accountTaken finds whether somebody has an account, credentialTaken an authenticator.
	accountTaken = leads + `
		let held: Any = Collection(${accounts}).byProviderAndProviderAccountId(${provider}, ${providerAccountId}).toArray()
			.concat(${numbers}.flatMap(n => Collection(${accounts}).byProviderAndProviderAccountId(${provider}, n).toArray()))
		let taken = held.any(leads)`

	credentialTaken = leads + `
		let held: Any = Collection(${authenticators}).byCredentialID(${credentialID}).toArray()
		let taken = held.any(leads)`

	// signUp creates a user with what it brings, and bring gives that to a user who is there.
	signUp = `
		if (!left && !taken) {
			held.forEach(d => d.delete())
			Collection(${users}).create(${user})
			Collection(${name}).create(${brought})
		}
		{ left: left, taken: taken }`

	bring = `
		let owner = Collection(${users}).byId(${id}).exists()
		if (owner && !taken) {
			held.forEach(d => d.delete())
			Collection(${name}).create(${brought})
		}
		{ owner: owner, taken: taken }`

	// isLeft finds an ID taken while a deletion of its user has not been finished, else
	// the new user would inherit what is left of the old one.
	isLeft = `
		let old: Any = Collection(${users}).byId(${id})
		let left = Collection(${sessions}).byUserId(${id}).concat(Collection(${sessions}).byUserId(old)).first() != null`

	// theSession finds a session that is live, as far as FQL can tell.
	theSession = `
		let session: Any = Collection(${sessions}).bySessionToken(${token}).where(s => !(s.expires isa Time) || s.expires > ${now}).first()
		let owned: Any = session` + theOwner

	createUser = isLeft + `
		if (!left) Collection(${users}).create(${user})
		{ left: left }`

	createUserWithAccount = isLeft + accountTaken + signUp

	createUserWithAuthenticator = isLeft + credentialTaken + signUp

	getUser = `
		{ user: Collection(${users}).byId(${id}) { id, data } }`

	getUserByEmail = `
		{ user: Collection(${users}).byEmail(${email}).first() { id, data } }`

	getUserByAccount = theAccount + `
		let owned: Any = account` + theOwner + `
		{ user: owner { id, data } }`

	updateUser = `
		let u: Any = Collection(${users}).byId(${id})
		let ttl = u?.ttl
		if (u.exists()) u.replaceData(Object.assign(u.data, ${changes}))
		if (ttl != null) u.update({ ttl: ttl })
		{ user: u { id, data } }`

	// deleteUser deletes the user with the first n of what belongs to it. Without the
	// user nothing of the rest can be reached.
	deleteUser = `
		let u: Any = Collection(${users}).byId(${id})
		if (u.exists()) u.delete()
		let accounts = Collection(${accounts}).byUserId(${id}).concat(Collection(${accounts}).byUserId(u)).take(${n}).toArray()
		let passkeys = Collection(${authenticators}).byUserId(${id}).concat(Collection(${authenticators}).byUserId(u)).take(${n} - accounts.length).toArray()
		let sessions = Collection(${sessions}).byUserId(${id}).concat(Collection(${sessions}).byUserId(u)).take(${n} - accounts.length - passkeys.length).toArray()
		accounts.concat(passkeys).concat(sessions).forEach(d => d.delete())
		{ more: accounts.length + passkeys.length + sessions.length == ${n} }`

	// dropUser deletes the user alone, which nobody gets in the way of who has only looked
	// whether there is one.
	dropUser = `
		let u: Any = Collection(${users}).byId(${id})
		if (u.exists()) u.delete()
		{ done: true }`

	// ownDocuments and linkDocuments list what may be deleted by its document.
	ownDocuments = `
		let u: Any = Collection(${users}).byId(${id})
		let own: Any = Collection(${name}).byUserId(${id}).concat(Collection(${name}).byUserId(u))
		{ page: own.map(d => ({ id: d.id, data: { sessionToken: d.sessionToken } })).pageSize(${n}) }`

	linkDocuments = `
		{ page: Collection(${tokens}).byIdentifier(${identifier}).map(d => ({ id: d.id, data: {} })).pageSize(${n}) }`

	// deleteDocuments reads no index, so nobody gets in its way who adds to one.
	deleteDocuments = `
		let all: Any = Collection(${name})
		${documents}.forEach(id => {
			let d: Any = all.byId(id)
			if (d.exists()) d.delete()
		})
		{ done: true }`

	linkAccount = accountTaken + bring

	getAccount = theAccount + `
		{ account: account { data } }`

	listAccounts = `
		let u: Any = Collection(${users}).byId(${id})
		{ page: Collection(${accounts}).byUserId(${id}).concat(Collection(${accounts}).byUserId(u)).pageSize(${n}) { data } }`

	updateAccount = theAccount + `
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

	getSessionAndUser = theSession + `
		let user: Any = owner { id, data }
		{ session: if (user == null) null else session { id, data }, user: user }`

	// updateSession writes once, unless another program has named a field like one of the
	// server's own. It gives a session that ends now a little time, as a document cannot be
	// read any more at its ttl, not even to answer with it.
	updateSession = theSession + `
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

	// deleteOwnSession deletes a user's session by its stored digest. If there is none it
	// answers with those of the user's that may have been stored in another form.
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

	// useVerificationToken copies the fields, as a projection of what an index has found
	// may be evaluated after the document is gone.
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

	createAuthenticator = credentialTaken + bring

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

	// updateAuthenticator leaves one whose counter cannot be read as it is.
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

	// enumerateUsers finds users by their IDs, from one on, whether there is a user of that ID
	// or not.
	enumerateUsers = `
		let all: Any = Collection(${users})
		{ users: all.all({ from: all.byId(${from}) }).take(${n}).toArray() { id, data } }`

	nextPage = `
		{ page: Set.paginate(${after}) }`

	ping = `
		{ done: true }`
)

// reads are the queries that change nothing, which may be sent twice.
var reads = map[string]bool{
	getUser: true, enumerateUsers: true, getUserByEmail: true, getUserByAccount: true, getAccount: true, listAccounts: true,
	getSessionAndUser: true, listSessions: true, ownDocuments: true, linkDocuments: true, getAuthenticator: true, listAuthenticators: true,
	nextPage: true, checkCollections: true, checkExpiries: true, ping: true,
}
