"""A nonlinear least-squares problem over frames: unknowns, terms, and the state that terms read.

Each frame has the same unknowns: for every person the active degrees of freedom and the root's position, then six
numbers for every free object (a rotation vector on top of a base rotation, and a position). Frames meet only in the
finite differences of the unknowns, so the same problem serves a clip (coupled) and a batch of starts (uncoupled).
An engine sees arrays, gates and names; it knows nothing of hands or irons.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.tangent import stacked_bones
from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.rotations import exp_so3
from zeroshot_hoi.optimization.chains import Blocks

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
    def blocks(self) -> Blocks:
        """Whose the unknowns of one frame are: every person's, then every free object's."""
        sizes = [p.size for p in self.people] + [6 for o in self.objects if o.kind == "free"]
        ends = np.cumsum([0, *sizes]).tolist()
        slices = [slice(start, end) for start, end in pairwise(ends)]
        return Blocks(tuple(slices[: len(self.people)]), tuple(slices[len(self.people) :]))

    def block_of(self, index: int) -> int | None:
        """Which of `blocks` moves an object; None for one that is fixed."""
        moved = self.objects[index]
        if moved.kind == "ride":
            return moved.person
        free = [o for o, other in enumerate(self.objects) if other.kind == "free"]
        return len(self.people) + free.index(index) if moved.kind == "free" else None

    @property
    def length(self) -> int:
        return len(next(iter(self.base.values())))

    def take(self, index: np.ndarray) -> Problem:
        """The same problem on some of its frames."""
        terms = tuple(replace(t, frames={k: np.asarray(v)[index] for k, v in t.frames.items()}) for t in self.terms)
        return replace(self, base={k: np.asarray(v)[index] for k, v in self.base.items()}, terms=terms)

    def without(self, energies: Container[Energy], spared: Container[int] = ()) -> Problem:
        """The same problem in which these energies weigh nothing, but for objects `spared`: none is compiled anew."""
        return self.softened(energies, np.inf, spared)

    def softened(self, energies: Container[Energy], factor: float, spared: Container[int] = ()) -> Problem:
        """The same problem in which these energies have `factor` times their standard deviation."""
        soft = [
            replace(t, sigma=factor * t.sigma) if t.energy in energies and t.object not in spared else t
            for t in self.terms
        ]
        return replace(self, terms=tuple(soft))

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


def frame_state(xp: Namespace, problem: Problem, x: Array, base: Arrays) -> State:
    """The state of one frame from its unknowns `x (n,)` and its slice of the base arrays."""
    parts = [x[part] for part in problem.blocks.all]
    people = [_person_state(xp, person, parts[p], base, p) for p, person in enumerate(problem.people)]
    qs, bones = tuple(q for q, _ in people), tuple(stacked for _, stacked in people)
    poses = [_object_pose(xp, problem, o, parts, bones, base) for o in range(len(problem.objects))]
    return State(qs, bones, tuple(r for r, _ in poses), tuple(t for _, t in poses))


def moved_state(xp: Namespace, problem: Problem, state: State, block: int, x: Array, base: Arrays) -> State:
    """A state in which one of the problem's blocks has the unknowns `x` and all else stays: what rides on a person
    moves with them. So a derivative costs what that person's or object's own terms cost."""
    q, bones = list(state.q), list(state.bones)
    rotations, translations = list(state.rotations), list(state.translations)
    if block < len(problem.people):
        q[block], bones[block] = _person_state(xp, problem.people[block], x, base, block)
    for o in range(len(problem.objects)):
        if problem.block_of(o) == block:
            rotations[o], translations[o] = _object_pose(xp, problem, o, {block: x}, bones, base)
    return State(tuple(q), tuple(bones), tuple(rotations), tuple(translations))


def _person_state(xp: Namespace, person: PersonUnknowns, x: Array, base: Arrays, p: int) -> tuple[Array, Array]:
    """A person's freedoms (D,) and bones (4G, 3) from their unknowns `x`."""
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
    return q, turned + xp.asarray(homogeneous, dtype=x.dtype) * root


def _object_pose(
    xp: Namespace, problem: Problem, o: int, parts: Mapping[int, Array] | Sequence[Array], bones: Sequence[Array],
    base: Arrays,
) -> tuple[Array, Array]:  # fmt: skip
    """An object's rotation (3, 3) and translation (3,); `parts` holds the unknowns of the block that moves it."""
    moved, rotation, translation = problem.objects[o], base[f"rotation{o}"], base[f"translation{o}"]
    block = problem.block_of(o)
    if moved.kind == "free":
        assert block is not None
        x = parts[block]
        return xp.matmul(exp_so3(xp, x[:3]), rotation), x[3:]
    if moved.kind == "ride":
        carrier = bones[moved.person][4 * moved.bone : 4 * moved.bone + 4]
        pivot = xp.asarray(problem.people[moved.person].body.rest_joints[moved.bone], dtype=carrier.dtype)
        turn = xp.swapaxes(carrier[:3], 0, 1)
        return xp.matmul(turn, rotation), xp.matmul(turn, translation - pivot) + carrier[3]
    return rotation, translation


def term_residual(xp: Namespace, term: Term, state: State, arrays: Arrays) -> Array:
    """A term's flat residual divided by its sigma; `arrays` merges its constants and its frame slice."""
    return xp.reshape(term.energy(xp, state, term, arrays), (-1,)) / arrays["sigma"]


def noted_residuals(
    xp: Namespace, problem: Problem, state: State, data: Sequence[Arrays]
) -> tuple[list[Array], list[frozenset[int]]]:
    """The residuals of all terms, and for each which of the problem's blocks it reads."""
    residuals, reads = [], []
    for term, arrays in zip(problem.terms, data, strict=True):
        people: set[int] = set()
        objects: set[int] = set()
        watched = State(
            _Noted(state.q, people), _Noted(state.bones, people),
            _Noted(state.rotations, objects), _Noted(state.translations, objects),
        )  # fmt: skip
        residuals.append(term_residual(xp, term, watched, arrays))
        moving = {problem.block_of(o) for o in objects} - {None}
        reads.append(frozenset(people | moving))
    return residuals, reads


class _Noted(tuple):
    """Entries of a state that note which of them are read."""

    noted: set[int]

    def __new__(cls, values: Sequence[Array], noted: set[int]) -> _Noted:
        self = super().__new__(cls, values)
        self.noted = noted
        return self

    def __getitem__(self, index: Any) -> Any:
        self.noted.update(range(len(self))[index] if isinstance(index, slice) else [range(len(self))[index]])
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        self.noted.update(range(len(self)))
        return super().__iter__()
