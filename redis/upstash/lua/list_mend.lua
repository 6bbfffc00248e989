-- Puts a list of authenticators in the place of what was found, with those that are there
-- and belong to the user. KEYS: 1 list, then keys of authenticators. ARGV: 1 what was
-- found or "", 2 ID of the user, then for each key the credential ID it is looked up for.
if (fetch(KEYS[1]) or '') ~= ARGV[1] then return 0 end
local list, listed = {}, {}
for i = 2, #KEYS do
	local v, id = fetch(KEYS[i]), ARGV[i + 1]
	if v and not listed[id] and names(v, id) and owner(v) == ARGV[2] then
		listed[id] = true
		list[#list + 1] = id
	end
end
drop(KEYS[1])
if #list > 0 then point(KEYS[1], cjson.encode(list)) end
return 1
