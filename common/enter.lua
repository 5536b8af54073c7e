#!lua flags=allow-oom
-- Gives back what earlier lives of this slot still hold and registers a new owner. Start, error and
-- crash all come through here.
-- KEYS: source list, owners, stats, attempts.
-- ARGV: "role:instance:", slot, stride, slots, 1 to inherit (below), lease ms, stats field,
--       owner and index of an item blamed for a crash ("" and 0: none), strikes that are too many,
--       ms after which strikes expire.
-- A slot inherits the slot of the same place in the other generation, and slot 0 also the places at
-- or beyond `slots`, which nobody on this machine serves any more. The index counts from the oldest.
-- Returns {owner, items given back, the blamed item where it has too many strikes, its strikes, ms of
-- TIME}: that item is in the new owner's hold and to be settled as dead.
local source, owners, stats, attempts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, slot, stride = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local slots, inherits = tonumber(ARGV[4]), ARGV[5] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- One more strike for the blamed item; returns it with its strikes when they are too many.
local function strike(hold)
    local item = redis.call('LINDEX', hold, -1 - ARGV[9])
    if not item then
        return false, 0
    end
    for _, digest in ipairs(redis.call('HKEYS', attempts)) do
        local last = redis.call('HGET', attempts, digest):match(':(%d+)$')
        if tonumber(last) + ARGV[11] < now then
            redis.call('HDEL', attempts, digest)
        end
    end
    local digest = redis.sha1hex(item)
    local count = 1 + ((redis.call('HGET', attempts, digest) or '0'):match('^%d+'))
    if count < tonumber(ARGV[10]) then
        redis.call('HSET', attempts, digest, string.format('%d:%d', count, now))
        return false, count
    end
    redis.call('HDEL', attempts, digest)
    redis.call('LREM', hold, -1, item)
    return item, count
end

local function ours(theirs)
    local place = theirs % stride
    return theirs == slot
        or (inherits and (place == slot % stride or (slot == 0 and place >= slots)))
end

local returned, poison, strikes = 0, false, 0
for _, owner in ipairs(redis.call('ZRANGE', owners, 0, -1)) do
    if owner:sub(1, #prefix) == prefix then
        local theirs = tonumber(owner:match('^(%d+):%d+$', #prefix + 1))
        if theirs and ours(theirs) then
            local hold = source .. ':hold:' .. owner
            if owner == ARGV[8] then
                poison, strikes = strike(hold)
            end
            -- The newest goes first, so that the oldest is again the next one taken.
            while redis.call('LMOVE', hold, source, 'LEFT', 'RIGHT') do
                returned = returned + 1
            end
            redis.call('ZREM', owners, owner)
        end
    end
end
if returned > 0 then
    redis.call('HINCRBY', stats, ARGV[7], returned)
end
-- The epoch only ever grows, so a late command of an earlier life names an owner that is gone.
local owner = prefix .. slot .. ':' .. redis.call('HINCRBY', stats, 'epoch', 1)
redis.call('ZADD', owners, now + ARGV[6], owner)
if poison then
    redis.call('LPUSH', source .. ':hold:' .. owner, poison)
end
return {owner, returned, poison, strikes, now}
