#!lua
-- Ends the transaction of some single posts: MULTI, an LPUSH of all their articles, this script, EXEC.
-- What was pushed a moment ago stands at the left end of the list, the last article outermost, and
-- nobody has seen it: what is too much comes off again. (A push by the script itself would take Redis
-- twice as long: Lua copies and hashes every argument.) No allow-oom: a full Redis refuses the whole
-- transaction before it has touched anything.
-- KEYS: articles, stats. ARGV: number of articles pushed, most articles waiting.
-- Returns {number of the last ones that were taken off, depth without them}.
local pushed, depth = tonumber(ARGV[1]), redis.call('LLEN', KEYS[1])
local over = math.max(0, math.min(pushed, depth - tonumber(ARGV[2])))
if over > 0 then
    redis.call('LTRIM', KEYS[1], over, -1)
end
if over < pushed then
    redis.call('HINCRBY', KEYS[2], 'http_in', pushed - over)
end
return {tostring(over), depth - over}
