package backendmutants

// Patterns of tests that several bugs have in common.
const (
	heldUpOnRedis = `TestConformanceCluster$/HLD`
	leftOnRedis   = `TestConformance(Cluster)?$/(CAS-007|LIM-008|CUT-108)`
	wireOfRedis   = `TestCutsOnTheWire|TestARepetition`
)

var redisMutants = []Mutant{
	// Claims, on a Cluster.
	{
		Breaks: "several claims do not wait for replicas", File: "redis/claims.go",
		Old: "len(claims) == 1 || s.replicas > 0", New: "len(claims) == 1", Run: "TestWaitReplicas",
	},
	{
		Breaks: "an address is given up whose update was applied, since its reply is lost", File: "redis/claims.go",
		Old: `case status == "OK", status == "GONE":`, New: `case status == "OK":`, Run: wireOfRedis,
	},
	{
		Breaks: "a claim is taken over without its mark", File: "redis/claims.go",
		Old: "ttl = strconv.FormatInt(revocationTTL.Milliseconds(), 10)", New: `ttl = ""`, Run: heldUpOnRedis,
	},
	{
		Breaks: "the mark is of something else than the claim", File: "redis/lua/verify.lua",
		Old: "redis.call('ZADD', KEYS[1], at, ARGV[6])", New: "redis.call('ZADD', KEYS[1], at, ARGV[5])", Run: heldUpOnRedis,
	},
	{
		Breaks: "a mark goes when the next one is made", File: "redis/lua/verify.lua",
		Old: "'-inf', at - ARGV[7])", New: "'-inf', at + 1000)", Run: "TestRevocationsStayForAnHour",
	},
	{
		Breaks: "marks stay for ever", File: "redis/lua/verify.lua",
		Old: "	redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at - ARGV[7])\n", New: "", Run: "TestRevocationsStayForAnHour",
	},
	{
		Breaks: "a write does not look for the mark", File: "redis/lua/common.lua",
		Old: "	if redis.call('ZSCORE', KEYS[#KEYS - 1], string.sub(ARGV[i + 3], 1, NONCE)) then return 'REVOKED' end\n", New: "", Run: heldUpOnRedis,
	},
	{
		Breaks: "a write comes after the deadline of its claim", File: "redis/lua/common.lua",
		Old: "return now() > tonumber(deadline) and 'LATE'", New: "return false", Run: "TestAWriteAfterItsDeadlineIsRefused",
	},
	{
		Breaks: "an entry is taken over that is another's by now", File: "redis/lua/takeover.lua",
		Old: "if entry and entry ~= ARGV[3] and entry ~= ARGV[4] then return entry end\n", New: "", Run: heldUpOnRedis,
	},
	{
		Breaks: "an entry is released that is another's by now", File: "redis/lua/release.lua",
		Old: "if redis.call('GET', KEYS[1]) == ARGV[3] then redis.call('DEL', KEYS[1]) end", New: "redis.call('DEL', KEYS[1])", Run: heldUpOnRedis,
	},
	{
		Breaks: "a refused call leaves its claims", File: "redis/claims.go",
		Old: "		if err := s.releaseClaims(ctx, claims); err != nil {\n			return \"\", nil, err\n		}\n		switch {\n		case status == \"HELD\":", New: "		switch {\n		case status == \"HELD\":", Run: leftOnRedis,
	},
	{
		Breaks: "a call that meets a holder leaves its other claims", File: "redis/claims.go",
		Old: "				if err := s.releaseClaims(ctx, claims); err != nil {\n					return \"\", err\n				}\n", New: "				_ = held\n", Run: leftOnRedis,
	},
	{
		Breaks: "a claim that was never fulfilled keeps an address of a user who is there", File: "redis/lua/common.lua",
		Old: "return u and u.e == what", New: "return u", Run: `TestConformanceCluster$/(CUT-006|HLD)`,
	},
	{
		Breaks: "an address that was the user's own is written, although it was given up meanwhile", File: "redis/lua/user_update.lua",
		Old: "if ARGV[6] == '1' and u.e ~= before then return keep_reply('REVOKED e') end\n", New: "", Run: heldUpOnRedis,
	},
	{
		Breaks: "an entry that leads to a user with another address is believed", File: "redis/users.go",
		Old: "if err == nil && u.Email != email {", New: "if err == nil && u.Email == \"\" {", Run: `TestConformanceCluster$/(CUT-006|HLD)`,
	},

	// Writes that share a request.
	{
		Breaks: "a write that the server gave up is sent again, and taken for done", File: "redis/internal/client/writes.go",
		Old: "	if !errors.As(err, &said) {\n", New: "	if true || !errors.As(err, &said) {\n", Run: "TestSharedWritesDoAsThoseOfOneCall",
	},
	{
		Breaks: "a script that the server has lost is not sent again", File: "redis/internal/client/writes.go",
		Old: `!redis.HasErrorPrefix(err, "NOSCRIPT") && `, New: "", Run: "TestSharedWritesDoAsThoseOfOneCall",
	},
	{
		Breaks: "a write whose reply is lost is not sent again", File: "redis/internal/client/writes.go",
		Old: "		return false\n	}\n	_, moved", New: "		return true\n	}\n	_, moved", Run: "TestSharedWritesDoAsThoseOfOneCall",
	},
	{
		Breaks: "writes that wait for replicas share a request, and wait for none", File: "redis/open.go",
		Old: "	if o.WaitReplicas > 0 {", New: "	if false {", Run: "TestWritesThatWaitForReplicasShareNothing",
	},

	// What is given up.
	{
		Breaks: "an entry goes that is another's by now, on one server", File: "redis/lua/common.lua",
		Old: "if redis.call('GET', entries[i]) == entries[i + 1] then redis.call('DEL', entries[i]) end", New: "redis.call('DEL', entries[i])", Run: `TestConformance$/LIM-007`,
	},
	{
		Breaks: "an expired session keeps its token until the server removes it", File: "redis/lua/common.lua",
		Old: " and tonumber(s.t) > tonumber(at)\n", New: "\n", Run: `TestConformance(Cluster)?$/LIM-007`,
	},
	{
		Breaks: "a session of an earlier generation keeps its token", File: "redis/lua/common.lua",
		Old: "return s and g == redis.call('GETRANGE', key('u', id), 0, NONCE - 1) and", New: "return s and", Run: "TestWhatIsOverStaysOverWhateverWasEvicted",
	},
	{
		Breaks: "an address that is given up stays in the index", File: "redis/lua/user_update.lua",
		Old: "if before and u.e ~= before then old = {key('e', escape(before)), nonce .. id} end\n", New: "", Run: leftOnRedis,
	},
	{
		Breaks: "the nonce of a new address is not kept", File: "redis/lua/user_update.lua",
		Old: "if moves and claimed then u.x = string.sub(ARGV[10], 1, NONCE) end\n", New: "", Run: leftOnRedis,
	},
	{
		Breaks: "the nonce of an address is lost with the generation", File: "redis/lua/sessions_delete.lua",
		Old: "	if u.e and not u.x then u.x = old end -- which is the nonce of its address\n", New: "", Run: leftOnRedis,
	},
	{
		Breaks: "entries of tokens made elsewhere are left behind", File: "redis/lua/common.lua",
		Old: "	if s.f then\n", New: "	if false then\n", Run: leftOnRedis,
	},
	{
		Breaks: "the entries of a deleted user's credentials are left behind", File: "redis/lua/user_delete.lua",
		Old: "pairs({p = accounts, c = authenticators})", New: "pairs({p = accounts})", Run: leftOnRedis,
	},
	{
		Breaks: "a refused sign-up leaves its entries, on one server", File: "redis/lua/common.lua",
		Old: "	for i = first, last - 1, 6 do redis.call('DEL', ARGV[i + 1]) end\n", New: "", Run: leftOnRedis,
	},
	{
		Breaks: "the entry of an unlinked account is left behind", File: "redis/claims.go",
		Old: "	return s.releaseEntries(ctx, entries)\n", New: "	_ = entries\n	return nil\n", Run: leftOnRedis,
	},
	{
		Breaks: "a deletion that was cut forgets what it has to release", File: "redis/lua/user_delete.lua",
		Old: "	for i = 1, #entries do redis.call('RPUSH', unreleased, entries[i]) end\n", New: "", Run: leftOnRedis,
	},
	{
		Breaks: "what a cut deletion has to release is kept for ever", File: "redis/lua/user_delete.lua",
		Old: "	redis.call('PEXPIRE', unreleased, ARGV[4])\n", New: "", Run: "TestWhatACutLeavesExpires",
	},
	{
		Breaks: "a deletion that the client repeats releases nothing", File: "redis/lua/user_delete.lua",
		Old: "single and {} or redis.call('LRANGE', unreleased, 0, -1)}", New: "{}}", Run: "TestADeletionWhoseReplyIsLostLeavesNothing",
	},
	{
		Breaks: "the list of what a deletion has to release is left behind", File: "redis/users.go",
		Old: "	return s.del(ctx, s.key(kindUnreleased, tag)).Err()\n", New: "	return nil\n", Run: leftOnRedis,
	},

	// Answers that are kept.
	{
		Breaks: "the answer to a sign-up is kept for ever", File: "redis/lua/user_create.lua",
		Old: "		redis.call('PEXPIRE', KEYS[#KEYS], 60000)\n", New: "", Run: "TestRepliesExpire",
	},
	{
		Breaks: "answers are kept for ever", File: "redis/lua/common.lua",
		Old: "redis.pcall('SET', KEYS[#KEYS], reply or 'OK', 'NX', 'PX', 60000)", New: "redis.pcall('SET', KEYS[#KEYS], reply or 'OK', 'NX')", Run: "TestRepliesExpire",
	},
	{
		Breaks: "refusals are kept for ever", File: "redis/lua/common.lua",
		Old: "redis.pcall('SET', KEYS[#KEYS], reply, 'PX', 60000)", New: "redis.pcall('SET', KEYS[#KEYS], reply)", Run: "TestRepliesExpire",
	},
	{
		Breaks: "an update that the client repeats is answered with what others wrote since", File: "redis/lua/common.lua",
		Old: "return stored and redis.sha1hex(stored) == kept and 'SAME' or 'GONE'", New: "return 'SAME'", Run: "TestARepetitionIsNoSecondWrite",
	},
	{
		Breaks: "a refused sign-up is success when the client asks again", File: "redis/lua/user_create.lua",
		Old: "if why then return keep_reply(why) end", New: "if why then return why end", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a taken ID is success when the client asks again", File: "redis/lua/user_create.lua",
		Old: "return keep_reply('ID')", New: "return 'ID'", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a refused change of address is not known any more when the client asks again", File: "redis/lua/user_update.lua",
		Old: "	if why then return keep_reply(why) end\n", New: "	if why then return why end\n", Run: "TestCutsOnTheWire",
		Harmless: "the repetition is ErrUnavailable then, which is true: nobody heard the refusal",
	},
	{
		Breaks: "a refused link is success when the client asks again", File: "redis/lua/owned_create.lua",
		Old: "return keep_reply('HELD ' .. ARGV[8])", New: "return 'HELD ' .. ARGV[8]", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a refused counter is success when the client asks again", File: "redis/lua/counter_update.lua",
		Old: "return keep_reply('BEHIND')", New: "return 'BEHIND'", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a taken token is success when the client asks again", File: "redis/lua/session_create.lua",
		Old: "return keep_reply('HELD t')", New: "return 'HELD t'", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a sign-up whose answer was evicted conflicts with itself", File: "redis/lua/user_create.lua",
		Old: "if redis.call('GETRANGE', KEYS[1], 0, NONCE - 1) == ARGV[5] then return 'OK' end\n", New: "", Run: "TestARepetitionWhoseReplyWasEvicted",
	},
	{
		Breaks: "a link whose answer was evicted conflicts with itself", File: "redis/lua/owned_create.lua",
		Old: "	if cmsgpack.unpack(old).x == ARGV[7] then return 'OK' end\n", New: "", Run: "TestARepetitionWhoseReplyWasEvicted",
	},
	{
		Breaks: "a session whose answer was evicted conflicts with itself", File: "redis/lua/session_create.lua",
		Old: "if write() or fetch(KEYS[2]).x == ARGV[7] then return 'OK' end", New: "if write() then return 'OK' end", Run: "TestARepetitionWhoseReplyWasEvicted",
	},
	{
		Breaks: "the client repeats the use of a one-time token", File: "redis/verificationtokens.go",
		Old: "s.runOnce(ctx, linkUse", New: "s.run(ctx, linkUse", Run: wireOfRedis,
	},

	// Generations and lists.
	{
		Breaks: "a session that is over is kept, and opens again", File: "redis/lua/sessions_delete.lua",
		Old: "if s and generation(s) == old then", New: "if s then", Run: "TestWhatIsOverStaysOverWhateverWasEvicted",
	},
	{
		Breaks: "a session of an earlier generation can be extended", File: "redis/lua/session_update.lua",
		Old: "redis.call('GETRANGE', key('u', id), 0, NONCE - 1) ~= current", New: "redis.call('EXISTS', key('u', id)) == 0", Run: "TestSignOutWhateverWasEvicted",
	},
	{
		Breaks: "a session of an earlier generation opens", File: "redis/sessions.go",
		Old: "if generation != current {", New: "if generation == \"\" && current == \"\" {", Run: "TestSignOutWhateverWasEvicted",
	},
	{
		Breaks: "the generation does not change", File: "redis/lua/sessions_delete.lua",
		Old: "redis.call('SET', KEYS[1], new .. cmsgpack.pack(u))", New: "redis.call('SET', KEYS[1], old .. cmsgpack.pack(u)); new = old", Run: "TestSignOutWhateverWasEvicted",
	},
	{
		Breaks: "sessions of an earlier generation are listed", File: "redis/lua/sessions_list.lua",
		Old: "if s and generation(s) == current then", New: "if s then", Run: `TestConformance(Cluster)?$/(SES|CAS|CUT)`,
		Harmless: "a list goes in the same step as its generation; the comparison is for lists that an operator has put back",
	},
	{
		Breaks: "sessions that were put aside are kept from being worked off", File: "redis/lua/common.lua",
		Old: "return redis.call('EXISTS', ended) == 1 and 'MORE' or 'OK'", New: "return 'OK'", Run: "TestASignOutOfManyThatIsCut",
	},
	{
		Breaks: "what is put aside is kept for ever", File: "redis/lua/common.lua",
		Old: "		redis.call('PEXPIRE', ended, 24 * HOUR)\n", New: "", Run: "TestWhatACutLeavesExpires",
	},
	{
		Breaks: "a kept session goes with the list that it was in", File: "redis/lua/common.lua",
		Old: "if type(v) ~= 'string' or generation(v) == current then return end", New: "if type(v) ~= 'string' then return end", Run: `TestConformance$/SES-016`,
	},
	{
		Breaks: "one-time tokens go with the one that was made last", File: "redis/lua/link_create.lua",
		Old: "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end", New: "redis.call('PEXPIRE', KEYS[1], ARGV[5])", Run: "TestTheServerExpires",
	},
	{
		Breaks: "a one-time token goes before the slowest clock says so", File: "redis/lua/link_create.lua",
		Old: ".t + HOUR < tonumber(ARGV[6])", New: ".t + 0 < tonumber(ARGV[6])", Run: "TestAClockAheadDeletesNothingThatIsValid",
	},
	{
		Breaks: "a session leaves the list before the slowest clock says so", File: "redis/lua/session_create.lua",
		Old: "'-inf', ARGV[10] - HOUR,", New: "'-inf', ARGV[10],", Run: "TestAClockAheadDeletesNothingThatIsValid",
	},
	{
		Breaks: "what is valid leaves the server before the slowest clock says so", File: "redis/codec.go",
		Old: "(expires.Sub(now) + gracePeriod)", New: "expires.Sub(now)", Run: "TestClocksOfTwoAdaptersMayDiffer",
	},
	{
		Breaks: "the entry of an extended session goes before it", File: "redis/lua/session_update.lua",
		Old: "if single and s.f and", New: "if false and", Run: "TestTheServerExpires",
	},
	{
		Breaks: "an update of attributes takes the expiry away", File: "redis/lua/session_update.lua",
		Old: "redis.call('SET', k, current .. packed, 'KEEPTTL')", New: "redis.call('SET', k, current .. packed)", Run: "TestTheServerExpires",
	},
	{
		Breaks: "a counter that stays is taken", File: "redis/lua/counter_update.lua",
		Old: "counter <= before and", New: "counter < before and", Run: `TestConformance$/(PKY-007|RAC-028)`,
	},

	// While slots move, and replicas.
	{
		Breaks: "the list of sessions is not declared", File: "redis/keys.go",
		Old: "	return append(keys, s.sessionKey(id, stored), s.key(kindSessions, id))\n", New: "	return append(keys, s.sessionKey(id, stored))\n", Run: "TestAHalfMovedUserIsWholeOrUnavailable",
		Harmless: "no write runs while its slot moves: the key of its reply is declared too, and is not there yet",
	},
	{
		Breaks: "the user of an extended session is not declared", File: "redis/sessions.go",
		Old: "keys := s.sessionKeys(index, id, stored, kindUser)", New: "keys := s.sessionKeys(index, id, stored)", Run: "TestAHalfMovedUserIsWholeOrUnavailable",
		Harmless: "no write runs while its slot moves: the key of its reply is declared too, and is not there yet",
	},
	{
		Breaks: "listed sessions are not declared", File: "redis/lua/sessions_list.lua",
		Old: "if single or known[k] then", New: "if true then", Run: "TestAHalfMovedUserIsWholeOrUnavailable",
	},
	{
		Breaks: "a call does not wait for keys that move", File: "redis/calls.go",
		Old: "if !redis.HasErrorPrefix(cmd.Err(), \"TRYAGAIN\") {", New: "if true {", Run: "TestACallWaitsForKeysThatMove",
	},
	{
		Breaks: "too few replicas are enough", File: "redis/replicas.go",
		Old: "n < s.replicas", New: "n < s.replicas-1", Run: "TestWaitReplicas",
	},
	{
		Breaks: "a write that waits is repeated, although it must not be", File: "redis/replicas.go",
		Old: "return !cmd.NoRetry()", New: "return true", Run: "TestWhatIsTriedOnAnotherServer",
	},

	// Shared requests.
	{
		Breaks: "calls that share a request get each other's answers", File: "redis/internal/client/lookups.go",
		Old: "cmds[i] = key.Send(ctx, NoRetry{pipe})", New: "cmds[len(others)-1-i] = key.Send(ctx, NoRetry{pipe})", Run: `TestSharedRequestsAnswer|TestConformance$/BAT-001`,
	},
	{
		Breaks: "what one of those who share a request does not find is the error of all", File: "redis/internal/client/lookups.go",
		Old: "	_, _ = pipe.Exec(ctx) // each command has its own error\n	if all", New: "	if _, err := pipe.Exec(ctx); err != nil {\n		return nil, err\n	}\n	if all", Run: `TestSharedRequestsAnswer|TestConformance$/BAT-004`,
	},
	{
		Breaks: "calls that share an MGET get each other's answers", File: "redis/internal/client/lookups.go",
		Old: "values[2*i : 2*i+2 : 2*i+2]", New: "values[len(values)-2*i-2 : len(values)-2*i]", Run: `TestSharedRequestsAnswer|TestConformance$/BAT-001`,
	},
	{
		Breaks: "what a server refuses to one call of a shared MGET is the answer to all", File: "redis/internal/client/lookups.go",
		Old: "answers[c] = found{apart: true}", New: "answers[c] = found{err: err}", Run: "TestARefusedKeyIsItsOwnCallsAlone",
	},
	{
		Breaks: "what a server refuses in a shared request is the answer", File: "redis/internal/client/lookups.go",
		Old: "found{value, err, err != nil && err != redis.Nil}", New: "found{value, err, false}", Run: `TestSharedRequests`,
	},
	{
		Breaks: "a request is shared by callers for several servers of a Cluster", File: "redis/internal/client/shared.go",
		Old: "address = server.Options().Addr", New: "_ = server", Run: "TestAServerHarmsOnlyItsOwnReads",
	},
	{
		Breaks: "a call that hangs holds up others when nobody waits for it", File: "redis/internal/client/shared.go",
		Old: "		defer group.Leave()\n", New: "", Run: "TestAHangingRequestHoldsUpNobodyForLong",
	},
	{
		Breaks: "who waits for a shared request is not told of Close", File: "redis/internal/client/shared.go",
		Old: "		closing.Go(group.Close)\n", New: "		_ = group\n", Run: "TestCloseWhileCallsWait",
	},
}
