"""What the worker command does around a node: its name, its pid file, its banner."""
