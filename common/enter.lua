#!lua flags=allow-oom
-- Gives back what earlier lives of this slot still hold and registers a new owner. Start, error and
-- crash all come through here.
-- KEYS: source list, owners, stats, attempts, living token of the instance.
-- ARGV: "role:instance:", slot, stride, slots, 1 to inherit (below), lease ms, stats field,
--       owner and index of an item blamed for a crash ("" and 0: none), strikes that are too many,
--       ms after which strikes expire, 1 where the item is to blame; 0: its process was killed, and
--       nobody knows why; tokens of this start of the role and of those before it that are dead.
-- A slot inherits the slot of the same place in the other generation, and slot 0 also the places at
-- or beyond `slots`, which nobody on this machine serves any more. The index counts from the oldest.
-- Returns {owner, items given back, the blamed item where it has too many strikes, its strikes, ms of
-- TIME}: that item is in the new owner's hold and to be settled as dead. One that is not to blame
-- goes to the left end of the list instead, behind all that wait.
-- Returns false and touches nothing where the instance has another living token: its state directory
-- was copied, and whoever lives by the other copy is not to be thrown out.
-- An error in the middle undoes nothing: items move by LMOVE alone, the new owner is registered
-- before it holds anything, and an old one is forgotten before it loses anything.
local source, owners, stats, attempts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, slot, stride = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local slots, inherits = tonumber(ARGV[4]), ARGV[5] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local returned, poison, strikes, field = 0, false, 0, nil
local guilty = ARGV[12] == '1'

local living = redis.call('GET', KEYS[5])
if living and not (' ' .. ARGV[13] .. ' '):find(' ' .. living .. ' ', 1, true) then
    return false
end
redis.call('SET', KEYS[5], ARGV[13]:match('%S+'), 'PX', ARGV[6])

local earlier = redis.call('ZRANGE', owners, 0, -1)
-- The epoch only ever grows, so a late command of an earlier life names an owner that is gone.
local new = prefix .. slot .. ':' .. redis.call('HINCRBY', stats, 'epoch', 1)
redis.call('ZADD', owners, now + ARGV[6], new)

-- The newest goes first, so that the oldest is again the next one taken.
local function give_back(hold, most)
    while most > 0 and redis.call('LMOVE', hold, source, 'LEFT', 'RIGHT') do
        returned, most = returned + 1, most - 1
    end
end

-- The strikes so far. What is in the hash in another form, or in its place, is none.
local function strikes_so_far()
    local value = redis.pcall('HGET', attempts, field)
    return type(value) == 'string' and tonumber(value:match('^(%d):%d+$')) or 0
end

-- One more strike for the item; with too many it goes into the new owner's hold, or to the end.
local function blame(hold, index)
    local item = redis.call('LINDEX', hold, -1 - index)
    if not item then
        return
    end
    field = (guilty and '' or 'kill:') .. redis.sha1hex(item)
    strikes = math.min(strikes_so_far() + 1, 9)
    if strikes < tonumber(ARGV[10]) then
        return
    end
    give_back(hold, redis.call('LLEN', hold) - 1 - index)
    if guilty then
        poison = redis.call('LMOVE', hold, source .. ':hold:' .. new, 'LEFT', 'LEFT')
    elseif redis.call('LMOVE', hold, source, 'LEFT', 'LEFT') then
        returned = returned + 1
    end
end

local function ours(theirs)
    local place = theirs % stride
    return theirs == slot
        or (inherits and (place == slot % stride or (slot == 0 and place >= slots)))
end

for _, owner in ipairs(earlier) do
    if owner:sub(1, #prefix) == prefix then
        local theirs = tonumber(owner:match('^(%d+):%d+$', #prefix + 1))
        if theirs and ours(theirs) then
            local hold = source .. ':hold:' .. owner
            redis.call('ZREM', owners, owner)
            if owner == ARGV[8] then
                blame(hold, tonumber(ARGV[9]))
            end
            give_back(hold, math.huge)
        end
    end
end
if returned > 0 then
    redis.call('HINCRBY', stats, ARGV[7], returned)
end

-- Last, and by pcall: nothing that is wrong with the strikes keeps anybody from entering.
if field then
    local fields = redis.pcall('HGETALL', attempts)
    for i = 1, #fields, 2 do
        local at = tonumber(fields[i + 1]:match('^%d:(%d+)$'))
        if not at or at + ARGV[11] < now or fields[i] == field then
            redis.pcall('HDEL', attempts, fields[i])
        end
    end
    if not poison then
        redis.pcall('HSET', attempts, field, string.format('%d:%d', strikes, now))
    end
end
return {new, returned, poison, strikes, now}
