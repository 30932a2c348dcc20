"""The process that owns the file: `python -m understudy.transports.embedded.writer PATH`.

Every node starts one. An exclusive lock elects the one that serves; the others wait for the lock, with everything
loaded, and the kernel hands it on when its holder dies, however it dies. A writer's life is its node's: it goes when
the node does, and another node's writer takes over. What it does it tells on standard output, a line each: `standby`,
`serving`, or `failed` with the reason.
"""
