"""Stamping: values put onto every signature of a workflow, and kept with the results of its tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from ..publishing.options import KNOWN
from ..publishing.stamps import STAMPED, as_options, stamps_of
from ..shapes import is_list, is_map

if TYPE_CHECKING:
    from .chain import Chain
    from .chord import Chord
    from .group import Group
    from .signature import Signature

Stamps = dict[str, Any]


class StampingVisitor(ABC):
    """Says what each part of a workflow is stamped with; subclass it and give it to `Signature.stamp`.

    Each method gets a part, and as keywords the stamps of what it is within; it returns stamps by name, which that part
    and all that is in it get. Every key is a stamp, unless the key `stamped_headers` lists those that are. Stamps need
    a form in JSON.
    """

    @abstractmethod
    def on_signature(self, sig: Signature[Any], **headers: Any) -> Stamps:
        """Return the stamps of a task."""

    def on_group_start(self, group: Group, **headers: Any) -> Stamps:
        """Return what a group's tasks are stamped with."""
        return {}

    def on_group_end(self, group: Group, **headers: Any) -> None:
        """Be told that a group's tasks are stamped."""

    def on_chain_start(self, chain: Chain[Any], **headers: Any) -> Stamps:
        """Return what a chain's tasks are stamped with."""
        return {}

    def on_chain_end(self, chain: Chain[Any], **headers: Any) -> None:
        """Be told that a chain's tasks are stamped."""

    def on_chord_header_start(self, sig: Chord[Any], **header: Any) -> Stamps:
        """Return what the tasks of a chord's header are stamped with: by default, what its group is."""
        return self.on_group_start(sig.header, **header)

    def on_chord_header_end(self, sig: Chord[Any], **header: Any) -> None:
        """Be told that the tasks of a chord's header are stamped."""
        self.on_group_end(sig.header, **header)

    def on_chord_body(self, sig: Chord[Any], **header: Any) -> Stamps:
        """Return what the body of a chord is stamped with, beside what its header is."""
        return {}

    def on_callback(self, callback: Signature[Any], **header: Any) -> Stamps:
        """Return what a callback is stamped with, beside what `on_signature` says of it."""
        return {}

    def on_errback(self, errback: Signature[Any], **header: Any) -> Stamps:
        """Return what an errback is stamped with, beside what `on_signature` says of it."""
        return {}


class _Silent(StampingVisitor):
    """Says nothing: what is stamped without a visitor gets the keywords alone."""

    def on_signature(self, sig: Signature[Any], **headers: Any) -> Stamps:
        return {}


SILENT = _Silent()


def collected(given: Mapping[str, Any], *more: Mapping[str, Any] | None, append: bool) -> Stamps:
    """Return stamps from several sources in one, `stamped_headers` with all their names included.

    What an earlier source says of a name stands. Lists are joined; with `append`, so are single values, to a list.
    """
    stamps = _named(given)
    for source in more:
        if source:
            said = _named(source)
            names = list(dict.fromkeys([*stamps[STAMPED], *said[STAMPED]]))
            stamps = {**_joined(stamps, said, append=append), STAMPED: names}
    return stamps


def own_stamps(options: Mapping[str, Any]) -> Stamps:
    """Return the stamps that a signature has, as a source for `collected`."""
    return as_options(options.get(STAMPED), stamps_of(options))


def put_on(options: dict[str, Any], stamps: Mapping[str, Any]) -> None:
    """Write stamps into a signature's options; what is no stamp is an option of the call, or meant for visitors."""
    names = stamps[STAMPED]
    options.update({name: value for name, value in stamps.items() if name in names or name in KNOWN})


def kept(own: Mapping[str, Any], others: Mapping[str, Any]) -> Stamps:
    """Return `stamped_headers` of a signature that is called with the options `others`: its own stamps stay."""
    return {STAMPED: list(dict.fromkeys([*own[STAMPED], *(others.get(STAMPED) or ())]))} if own.get(STAMPED) else {}


def _named(source: Mapping[str, Any]) -> Stamps:
    return {**source, STAMPED: list(source.get(STAMPED, source))}


def _joined(first: Mapping[str, Any], second: Mapping[str, Any], *, append: bool) -> Stamps:
    return {
        **second,
        **{
            name: _both(value, second[name], append=append) if name in second else value
            for name, value in first.items()
        },
    }


def _both(first: Any, second: Any, *, append: bool) -> Any:
    if is_map(first) and is_map(second):
        return _joined(first, second, append=append)
    if append or (is_list(first) and is_list(second)):
        return [*_several(first), *_several(second)]
    return first


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(cast("Collection[Any]", value)) if isinstance(value, (list, tuple, set, frozenset)) else [value]
