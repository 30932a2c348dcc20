"""What nobody can read ends in the dead letter queue, and the node goes on."""

from __future__ import annotations

from tests.support import wait_until
from understudy.transports.message import Publication

from .conftest import Site

TASKS = """
@app.task(name="add", acks_late=False, rate_limit="100/s")
def add(x, y):
    return x + y
"""

HEADS = [
    b"",
    b"nonsense",
    b'{"headers": {"id": "x", "task": "\xff"}, "properties": {}}',
    b'{"headers": ' + b"[" * 100_000,
    b'{"headers": {"id": "x", "task": "add", "timelimit": "soon"}, "properties": {}}',
]


def test_messages_that_cannot_be_read_are_dead_letters_and_hold_up_nobody(site: Site) -> None:
    node = site.node(TASKS)
    broken = [Publication(f"broken-{number}", "celery", head, b"[[], {}, {}]") for number, head in enumerate(HEADS)]
    site.client.transport.publisher().publish(broken).get(timeout=10)

    assert site.client.send_task("add", (2, 3)).get(timeout=10) == 5
    letters = site.client.transport.dead_letters()
    wait_until(lambda: len(letters.list().get(timeout=10)) == len(HEADS), what="all of them in the dead letter queue")
    assert node.running
    assert "crashed" not in node.output
