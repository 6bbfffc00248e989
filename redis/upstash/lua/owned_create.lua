--!df flags=allow-undeclared-keys
-- Stores an account, a session or an authenticator for a user. KEYS: 1 reply, 2 user, 3
-- the user's last record of the kind, or its list of authenticators, then the keys that
-- the record can have. ARGV: 1 record, 2 expiry or "", 3 credential ID or "", 4 the same
-- in JSON or "", 5 prefix of users, 6 the time for a session, else "".
if replayed() then return 'OK' end
if not fetch(KEYS[2]) then return 'ABSENT' end
local key = free_key(4, ARGV[5], ARGV[3], ARGV[6])
if not key then return 'HELD' end
put(key, ARGV[1], ARGV[2])
add_to_user(KEYS[3], key, ARGV[4])
return keep_reply('OK')
