#!lua flags=no-writes,allow-oom
-- Everything that status and audit print, at one moment: nothing moves while a script runs.
-- KEYS: articles, results, owners, stats.
-- Returns {ms of TIME, stats, waiting articles, dead articles, waiting batches, dead batches, owners,
--          when the oldest waiting batch was made, when the oldest batch in a hold was made}; stats is
-- name, value, …; owners is name, end of its lease in ms, articles held, batches held, …
local articles, results, owners, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local time = redis.call('TIME')

local function made_at(list)
    local batch = redis.call('LINDEX', list, -1)
    -- Inside of a string the quotes would be escaped.
    return batch and tonumber(batch:match('"at":(%d+)')) or false
end

local list, oldest = {}, false
local found = redis.call('ZRANGE', owners, 0, -1, 'WITHSCORES')
for i = 1, #found, 2 do
    local batches = results .. ':hold:' .. found[i]
    list[#list + 1] = found[i]
    list[#list + 1] = found[i + 1]
    list[#list + 1] = redis.call('LLEN', articles .. ':hold:' .. found[i])
    list[#list + 1] = redis.call('LLEN', batches)
    local at = made_at(batches)
    if at and (not oldest or at < oldest) then
        oldest = at
    end
end
return {time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HGETALL', stats),
    redis.call('LLEN', articles), redis.call('LLEN', articles .. ':dead'),
    redis.call('LLEN', results), redis.call('LLEN', results .. ':dead'),
    list, made_at(results), oldest}
