"""Names of bones that other tools know: retargeters of Unity, Unreal and Blender recognize Mixamo's."""

from __future__ import annotations

from collections.abc import Sequence

from zeroshot_hoi.core.errors import ResultError, nearest_name

_MIDDLE = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
    "jaw": "Jaw", "neck_upper": "NeckTwist",
}  # fmt: skip
_SIDED = {
    "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
    "elbow": "ForeArm", "wrist": "Hand", "eye_smplhf": "Eye", "shoulder_twist": "ArmTwist",
    "forearm_twist": "ForeArmTwist", "hip_twist": "UpLegTwist",
    **{f"{finger}{k}": f"Hand{finger.capitalize()}{k}" for finger in ("thumb", "index", "middle", "ring", "pinky")
       for k in (1, 2, 3)},
}  # fmt: skip
MIXAMO = _MIDDLE | {
    f"{side}_{ours}": f"{side.capitalize()}{theirs}" for side in ("left", "right") for ours, theirs in _SIDED.items()
}
"""SMPL-X's name -> Mixamo's; twist bones, which Mixamo lacks, follow its style."""

SCHEMES = ("smplx", "mixamo")


def node_names(bones: Sequence[str], person: str, index: int, scheme: str = "smplx") -> list[str]:
    """Names of one person's bones, unique in a scene: `person 1 left_wrist`, or `mixamorig:LeftHand`, for the second
    person `mixamorig1:LeftHand`."""
    if scheme not in SCHEMES:
        raise ResultError(f"There is no scheme of bone names '{scheme}'. {nearest_name(scheme, SCHEMES)}")
    if scheme == "smplx":
        return [f"{person} {bone}" for bone in bones]
    return [f"mixamorig{index or ''}:{MIXAMO.get(bone, bone)}" for bone in bones]
