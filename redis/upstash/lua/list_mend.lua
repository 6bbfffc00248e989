-- Replaces the list of authenticators that was found by one of those that exist and
-- belong to the user. KEYS: 1 list, then keys of authenticators. ARGV: 1 the list that
-- was found or "", 2 ID of the user, then for each key the credential ID that it is read
-- for.
if (fetch(KEYS[1]) or '') ~= ARGV[1] then return 0 end
local list, listed = {}, {}
for i = 2, #KEYS do
	local v, id = fetch(KEYS[i]), ARGV[i + 1]
	if v and not listed[id] and is_credential(v, id) and owner(v) == ARGV[2] then
		listed[id] = true
		list[#list + 1] = id
	end
end
delete_string(KEYS[1])
if #list > 0 then set_pointer(KEYS[1], cjson.encode(list)) end
return 1
