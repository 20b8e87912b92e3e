"""The pieces of a Part Affordance Graph: part nodes, contact edges, and the state of a whole person or object."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zeroshot_hoi.core.errors import GraphError

NAME = re.compile(r"[\w -]{1,64}")
_PERSON = re.compile(r"person [1-9]\d{0,2}")


def check_name(name: object, what: str) -> str:
    """`name` itself, if it can name a person, an object or a part; else a GraphError."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or name != name.strip():
        raise GraphError(
            f"{what} has the name {name!r}. A name has 1 to 64 letters, digits, spaces, hyphens or underscores, "
            "and neither starts nor ends with a space. Rename it."
        )
    return name


def is_person(owner: str) -> bool:
    """Whether `owner` names a person: `person 1`, `person 2`, ..."""
    return _PERSON.fullmatch(owner) is not None


@dataclass(frozen=True, order=True)
class PartNode:
    """One part of one person or object."""

    owner: str
    part: str

    @classmethod
    def parse(cls, text: object) -> PartNode:
        """The node that `"owner, part"` names."""
        pieces = [piece.strip() for piece in text.split(",")] if isinstance(text, str) else []
        if len(pieces) != 2:
            raise GraphError(f"A node is written 'owner, part', as in 'iron, handle'; got {text!r}.")
        return cls(check_name(pieces[0], f"The owner in node {text!r}"), check_name(pieces[1], f"The part in {text!r}"))

    @property
    def is_body(self) -> bool:
        return is_person(self.owner)

    def __str__(self) -> str:
        return f"{self.owner}, {self.part}"


@dataclass(frozen=True)
class Edge:
    """A contact between two parts; a body part comes first, two objects keep the order they were given in."""

    first: PartNode
    second: PartNode
    is_rel_static: bool
    """The two parts do not slide on each other."""
    is_continuous: bool
    """They touch in every frame; otherwise in some."""

    @property
    def name(self) -> str:
        return f"{self.first.owner}.{self.first.part}->{self.second.owner}.{self.second.part}"


@dataclass(frozen=True)
class OwnerState:
    """What the virtual parent node of a person or an object carries."""

    name: str
    description: str = ""
    is_translational: bool = False
    """The object travels. False for people, whose motion no flag restricts."""
    is_rotational: bool = False
    """The object turns. False for people."""


def ordered_edge(a: PartNode, b: PartNode, is_rel_static: bool, is_continuous: bool) -> Edge:
    """The edge between two nodes, with the body part first."""
    if b.is_body and not a.is_body:
        a, b = b, a
    return Edge(a, b, is_rel_static, is_continuous)
