--!df flags=allow-undeclared-keys
-- Reads a page of a user's sessions. KEYS: user, list, and on a Cluster the sessions.
-- ARGV: 3 ID, 4 the adapter's time, 5 the last stored token of the page before or "", 6
-- its expiry, 7 size, 8 "1" to leave out sessions that are not among KEYS. Returns "OK",
-- the last stored token and its expiry (both "" for the last page), and of each session
-- its stored token and value; or "KEYS" and the stored tokens of the sessions that must
-- be among KEYS.
local id, known = ARGV[3], {}
local current = redis.call('GETRANGE', KEYS[1], 0, NONCE - 1)
if current == '' then return {'OK', '', ''} end
for i = 3, #KEYS do known[KEYS[i]] = true end
local from
if ARGV[5] == '' then
	from = redis.call('ZCOUNT', KEYS[2], '-inf', ARGV[4])
else
	local rank = redis.call('ZRANK', KEYS[2], ARGV[5])
	from = rank and rank + 1 or redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. ARGV[6])
end
local members = redis.call('ZRANGE', KEYS[2], from, from + ARGV[7] - 1, 'WITHSCORES')
local reply, lacking, tokens = {'OK', '', ''}, false, {'KEYS'}
for i = 1, #members, 2 do
	local k = key('s', id) .. ':' .. members[i]
	tokens[#tokens + 1] = members[i]
	if single or known[k] then
		local s = redis.call('GET', k)
		if s and generation(s) == current then
			reply[#reply + 1] = members[i]
			reply[#reply + 1] = s
		end
	else
		lacking = true
	end
end
if lacking and ARGV[8] == '' then return tokens end
if #members == 2 * ARGV[7] then reply[2], reply[3] = members[#members - 1], members[#members] end
return reply
