#!lua
-- Puts one article on the list. No allow-oom: a full Redis refuses the whole script before it has
-- touched anything, and the client is told to come back.
-- KEYS: articles, stats; where the client sent an Idempotency-Key, the string that remembers it; where
-- duplicates are looked for, the string that remembers the article.
-- ARGV: item, id, most articles waiting; and where there are more keys: hash of the body ("": no
-- Idempotency-Key), seconds to remember it, seconds that an article counts for a duplicate (0: none
-- does), the id as JSON ("": not to be remembered for that).
-- Returns {what, id or depth}: "new" depth, "again" id of the first time, "duplicate" id of the first
-- one as JSON, "duplicate again" the same, "other" (the same key came with another body before),
-- "full" depth.
local articles, stats, memory, twin = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local hash = ARGV[4]
if hash == '' then
    memory, twin = nil, KEYS[3]
end

local function remember(id, mark)
    if memory then
        redis.call('SET', memory, id .. ' ' .. hash .. mark, 'EX', ARGV[5])
    end
end

if memory then
    local before = redis.call('GET', memory)
    if before then
        local id, old, mark = before:match('^(.*) (%x+)( ?%*?)$')
        if old == hash then
            return {mark == '' and 'again' or 'duplicate again', id}
        end
        return {'other'}
    end
end
local first = twin and redis.call('GET', twin)
if first then
    redis.call('HINCRBY', stats, 'duplicates', 1)
    remember(first, ' *')
    return {'duplicate', first}
end
local depth = redis.call('LLEN', articles)
if depth >= tonumber(ARGV[3]) then
    return {'full', depth}
end
redis.call('LPUSH', articles, ARGV[1])
redis.call('HINCRBY', stats, 'http_in', 1)
remember(ARGV[2], '')
if twin and ARGV[7] ~= '' then
    redis.call('SET', twin, ARGV[7], 'EX', ARGV[6])
end
return {'new', depth + 1}
