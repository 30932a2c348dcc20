"""Routers: one address in front of many actors; partitions: many of one kind, each for its share of the keys."""
