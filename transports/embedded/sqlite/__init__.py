"""The broker's state in one SQLite file, which one connection of one process writes and nobody else opens."""
