-- Takes a token out of an identifier's. ARGV: 3 token.
local record = redis.call('HGET', KEYS[1], ARGV[3])
if record then redis.call('HDEL', KEYS[1], ARGV[3]) end
return record
