"""What `RedisLink` has done in one step on the server; scores in `unacked_index` are of the server's clock."""

from __future__ import annotations

TAKE = """
-- Take up to ARGV[1] messages from the lists KEYS[3..], in that order, and write down who holds them, as kombu would:
-- field -> [envelope, exchange, routing key]. Fields are ARGV[2] .. number, counted from ARGV[3]; ARGV[4..] are the
-- queues of the lists, as JSON. Returns triples of list number, field, envelope.
local clock = redis.call('TIME')
local score = clock[1] .. '.' .. string.format('%06d', clock[2])
local left, number, taken = tonumber(ARGV[1]), tonumber(ARGV[3]), {}
for i = 3, #KEYS do
    while left > 0 do
        local item = redis.call('RPOP', KEYS[i])
        if not item then break end
        local field = ARGV[2] .. string.format('%d', number)
        redis.call('HSET', KEYS[1], field, '[' .. item .. ',"",' .. ARGV[i + 1] .. ']')
        redis.call('ZADD', KEYS[2], score, field)
        taken[#taken + 1] = i - 3
        taken[#taken + 1] = field
        taken[#taken + 1] = item
        left, number = left - 1, number + 1
    end
end
return taken
"""

GIVE_BACK = """
-- Put the envelope ARGV[2] back at the head of the list KEYS[3], if the field ARGV[1] still holds it.
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('RPUSH', KEYS[3], ARGV[2])
return 1
"""

RENEW = """
-- Keep the fields ARGV fresh; returns how many of them are not held any more.
local clock = redis.call('TIME')
local score = clock[1] .. '.' .. string.format('%06d', clock[2])
local lost = 0
for i = 1, #ARGV do
    if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
        redis.call('ZADD', KEYS[2], score, ARGV[i])
    else
        lost = lost + 1
    end
end
return lost
"""

STALE = """
-- Return fields that were not kept fresh for ARGV[1] seconds.
local clock = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', tonumber(clock[1]) - tonumber(ARGV[1]), 'LIMIT', 0, 1000)
"""
