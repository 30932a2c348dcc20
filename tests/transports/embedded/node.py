"""A node as the embedded broker sees it: a writer of its own, and an intake on the queue `q`.

Arguments: the broker's file, the lease, the boot's name, the behaviour, the credit. It prints a line for each thing
that happens. `work`: settles what it takes, with results. `hold`: takes once, and settles that when there is a file
`BOOT.settle`. Either keeps a writer up, and its lease.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support import wait_until
from tests.transports.conformance.messages import success, task_id
from understudy.transports.api import Intake
from understudy.transports.embedded.transport import SqliteTransport, connect
from understudy.transports.errors import LeaseLost
from understudy.transports.message import Delivery, Outcome


def main(database: str, lease: str, boot: str, behaviour: str, credit: str) -> None:
    transport = connect(f"sqlite:///{database}", {"lease": lease})
    threading.Thread(target=keep_writer, args=(transport,), daemon=True).start()
    intake = transport.intake(["q"], f"{boot}.1")
    threading.Thread(target=keep_lease, args=(intake, float(lease)), daemon=True).start()
    if behaviour == "work":
        work(intake, int(credit))
    else:
        hold(intake, int(credit), Path(f"{boot}.settle"))


def tell(line: str) -> None:
    os.write(sys.stdout.fileno(), line.encode() + b"\n")


def keep_writer(transport: SqliteTransport) -> None:
    while True:
        writer = transport.start_writer()
        writer.wait()
        writer.stop()
        tell("writer ended")


def keep_lease(intake: Intake, lease: float) -> None:
    while True:
        renewed = intake.renew().get(timeout=60)
        tell(f"renewed {renewed}")
        time.sleep(lease / 4)


def work(intake: Intake, credit: int) -> None:
    while True:
        deliveries = fetch(intake, credit)
        ids = [task_id(delivery) for delivery in deliveries]
        for delivery, one in zip(deliveries, ids, strict=True):
            tell(f"ran {one} {'again' if delivery.redelivered else 'first'}")
        settle(intake, deliveries)


def hold(intake: Intake, credit: int, until: Path) -> None:
    deliveries = fetch(intake, credit)
    tell("holds " + " ".join(task_id(delivery) for delivery in deliveries))
    wait_until(until.exists, 60, what="the file that lets this node settle")
    settle(intake, deliveries)
    threading.Event().wait()


def fetch(intake: Intake, credit: int) -> list[Delivery]:
    try:
        return intake.fetch(credit).get(timeout=60)
    except LeaseLost as error:
        tell(f"lost its lease: {error}")
        time.sleep(60)
        return []


def settle(intake: Intake, deliveries: Sequence[Delivery]) -> None:
    outcomes = [Outcome(delivery.tag, result=success(task_id(delivery))) for delivery in deliveries]
    answers = intake.settle(outcomes).get(timeout=60)
    tell(f"settled {answers}")


if __name__ == "__main__":
    main(*sys.argv[1:])
