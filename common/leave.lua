#!lua flags=allow-oom
-- A clean end of one owner: what it took and did not handle goes back, and its name is forgotten.
-- KEYS: source list, hold, owners, stats. ARGV: owner, stats field.
-- Forgotten first: see enter.lua.
redis.call('ZREM', KEYS[3], ARGV[1])
local returned = 0
while redis.call('LMOVE', KEYS[2], KEYS[1], 'LEFT', 'RIGHT') do
    returned = returned + 1
end
if returned > 0 then
    redis.call('HINCRBY', KEYS[4], ARGV[2], returned)
end
return returned
