"""Celery's `utils`, as far as programs use it."""
