--!df flags=allow-undeclared-keys
-- Deletes the verification rows in an index, and the index. KEYS: 1 reply, 2 index. ARGV: 1 what
-- their keys begin with.
if replayed() then return 1 end
start_deletion()
for _, token in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do redis.call('DEL', ARGV[1] .. token) end
redis.call('DEL', KEYS[2])
return keep_reply(1)
