#!lua
-- Puts dead items back at the end of the queue. No allow-oom: a full Redis refuses all of it.
-- KEYS: dead list, list, stats. ARGV: stats field, then entry, item, entry, item, …
-- An entry is removed by its value, so that a second operator at the same time moves nothing twice.
-- Returns for each entry 1, or 0 where it was gone.
local answer, moved = {}, 0
for i = 2, #ARGV, 2 do
    local found = redis.call('LPOS', KEYS[1], ARGV[i])
    if found then
        -- In this order: a list of another type fails before the entry is gone.
        redis.call('LPUSH', KEYS[2], ARGV[i + 1])
        redis.call('LREM', KEYS[1], -1, ARGV[i])
        moved = moved + 1
    end
    answer[#answer + 1] = found and 1 or 0
end
if moved > 0 then
    redis.call('HINCRBY', KEYS[3], ARGV[1], moved)
end
return answer
