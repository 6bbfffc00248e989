-- Takes a verification token. KEYS: the identifier's tokens. ARGV: 3 token. Returns its
-- record.
local record = redis.call('HGET', KEYS[1], ARGV[3])
if record then redis.call('HDEL', KEYS[1], ARGV[3]) end
return record
