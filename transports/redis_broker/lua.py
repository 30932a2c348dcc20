"""Pieces of Lua that several scripts begin with."""

from __future__ import annotations

CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] .. '.' .. string.format('%06d', clock[2])
"""

PUBLISHING = """
-- Push {list, envelope, key by which a second one is dropped or ''} to the back of their lists.
local function publish(letters, keep)
    for _, letter in ipairs(letters) do
        if letter[3] == '' or redis.call('SET', letter[3], 1, 'NX', 'EX', keep) then
            redis.call('LPUSH', letter[1], letter[2])
        end
    end
end
"""
