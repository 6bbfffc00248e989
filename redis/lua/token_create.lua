-- KEYS[1] is the list of an identifier's tokens, KEYS[2] the token. ARGV: 3 record, 4
-- expiry, 5 token, 6 lifetime, 7 nonce.
redis.call('SET', KEYS[2], ARGV[3], 'PXAT', ARGV[4])
listed(KEYS[1], ARGV[5], ARGV[4], ARGV[6], ARGV[7])
return 1
