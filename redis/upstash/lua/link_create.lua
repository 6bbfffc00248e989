-- Stores a verification token. KEYS: 1 reply, 2 token. ARGV: 1 record, 2 expiry.
if replayed() then return 'OK' end
put(KEYS[2], ARGV[1], ARGV[2])
return keep_reply('OK')
