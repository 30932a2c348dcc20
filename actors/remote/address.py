"""`Address`: where a message can be sent, as a value and as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote

from .errors import BadAddress

_NODE = re.compile(r"[\w.-]+@[\w.-]+![0-9a-f]{12}", re.ASCII)
_NODE_NAME = re.compile(r"[\w.-]+(@[\w.-]+)?", re.ASCII)
_SAFE = "/$@!:+,="
_FORMS = "actor://{system}/{name}@{host}!{boot}/{path}#{uid}, name://{system}/{node}/{path}, queue://{name} or topic://{name}"


class Scheme(StrEnum):
    """What an address means."""

    ACTOR = "actor"
    """One incarnation of one actor."""
    NAME = "name"
    """Whoever holds a path now."""
    QUEUE = "queue"
    """The competing consumers of a queue: where tasks go."""
    TOPIC = "topic"
    """Everybody who listens."""


@dataclass(frozen=True, slots=True)
class Address:
    """One of `actor://`, `name://`, `queue://` and `topic://`; `str()` of it is its text.

    node: `name@host!boot` for an actor, `name` or `name@host` for a name. path: the actor's path in its system, with
    the slash before it. uid: the incarnation. name: of a queue or topic. Raises `BadAddress` where a part is wrong.
    """

    scheme: Scheme
    system: str = ""
    node: str = ""
    path: str = ""
    uid: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        wrong = self._fault()
        if wrong:
            raise BadAddress(f"{self._text()!r} is no address: {wrong}", wrong)

    def __str__(self) -> str:
        return self._text()

    @classmethod
    def of_actor(cls, system: str, node: str, path: str, uid: int) -> Address:
        """Return the address of one incarnation."""
        return cls(Scheme.ACTOR, system, node, path, uid)

    @classmethod
    def of_name(cls, system: str, node: str, path: str) -> Address:
        """Return the address of whoever holds `path`."""
        return cls(Scheme.NAME, system, node, path)

    @classmethod
    def of_queue(cls, name: str) -> Address:
        """Return the address of a queue."""
        return cls(Scheme.QUEUE, name=name)

    @classmethod
    def of_topic(cls, name: str) -> Address:
        """Return the address of a topic."""
        return cls(Scheme.TOPIC, name=name)

    def named(self) -> Address:
        """Return the address of whoever holds this actor's path, on its node or on one that takes that one's name."""
        return Address.of_name(self.system, name_of(self.node), self.path)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address that `text` is; raises `BadAddress`."""
        head, separator, rest = text.partition("://")
        try:
            scheme = Scheme(head)
        except ValueError:
            separator = ""
            scheme = Scheme.NAME
        if not separator:
            raise BadAddress(f"{text!r} is no address: it has to be {_FORMS}")
        try:
            if scheme in (Scheme.QUEUE, Scheme.TOPIC):
                return cls(scheme, name=_unquoted(rest, text))
            return cls._parse_actor(scheme, rest, text)
        except BadAddress as error:  # of the text as it was given, and not as it was understood
            raise BadAddress(f"{text!r} is no address: {error.fault}", error.fault) from None

    @classmethod
    def _parse_actor(cls, scheme: Scheme, rest: str, text: str) -> Address:
        where, hash_sign, uid = rest.partition("#")
        system, _, where = where.partition("/")
        node, slash, path = where.partition("/")
        if hash_sign and not (uid.isascii() and uid.isdecimal()):
            raise BadAddress(text, "after # stands the number of an incarnation")
        if hash_sign and scheme is Scheme.NAME:
            raise BadAddress(text, f"a name has no incarnation, leave out #{uid}")
        return cls(scheme, _unquoted(system, text), node, slash + _unquoted(path, text), int(uid or 0))

    def _fault(self) -> str:
        """Return what is wrong with it, or ""."""
        if self.scheme in (Scheme.QUEUE, Scheme.TOPIC):
            return "" if self.name else f"it names no {self.scheme}"
        return self._fault_of_system() or self._fault_of_node() or self._fault_of_actor()

    def _fault_of_system(self) -> str:
        if not self.system:
            return "it names no system"
        return "a system's name has no /" if "/" in self.system else ""

    def _fault_of_node(self) -> str:
        if self.scheme is Scheme.ACTOR and not _NODE.fullmatch(self.node):
            return "the node of an actor is name@host!boot, boot being twelve hexadecimal digits"
        if self.scheme is Scheme.NAME and not _NODE_NAME.fullmatch(self.node):
            return "the node of a name is name or name@host, of letters, digits and . _ -"
        return ""

    def _fault_of_actor(self) -> str:
        if self.path[:1] != "/" or "" in self.path[1:].split("/") or "#" in self.path:
            return "the path is that of an actor, /parent/child, without # and empty parts"
        if self.scheme is Scheme.ACTOR and self.uid < 1:
            return "an actor's address ends with # and the number of its incarnation"
        return ""

    def _text(self) -> str:
        if self.scheme in (Scheme.QUEUE, Scheme.TOPIC):
            return f"{self.scheme}://{quote(self.name, safe=_SAFE)}"
        text = f"{self.scheme}://{quote(self.system, safe='')}/{self.node}{quote(self.path, safe=_SAFE)}"
        return f"{text}#{self.uid}" if self.scheme is Scheme.ACTOR else text


def node_of(name: str, host: str, boot: str) -> str:
    """Return a node as addresses write it: `name@host!boot`. Raises `BadAddress`."""
    node = f"{name}@{host}!{boot}"
    if not _NODE.fullmatch(node):
        raise BadAddress(f"{name}@{host} cannot be a node: names and hosts are of letters, digits and . _ -")
    return node


def name_of(node: str) -> str:
    """Return `name@host` of a node: what its next boot will be called too."""
    return node.partition("!")[0]


def is_called(node: str, name: str) -> bool:
    """Tell whether a node answers to a name: `name` or `name@host`."""
    full = name_of(node)
    return name in (full, full.partition("@")[0])


def _unquoted(part: str, text: str) -> str:
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise BadAddress(text, "its % signs are not those of UTF-8 text") from None
