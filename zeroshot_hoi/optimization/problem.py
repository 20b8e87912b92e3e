"""A nonlinear least-squares problem over frames: unknowns, terms, and the state that terms read.

Each frame has the same unknowns: for every person the active degrees of freedom and the root's position, then six
numbers for every free object (a rotation vector on top of a base rotation, and a position). Frames meet only in the
finite differences of the unknowns, so the same problem serves a clip (coupled) and a batch of starts (uncoupled).
An engine sees arrays, gates and names; it knows nothing of hands or irons.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.tangent import stacked_bones
from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.rotations import exp_so3

Arrays = Mapping[str, Any]
Energy = Callable[[Namespace, "State", "Term", Arrays], Array]


class State(NamedTuple):
    """Everything of one frame that terms may read."""

    q: tuple[Array, ...]
    """Per person, (D,) every degree of freedom."""
    bones: tuple[Array, ...]
    """Per person, (4G, 3) stacked bone transforms in the world."""
    rotations: tuple[Array, ...]
    """Per object, (3, 3)."""
    translations: tuple[Array, ...]
    """Per object, (3,)."""


@dataclass(frozen=True)
class Term:
    """One weighted residual: energy = sum (residual / sigma)^2 over its components and frames."""

    name: str
    energy: Energy
    sigma: float
    """The residual's standard deviation, in its own unit: what counts as one unit of error."""
    person: int = 0
    object: int = 0
    other: int = 0
    """Indices into the problem's people and objects."""
    constants: Arrays = field(default_factory=dict)
    """Arrays that every frame shares."""
    frames: Arrays = field(default_factory=dict)
    """Arrays with a leading frame axis."""

    @property
    def structure(self) -> tuple[Any, ...]:
        """What a compiled function depends on besides array shapes."""
        return (self.energy, self.person, self.object, self.other)


@dataclass(frozen=True)
class PersonUnknowns:
    """One person's body and which of its degrees of freedom are solved for."""

    body: SkinnedBody
    active: tuple[int, ...]
    moves: bool = True
    """Whether the root's position is solved for too."""

    @property
    def size(self) -> int:
        return len(self.active) + 3 * self.moves


@dataclass(frozen=True)
class ObjectUnknowns:
    """How one object moves."""

    kind: str
    """`fixed` (a base pose per frame), `free` (six unknowns on top of it) or `ride` (rigid child of a bone)."""
    person: int = 0
    bone: int = 0
    """For `ride`: the bone that carries it; the base pose is the object's pose in the body's rest space."""


@dataclass(frozen=True)
class Problem:
    """Unknowns, base arrays and terms. `frames` of base arrays and terms have the same length T."""

    people: tuple[PersonUnknowns, ...]
    objects: tuple[ObjectUnknowns, ...]
    base: Arrays
    """`q{p}` (T, D), `root{p}` (T, 3), `heading{p}` (T, 3, 3); `rotation{o}` (T, 3, 3), `translation{o}` (T, 3)."""
    terms: tuple[Term, ...]

    @property
    def size(self) -> int:
        """n: unknowns of one frame."""
        return sum(p.size for p in self.people) + 6 * sum(o.kind == "free" for o in self.objects)

    @property
    def length(self) -> int:
        return len(next(iter(self.base.values())))

    def take(self, index: np.ndarray) -> Problem:
        """The same problem on some of its frames."""
        terms = tuple(replace(t, frames={k: np.asarray(v)[index] for k, v in t.frames.items()}) for t in self.terms)
        return replace(self, base={k: np.asarray(v)[index] for k, v in self.base.items()}, terms=terms)

    def without(self, energies: Container[Energy]) -> Problem:
        """The same problem in which these energies weigh nothing; nothing is compiled anew."""
        return replace(self, terms=tuple(replace(t, sigma=np.inf) if t.energy in energies else t for t in self.terms))

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds (n,) of one frame's unknowns."""
        low, high = [], []
        for person in self.people:
            limits = person.body.freedoms.limits[list(person.active)]
            low += [limits[:, 0]] + [np.full(3, -np.inf)] * person.moves
            high += [limits[:, 1]] + [np.full(3, np.inf)] * person.moves
        extra = 6 * sum(o.kind == "free" for o in self.objects)
        return np.concatenate([*low, np.full(extra, -np.inf)]), np.concatenate([*high, np.full(extra, np.inf)])

    def initial(self) -> np.ndarray:
        """(T, n): the base values."""
        columns = []
        for p, person in enumerate(self.people):
            columns.append(np.asarray(self.base[f"q{p}"])[:, list(person.active)])
            if person.moves:
                columns.append(np.asarray(self.base[f"root{p}"]))
        for o, moved in enumerate(self.objects):
            if moved.kind == "free":
                columns += [np.zeros((self.length, 3)), np.asarray(self.base[f"translation{o}"])]
        low, high = self.bounds()
        return np.clip(np.concatenate(columns, axis=1).astype(np.float64), low, high)


def _person_state(xp: Namespace, person: PersonUnknowns, x: Array, base: Arrays, p: int) -> tuple[Array, Array, int]:
    count = len(person.active)
    freedoms = person.body.freedoms
    scatter = np.zeros((count, len(freedoms.names)))
    scatter[np.arange(count), list(person.active)] = 1.0
    keep = 1.0 - scatter.sum(0)
    q = base[f"q{p}"] * xp.asarray(keep, dtype=x.dtype) + xp.matmul(x[:count], xp.asarray(scatter, dtype=x.dtype))
    root = x[count : count + 3] if person.moves else base[f"root{p}"]
    pose = to_pose(xp, freedoms, q)
    bones = stacked_bones(xp, person.body, pose, xp.zeros_like(root))
    turned = xp.matmul(bones, xp.swapaxes(base[f"heading{p}"], 0, 1))
    homogeneous = np.zeros((len(bones), 1))
    homogeneous[3::4] = 1.0
    return q, turned + xp.asarray(homogeneous, dtype=x.dtype) * root, person.size


def frame_state(xp: Namespace, problem: Problem, x: Array, base: Arrays) -> State:
    """The state of one frame from its unknowns `x (n,)` and its slice of the base arrays."""
    offset, qs, bones, rotations, translations = 0, [], [], [], []
    for p, person in enumerate(problem.people):
        q, stacked, size = _person_state(xp, person, x[offset:], base, p)
        offset += size
        qs.append(q)
        bones.append(stacked)
    for o, moved in enumerate(problem.objects):
        rotation, translation = base[f"rotation{o}"], base[f"translation{o}"]
        if moved.kind == "free":
            rotation = xp.matmul(exp_so3(xp, x[offset : offset + 3]), rotation)
            translation = x[offset + 3 : offset + 6]
            offset += 6
        elif moved.kind == "ride":
            carrier = bones[moved.person][4 * moved.bone : 4 * moved.bone + 4]
            pivot = xp.asarray(problem.people[moved.person].body.rest_joints[moved.bone], dtype=x.dtype)
            turn = xp.swapaxes(carrier[:3], 0, 1)
            translation = xp.matmul(turn, translation - pivot) + carrier[3]
            rotation = xp.matmul(turn, rotation)
        rotations.append(rotation)
        translations.append(translation)
    return State(tuple(qs), tuple(bones), tuple(rotations), tuple(translations))


def frame_residuals(xp: Namespace, problem: Problem, x: Array, base: Arrays, data: tuple[Arrays, ...]) -> list[Array]:
    """One flat residual per term, divided by its sigma; `data[k]` merges term k's constants and frame slice."""
    state = frame_state(xp, problem, x, base)
    return [
        xp.reshape(term.energy(xp, state, term, arrays), (-1,)) / arrays["sigma"]
        for term, arrays in zip(problem.terms, data, strict=True)
    ]
