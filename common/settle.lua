#!lua flags=allow-oom
-- One step: push the batches and the dead entries, drop the items they stand for from the hold,
-- count. Or touch nothing.
-- KEYS: hold, owners, stats, results list, dead list.
-- ARGV: owner, items done, number of batches, number of dead entries, lease ms,
--       stats fields of: items done well, items dead, batches pushed; documents written to the store;
--       then batches, dead entries.
-- Returns 1, or 0 when the owner is gone (its items are back in the list and not ours to settle).
local hold, owners, stats, results, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local done, batches, deaths = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if not redis.call('ZSCORE', owners, ARGV[1]) or redis.call('LLEN', hold) < done then
    return 0
end
-- A key of another type is to fail here, while nothing has moved: the next lines do not undo others.
redis.call('LLEN', results)
redis.call('LLEN', dead)
local first = 10
-- In a loop: thousands of arguments to one command would not fit Lua's stack.
for i = first, first + batches - 1 do
    redis.call('LPUSH', results, ARGV[i])
end
for i = first + batches, first + batches + deaths - 1 do
    redis.call('LPUSH', dead, ARGV[i])
end
-- The oldest stand at the right end.
redis.call('LTRIM', hold, 0, -done - 1)
if done > deaths then
    redis.call('HINCRBY', stats, ARGV[6], done - deaths)
end
if deaths > 0 then
    redis.call('HINCRBY', stats, ARGV[7], deaths)
end
if batches > 0 then
    redis.call('HINCRBY', stats, ARGV[8], batches)
end
if tonumber(ARGV[9]) > 0 then
    redis.call('HINCRBY', stats, 'store_writes', ARGV[9])
end
local now = redis.call('TIME')
redis.call('ZADD', owners, now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[5], ARGV[1])
return 1
