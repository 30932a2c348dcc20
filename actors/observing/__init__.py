"""A system seen from outside: what its actors are doing, without asking them."""
