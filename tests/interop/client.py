"""A client of either side: runs the function that is named, prints what it returns as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from uuid import UUID

from tests.interop.tasks import Box, app, area

canvas: Any = import_module(os.environ["LIBRARY"])
PATIENCE = 15.0


def sig(name: str, *args: Any, **kwargs: Any) -> Any:
    """Return a signature by name, as a client without the tasks would have it."""
    return app.signature(name, args=args, kwargs=kwargs)


def outcome(result: Any) -> dict[str, Any]:
    """Return how a task ended: by itself, whatever those before it did."""
    value = result.get(timeout=PATIENCE, propagate=False)
    if isinstance(value, BaseException):
        return {"error": type(value).__name__, "text": str(value), "state": result.state}
    return {"value": value, "state": result.state}


def calls() -> dict[str, Any]:
    """Single calls, with the options that travel in a message."""
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    started = time.time()
    late = outcome(app.send_task("add", (1, 1), eta=soon))
    waited = time.time() - started
    failed = app.send_task("fail", ("broken",))
    return {
        "positional": outcome(app.send_task("add", (2, 3))),
        "keywords": outcome(app.send_task("add", kwargs={"x": "a", "y": "ü"})),
        "late": late,
        "waited": waited,
        "failed": outcome(failed),
        "traceback": failed.traceback,
        "refused": outcome(app.send_task("refuse", ("no",))),
        "again": outcome(app.send_task("again", (2,))),
        "too often": outcome(app.send_task("again", (9,))),
        "expired": outcome(app.send_task("add", (1, 1), expires=datetime.now(UTC) - timedelta(seconds=5))),
        "named": outcome(app.send_task("seen", (1,), {"k": "v"}, task_id="my-own-id", headers={"custom": "kept"})),
        "side": outcome(app.send_task("side")),
    }


def workflows() -> dict[str, Any]:
    """Chains, groups, chords and callbacks."""
    header = [sig("add", number, number) for number in range(5)]
    bad = [sig("add", 1, 1), sig("fail", "in the header")]
    return {
        "chain": outcome(canvas.chain(sig("add", 1, 1), sig("add", 10), sig("add", 100)).apply_async()),
        "group": canvas.group(header).apply_async().get(timeout=PATIENCE),
        "chord": outcome(canvas.chord(header, sig("total")).apply_async()),
        "failed chord": outcome(canvas.chord(bad, sig("total")).apply_async()),
        "chord in a chain": outcome(canvas.chain(canvas.group(header), sig("total"), sig("add", 1)).apply_async()),
        "chain in a chord": outcome(
            canvas.chord([canvas.chain(sig("add", 1, 1), sig("add", 2)) for _ in range(2)], sig("total")).apply_async()
        ),
        "failed chain": outcome(
            canvas.chain(sig("add", 1, 1), sig("fail", "in the chain"), sig("total")).apply_async()
        ),
        "linked": linked(),
    }


def stored() -> dict[str, Any]:
    """What a result store keeps: values, errors, groups, chords."""
    header = [sig("add", number, number) for number in range(5)]
    bad = [sig("add", 1, 1), sig("fail", "in the header")]
    chains = [canvas.chain(sig("add", 1, 1), sig("add", 2)) for _ in range(2)]
    group = canvas.group(header).apply_async()
    group.save()
    extended = app.send_task("add", (1, 2))
    moment = app.send_task("nap", (datetime(2026, 11, 22, 11, 26, 31, tzinfo=UTC), 0))
    restored: Any = import_module(f"{os.environ['LIBRARY']}.result").GroupResult.restore(group.id, app=app)
    sent = {
        "value": app.send_task("nap", ({"a": [1, None, "ü"]}, 0)),
        "failed": app.send_task("fail", ("broken",)),
        "again": app.send_task("again", (2,)),
        "chain": canvas.chain(sig("add", 1, 1), sig("add", 10), sig("add", 100)).apply_async(),
        "chord": canvas.chord(header, sig("total")).apply_async(),
        "failed chord": canvas.chord(bad, sig("total")).apply_async(),
        "chain in a chord": canvas.chord(chains, sig("total")).apply_async(),
    }
    extended.get(timeout=PATIENCE)
    answers = {
        **{name: outcome(result) for name, result in sent.items()},
        "moment": moment.get(timeout=PATIENCE).isoformat(),
        "traceback": sent["failed"].traceback,
        "group": group.get(timeout=PATIENCE),
        "restored": restored.get(timeout=PATIENCE),
        "extended": [getattr(extended, name) for name in ("name", "args", "kwargs", "retries", "queue")],
    }
    extended.forget()
    return {**answers, "forgotten": app.AsyncResult(extended.id).state}


def replied() -> dict[str, Any]:
    """What comes to a caller by message."""
    try:
        canvas.chord([sig("add", 1, 1)], sig("total")).apply_async()
        refusal = ""
    except Exception as error:  # noqa: BLE001 - each side has its own
        refusal = str(error)
    sent = {
        "value": app.send_task("nap", ({"a": [1, None, "ü"]}, 0)),
        "failed": app.send_task("fail", ("broken",)),
        "again": app.send_task("again", (2,)),
        "chain": canvas.chain(sig("add", 1, 1), sig("add", 10), sig("add", 100)).apply_async(),
        "failed chain": canvas.chain(sig("add", 1, 1), sig("fail", "in the chain"), sig("total")).apply_async(),
    }
    group = canvas.group([sig("add", number, number) for number in range(20)]).apply_async()
    return {
        **{name: outcome(result) for name, result in sent.items()},
        "traceback": sent["failed"].traceback,
        "group": group.get(timeout=PATIENCE),
        "refusal": refusal,
        "unknown": app.AsyncResult("nobody").state,
    }


def linked() -> str | None:
    """Return what a callback was given."""
    import redis

    key = f"note-{os.urandom(4).hex()}"
    sig("add", 20, 2).apply_async(link=sig("note", key=key))
    with redis.Redis.from_url(os.environ["BACKEND"]) as client:
        deadline = time.monotonic() + PATIENCE
        while (noted := client.get(key)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
    return None if noted is None else noted.decode()


def mixed() -> dict[str, Any]:
    """Workflows whose members run on both sides."""
    ours, stock = {"queue": "ours"}, {"queue": "stock"}

    def on(queue: dict[str, str], name: str, *args: Any) -> Any:
        return sig(name, *args).set(**queue)

    both = [on(side, "side") for side in (ours, stock) * 4]
    numbers = [on(side, "add", 1, 1) for side in (ours, stock) * 4]
    return {
        "sides": sorted(canvas.group(both).apply_async().get(timeout=PATIENCE)),
        "body with us": outcome(canvas.chord(numbers, on(ours, "total")).apply_async()),
        "body with stock": outcome(canvas.chord(numbers, on(stock, "total")).apply_async()),
        "chain": outcome(canvas.chain(on(ours, "add", 1, 1), on(stock, "add", 10), on(ours, "add", 100)).apply_async()),
        "failed by us": outcome(
            canvas.chord([on(ours, "fail", "x"), on(stock, "add", 1, 1)], on(stock, "total")).apply_async()
        ),
        "failed by stock": outcome(
            canvas.chord([on(stock, "fail", "x"), on(ours, "add", 1, 1)], on(ours, "total")).apply_async()
        ),
    }


def mixed_chords() -> dict[str, Any]:
    """Chords whose headers run on both sides, all of them at once."""
    ours, stock = ({"queue": name} for name in ("ours", "stock"))
    numbers = [sig("add", 1, 1).set(**side) for side in (ours, stock) * 2]
    failing = {"failed by us": (ours, stock), "failed by stock": (stock, ours)}
    sent = {
        "body with us": canvas.chord(numbers, sig("total").set(**ours)).apply_async(),
        "body with stock": canvas.chord(numbers, sig("total").set(**stock)).apply_async(),
        **{
            name: canvas.chord(
                [sig("fail", "x").set(**bad), sig("add", 1, 1).set(**good)], sig("total").set(**good)
            ).apply_async()
            for name, (bad, good) in failing.items()
        },
    }
    return {name: outcome(result) for name, result in sent.items()}


def many() -> dict[str, Any]:
    """A lot of small tasks; says SENT once they are on their way."""
    results = [app.send_task("nap", (number, 0.01)) for number in range(300)]
    say("SENT")
    return {"values": [result.get(timeout=60) for result in results]}


def chords() -> dict[str, Any]:
    """Many chords, and how often the body of each was run."""
    import redis

    run = os.urandom(4).hex()
    keys = [f"tally-{run}-{number}" for number in range(40)]
    results = [canvas.chord([sig("add", 1, 1) for _ in range(5)], sig("tally", key=key)).apply_async() for key in keys]
    values = [result.get(timeout=60) for result in results]
    with redis.Redis.from_url(os.environ["BACKEND"]) as client:
        return {"values": values, "times": [int(client.get(key) or 0) for key in keys]}


def ignored() -> dict[str, Any]:
    """Results that are not stored, by the option of the task, which a caller by name does not know, or of the call."""
    import redis

    key = f"note-{os.urandom(4).hex()}"
    own, said = app.send_task("silent", (key,)), app.send_task("add", (1, 1), ignore_result=True)
    kept = app.send_task("add", (1, 1), ignore_result=False)
    with redis.Redis.from_url(os.environ["BACKEND"]) as client:
        deadline = time.monotonic() + PATIENCE
        while client.get(key) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        stored = outcome(kept)  # one worker, one queue: the others are over
        return {
            "ran": client.get(key) is not None,
            "own": client.exists(f"celery-task-meta-{own.id}"),
            "said": client.exists(f"celery-task-meta-{said.id}"),
            "kept": stored,
        }


def first_protocol() -> dict[str, Any]:
    """Messages as Celery 3 wrote them."""
    header = [sig("add", number, number) for number in range(5)]
    return {
        "positional": outcome(app.send_task("add", (2, 3))),
        "keywords": outcome(app.send_task("add", kwargs={"x": "a", "y": "ü"})),
        "failed": outcome(app.send_task("fail", ("broken",))),
        "again": outcome(app.send_task("again", (2,))),
        "expired": outcome(app.send_task("add", (1, 1), expires=datetime.now(UTC) - timedelta(seconds=5))),
        "late": outcome(app.send_task("add", (1, 1), countdown=0.3)),
        "group": canvas.group(header).apply_async().get(timeout=PATIENCE),
        "chord": outcome(canvas.chord(header, sig("total")).apply_async()),
        "linked": linked(),
    }


def oddities() -> dict[str, Any]:
    """Messages that no worker can run, and one that is very large; then an ordinary one."""
    unknown = app.send_task("nobody.has.it")
    with app.connection_for_write() as connection, connection.channel() as channel:
        from kombu import Producer

        def put(body: Any, **said: Any) -> None:
            Producer(channel).publish(body, routing_key="celery", exchange="", **said)

        put(b"{", content_type="application/json", content_encoding="utf-8", headers={"id": "cut", "task": "add"})
        put(b"\xff\xfe", content_type="application/x-strange", content_encoding="binary", headers={"id": "strange"})
        put("[1, 2]", content_type="application/json", content_encoding="utf-8")
        put("[]", content_type="application/json", content_encoding="utf-8", headers={"id": "short", "task": "add"})
    large = app.send_task("length", ("x" * 10_000_000,))
    return {
        "unknown": outcome(unknown),
        "large": {"value": large.get(timeout=60), "state": large.state},
        "then": outcome(app.send_task("add", (2, 3))),
    }


SERIALIZERS = ("json", "msgpack", "yaml", "pickle", "backwards")
COMPRESSIONS = (None, "zlib", "bzip2", "lzma", "zstd", "brotli")


def codecs() -> dict[str, Any]:
    """Each serializer with each compression, and the types that JSON has no form for by itself."""
    plain = ["zwölf", 1.5, None, {"deep": [True, "x" * 2000]}]
    moment = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    extended = {
        "datetime": moment,
        "date": moment.date(),
        "time": moment.time(),
        "decimal": Decimal("1.10"),
        "uuid": UUID(int=5),
        "bytes": b"\xff\x00",
        "text as bytes": b"text",
    }
    sent = {
        f"{serializer} {compression}": app.send_task("same", (plain,), serializer=serializer, compression=compression)
        for serializer in SERIALIZERS
        for compression in COMPRESSIONS
    }
    typed = {
        f"{name} in {serializer}": (value, app.send_task("same", (value,), serializer=serializer))
        for name, value in extended.items()
        for serializer in ("json", "pickle")
    }
    failed = {name for name, result in sent.items() if outcome(result) != {"value": plain, "state": "SUCCESS"}}
    failed |= {name for name, (value, result) in typed.items() if outcome(result).get("value") != value}
    return {"tried": len(sent) + len(typed), "failed": sorted(failed)}


def results() -> dict[str, Any]:
    """Results, errors, groups and chords in the app's result serializer and compression."""
    header = [sig("add", number, number) for number in range(5)]
    bad = [sig("add", 1, 1), sig("fail", "in the header")]
    return {
        "value": outcome(app.send_task("same", (["x" * 5000, 1, None],))),
        "failed": outcome(app.send_task("fail", ("broken",))),
        "again": outcome(app.send_task("again", (1,))),
        "group": canvas.group(header).apply_async().get(timeout=PATIENCE),
        "chord": outcome(canvas.chord(header, sig("total")).apply_async()),
        "failed chord": outcome(canvas.chord(bad, sig("total")).apply_async()),
        "nested": outcome(canvas.chain(canvas.group(header), sig("total"), sig("add", 1)).apply_async()),
    }


def refused() -> dict[str, Any]:
    """A message in a serializer that the worker does not accept."""
    return {
        "pickled": outcome(app.send_task("add", (1, 1), serializer="pickle")),
        "then": outcome(app.send_task("add", (1, 1))),
    }


def delayed() -> dict[str, Any]:
    """Calls that wait in the broker, and one that does not."""
    sent = [app.send_task("add", (1, 1), countdown=2), app.send_task("add", (2, 2), countdown=1)]
    return {"now": outcome(app.send_task("add", (3, 3))), "later": [outcome(result) for result in sent]}


def say(line: str) -> None:
    """Tell the test something."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def limits() -> dict[str, Any]:
    """Tasks that run for longer than their call allows."""
    return {
        "hard": outcome(app.send_task("nap", (1, 60), time_limit=0.5)),
        "soft": outcome(app.send_task("nap", (1, 60), soft_time_limit=0.5)),
        "within": outcome(app.send_task("nap", (1, 0), time_limit=30, soft_time_limit=20)),
    }


def stamped() -> dict[str, Any]:
    """Stamps of calls, of all parts of a workflow, and of what is called later."""

    class Placed(import_module(f"{os.environ['LIBRARY']}.canvas").StampingVisitor):  # type: ignore[misc]
        def on_signature(self, sig: Any, **headers: Any) -> dict[str, Any]:
            return {"task": sig.task}

        def on_group_start(self, group: Any, **headers: Any) -> dict[str, Any]:
            return {"within": ["a group"]}

        def on_chord_body(self, sig: Any, **header: Any) -> dict[str, Any]:
            return {"body": True}

    chain, header = canvas.chain(sig("stamps"), sig("stamps")), [sig("stamps"), sig("stamps", again=True)]
    chord = canvas.chord(header, sig("stamps"))
    for workflow in (chain, chord):
        workflow.stamp(Placed())
    own = sig("stamps").stamp(customer="c-1", tries=[1, 2]).apply_async()
    answers = {"own": outcome(own), "chain": outcome(chain.apply_async()), "chord": outcome(chord.apply_async())}
    return {**answers, "replaced": outcome(sig("replaced").stamp(customer="c-1").apply_async())}


def grown() -> dict[str, Any]:
    """Chords whose headers grow."""
    header = [sig("grow", 1, 2), sig("add", 3, 3), sig("grow", 4)]
    return {"chord": outcome(canvas.chord(header, sig("total")).apply_async())}


def models() -> dict[str, Any]:
    """Models as arguments and as values."""
    return {
        "dict": outcome(app.send_task("area", ({"width": 2, "height": 3},))),
        "model": outcome(area.delay(Box(width=2, height=3), factor=2)),
        "keyword": outcome(area.apply_async(kwargs={"box": Box(width=5)})),
        "misfit": outcome(app.send_task("area", ({"width": "wide"},)))["state"],
    }


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    "calls": calls,
    "workflows": workflows,
    "mixed": mixed,
    "mixed_chords": mixed_chords,
    "stored": stored,
    "replied": replied,
    "many": many,
    "limits": limits,
    "chords": chords,
    "codecs": codecs,
    "results": results,
    "refused": refused,
    "ignored": ignored,
    "first_protocol": first_protocol,
    "delayed": delayed,
    "oddities": oddities,
    "stamped": stamped,
    "grown": grown,
    "models": models,
}

if __name__ == "__main__":
    say("RESULT " + json.dumps(SCENARIOS[sys.argv[1]]()))
