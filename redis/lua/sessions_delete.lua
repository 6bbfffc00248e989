--!df flags=allow-undeclared-keys
-- Gives a user a new generation, and with it the sessions that it keeps: all others are
-- over, whether they are in the list or not. KEYS: user, list, the one put aside, the
-- sessions to keep, answer. ARGV: 3 ID, 4 the new generation, 5 stored tokens to keep. It
-- answers "OK", or "MORE" for what is put aside, and with the index entries to release.
local again = answered()
if again then return {again} end
redis.call('ZREM', KEYS[2], '') -- who has written may write on when memory is full
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
	if u.e and not u.x then u.x = old end -- the nonce of its address
	redis.call('SET', KEYS[1], new .. cmsgpack.pack(u))
end
local status = retire(entries, id, KEYS[2], KEYS[3], new)
for i = 1, #kept, 2 do redis.call('ZADD', KEYS[2], kept[i], kept[i + 1]) end
return {status == 'OK' and status or answer(status), release(entries)}
