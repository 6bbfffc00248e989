package backendmutants

var upstashMutants = []Mutant{
	{
		Breaks: "a session that a list showed is ended whose ever it is by now", File: "redis/upstash/sessions.go",
		Old: `"userId", userID, lastSession)`, New: `"", "", lastSession)`, Run: `TestConformance$/HLD-007`,
	},
	{
		Breaks: "an expired session keeps its token until the server removes it", File: "redis/upstash/lua/common.lua",
		Old: " or expired(KEYS[i], at) then", New: " then", Run: `TestConformance$/LIM-007`,
	},
	{
		Breaks: "an update does not look whether the record is as it was read", File: "redis/upstash/lua/owned_update.lua",
		Old: "if v ~= ARGV[1] then return 'CHANGED' end\n", New: "", Run: `TestConformance$/HLD-005`,
	},
	{
		Breaks: "an update does not look whether the user is there", File: "redis/upstash/lua/owned_update.lua",
		Old: "if not v or not fetch(KEYS[3]) then", New: "if not v then", Run: `TestConformance$/HLD-005`,
		Harmless: "what belongs to the user is gone by then, or leads nowhere, and goes with the deletion that is under way",
	},
	{
		Breaks: "an update of a user does not look whether the record is as it was read", File: "redis/upstash/lua/user_update.lua",
		Old: "if v ~= ARGV[1] then return 'CHANGED' end\n", New: "", Run: `TestConformance$/HLD-005`,
	},
	{
		Breaks: "an update takes an address away from the index that leads to another user", File: "redis/upstash/lua/user_update.lua",
		Old: "if ARGV[4] == '1' and entry_id(KEYS[3]) == ARGV[5] then", New: "if ARGV[4] == '1' then", Run: "TestTheIndexOfAnotherStays",
	},
	{
		Breaks: "a deletion takes an address away from the index that leads to another user", File: "redis/upstash/lua/user_delete.lua",
		Old: "	if entry_id(index) == ARGV[1] then redis.call('DEL', index) end\n", New: "	redis.call('DEL', index)\n", Run: "TestTheIndexOfAnotherStays",
	},
	{
		Breaks: "an ID whose deletion was cut is taken again before it is finished", File: "redis/upstash/lua/user_create.lua",
		Old: "if redis.call('EXISTS', KEYS[3]) == 1 then return 'DELETED' end\n", New: "", Run: `TestConformance$/CUT-110`,
	},
	{
		Breaks: "an address that JavaScript left in the index stays taken", File: "redis/upstash/lua/common.lua",
		Old: "return not r or r.email == email", New: "return true", Run: "TestTheIndexOfAnotherStays",
	},
	{
		Breaks: "what belongs to a deleted user stays taken", File: "redis/upstash/lua/common.lua",
		Old: "return not id or redis.call('EXISTS', users .. id) == 1", New: "return true", Run: "TestKeysOfOrphansAreFree",
	},
	{
		Breaks: "the replies of writes are kept for ever", File: "redis/upstash/lua/common.lua",
		Old: "redis.call('SET', KEYS[1], '', 'PX', 60000)", New: "redis.call('SET', KEYS[1], '')", Run: "TestRepliesExpire",
	},
	{
		Breaks: "a wrong one-time token uses the right one up", File: "redis/upstash/lua/link_use.lua",
		Old: "if text(r.identifier) ~= ARGV[1] or text(r.token) ~= ARGV[2] then return false end\n", New: "", Run: `TestConformance$/(VER|KEY-0)`,
		Harmless: "the key has both already; the comparison is for a record that another program wrote under the key of another one",
	},
	{
		Breaks: "the client repeats the use of a one-time token", File: "redis/upstash/verificationtokens.go",
		Old: "s.runOnce(ctx, linkUse", New: "s.run(ctx, linkUse", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a deletion of many that the client repeats takes what somebody has made since", File: "redis/upstash/lua/scan.lua",
		Old: "if kept then\n", New: "if false then\n", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a deletion goes on when another one has finished it", File: "redis/upstash/lua/scan.lua",
		Old: "if KEYS[1] and not once and redis.call('EXISTS', KEYS[1]) == 0 then return {'0', {}, {}} end\n", New: "", Run: "TestADeletionEndsWithItsMark",
	},
	{
		Breaks: "Repair finishes a deletion whose user was brought back", File: "redis/upstash/lua/scan.lua",
		Old: "if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return {'0', {}, {}} end\n", New: "", Run: "TestRepair",
	},
	{
		Breaks: "Repair removes an entry that leads to its user by now", File: "redis/upstash/lua/index_delete.lua",
		Old: " or taken(KEYS[1], ARGV[2], ARGV[3]) then", New: " then", Run: "TestRepair",
	},
	{
		Breaks: "Repair removes what belongs to a user who is there by now", File: "redis/upstash/lua/orphan_delete.lua",
		Old: "if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return 0 end\n", New: "", Run: "TestRepair",
	},
	{
		Breaks: "Repair removes what belongs to another user by now", File: "redis/upstash/lua/orphan_delete.lua",
		Old: " or ARGV[1] and owner(v) ~= ARGV[1] then", New: " then", Run: "TestRepair",
	},
	{
		Breaks: "Repair writes a list of authenticators that has changed", File: "redis/upstash/lua/list_mend.lua",
		Old: "if (fetch(KEYS[1]) or '') ~= ARGV[1] then return 0 end\n", New: "", Run: "TestRepair",
	},
	{
		Breaks: "Repair removes a user who has changed", File: "redis/upstash/lua/user_remove.lua",
		Old: "if fetch(KEYS[1]) ~= ARGV[1] then return 0 end\n", New: "", Run: "TestRepair",
	},
	{
		Breaks: "Repair removes a user whom something belongs to by now", File: "redis/upstash/lua/user_remove.lua",
		Old: "	if v and (not id or id == ARGV[2]) then return 0 end\n", New: "", Run: "TestRepair",
	},
	{
		Breaks: "Repair removes a user although the one who stays has another address by now", File: "redis/upstash/lua/user_remove.lua",
		Old: "	if not r or r.email ~= ARGV[6] then return 0 end\n", New: "", Run: "TestRepair",
	},
	{
		Breaks: "Repair puts a user back over the one who is there", File: "redis/upstash/lua/user_return.lua",
		Old: " or redis.call('EXISTS', KEYS[1]) == 1 then", New: " then", Run: "TestAUserWhoIsThereIsNotPutBack",
	},
	{
		Breaks: "what is purged was extended meanwhile", File: "redis/upstash/lua/remove.lua",
		Old: "if fetch(KEYS[1]) ~= ARGV[1] then return 0 end\n", New: "", Run: "TestWhatIsExtendedIsNotPurged",
	},
}
