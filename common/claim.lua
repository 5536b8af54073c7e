#!lua flags=allow-oom
-- Takes the oldest items into the owner's hold.
-- KEYS: source list, hold, owners, stats, list that must not grow beyond the mark.
-- ARGV: owner, most items, most bytes, lease ms, stats field, mark (0: none).
-- Returns {ms of TIME, 1 where the mark holds us back, item, item, …}, or false when the owner is
-- gone: a client that was stopped, recovered by others and continued later must not take what nobody
-- would ever give back.
local source, hold, owners, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if not redis.call('ZSCORE', owners, ARGV[1]) then
    return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', owners, now + ARGV[4], ARGV[1])
local answer, bytes, mark = {now, 0}, 0, tonumber(ARGV[6])
if mark > 0 and redis.call('LLEN', KEYS[5]) >= mark then
    answer[2] = 1
    return answer
end
for _ = 1, tonumber(ARGV[2]) do
    local item = redis.call('LMOVE', source, hold, 'RIGHT', 'LEFT')
    if not item then
        break
    end
    answer[#answer + 1] = item
    bytes = bytes + #item
    if bytes >= tonumber(ARGV[3]) then
        break
    end
end
if #answer > 2 then
    redis.call('HINCRBY', stats, ARGV[5], #answer - 2)
end
return answer
