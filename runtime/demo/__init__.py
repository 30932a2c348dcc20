"""A supervised job, and the faults that do not stop it: what `understudy demo` shows."""
