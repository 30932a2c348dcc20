"""An app: tasks, settings and connections of one program."""
