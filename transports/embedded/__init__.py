"""The embedded broker and result store: one SQLite file, one writer process, no server.

`core` is the broker as a state machine without I/O; `sqlite` keeps its state in a file; `writer` is the process that
owns the file and serves others over a unix socket; `link` is the other end of that socket; `transport` shows it all as
a `Transport`. `transports/memory.py` is the same core without file and process.
"""
