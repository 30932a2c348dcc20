"""The worker node: a tree of actors that fetches tasks, has them run, and commits what comes of them."""
