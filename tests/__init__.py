"""The tests, one tree for the three floors; `tests.support` is what they share."""
