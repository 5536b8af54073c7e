#!lua flags=allow-oom
-- Forgets dead entries. KEYS: dead list, stats. ARGV: stats field, then entries.
-- Returns for each entry 1, or 0 where it was gone.
local answer, removed = {}, 0
for i = 2, #ARGV do
    answer[i - 1] = redis.call('LREM', KEYS[1], -1, ARGV[i])
    removed = removed + answer[i - 1]
end
if removed > 0 then
    redis.call('HINCRBY', KEYS[2], ARGV[1], removed)
end
return answer
