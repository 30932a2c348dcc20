"""From a call to a message in a queue."""
