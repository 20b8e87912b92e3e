"""What the pose and reference stages hand to the optimization: where things start, and how they would like to move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Placement:
    """One candidate way to stand or sit in the scene, for one person."""

    root: np.ndarray
    """(3,) world position of the root joint, metres."""
    heading: float
    """Radians about z; 0 looks along +x."""
    q: np.ndarray
    """(D,) posture, values of the body's degrees of freedom."""
    feet: Mapping[str, tuple[float, float, float]]
    """`left`, `right` -> (x, y, yaw) of the sole in the world, metres and radians."""


@dataclass(frozen=True)
class RigidPose:
    """world = rotation v + translation."""

    rotation: np.ndarray
    """(3, 3)"""
    translation: np.ndarray
    """(3,) metres."""


@dataclass(frozen=True)
class InitialScene:
    """Where every object stands, and the candidate placements of every person, the most natural first."""

    objects: Mapping[str, RigidPose]
    people: Mapping[str, tuple[Placement, ...]]


@dataclass(frozen=True)
class ObjectReference:
    """How one moving object would like to move, and how firmly."""

    rotation: np.ndarray
    """(T, 3, 3)"""
    translation: np.ndarray
    """(T, 3) path of `anchor`, metres."""
    anchor: np.ndarray
    """(3,) the point of the object that follows the path, object frame."""
    axis: np.ndarray
    """(3,) the object's direction that must follow `rotation` firmly; turning about it is free within `spin`."""
    dead_zone: float
    """Metres around the path that cost nothing."""
    spin: float
    """Radians of standard deviation of the turn about `axis`; large where the turn does not matter."""
    symmetric: bool = False
    """Whether the axis may also point the other way."""
    height: float = 1.0
    """How much more firmly than the rest of its path the anchor keeps its height, as what stands on the ground must."""
    guided: bool = False
    """Whether the object moves exactly so whoever holds it: on a hinge, or rolling on the floor."""
    thrown: bool = False
    """Whether it flies from one person to another: hands are led to where they take it and leave it, not after it."""


@dataclass(frozen=True)
class FootTrack:
    """Where one foot is in every frame, as two rigid pieces: toes, and what lies behind them.

    Points of the foot are given in its own frame while it stands flat: origin on the sole's plane below the ankle, x
    ahead from the ankle to the ball, z up, metres.
    """

    pose: np.ndarray
    """(T, 4, 4) from the foot's frame to the frame of the `Travel` that it belongs to."""
    toe: np.ndarray
    """(T,) radians that the toes are bent up against the rest of the foot."""
    hinge: tuple[float, float]
    """(x, z) of the line across the ball about which toes bend, foot frame, metres."""
    heel_down: np.ndarray
    """(T,) 1 while the heel stands on its spot."""
    toe_down: np.ndarray
    """(T,) 1 while ball and toes stand on their spot."""
    rides: bool = False
    """Whether the foot stands on something that moves: what it touches says where it is, `pose` does not."""

    def carry(self, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) where the foot's `points (N, 3)` are in every frame."""
        local = np.repeat(np.asarray(points, float)[None], len(self.toe), axis=0)
        ahead, above = local[..., 0] - self.hinge[0], local[..., 2] - self.hinge[1]
        bend = np.where(ahead > 0.0, self.toe[:, None], 0.0)
        local[..., 0] = self.hinge[0] + ahead * np.cos(bend) - above * np.sin(bend)
        local[..., 2] = self.hinge[1] + ahead * np.sin(bend) + above * np.cos(bend)
        return np.einsum("tij,tnj->tni", self.pose[:, :3, :3], local) + self.pose[:, None, :3, 3]

    def held(self, points: np.ndarray) -> np.ndarray:
        """(T, N) how firmly the ground holds each of `points (N, 3)`: as the heel does, or as the toes."""
        return np.where(np.asarray(points)[:, 0] > self.hinge[0], self.toe_down[:, None], self.heel_down[:, None])


@dataclass(frozen=True)
class Travel:
    """A person's way over the floor: root, heading and feet in every frame.

    In the frame of the placement: origin on the floor midway between its feet, x along its heading; `placed` brings it
    to the world.
    """

    root: np.ndarray
    """(T, 3) root joint, metres."""
    heading: np.ndarray
    """(T,) radians about z."""
    feet: Mapping[str, FootTrack]
    """`left`, `right`"""

    def placed(self, placement: Placement) -> Travel:
        """The same way in the world, begun at `placement`."""
        cosine, sine = np.cos(placement.heading), np.sin(placement.heading)
        T_world_start = np.eye(4)
        T_world_start[:2, :2] = [[cosine, -sine], [sine, cosine]]
        T_world_start[:2, 3] = np.mean([foot[:2] for foot in placement.feet.values()], axis=0)
        return Travel(
            self.root @ T_world_start[:3, :3].T + T_world_start[:3, 3],
            self.heading + placement.heading,
            {side: replace(foot, pose=T_world_start @ foot.pose) for side, foot in self.feet.items()},
        )


@dataclass(frozen=True)
class PersonReference:
    """How one person would like to move, relative to the placement."""

    q: np.ndarray
    """(T, D) added to the placement's posture."""
    standing: np.ndarray
    """(T, 3) how far the root is over the feet (1) instead of where it is placed (0), along x, y and z."""
    stance: np.ndarray
    """(3,) root above the middle of the feet when standing, in the person's frame (x ahead, y left), metres."""
    planted: Mapping[str, np.ndarray]
    """`left`, `right` -> (T,) 1 while the sole stands still."""
    gates: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Edge name -> (T,) in [0, 1]: how strongly a contact that is not continuous is wanted in each frame."""
    palms_on_thighs: Mapping[str, np.ndarray] = field(default_factory=dict)
    """`left`, `right` -> (T,) place on the thigh where that palm rests: 0 at the hip, 1 at the knee."""
    palms_gate: np.ndarray | None = None
    """(T,) how strongly palms are wanted on the thighs; None for always."""
    travel: Travel | None = None
    """The way of a person who walks or rides, in place of `standing` and `stance`; None while the feet stay."""
    shift: np.ndarray | None = None
    """(T, 3) metres that the root is beside all that, in the person's frame: weight goes from foot to foot."""
    away: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Edge name -> (T,) seconds since the hand let go, or until it takes hold; 0 while it holds. Edges that are not
    named hold all the time."""
    strokes: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Edge name -> (T, 3) how far the hand is from where it touched first: ahead of the person, left and up, metres."""
    faces: Mapping[str, str] = field(default_factory=dict)
    """Edge name -> what of the head touches: `eyes` or `mouth`."""


@dataclass(frozen=True)
class ReferenceMotion:
    """The scripted motion that the optimization follows as far as geometry allows."""

    objects: Mapping[str, ObjectReference]
    people: Mapping[str, PersonReference]
