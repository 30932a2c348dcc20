"""The script that settles: results, what follows, chords and messages in one step."""

from __future__ import annotations

from ..redis_results.scripts import COMPLETE
from .lua import CLOCK, PUBLISHING

SETTLE = (
    CLOCK
    + PUBLISHING
    + """
-- Carry out the outcomes ARGV[4] (msgpack) of the owner ARGV[1], whose settlement this is the ARGV[2]th; its fields
-- are ARGV[3] .. number, keys of deduplication are kept for ARGV[5] seconds. An outcome is {number, results, letters,
-- chord, ended chord, back}, or the number alone. What grows comes first, and is refused where there is no memory,
-- before anything was done. Returns a digit for each: 1 where it was carried out, 0 where its message was not held, 2
-- where its chord's body is claimed by somebody else: then nothing of it was done. Where results are there that only
-- the caller can read nothing at all is done, and keys and payloads are returned.
local epoch = ARGV[1]
local before = redis.call('HGET', KEYS[3], 's' .. epoch)
if before then
    local number, digits = string.match(before, '^(%d+):(.*)$')
    if number == ARGV[2] then return digits end
end
local owns = redis.call('HEXISTS', KEYS[3], epoch) == 1

local succeeded, unread = {}, {}

local function look(results)
    -- Note which keys hold a success, which nothing else may replace; what is there and no JSON is for the caller to
    -- read. A result is {key, payload, seconds, is success, what the caller has read there, whether that is a success}.
    for _, one in ipairs(results) do
        local key = one[1]
        if not one[4] and succeeded[key] == nil then
            local current = redis.call('GET', key)
            if not current then
                succeeded[key] = false
            elseif current == one[5] then
                succeeded[key] = one[6]
            else
                local readable, meta = pcall(cjson.decode, current)
                if readable and type(meta) == 'table' then
                    succeeded[key] = meta.status == 'SUCCESS'
                else
                    unread[#unread + 1] = key
                    unread[#unread + 1] = current
                end
            end
        end
    end
end

local function store(results)
    for _, one in ipairs(results) do
        local key, payload, seconds, success = one[1], one[2], one[3], one[4]
        if success or not succeeded[key] then
            succeeded[key] = success
            if seconds > 0 then redis.call('SET', key, payload, 'EX', seconds) else redis.call('SET', key, payload) end
            redis.call('PUBLISH', key, payload)
        end
    end
end

local function trigger_by_names(chord, head, tail)
    -- Parts in another serializer, or compressed: which there are is said by what was counted.
    local names = {}
    for _, name in ipairs(redis.call('SMEMBERS', chord.keys[4])) do
        local id, index = string.match(name, '^(.*):(-?%d+)$')
        names[#names + 1] = {tonumber(index) or 0, '[[' .. cjson.encode(id or name) .. ',null],null]'}
    end
    table.sort(names, function(one, other) return one[1] < other[1] end)
    local ids = {}
    for place, name in ipairs(names) do ids[place] = name[2] end
    local body = chord.body[1] .. '[' .. table.concat(ids, ',') .. ']' .. chord.body[2]
    return head .. cjson.encode(body) .. tail
end

local function trigger_of(chord, jkey)
    local head, tail = chord.envelope[1], chord.envelope[2]
    if not tail then return head end
    local ids = {}
    for _, part in ipairs(redis.call('ZRANGE', jkey, 0, -1)) do
        local id = string.match(part, '^%[%s*1%s*,%s*("[^"\\\\]*")')
        if not id then
            local readable, all = pcall(cjson.decode, part)
            if not readable then return trigger_by_names(chord, head, tail) end
            id = cjson.encode(all[2])
        end
        ids[#ids + 1] = '[[' .. id .. ',null],null]'
    end
    local body = chord.body[1] .. '[' .. table.concat(ids, ',') .. ']' .. chord.body[2]
    return head .. cjson.encode(body) .. tail
end

local function record(chord)
    local jkey, tkey, skey, dkey, ckey, ukey, akey, gkey = unpack(chord.keys)
"""
    + COMPLETE
    + """
    if redis.call('GET', ckey) == 'done' then return 'done' end
    if redis.call('SADD', dkey, chord.name) == 1 then redis.call('ZADD', jkey, chord.index, chord.part) end
    local size = redis.call('GET', skey) or chord.size
    if not size then redis.call('SET', ukey, chord.trigger) end
    if chord.expires > 0 then
        for _, key in ipairs({jkey, tkey, skey, dkey, ukey, akey, gkey}) do redis.call('EXPIRE', key, chord.expires) end
    end
    if not size then return 'open' end
    local answer = claim(size, chord.token, chord.hold)
    if answer == 'claimed' then
        redis.call('LPUSH', chord.list, trigger_of(chord, jkey))
        redis.call('SET', ckey, 'done', 'EX', chord.done)
    end
    return answer
end

local function finish(chord)
    redis.call('DEL', unpack(chord.keys))
    redis.call('SET', chord.claim, 'done', 'EX', chord.done)
end

local function give_back(back)
    if back[3] then
        redis.call('ZADD', back[1], tonumber(now) + back[3], back[2])
    elseif back[4] then
        redis.call('LPUSH', back[1], back[2])
    else
        redis.call('RPUSH', back[1], back[2])
    end
end

local outcomes = cmsgpack.unpack(ARGV[4])
for _, outcome in ipairs(outcomes) do
    if type(outcome) ~= 'number' then look(outcome[2]) end
end
if #unread > 0 then return unread end

local digits, gone, backs, seen = {}, {}, {}, {}
for i, outcome in ipairs(outcomes) do
    local bare = type(outcome) == 'number'
    local number = bare and outcome or outcome[1]
    local field = ARGV[3] .. string.format('%d', number)
    digits[i] = '0'
    if number == 0 or (owns and not seen[number] and redis.call('HEXISTS', KEYS[1], field) == 1) then
        if not bare and outcome[4] and record(outcome[4]) == 'contested' then
            digits[i] = '2'
        else
            digits[i] = '1'
            if number ~= 0 then
                seen[number] = true
                gone[#gone + 1] = field
            end
            if not bare then
                publish(outcome[3], ARGV[5])
                store(outcome[2])
                if outcome[5] then finish(outcome[5]) end
                if outcome[6] then backs[#backs + 1] = outcome[6] end
            end
        end
    end
end
for i = #backs, 1, -1 do give_back(backs[i]) end
if #gone > 0 then
    redis.call('HDEL', KEYS[1], unpack(gone))
    redis.call('ZREM', KEYS[2], unpack(gone))
end
local answer = table.concat(digits)
if owns then redis.call('HSET', KEYS[3], 's' .. epoch, ARGV[2] .. ':' .. answer) end
return answer
"""
)
