"""A linear-skinned body: rest geometry, a kinematic tree with oriented joints, weights, and named freedoms.

Every body is driven by SMPL-X's 55 joints. A joint's pose is a parent-relative rotation vector written in the joint's
own rest axes (`joint_frames`; the identity for SMPL-X files, anatomical axes for the embedded body, so that an elbow
bends about one component). Besides its joints a body may have twist bones, which only skin: they take a share of one
joint's twist about a limb, so that a turned forearm does not collapse at the wrist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

BODY_PARTS = (
    "left hand", "right hand", "left arm", "right arm", "left shoulder", "right shoulder",
    "left leg", "right leg", "left foot", "right foot", "head", "hips",
)  # fmt: skip
"""The 12 body parts of a Part Affordance Graph (HOI-PAGE)."""

EXTRA_BODY_PARTS = ("torso", "neck")
"""What the 12 leave out; labels of vertices, and accepted as nodes."""


@dataclass(frozen=True)
class TwistBone:
    """A bone without a pose of its own that takes a share of one joint's twist about its limb."""

    name: str
    parent: int
    """Joint whose transform it follows: the joint itself (share of its own twist) or the joint before it."""
    joint: int
    """Joint whose twist about `axis` it takes."""
    axis: np.ndarray
    """(3,) unit axis of the limb in the rest axes of `joint`."""
    share: float
    """Of the twist, in [0, 1]: added to the parent's transform, or, where parent == joint, all that is kept of it."""
    pivot: np.ndarray
    """(3,) rest position of a point on the axis, metres."""


@dataclass(frozen=True)
class DegreesOfFreedom:
    """Named anatomical coordinates: pose = sum_d q[d] basis[d].

    Values are measured from the body's rest mesh; `rest` holds the anatomical angle there, so the anatomical angle
    (elbow straight = 0, arm hanging = 0, flexion and abduction and internal rotation positive) is `q + rest`.
    """

    names: tuple[str, ...]
    basis: np.ndarray
    """(D, J, 3)"""
    limits: np.ndarray
    """(D, 2) radians, of q."""
    rest: np.ndarray
    """(D,) radians."""
    stiffness: np.ndarray
    """(D,) weight of the natural-pose prior, proportional to the mass that the joint moves (trunk 12, arm .1)."""

    def index(self, name: str) -> int:
        return self.names.index(name)


@dataclass(frozen=True)
class BodyPoints:
    """Points fixed to the body's surface or inside it, as linear functions of the bone transforms."""

    rows: np.ndarray
    """(N, 4G): positions are rows @ T, with T (4G, 3) from `body.kinematics.stack_transforms`."""
    normal_rows: np.ndarray
    """(N, 4G): outward normals, before normalization; zeros for points inside the body."""
    rest: np.ndarray
    """(N, 3) rest positions, metres."""
    areas: np.ndarray
    """(N,) m^2 of surface that each point stands for; zeros inside the body."""
    vertices: np.ndarray
    """(N,) index of the nearest body vertex."""

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class BodySpheres:
    """Spheres that fill the body, for what must not enter it and for limbs that must not meet."""

    centers: BodyPoints
    radii: np.ndarray
    """(N,) metres."""
    parts: tuple[str, ...]
    """Label of each sphere, as in `part_labels`; fingers as `left thumb`, `right index`, ..."""
    pairs: np.ndarray
    """(P, 2) spheres that may not overlap: not neighbors along the skeleton and apart in the rest pose."""


@dataclass(frozen=True, eq=False)
class SkinnedBody:
    """A body at one shape. `body.load_body` makes it, `body.reshape` gives it another shape."""

    name: str
    """`neutral`, `female`, `male`, or a file's model type and sha256 prefix."""
    model: str
    """`anny`, `smplx`, `smplh` or `mano`."""
    rest_vertices: np.ndarray
    """(V, 3) metres, z up, x forward, y left."""
    faces: np.ndarray
    """(F, 3)"""
    weights: np.ndarray
    """(V, G) skinning weights over joints, then twist bones."""
    joint_names: tuple[str, ...]
    joint_parents: np.ndarray
    """(J,) -1 for the root."""
    rest_joints: np.ndarray
    """(J, 3)"""
    joint_frames: np.ndarray
    """(J, 3, 3) rest orientation of each joint's axes (columns)."""
    twist_bones: tuple[TwistBone, ...]
    joint_limits: np.ndarray
    """(J, 3, 2) radians; the box that contains every allowed pose."""
    freedoms: DegreesOfFreedom
    part_labels: tuple[str, ...]
    """(V,) one of BODY_PARTS or EXTRA_BODY_PARTS per vertex."""
    regions: tuple[str, ...]
    """(V,) `left palm`, `right index`, `left sole`, `right buttock`, `back`, ... or empty."""
    shape: np.ndarray
    """(S,) coefficients this record was made with."""
    shape_names: tuple[str, ...]
    vertex_directions: np.ndarray
    """(S, V, 3)"""
    joint_directions: np.ndarray
    """(S, J, 3)"""
    pose_directions: np.ndarray | None = None
    """(9 (J - 1), V, 3) pose correctives of SMPL bodies; None for the embedded body."""
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Model-specific arrays (hand components, landmarks)."""

    @property
    def bones(self) -> int:
        """G: joints and twist bones."""
        return len(self.joint_names) + len(self.twist_bones)
