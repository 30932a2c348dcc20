"""Deterministic simulation of actor systems; `understudy.testing` is its door."""
