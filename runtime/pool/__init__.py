"""The process pool: child processes that run tasks, and what a node needs to start, feed, watch and bury them.

* `program`: what a child runs: the app's spec, and the protocol of an executor.
* `forking`, `spawning`: the node's handles on where children come from; `process`: its handle on one child.
* `forkserver`, `child`: the two processes at the other end.
* `packets`, `channel`, `platform`: what they say to each other, how, and on which system calls.
* `lookahead`: how many tasks may wait behind the running one.

Nothing is imported here, so that a child loads no more than it needs.
"""
