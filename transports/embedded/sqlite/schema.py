"""The schema, step by step: each release that changes it appends a step, and older files are brought up to date.

A file says in `user_version` how many steps it has seen, and in `meta.readable_from` the oldest schema whose code can
still work with it: releases that follow each other share a file while nodes are replaced one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

APPLICATION_ID = 0x554E5354
"""Marks the file as ours in its header: "UNST"."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the schema. readable_from: the oldest schema version whose code copes with the changed file."""

    readable_from: int
    statements: tuple[str, ...]


STEPS: Sequence[Step] = (
    Step(
        readable_from=1,
        statements=(
            "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
            "CREATE TABLE queues (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, messages INTEGER NOT NULL)",
            # The place packs queue, priority and sequence (see core/place.py): the order of this one tree is the order
            # of delivery.
            """CREATE TABLE messages (
                place INTEGER PRIMARY KEY, id TEXT NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL, expires REAL,
                losses INTEGER NOT NULL, deaths INTEGER NOT NULL, returned INTEGER NOT NULL)""",
            "CREATE INDEX messages_expires ON messages (expires) WHERE expires IS NOT NULL",
            """CREATE TABLE delayed (
                place INTEGER PRIMARY KEY, id TEXT NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL, expires REAL,
                losses INTEGER NOT NULL, deaths INTEGER NOT NULL, returned INTEGER NOT NULL, due REAL NOT NULL)""",
            "CREATE INDEX delayed_due ON delayed (due)",
            """CREATE TABLE dead (
                place INTEGER PRIMARY KEY, id TEXT NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL,
                losses INTEGER NOT NULL, deaths INTEGER NOT NULL,
                queue TEXT NOT NULL, task TEXT NOT NULL, reason TEXT NOT NULL, since REAL NOT NULL,
                expires REAL NOT NULL)""",
            "CREATE INDEX dead_since ON dead (since)",
            "CREATE INDEX dead_id ON dead (id)",
            "CREATE INDEX dead_expires ON dead (expires)",
            """CREATE TABLE results (
                task_id TEXT PRIMARY KEY, state TEXT NOT NULL, payload BLOB NOT NULL, expires REAL) WITHOUT ROWID""",
            "CREATE INDEX results_expires ON results (expires) WHERE expires IS NOT NULL",
            "CREATE TABLE groups (group_id TEXT PRIMARY KEY, payload BLOB NOT NULL, expires REAL) WITHOUT ROWID",
            "CREATE INDEX groups_expires ON groups (expires) WHERE expires IS NOT NULL",
            """CREATE TABLE chords (
                group_id TEXT PRIMARY KEY, size INTEGER, arrived INTEGER NOT NULL, state INTEGER NOT NULL,
                fires BLOB, expires REAL NOT NULL) WITHOUT ROWID""",
            "CREATE INDEX chords_expires ON chords (expires)",
            """CREATE TABLE chord_parts (
                group_id TEXT NOT NULL, position INTEGER NOT NULL, task_id TEXT NOT NULL, state TEXT NOT NULL,
                payload BLOB NOT NULL, PRIMARY KEY (group_id, position)) WITHOUT ROWID""",
            "CREATE TABLE nodes (boot TEXT PRIMARY KEY, fence INTEGER NOT NULL) WITHOUT ROWID",
            """CREATE TABLE clients (
                nonce TEXT PRIMARY KEY, number INTEGER NOT NULL, expires REAL NOT NULL) WITHOUT ROWID""",
            "CREATE TABLE keys (key TEXT PRIMARY KEY, expires REAL NOT NULL) WITHOUT ROWID",
            "CREATE INDEX keys_expires ON keys (expires)",
        ),
    ),
)
