"""`Bonds`: who is told of an actor's end, and of whose ends it wants to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .messages import Down, Exited, ExitSignal, LinkSignal, MonitorSignal, Signal
from .reasons import KILLED, ExitReason, Kill, Normal

if TYPE_CHECKING:
    from collections import deque

    from .ref import Ref


class Bonds:
    """Links and monitors of one cell."""

    __slots__ = ("links", "watchers", "watching")

    def __init__(self) -> None:
        self.links: dict[Ref[Any], None] = {}
        self.watchers: dict[int, Ref[Any]] = {}
        self.watching: dict[int, Ref[Any]] = {}

    def note(self, signal: LinkSignal | MonitorSignal) -> None:
        """Take in what a peer wants."""
        match signal:
            case LinkSignal(peer, remove):
                if remove:
                    self.links.pop(peer, None)
                else:
                    self.links[peer] = None
            case MonitorSignal(monitor, watcher, remove):
                if remove:
                    self.watchers.pop(monitor, None)
                else:
                    self.watchers[monitor] = watcher

    def take_in(self, signals: deque[Signal]) -> list[Signal]:
        """Empty a lane and note what its links and monitors want; return the other signals."""
        others: list[Signal] = []
        while signals:
            try:
                signal = signals.popleft()
            except IndexError:  # the actor's own turn was faster
                break
            if isinstance(signal, LinkSignal | MonitorSignal):
                self.note(signal)
            else:
                others.append(signal)
        return others

    def verdict(self, signal: ExitSignal, ref: Ref[Any], *, traps: bool) -> ExitReason | Exited | None:
        """Return what an exit signal means to `ref`, whose bonds these are: the end, for a reason; a message; nothing.

        traps: whether the actor traps exits. It is the reference manual's table (Erlang, "Receiving Exit Signals").
        """
        source, reason = signal.source, signal.reason
        if signal.linked and not self._breaks(signal):
            return None
        if isinstance(reason, Kill) and not signal.linked:
            return KILLED
        if traps:
            return Exited(source, reason)
        return None if isinstance(reason, Normal) and source != ref else reason

    def _breaks(self, signal: ExitSignal) -> bool:
        """Break the link by which an exit signal came; return whether it was still there."""
        there = signal.source in self.links
        if signal.source is not None:
            self.links.pop(signal.source, None)
        return there

    def awaits(self, down: Down) -> bool:
        """Whether `down` belongs to a monitor that is still set; takes it off."""
        return self.watching.pop(down.monitor, None) is not None

    def watch_nobody(self, ref: Ref[Any]) -> None:
        """Take off every monitor that `ref`, whose bonds these are, has set."""
        watching, self.watching = self.watching, {}
        for monitor, peer in watching.items():
            peer.signal(MonitorSignal(monitor, ref, remove=True))

    def tell(self, ref: Ref[Any], reason: ExitReason) -> None:
        """Tell everybody that `ref`, whose bonds these are, has ended."""
        for peer in list(self.links):
            peer.signal(ExitSignal(ref, reason, linked=True))
        for monitor, watcher in list(self.watchers.items()):
            watcher.tell_past_bound(Down(monitor, ref, reason))
