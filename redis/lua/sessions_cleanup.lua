--!df flags=allow-undeclared-keys
-- Deletes a batch of ended sessions. KEYS: user, ended sessions. ARGV: 3 ID. Returns the
-- same as sessions_delete.
local id, entries = ARGV[3], {}
local current = redis.call('GETRANGE', KEYS[1], 0, NONCE - 1)
for _, token in ipairs(redis.call('ZRANGE', KEYS[2], 0, 999)) do delete_ended(entries, id, token, current) end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, 999)
return {redis.call('EXISTS', KEYS[2]) == 1 and 'MORE' or 'OK', release(entries)}
