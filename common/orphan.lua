#!lua flags=no-writes,allow-oom
-- What a hold has that no registered owner answers for; 0 is as it should be.
-- KEYS: hold, owners. ARGV: owner.
return redis.call('ZSCORE', KEYS[2], ARGV[1]) and 0 or redis.call('LLEN', KEYS[1])
