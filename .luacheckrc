-- Scripts run in Redis: Lua 5.1, with what the server gives them.
std = "lua51"
read_globals = { "redis", "cmsgpack", "cjson", "bit", "KEYS", "ARGV" }
max_line_length = false
