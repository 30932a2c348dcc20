"""What the store has done in one step on the server.

The keys of a chord are Celery's, so that its workers and ours may share one: `.s` the size, `.t` what was added to it
later, `.j` the parts by their index, `.d` which parts were counted, `.c` who publishes the body, or `done`. `.u` is
ours: the trigger, for a chord whose size is not known yet; `.a` too: what was counted in `.t`.
"""

from __future__ import annotations

STORE = """
-- Set KEYS[1] to ARGV[1] for ARGV[2] seconds (0: for ever) and tell those who wait, unless it holds a success. What is
-- there and no JSON is returned: it is for the caller to read, and overwritten where it comes back as ARGV[3].
local current = redis.call('GET', KEYS[1])
if current and current ~= ARGV[3] then
    local readable, meta = pcall(cjson.decode, current)
    if not readable or type(meta) ~= 'table' then return current end
    if meta.status == 'SUCCESS' then return 0 end
end
if tonumber(ARGV[2]) > 0 then
    redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1])
else
    redis.call('SET', KEYS[1], ARGV[1])
end
redis.call('PUBLISH', KEYS[1], ARGV[1])
return 1
"""

COMPLETE = """
-- Tell whether as many parts are in as the chord has, and claim its body. A claim of ours that was not finished is ours
-- still: whoever made it may have died, and its message came to us.
local function claim(size, token, seconds)
    local total = tonumber(size) + tonumber(redis.call('GET', tkey) or 0)
    if redis.call('ZCARD', jkey) < total then return 'open' end
    local holder = redis.call('GET', ckey)
    if holder and holder ~= token then return 'contested' end
    redis.call('SET', ckey, token, 'EX', seconds)
    return 'claimed'
end
"""

PART = (
    """
-- Record a part: ARGV[1] is its name, ARGV[2] itself, ARGV[3] its index. ARGV[4] is how long a chord is kept, ARGV[5]
-- the token of our claims, ARGV[6] how long one holds, ARGV[7] the size where the part knows it, ARGV[8] the trigger.
local jkey, tkey, skey, dkey, ckey, ukey, akey, gkey = unpack(KEYS)
"""
    + COMPLETE
    + """
if redis.call('GET', ckey) == 'done' then return 'done' end
if redis.call('SADD', dkey, ARGV[1]) == 1 then redis.call('ZADD', jkey, ARGV[3], ARGV[2]) end
local size = redis.call('GET', skey) or ARGV[7]
if size == '' then redis.call('SET', ukey, ARGV[8]) end
if tonumber(ARGV[4]) > 0 then
    for _, key in ipairs({jkey, tkey, skey, dkey, ukey, akey, gkey}) do redis.call('EXPIRE', key, ARGV[4]) end
end
if size == '' then return 'open' end
return claim(size, ARGV[5], ARGV[6])
"""
)

SIZE = (
    """
-- Say how many parts a chord has, ARGV[1]; it begins anew. Returns the trigger where all of them are in already.
local jkey, tkey, skey, dkey, ckey, ukey = unpack(KEYS)
"""
    + COMPLETE
    + """
redis.call('DEL', ckey)
redis.call('SET', skey, ARGV[1])
if tonumber(ARGV[4]) > 0 then redis.call('EXPIRE', skey, ARGV[4]) end
local trigger = redis.call('GET', ukey)
if trigger and claim(ARGV[1], ARGV[2], ARGV[3]) == 'claimed' then return trigger end
return false
"""
)

EXTEND = """
-- Say that the chord has the part ARGV[1] too; said twice it counts once. A chord is kept for ARGV[2] seconds.
local tkey, akey = KEYS[1], KEYS[2]
if redis.call('SADD', akey, ARGV[1]) == 1 then redis.call('INCR', tkey) end
if tonumber(ARGV[2]) > 0 then
    redis.call('EXPIRE', tkey, ARGV[2])
    redis.call('EXPIRE', akey, ARGV[2])
end
return 1
"""

DONE = """
-- Finish the claim ARGV[1]: the body is on its way. Late parts are ignored for ARGV[2] seconds.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2]) end
return 1
"""

FORGET = """
-- Delete a chord; late parts are ignored for ARGV[1] seconds.
local jkey, tkey, skey, dkey, ckey, ukey, akey = unpack(KEYS)
redis.call('DEL', jkey, tkey, skey, dkey, ukey, akey)
redis.call('SET', ckey, 'done', 'EX', ARGV[1])
return 1
"""
