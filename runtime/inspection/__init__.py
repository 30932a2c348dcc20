"""A running node seen from another process: its tree, and the restart and stop of one of its actors."""
