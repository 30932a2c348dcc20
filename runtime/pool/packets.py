"""What a node, its forkserver and its pool processes say to each other. Packets are msgpack arrays, tagged by kind."""

from __future__ import annotations

import msgspec

from ...transports.message import Delivery, Outcome


class Packet(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Root of everything that is sent as one packet."""


class AppSpec(Packet, frozen=True):
    """Where a pool's program comes from, and the surroundings it is imported in.

    loader: `package.module:function`; `function(app)` returns a `program.Program`. app: what `-A` said.
    path, cwd, argv: `sys.path`, working directory and `sys.argv` during the import and after it. hostname: the node's.
    """

    loader: str
    app: str
    path: tuple[str, ...]
    cwd: str
    argv: tuple[str, ...] = ()
    hostname: str = ""


class ImportReport(Packet, frozen=True):
    """Why an app could not be imported: the error in one line, `file:line` of its origin, the whole traceback."""

    app: str
    error: str
    where: str
    traceback: str


class Setup(Packet, frozen=True):
    """The first word to a new forkserver or spawned child; `node` is the pid that it serves."""

    spec: AppSpec
    node: int
    preload: bool = True


class Job(Packet, frozen=True):
    """A delivery for a pool process: to be run, or with `post_mortem` to be failed for that reason without running.

    overran: the seconds that the task had, where the post-mortem is of a process that was killed for that.
    """

    delivery: Delivery
    post_mortem: str = ""
    overran: float | None = None


# From the node to a pool process.


class Work(Packet, frozen=True, tag=0):
    """One job; `number` is unique within the process, as tags of different intakes are not."""

    number: int
    job: Job


class Leave(Packet, frozen=True, tag=1):
    """End when everything that was sent before this is done."""


NodePacket = Work | Leave


# From a pool process to the node.


class Done(Packet, frozen=True, tag=0):
    """The outcome of the job with that number, and how many seconds it ran."""

    number: int
    outcome: Outcome
    seconds: float


class Ready(Packet, frozen=True, tag=1):
    """The app is there, the process is initialised, the first job is next."""


class Broken(Packet, frozen=True, tag=2):
    """The app could not be imported in this process, which ends."""

    report: ImportReport


ChildPacket = Done | Ready | Broken


# From the node to its forkserver.


class Fork(Packet, frozen=True, tag=0):
    """Fork a child that holds the socket sent with this."""

    number: int


class Drain(Packet, frozen=True, tag=1):
    """Fork no more, and end when the last child has."""


ForkRequest = Fork | Drain


# From a forkserver to its node.


class Loaded(Packet, frozen=True, tag=0):
    """Forks can be asked for. `leftovers` names threads and sockets of the app's import that no fork survives."""

    leftovers: tuple[str, ...] = ()


class LoadFailed(Packet, frozen=True, tag=1):
    """The app could not be imported; the forkserver ends."""

    report: ImportReport


class Born(Packet, frozen=True, tag=2):
    """The child was forked; its pidfd comes with this where the platform has pidfds."""

    number: int
    pid: int


class Unborn(Packet, frozen=True, tag=3):
    """The fork failed."""

    number: int
    reason: str


class Exited(Packet, frozen=True, tag=4):
    """The child has ended: an exit code, or a negative signal number."""

    number: int
    code: int


ForkReport = Loaded | LoadFailed | Born | Unborn | Exited
