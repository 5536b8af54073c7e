#!lua flags=allow-oom
-- Gives back what a hold has that no registered owner answers for. An owner that is gone never comes
-- back (its epoch is not given twice), so that nobody can settle these items any more.
-- KEYS: source list, hold, owners, stats. ARGV: owner, stats field.
-- Returns the number of items given back.
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then
    return 0
end
local returned = 0
while redis.call('LMOVE', KEYS[2], KEYS[1], 'LEFT', 'RIGHT') do
    returned = returned + 1
end
if returned > 0 then
    redis.call('HINCRBY', KEYS[4], ARGV[2], returned)
end
return returned
