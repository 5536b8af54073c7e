#!lua flags=allow-oom
-- The janitor's round: renews the leases of this machine's live owners and gives back what owners of
-- its role hold whose lease has ended, whichever machine they were on.
-- KEYS: source list, owners, stats, living token of the instance.
-- ARGV: "role:", lease ms, stats field, tokens as for enter.lua, then live
--       owners.
-- Returns {owners taken over, items given back, length of the list, items in all holds, dead items,
--          owners}.
local source, owners, stats = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token = ARGV[4]:match('%S+')
if (redis.call('GET', KEYS[4]) or token) == token then
    redis.call('SET', KEYS[4], token, 'PX', ARGV[2])
end
for i = 5, #ARGV do
    redis.call('ZADD', owners, 'XX', now + ARGV[2], ARGV[i])
end
local taken, returned, held, alive = 0, 0, 0, 0
for _, owner in ipairs(redis.call('ZRANGE', owners, 0, -1)) do
    if owner:sub(1, #ARGV[1]) == ARGV[1] then
        local hold = source .. ':hold:' .. owner
        if tonumber(redis.call('ZSCORE', owners, owner)) < now then
            redis.call('ZREM', owners, owner) -- forgotten first: see enter.lua
            while redis.call('LMOVE', hold, source, 'LEFT', 'RIGHT') do
                returned = returned + 1
            end
            taken = taken + 1
        else
            held = held + redis.call('LLEN', hold)
            alive = alive + 1
        end
    end
end
if returned > 0 then
    redis.call('HINCRBY', stats, ARGV[3], returned)
end
return {taken, returned, redis.call('LLEN', source), held, redis.call('LLEN', source .. ':dead'),
    alive}
