--!df flags=allow-undeclared-keys
-- Gives a user and the sessions to keep a new generation, which ends all other sessions,
-- whether they are in the list or not. KEYS: user, list, ended sessions, the sessions to
-- keep, reply. ARGV: 3 ID, 4 the new generation, 5 stored tokens to keep. Returns "OK",
-- or "MORE" if there are ended sessions to delete, and the index entries to release.
local reply = replayed()
if reply then return {reply} end
redis.call('ZREM', KEYS[2], '') -- after a first write the script may go on when memory is full
local id, new, kept, entries = ARGV[3], ARGV[4], {}, {}
local u, old = fetch(KEYS[1])
for i = 5, #ARGV do
	local s = u and redis.call('GET', KEYS[i - 1])
	if s and generation(s) == old then
		redis.call('SET', KEYS[i - 1], new .. string.sub(s, NONCE + 1), 'KEEPTTL')
		kept[#kept + 1] = cmsgpack.unpack(string.sub(s, NONCE + 1)).t
		kept[#kept + 1] = ARGV[i]
	end
end
if u then
	if u.e and not u.x then u.x = old end -- which is the nonce of its address
	redis.call('SET', KEYS[1], new .. cmsgpack.pack(u))
end
local status = end_sessions(entries, id, KEYS[2], KEYS[3], new)
for i = 1, #kept, 2 do redis.call('ZADD', KEYS[2], kept[i], kept[i + 1]) end
return {status == 'OK' and status or keep_reply(status), release(entries)}
