"""A program like a server that forks: it publishes, forks, and publishes on both sides of the fork.

Arguments: how it forks, the transport's URL, its options as JSON, a queue, and the ids to publish before the fork, in
the child, and in the parent after it.
"""

from __future__ import annotations

import json
import os
import sys

from tests.support import forks
from tests.transports.conformance.messages import publication, publish
from understudy.transports.registry import connect


def main(how: str, url: str, options: str, queue: str, before: str, in_child: str, after: str) -> int:
    transport = connect(url, **json.loads(options))
    publish(transport, publication(before, queue))
    child: int = getattr(forks, how)()
    if child == 0:
        publish(transport, publication(in_child, queue))
        transport.close()
        os._exit(0)
    publish(transport, publication(after, queue))
    _, status = os.waitpid(child, 0)
    publish(transport, publication(after + "-again", queue))
    transport.close()
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
