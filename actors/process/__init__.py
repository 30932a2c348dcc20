"""Actors whose body runs in a process of its own."""
