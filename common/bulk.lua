#!lua
-- Ends the transaction of a bulk: MULTI, an LPUSH of all its articles, this script, EXEC. What was
-- pushed a moment ago stands at the left end of the list, and nobody has seen it. The script lets it
-- stand, or takes it off again. (A push by the script itself would copy each article twice more and
-- keep Redis from everybody else for four times as long.) No allow-oom: a full Redis refuses the
-- whole transaction before it has touched anything.
-- KEYS: articles, stats; and, where the client sent an Idempotency-Key, the string that remembers it.
-- ARGV: number of articles pushed, most articles waiting, base of their ids, hash of the body, seconds
-- to remember it, seconds that an article counts for a duplicate (0: none does), start of the keys
-- that remember articles; then of each article pushed, where the window is not 0, its digest and its
-- id ("": not to be remembered).
-- Returns {what, …}: "new" duplicates, "again" base duplicates (as the first time), "other" (the same
-- key came with another body before), "full" depth without these.
-- The duplicates are a text of runs "index count length:id": `count` articles from number `index` (of
-- the good ones, from 1) are duplicates of those with this id and the ones that follow it.
local articles, stats, memory = KEYS[1], KEYS[2], KEYS[3]
local pushed, window = tonumber(ARGV[1]), tonumber(ARGV[6])

local function take_off()
    redis.call('LTRIM', articles, pushed, -1)
end

if memory then
    local before = redis.call('GET', memory)
    if before then
        take_off()
        local base, hash, runs = before:match('^(%x+) (%x+) (.*)$')
        if hash == ARGV[4] then
            return {'again', base, runs}
        end
        return {'other'}
    end
end

local firsts, seen, duplicates = {}, {}, 0
if window > 0 then
    for i = 1, pushed do
        local key, id = ARGV[7] .. ARGV[6 + 2 * i], ARGV[7 + 2 * i]
        firsts[i] = seen[key] or redis.call('GET', key)
        if firsts[i] then
            duplicates = duplicates + 1
        elseif id ~= '' then
            seen[key] = id
        end
    end
end

local depth = redis.call('LLEN', articles) - pushed
if pushed > duplicates and depth + pushed - duplicates > tonumber(ARGV[2]) then
    take_off()
    return {'full', depth}
end

if duplicates == pushed then
    take_off()
elseif duplicates > 0 then
    for i, _ in pairs(firsts) do
        if firsts[i] then
            redis.call('LSET', articles, pushed - i, '')
        end
    end
    redis.call('LREM', articles, duplicates, '')
end
for key, id in pairs(seen) do
    redis.call('SET', key, id, 'EX', window)
end

-- The id that was made for the next article of the same bulk.
local function next_id(id)
    local base, number = id:match('^"(%x+)(%x%x%x%x%x%x%x%x)"$')
    if base and #base == 24 then
        return string.format('"%s%08x"', base, tonumber(number, 16) + 1)
    end
end

local runs, start, first, expected = {}, 0, nil, nil
for i = 1, duplicates > 0 and pushed + 1 or 0 do
    if first and firsts[i] ~= expected then
        runs[#runs + 1] = string.format('%d %d %d:%s', start, i - start, #first, first)
        first = nil
    end
    if firsts[i] then
        if not first then
            start, first = i, firsts[i]
        end
        expected = next_id(firsts[i]) or ''
    end
end
runs = table.concat(runs)

if pushed > duplicates then
    redis.call('HINCRBY', stats, 'http_in', pushed - duplicates)
end
if duplicates > 0 then
    redis.call('HINCRBY', stats, 'duplicates', duplicates)
end
if memory then
    redis.call('SET', memory, ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. runs, 'EX', ARGV[5])
end
return {'new', runs}
