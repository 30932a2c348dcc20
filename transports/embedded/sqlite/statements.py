"""Every statement that runs while the broker does; the schema's are in `schema.py`."""

from __future__ import annotations

from ..core.place import QUEUE_SHIFT

_MESSAGE = "place, id, head, body, expires, losses, deaths, returned"

INSERT_MESSAGE = f"INSERT INTO messages ({_MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DELETE_MESSAGE = "DELETE FROM messages WHERE place = ?"
UPDATE_MESSAGE = "UPDATE messages SET losses = ?, deaths = ?, returned = ? WHERE place = ?"
LOAD_MESSAGE = f"SELECT {_MESSAGE} FROM messages WHERE place = ?"
SCAN_MESSAGES = f"SELECT {_MESSAGE} FROM messages WHERE place > ? AND place <= ? ORDER BY place LIMIT ?"
PLACES = "SELECT place FROM messages WHERE place > ? AND place <= ? ORDER BY place LIMIT ?"
COUNT_MESSAGES = "SELECT messages FROM queues WHERE number = ?"
CHANGE_COUNT = "UPDATE queues SET messages = messages + ? WHERE number = ?"
EXPIRED_MESSAGES = "SELECT place FROM messages WHERE expires <= ? ORDER BY expires LIMIT ?"

INSERT_DELAYED = f"INSERT INTO delayed ({_MESSAGE}, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
DUE_MESSAGES = f"SELECT {_MESSAGE} FROM delayed WHERE due <= ? ORDER BY due LIMIT ?"
DELETE_DELAYED = "DELETE FROM delayed WHERE place = ?"
NEXT_DUE = "SELECT min(due) FROM delayed"
CLEAR_DELAYED = "DELETE FROM delayed WHERE place IN (SELECT place FROM delayed WHERE place BETWEEN ? AND ? LIMIT ?)"

PUT_RESULT = """
    INSERT INTO results (task_id, state, payload, expires) VALUES (?, ?, ?, ?)
    ON CONFLICT (task_id) DO UPDATE SET state = excluded.state, payload = excluded.payload, expires = excluded.expires
    WHERE results.state <> 'SUCCESS' OR excluded.state = 'SUCCESS'
"""
GET_RESULT = "SELECT state, payload FROM results WHERE task_id = ? AND (expires IS NULL OR expires > ?)"
DELETE_RESULT = "DELETE FROM results WHERE task_id = ?"
PUT_GROUP = "INSERT OR REPLACE INTO groups (group_id, payload, expires) VALUES (?, ?, ?)"
GET_GROUP = "SELECT payload FROM groups WHERE group_id = ? AND (expires IS NULL OR expires > ?)"
DELETE_GROUP = "DELETE FROM groups WHERE group_id = ?"

GET_CHORD = "SELECT group_id, size, arrived, state, fires, expires FROM chords WHERE group_id = ?"
PUT_CHORD = """
    INSERT INTO chords (group_id, size, arrived, state, fires, expires) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (group_id) DO UPDATE
    SET size = excluded.size, arrived = excluded.arrived, state = excluded.state, fires = excluded.fires
"""
ADD_PART = "INSERT OR IGNORE INTO chord_parts (group_id, position, task_id, state, payload) VALUES (?, ?, ?, ?, ?)"
PARTS = "SELECT position, task_id, state, payload FROM chord_parts WHERE group_id = ? ORDER BY position"
DELETE_PARTS = "DELETE FROM chord_parts WHERE group_id = ?"
EXPIRED_CHORDS = "SELECT group_id FROM chords WHERE expires <= ? LIMIT ?"
DELETE_CHORD = "DELETE FROM chords WHERE group_id = ?"

_DEAD = "place, id, head, body, losses, deaths, queue, task, reason, since, expires"
PUT_DEAD = f"INSERT INTO dead ({_DEAD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
ALL_DEAD = f"SELECT {_DEAD} FROM dead WHERE queue = coalesce(?, queue) ORDER BY since, place LIMIT ?"
DEAD_BY_ID = f"SELECT {_DEAD} FROM dead WHERE id = ? AND queue = coalesce(?, queue) ORDER BY since, place"
DELETE_DEAD = "DELETE FROM dead WHERE place = ?"

QUEUES = "SELECT name, number FROM queues"
ADD_QUEUE = "INSERT INTO queues (number, name, messages) VALUES (?, ?, 0)"
_OF_QUEUE = f"place BETWEEN number << {QUEUE_SHIFT} AND (number + 1 << {QUEUE_SHIFT}) - 1"
DROP_EMPTY_QUEUES = f"""
    DELETE FROM queues
    WHERE messages = 0
    AND NOT EXISTS (SELECT 1 FROM delayed WHERE {_OF_QUEUE})
"""
GET_META = "SELECT value FROM meta WHERE name = ?"
PUT_META = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
NODES = "SELECT boot, fence FROM nodes"
PUT_NODE = "INSERT OR REPLACE INTO nodes (boot, fence) VALUES (?, ?)"
DELETE_NODE = "DELETE FROM nodes WHERE boot = ?"
LAST_NUMBER = "SELECT number FROM clients WHERE nonce = ?"
REMEMBER_NUMBER = "INSERT OR REPLACE INTO clients (nonce, number, expires) VALUES (?, ?, ?)"
CLAIM_KEY = "INSERT OR IGNORE INTO keys (key, expires) VALUES (?, ?)"

SWEEPS = (
    "DELETE FROM results WHERE task_id IN (SELECT task_id FROM results WHERE expires <= ? LIMIT ?)",
    "DELETE FROM groups WHERE group_id IN (SELECT group_id FROM groups WHERE expires <= ? LIMIT ?)",
    "DELETE FROM dead WHERE place IN (SELECT place FROM dead WHERE expires <= ? LIMIT ?)",
    "DELETE FROM clients WHERE nonce IN (SELECT nonce FROM clients WHERE expires <= ? LIMIT ?)",
    "DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE expires <= ? LIMIT ?)",
)
