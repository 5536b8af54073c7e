#!lua
-- Puts one article on the list. No allow-oom: a full Redis refuses the whole script before it has
-- touched anything, and the client is told to come back.
-- KEYS: articles, stats; and, where the client sent an Idempotency-Key, the string that remembers it.
-- ARGV: item, id, most articles waiting; and with KEYS[3]: hash of the body, seconds to remember.
-- Returns {what, id or depth}: "new" depth, "again" id of the first time, "other" (the same key came
-- with another body before), "full" depth.
local articles, stats, memory = KEYS[1], KEYS[2], KEYS[3]
if memory then
    local before = redis.call('GET', memory)
    if before then
        local id, hash = before:match('^(.*) (%x+)$')
        if hash == ARGV[4] then
            return {'again', id}
        end
        return {'other'}
    end
end
local depth = redis.call('LLEN', articles)
if depth >= tonumber(ARGV[3]) then
    return {'full', depth}
end
redis.call('LPUSH', articles, ARGV[1])
redis.call('HINCRBY', stats, 'http_in', 1)
if memory then
    redis.call('SET', memory, ARGV[2] .. ' ' .. ARGV[4], 'EX', ARGV[5])
end
return {'new', depth + 1}
