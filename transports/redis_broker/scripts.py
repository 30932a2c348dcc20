"""What is done in one step on the server. Times are those of its clock; batches come packed by msgpack.

A node of ours is the hash `understudy.node.{boot}`, which expires with its lease. It has, for each of its owners, by
epoch: the number of the last fetch that was answered with messages; `s{epoch}`: number and answer of the last
settlement, so that one that is asked for again is not carried out again; `q{epoch}`: the queues it takes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from typing import Any

from .lua import CLOCK, PUBLISHING
from .settle_script import SETTLE

OPEN = """
-- Enter the owner ARGV[1] of the node KEYS[1], ARGV[2], who takes from the queues ARGV[4] (msgpack), for ARGV[3] ms.
-- Returns whether somebody before it, who is not there any more, may hold messages.
local epoch, orphans = ARGV[1], 0
local wanted = {}
for _, queue in ipairs(cmsgpack.unpack(ARGV[4])) do wanted[queue] = true end
if redis.call('EXISTS', KEYS[1]) == 0 then
    orphans = redis.call('SISMEMBER', KEYS[2], ARGV[2])
elseif redis.call('HEXISTS', KEYS[1], epoch) == 0 then
    local known = redis.call('HGETALL', KEYS[1])
    for i = 1, #known, 2 do
        local other = string.match(known[i], '^q(%d+)$')
        if other and tonumber(other) < tonumber(epoch) then
            for _, queue in ipairs(cmsgpack.unpack(known[i + 1])) do
                if wanted[queue] then
                    redis.call('HDEL', KEYS[1], other, 'q' .. other, 's' .. other)
                    orphans = 1
                    break
                end
            end
        end
    end
end
redis.call('HSETNX', KEYS[1], epoch, 0)
redis.call('HSET', KEYS[1], 'q' .. epoch, ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SADD', KEYS[2], ARGV[2])
return orphans
"""

RENEW = (
    CLOCK
    + """
-- Renew the lease of the node KEYS[1] for ARGV[2] ms, if its owner ARGV[1] is there; keep the fields ARGV[3..] fresh.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for i = 3, #ARGV do redis.call('ZADD', KEYS[2], 'XX', now, ARGV[i]) end
return 1
"""
)

LEAVE = """
-- Strike out the owner ARGV[1] of the node KEYS[1], ARGV[2]; the last one takes the node with it. Returns the number of
-- its last fetch that was answered with messages.
local last = redis.call('HGET', KEYS[1], ARGV[1]) or '0'
redis.call('HDEL', KEYS[1], ARGV[1], 'q' .. ARGV[1], 's' .. ARGV[1])
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[2]) end
return tonumber(last)
"""

_PROMOTE = """
-- Put what is due of a queue, and waits in `delayed`, to the heads of its lists, what is due first at the very front.
local function promote(delayed, first_list)
    local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 200)
    for i = #due, 1, -1 do
        local _, last, list = string.find(due[i], '^%S+ (%d+) ')
        redis.call('RPUSH', KEYS[first_list + tonumber(list)], string.sub(due[i], last + 1))
    end
    if #due > 0 then redis.call('ZREM', delayed, unpack(due)) end
end
"""

FETCH = (
    CLOCK
    + _PROMOTE
    + """
-- Take up to ARGV[3] messages for the fetch ARGV[2] of the owner ARGV[1], and write down who holds them as kombu would:
-- field -> [envelope, exchange, routing key]. Fields are ARGV[4] .. number, the first number is ARGV[5]. ARGV[6]: what
-- this fetch has taken before is wanted again. ARGV[7]: the number of lists of each queue. ARGV[8]: bytes after which
-- no more messages are taken, 0 for any. ARGV[9..]: the queues, as JSON. KEYS: unacked, its index, the node; then, for
-- each queue, its delayed messages and its lists.
-- Returns {state, seconds until the next delayed message is due, list number, envelope, ..}; state -1: it is no owner.
local last = redis.call('HGET', KEYS[3], ARGV[1])
if not last then return {-1, ""} end
local first, lists = tonumber(ARGV[5]), tonumber(ARGV[7])
local answer = {0, ''}
if tonumber(last) >= tonumber(ARGV[2]) then
    if ARGV[6] == '1' and tonumber(last) == tonumber(ARGV[2]) then
        local number = first
        while true do
            local held = redis.call('HGET', KEYS[1], ARGV[4] .. string.format('%d', number))
            if not held then break end
            answer[#answer + 1] = -1
            answer[#answer + 1] = held
            number = number + 1
        end
    end
    return answer
end
local left, number, room = tonumber(ARGV[3]), first, tonumber(ARGV[8])
if room == 0 then room = math.huge end
local function some()
    -- Return how many to take at a time: as many as fit by the size of those before them.
    if room == math.huge then return left end
    local taken = number - first
    if taken == 0 then return math.min(left, 2) end
    return math.min(left, math.max(1, math.floor(room * taken / (tonumber(ARGV[8]) - room + 1))))
end
local entries, index = {}, {}
for queue = 9, #ARGV do
    local start = 4 + (queue - 9) * (lists + 1)
    promote(KEYS[start], start + 1)
    for list = 1, lists do
        while left > 0 and room > 0 do
            local wanted = some()
            local items = redis.call('RPOP', KEYS[start + list], wanted) or {}
            for _, item in ipairs(items) do
                local field = ARGV[4] .. string.format('%d', number)
                entries[#entries + 1] = field
                entries[#entries + 1] = '[' .. item .. ',"",' .. ARGV[queue] .. ']'
                index[#index + 1] = now
                index[#index + 1] = field
                answer[#answer + 1] = (queue - 9) * lists + list - 1
                answer[#answer + 1] = item
                number = number + 1
                room = room - #item
            end
            left = left - #items
            if #items < wanted then break end
        end
    end
    if left == tonumber(ARGV[3]) then
        local next = redis.call('ZRANGE', KEYS[start], 0, 0, 'WITHSCORES')[2]
        if next and (answer[2] == '' or tonumber(next) < tonumber(answer[2])) then answer[2] = next end
    end
end
if #entries > 0 then
    redis.call('HSET', KEYS[1], unpack(entries))
    redis.call('ZADD', KEYS[2], unpack(index))
    redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
elseif answer[2] ~= '' then
    answer[2] = tostring(math.max(0, tonumber(answer[2]) - tonumber(now)))
end
return answer
"""
)

PUBLISH = (
    PUBLISHING
    + """
publish(cmsgpack.unpack(ARGV[1]), ARGV[2])
return 1
"""
)

PARK = (
    CLOCK
    + """
-- Put {field, delayed messages, entry, seconds} (msgpack, ARGV[2]), which the owner ARGV[1] holds, where they wait.
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then return 0 end
for _, one in ipairs(cmsgpack.unpack(ARGV[2])) do
    if redis.call('HEXISTS', KEYS[1], one[1]) == 1 then
        redis.call('ZADD', one[2], tonumber(now) + one[4], one[3])
        redis.call('HDEL', KEYS[1], one[1])
        redis.call('ZREM', KEYS[2], one[1])
    end
end
return 1
"""
)

PROMOTE = (
    CLOCK
    + _PROMOTE
    + """
-- Put what is due, and waits in KEYS[1], into the lists KEYS[2..]; returns in how many seconds the next is due, or ''.
promote(KEYS[1], 2)
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
return next and tostring(math.max(0, tonumber(next) - tonumber(now))) or ''
"""
)

DEAD_NODES = """
-- Return the nodes of KEYS[1] whose lease has run out; ARGV[1] is what the key of a node begins with.
local dead = {}
for _, boot in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    if redis.call('EXISTS', ARGV[1] .. boot) == 0 then dead[#dead + 1] = boot end
end
return dead
"""

BURY = """
-- Forget the node ARGV[1], unless it is there again.
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('SREM', KEYS[1], ARGV[1]) end
return 1
"""

RESTORE = """
-- Give back {key of the node, epoch, field, list, envelope} (msgpack, ARGV[1]) where the owner is not there any more.
local restored = 0
for _, one in ipairs(cmsgpack.unpack(ARGV[1])) do
    if redis.call('HEXISTS', one[1], one[2]) == 0 and redis.call('HEXISTS', KEYS[1], one[3]) == 1 then
        redis.call('RPUSH', one[4], one[5])
        redis.call('HDEL', KEYS[1], one[3])
        redis.call('ZREM', KEYS[2], one[3])
        restored = restored + 1
    end
end
return restored
"""

RESTORE_STOCK = """
-- Give back the field ARGV[1] of a stock worker, as the envelope ARGV[3] in the lists KEYS[3..], if it holds ARGV[2].
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
for i = 3, #KEYS do redis.call('RPUSH', KEYS[i], ARGV[3]) end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""

STALE = (
    CLOCK
    + """
-- Return fields and values that were not kept fresh for ARGV[1] seconds.
local found = {}
local before = tonumber(now) - tonumber(ARGV[1])
for _, field in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', before, 'LIMIT', 0, 100)) do
    local value = redis.call('HGET', KEYS[1], field)
    if value then
        found[#found + 1] = field
        found[#found + 1] = value
    else
        redis.call('ZREM', KEYS[2], field)
    end
end
return found
"""
)

UNBURY = """
-- Take the entry ARGV[1] out of the dead letters KEYS[1]; where it was there, put ARGV[2] into KEYS[2], if it is any,
-- and forget the result KEYS[3].
if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 0 then return 0 end
if ARGV[2] ~= '' then
    redis.call('DEL', KEYS[3])
    redis.call('LPUSH', KEYS[2], ARGV[2])
end
return 1
"""

ALL = (
    OPEN,
    RENEW,
    LEAVE,
    FETCH,
    PUBLISH,
    SETTLE,
    PARK,
    PROMOTE,
    DEAD_NODES,
    BURY,
    RESTORE,
    RESTORE_STOCK,
    STALE,
    UNBURY,
)
_NAMES = {script: sha1(script.encode(), usedforsecurity=False).hexdigest() for script in ALL}

LOAD = [("SCRIPT", "LOAD", script) for script in ALL]
"""What a connection says first, so that every script can be run by its name."""


def run(script: str, keys: Sequence[str], *arguments: Any) -> tuple[Any, ...]:
    """Return the command that runs a script."""
    return ("EVALSHA", _NAMES[script], len(keys), *keys, *arguments)
