#!lua
-- Would a post be taken? As scripts of posts have no allow-oom and may write, this one is refused
-- wherever they would be: a full Redis, a replica, one that cannot save or lacks its replicas. A
-- backlog that is full is no reason: that answer has its own Retry-After.
-- KEYS: articles, stats. Returns "ready", or the error that a post would meet.
redis.call('LLEN', KEYS[1])
redis.call('HLEN', KEYS[2])
local needed = {{'LPUSH', KEYS[1], ''}, {'LTRIM', KEYS[1], 0, 0}, {'HINCRBY', KEYS[2], 'http_in', 0},
                {'MULTI'}, {'EXEC'}}
for _, command in ipairs(needed) do
    if not redis.acl_check_cmd(unpack(command)) then
        return redis.error_reply('NOPERM this user may not ' .. command[1])
    end
end
return 'ready'
