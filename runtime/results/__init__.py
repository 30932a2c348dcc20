"""Results: what is stored about tasks, and how it is waited for."""
