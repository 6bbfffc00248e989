-- Scripts run in Redis: Lua 5.1, with what the server gives them. Servers that speak its protocol
-- have Lua 5.4, where unpack is in table.
std = "lua51"
read_globals = { "redis", "cmsgpack", "cjson", "bit", "KEYS", "ARGV", table = { fields = { "unpack" } } }
max_line_length = false
