"""From a message to its outcome."""
