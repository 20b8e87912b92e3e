"""Which grips an arm reaches with ease: where the elbow would have to be, and how far the forearm would be twisted.

What is estimated here only orders the grips; which of them serve is found by solving for the whole body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_positions
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.reference import Placement
from zeroshot_hoi.optimization.hand import HandFrame, hand_frame

BENDS = ((0.0, 0.0), (0.6, 0.0), (-0.6, 0.0), (0.0, 0.3), (0.0, -0.4))
"""Radians that a wrist bends without effort: toward the back of the hand and the palm, to the thumb and away."""

MISSED = 0.06
"""Metres by which the elbow may miss: what a trunk makes good by itself."""

UNREACHED = 200.0
"""Energy of a grip whose elbow misses by ten times that, and no more."""

HANGING = (0.3, 0.4, -0.87)
"""Ahead, outward and up: where the elbow of a hand at work is from its shoulder."""

EASY, HARD = np.radians(50.0), np.radians(60.0)
"""Radians around it within which any place of an elbow is easy, and over which more becomes as bad as out of reach."""

TWIST = np.radians(80.0)
"""Radians that a forearm turns to either side of thumb up; joints end at 85."""


@dataclass(frozen=True)
class Arm:
    """One arm of a person who stands or sits somewhere."""

    shoulder: np.ndarray
    """(3,) m, world."""
    hanging: np.ndarray
    """(3,) unit, world: from the shoulder to an elbow at ease."""
    hips: np.ndarray
    """(3,) m, world: where the trunk bends."""
    left: np.ndarray
    """(3,) unit, world: the person's."""
    upper: float
    fore: float
    """Lengths in metres."""
    wrist: np.ndarray
    """(3,) m, the body's rest space."""
    frame: HandFrame

    def leaning(self, angle: np.ndarray) -> np.ndarray:
        """(..., 3) m: where the shoulder is when the trunk leans ahead by `angle (...)` radians."""
        angle = np.asarray(angle, float)
        turned = Rotation.from_rotvec(angle.reshape(-1, 1) * self.left).apply(self.shoulder - self.hips)
        return turned.reshape(*angle.shape, 3) + self.hips


def arm_of(body: SkinnedBody, side: str, placement: Placement) -> Arm:
    """The arm of a person in a placement."""
    xp = numpy_namespace()
    pose = to_pose(xp, body.freedoms, placement.q)
    local = joint_positions(xp, body, bone_transforms(xp, body, pose, np.zeros(3)))
    rest = dict(zip(body.joint_names, body.rest_joints, strict=True))
    turn = Rotation.from_euler("z", placement.heading)
    ahead, outward, up = HANGING
    hanging = turn.apply([ahead, outward if side == "left" else -outward, up])
    return Arm(
        turn.apply(local[body.joint_names.index(f"{side}_shoulder")]) + placement.root,
        hanging / np.linalg.norm(hanging),
        placement.root,
        turn.apply([0.0, 1.0, 0.0]),
        float(np.linalg.norm(rest[f"{side}_elbow"] - rest[f"{side}_shoulder"])),
        float(np.linalg.norm(rest[f"{side}_wrist"] - rest[f"{side}_elbow"])),
        rest[f"{side}_wrist"],
        hand_frame(body, side),
    )


@dataclass(frozen=True)
class Reach:
    """An arm and where the thing that it holds will be: how hard any grip is for it."""

    arm: Arm
    rotations: np.ndarray
    """(P, K, 3, 3) of the thing, to the world: in P ways to have it, turned about what is free by one who leans to it,
    at K moments of the hold."""
    translations: np.ndarray
    """(P, K, 3) m."""
    leans: np.ndarray
    """(P,) rad that the trunk leans ahead."""
    costs: np.ndarray
    """(P,) energy of the turns and leans."""

    def strains(self, rotation: np.ndarray, translation: np.ndarray, share: float = 1.0) -> np.ndarray:
        """(G, P) energy of the arm for grips `rotation (G, 3, 3)` and `translation (G, 3)`, the thing's to the body's
        rest space, in every way: the mean over the moments, and a `share` of what the way costs."""
        grips, shoulders = (rotation[:, None, None], translation[:, None, None]), self.arm.leaning(self.leans)[:, None]
        felt = discomfort(self.arm, self.rotations, self.translations, *grips, shoulders)
        return felt.mean(-1) + share * self.costs

    def strain(self, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """(G,) the same in the way that is best for each grip."""
        return self.strains(rotation, translation).min(1)


def discomfort(
    arm: Arm,
    rotation: np.ndarray,
    translation: np.ndarray,
    grip_rotation: np.ndarray,
    grip_translation: np.ndarray,
    shoulder: np.ndarray | None = None,
) -> np.ndarray:
    """(...) energy of the easiest way to hold an object at `rotation (..., 3, 3)` and `translation (..., 3)`, world, in
    a hand in whose rest space it is at `grip_rotation` and `grip_translation`; the shoulder where the arm has it, or
    at `shoulder (..., 3)`."""
    shoulder = arm.shoulder if shoulder is None else shoulder
    to_world = rotation @ np.swapaxes(grip_rotation, -1, -2)
    wrist = np.einsum("...ij,...j->...i", to_world, arm.wrist - grip_translation) + translation
    return np.min([_strain(arm, to_world, wrist - shoulder, back, thumb) for back, thumb in BENDS], axis=0)


def _strain(arm: Arm, to_world: np.ndarray, wrist: np.ndarray, back: float, thumb: float) -> np.ndarray:
    """Energy of one bend of the wrist, `wrist (..., 3)` from the shoulder: by what the elbow misses, where it would be,
    how the forearm would be turned."""
    frame = arm.frame
    bend = Rotation.from_rotvec(back * frame.radial) * Rotation.from_rotvec(thumb * frame.normal)
    fore, radial = to_world @ bend.apply(frame.distal), to_world @ bend.apply(frame.radial)
    upper = wrist - arm.fore * fore
    length = np.linalg.norm(upper, axis=-1, keepdims=True)
    missed = np.abs(length[..., 0] - arm.upper) / (10.0 * MISSED)
    upper = upper / np.maximum(length, 1e-9)
    raised = np.maximum(np.arccos(np.clip(upper @ arm.hanging, -1.0, 1.0)) - EASY, 0.0) / HARD
    hinge = np.cross(upper, fore)
    bent = np.linalg.norm(hinge, axis=-1, keepdims=True)
    thumb_up = np.cross(hinge / np.maximum(bent, 1e-9), fore)  # where the thumb is at half pronation
    turned = np.arctan2(np.sum(fore * np.cross(thumb_up, radial), -1), np.sum(thumb_up * radial, -1))
    twisted = bent[..., 0] * np.maximum(np.abs(turned) - TWIST, 0.0) / HARD
    return UNREACHED * np.minimum(np.square([missed, raised, twisted]), 1.0).sum(0)
