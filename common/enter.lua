#!lua flags=allow-oom
-- Gives back what earlier lives of this slot still hold and registers a new owner. Start, error and
-- crash all come through here.
-- KEYS: source list, owners, stats. ARGV: "role:instance:", slot, slots, lease ms, stats field.
-- Slot numbers at or beyond `slots` belong to nobody on this machine any more: slot 0 inherits them.
local source, owners, stats = KEYS[1], KEYS[2], KEYS[3]
local prefix, slot, slots = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local returned = 0
for _, owner in ipairs(redis.call('ZRANGE', owners, 0, -1)) do
    if owner:sub(1, #prefix) == prefix then
        local theirs = tonumber(owner:match('^(%d+):%d+$', #prefix + 1))
        if theirs and (theirs == slot or (slot == 0 and theirs >= slots)) then
            local hold = source .. ':hold:' .. owner
            -- The newest goes first, so that the oldest is again the next one taken.
            while redis.call('LMOVE', hold, source, 'LEFT', 'RIGHT') do
                returned = returned + 1
            end
            redis.call('ZREM', owners, owner)
        end
    end
end
if returned > 0 then
    redis.call('HINCRBY', stats, ARGV[5], returned)
end
-- The epoch only ever grows, so a late command of an earlier life names an owner that is gone.
local owner = prefix .. slot .. ':' .. redis.call('HINCRBY', stats, 'epoch', 1)
local now = redis.call('TIME')
redis.call('ZADD', owners, now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[4], owner)
return {owner, returned}
