"""A result as a GLB: skinned, animated people and objects with their colors, in glTF's axes (y up).

Every bone, twist bones included, is a node with translation and rotation keys at the result's frame rate; the body is
skinned by as many sets of four weights as its heaviest vertex needs (`JOINTS_0` .. `JOINTS_2`). three.js and some
engines read only the first set: `max_influences=4` keeps the four heaviest, renormalized. What skinning alone does not
reproduce (SMPL's pose correctives) becomes a few animated morph targets.
Sources: glTF 2.0 specification, 3.7.3 (skins) and 3.11 (animations).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib as gl
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.render.appearance import Appearance
from zeroshot_hoi.render.palette import dress, to_linear
from zeroshot_hoi.render.surface import crease_normals, vertex_normals
from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.export.bone_names import node_names
from zeroshot_hoi.results.export.contact_heat import contact_shares, heated
from zeroshot_hoi.results.export.gltf_buffer import GltfBuffer
from zeroshot_hoi.results.export.morph import pose_morphs
from zeroshot_hoi.results.result import ObjectTrack, PersonTrack, Result, Rig

GLTF_FROM_OURS = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""Our (x, y, z), z up, is glTF's (y, z, x)."""

STILL = 1e-6
"""Metres, or difference of unit quaternions, below which a channel is constant and is left out."""


def write_glb(
    result: Result,
    path: Path,
    *,
    max_influences: int | None = None,
    ground: bool = False,
    contact: bool = False,
    bones: str = "smplx",
) -> None:
    """Write the GLB; `max_influences` caps the weights of a vertex, `ground` adds a thin plane under the scene,
    `contact` reddens what touches, the more the longer, and `bones` names them as `smplx` or `mixamo` does."""
    document = build_gltf(result, max_influences=max_influences, ground=ground, contact=contact, bones=bones)
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(document.save_to_bytes()))


def build_gltf(
    result: Result,
    *,
    max_influences: int | None = None,
    ground: bool = False,
    contact: bool = False,
    bones: str = "smplx",
) -> gl.GLTF2:
    """The document in memory, its binary blob attached."""
    if max_influences is not None and max_influences < 1:
        raise ResultError(f"max_influences is {max_influences}; it must be at least 1, or None for all weights.")
    writer = _Writer(result, bones, *(contact_shares(result) if contact else ({}, {})))
    for index, (name, person) in enumerate(result.people.items()):
        writer.add_person(name, person, index, max_influences)
    for name, thing in result.objects.items():
        writer.add_object(name, thing)
    if ground:
        writer.add_ground(result)
    return writer.finish()


class _Writer:
    """One document in the making."""

    def __init__(
        self, result: Result, bones: str, touched: Mapping[str, np.ndarray], touching: Mapping[str, np.ndarray]
    ) -> None:
        self.bones, self.heat = bones, {**touched, **touching}
        self.document = gl.GLTF2(asset=gl.Asset(version="2.0", generator="zeroshot_hoi"))
        self.buffer = GltfBuffer(self.document)
        self.roots: list[int] = []
        self.scene = gl.Scene(name=str(result.meta.get("recipe") or "scene"), nodes=self.roots)
        self.animation = gl.Animation(name="interaction", channels=[], samplers=[])
        times = np.arange(result.frames, dtype=np.float32) / np.float32(result.fps)
        self.times = self.buffer.add(times, bounds=True) if result.frames > 1 else -1

    def finish(self) -> gl.GLTF2:
        self.document.scenes, self.document.scene = [self.scene], 0
        if self.animation.channels:
            self.document.animations = [self.animation]
        self.buffer.finish()
        return self.document

    def node(self, parent: int | None = None, **fields: Any) -> int:
        self.document.nodes.append(gl.Node(**fields))
        index = len(self.document.nodes) - 1
        if parent is None:
            self.roots.append(index)
        else:
            above = self.document.nodes[parent]
            above.children = [*(above.children or []), index]
        return index

    def animate(self, node: int, path: str, values: np.ndarray) -> None:
        """Key the node's `path` with one value a frame, linear in between."""
        output = self.buffer.add(values.astype(np.float32))
        self.animation.samplers.append(gl.AnimationSampler(input=self.times, output=output, interpolation="LINEAR"))
        target = gl.AnimationChannelTarget(node=node, path=path)
        self.animation.channels.append(gl.AnimationChannel(sampler=len(self.animation.samplers) - 1, target=target))

    def place(self, node: int, rotation: np.ndarray, translation: np.ndarray) -> None:
        """Local rotations `(T, 3, 3)` and translations `(T, 3)` of a node; keys only where something moves."""
        turns = continuous_quaternions(rotation)
        self.document.nodes[node].rotation = turns[0].tolist()
        self.document.nodes[node].translation = translation[0].tolist()
        if self.times >= 0 and np.ptp(turns, axis=0).max() > STILL:
            self.animate(node, "rotation", turns)
        if self.times >= 0 and np.ptp(translation, axis=0).max() > STILL:
            self.animate(node, "translation", translation)

    def material(self, name: str, **fields: Any) -> int:
        doubled = fields.pop("doubleSided", True)
        pbr = gl.PbrMetallicRoughness(**fields)
        self.document.materials.append(gl.Material(name=name, pbrMetallicRoughness=pbr, doubleSided=doubled,
                                                   alphaMode=None, alphaCutoff=None))  # fmt: skip
        return len(self.document.materials) - 1

    def mesh(self, name: str, primitive: gl.Primitive, morphs: int = 0) -> int:
        self.document.meshes.append(gl.Mesh(name=name, primitives=[primitive], weights=[0.0] * morphs or None))
        return len(self.document.meshes) - 1

    def add_person(self, name: str, person: PersonTrack, index: int, max_influences: int | None) -> None:
        rig = person.rig
        if rig is None:
            raise ResultError(f"'{name}' has no rig in this file, so no skinned GLB can be made. Run the recipe again.")
        material = self.material(f"{name} skin and clothes", metallicFactor=0.0, roughnessFactor=0.75,
                                 doubleSided=False)  # fmt: skip
        rest = rig.rest_vertices @ GLTF_FROM_OURS.T
        attributes: dict[str, int] = {
            "POSITION": self.buffer.vertices(rest.astype(np.float32), bounds=True),
            "NORMAL": self.buffer.vertices(vertex_normals(rest, person.faces).astype(np.float32)),
            "COLOR_0": self.buffer.vertices(self._clothes(name, person, index)),
        }
        bones, weights = weight_sets(rig, max_influences)
        for k in range(bones.shape[1]):
            attributes[f"JOINTS_{k}"] = self.buffer.vertices(np.ascontiguousarray(bones[:, k]))
            attributes[f"WEIGHTS_{k}"] = self.buffer.vertices(np.ascontiguousarray(weights[:, k]))
        shapes, amounts = pose_morphs(rig, person.vertices)
        moved = [(shape @ GLTF_FROM_OURS.T).astype(np.float32) for shape in shapes]
        targets: list[Any] = [{"POSITION": self.buffer.vertices(shape, bounds=True)} for shape in moved]
        primitive = gl.Primitive(attributes=gl.Attributes(**attributes), indices=self.buffer.indices(person.faces),
                                 material=material, targets=targets or None)  # fmt: skip
        shape_owner = self.mesh(name, primitive, len(shapes))
        mesh = self.node(name=name, mesh=shape_owner)
        self.document.nodes[mesh].skin = self._add_skeleton(name, rig, index)
        if len(shapes) and self.times >= 0:
            self.animate(mesh, "weights", amounts.reshape(-1))
        elif len(shapes):
            self.document.meshes[shape_owner].weights = amounts[0].tolist()

    def _clothes(self, name: str, person: PersonTrack, index: int) -> np.ndarray:
        """Linear colors (V, 3) float32: skin and garments, red where contact is shown."""
        colors = to_linear(dress(person.part_labels, index, person.faces))
        return heated(colors, self.heat[name]).astype(np.float32) if name in self.heat else colors

    def _add_skeleton(self, name: str, rig: Rig, index: int) -> int:
        """Nodes of all bones with their motion; the index of the skin."""
        labels = node_names(rig.bone_names, name, index, self.bones)
        rest, motion = bone_matrices(rig)
        nodes: list[int] = []
        for bone, (label, parent) in enumerate(zip(labels, rig.bone_parents.tolist(), strict=True)):
            local = motion[:, bone] if parent < 0 else np.linalg.inv(motion[:, parent]) @ motion[:, bone]
            nodes.append(self.node(None if parent < 0 else nodes[parent], name=label))
            self.place(nodes[bone], local[:, :3, :3], local[:, :3, 3])
        inverse = self.buffer.add(np.linalg.inv(rest).astype(np.float32))
        self.document.skins.append(gl.Skin(name=name, joints=nodes, inverseBindMatrices=inverse, skeleton=nodes[0]))
        return len(self.document.skins) - 1

    def add_object(self, name: str, thing: ObjectTrack) -> None:
        mesh = self.mesh(name, self._object_primitive(name, thing))
        node = self.node(name=name, mesh=mesh)
        rotation = GLTF_FROM_OURS @ thing.rotation.astype(float) @ GLTF_FROM_OURS.T
        self.place(node, rotation, thing.translation.astype(float) @ GLTF_FROM_OURS.T)

    def _object_primitive(self, name: str, thing: ObjectTrack) -> gl.Primitive:
        corners, faces = split_corners(thing, self.heat.get(name))
        attributes = {
            "POSITION": self.buffer.vertices(corners["position"], bounds=True),
            "NORMAL": self.buffer.vertices(corners["normal"]),
        }
        if "color" in corners:
            attributes["COLOR_0"] = self.buffer.vertices(corners["color"])
        fields: dict[str, Any] = {"metallicFactor": thing.look.metallic, "roughnessFactor": thing.look.roughness}
        if "color" not in corners:
            red, green, blue = (float(c) for c in to_linear(np.array(thing.look.base_color[:3])))
            fields["baseColorFactor"] = [red, green, blue, 1.0]
        if "uv" in corners:
            attributes["TEXCOORD_0"] = self.buffer.vertices(corners["uv"])
            fields["baseColorTexture"] = gl.TextureInfo(index=self._add_texture(name, thing.look))
        return gl.Primitive(attributes=gl.Attributes(**attributes), indices=self.buffer.indices(faces),
                            material=self.material(name, **fields))  # fmt: skip

    def _add_texture(self, name: str, look: Appearance) -> int:
        from PIL import Image

        assert look.texture is not None
        data = io.BytesIO()
        Image.fromarray(look.texture[..., :3]).save(data, format="PNG")
        view = self.buffer.add_bytes(data.getvalue())
        self.document.images.append(gl.Image(name=name, mimeType="image/png", bufferView=view))
        if not self.document.samplers:
            self.document.samplers.append(gl.Sampler(magFilter=gl.LINEAR, minFilter=gl.LINEAR_MIPMAP_LINEAR))
        self.document.textures.append(gl.Texture(source=len(self.document.images) - 1, sampler=0))
        return len(self.document.textures) - 1

    def add_ground(self, result: Result) -> None:
        """A square at z = 0 around everything that moves."""
        spots = [p.joints.reshape(-1, 3)[:, :2] for p in result.people.values()]
        spots += [o.translation[:, :2] for o in result.objects.values()]
        low, high = np.concatenate(spots).min(0) - 1.5, np.concatenate(spots).max(0) + 1.5
        square = np.array([[low[0], low[1], 0], [high[0], low[1], 0], [high[0], high[1], 0], [low[0], high[1], 0]])
        attributes = gl.Attributes(
            POSITION=self.buffer.vertices((square @ GLTF_FROM_OURS.T).astype(np.float32), bounds=True),
            NORMAL=self.buffer.vertices(np.tile(np.array([0, 1, 0], np.float32), (4, 1))),
        )
        faces = self.buffer.indices(np.array([[0, 1, 2], [0, 2, 3]]))
        material = self.material("ground", baseColorFactor=[0.6, 0.6, 0.58, 1.0], metallicFactor=0.0,
                                 roughnessFactor=0.95)  # fmt: skip
        primitive = gl.Primitive(attributes=attributes, indices=faces, material=material)
        self.node(name="ground", mesh=self.mesh("ground", primitive))


def continuous_quaternions(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternions `(T, 4)` xyzw of `rotation (T, 3, 3)`, each on the side of the one before it."""
    turns = Rotation.from_matrix(rotation).as_quat()
    flips = np.where(np.einsum("ti,ti->t", turns[1:], turns[:-1]) < 0.0, -1.0, 1.0)
    turns[1:] *= np.cumprod(flips)[:, None]
    return turns


def bone_matrices(rig: Rig, axes: np.ndarray = GLTF_FROM_OURS) -> tuple[np.ndarray, np.ndarray]:
    """Rest `(G, 4, 4)` and moving `(T, G, 4, 4)` world matrices of the bones' own axes, the world turned by `axes`."""
    rest_turn, pivot = rig.bone_rest[..., :3].astype(float), rig.bone_rest[..., 3].astype(float)
    turn, place = rig.bone_motion[..., :3].astype(float), rig.bone_motion[..., 3].astype(float)
    rest = np.tile(np.eye(4), (len(pivot), 1, 1))
    rest[:, :3, :3], rest[:, :3, 3] = axes @ _orthonormal(rest_turn), pivot @ axes.T
    motion = np.tile(np.eye(4), (*place.shape[:2], 1, 1))
    motion[..., :3, :3] = axes @ _orthonormal(turn) @ _orthonormal(rest_turn)
    motion[..., :3, 3] = place @ axes.T
    return rest, motion


def _orthonormal(matrices: np.ndarray) -> np.ndarray:
    """The nearest rotations: what float32 storage left of them."""
    return Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_matrix().reshape(matrices.shape)


def weight_sets(rig: Rig, max_influences: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Bones `(V, S, 4)` uint8 or uint16 and weights `(V, S, 4)` float32 in S sets of four, each vertex summing to 1."""
    keep = rig.weight_values.shape[1] if max_influences is None else min(max_influences, rig.weight_values.shape[1])
    bones, weights = rig.weight_bones[:, :keep], rig.weight_values[:, :keep].astype(float)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    bones = np.where(weights > 0.0, bones, 0)
    pad = -keep % 4
    bones, weights = (np.pad(a, ((0, 0), (0, pad))).reshape(len(a), -1, 4) for a in (bones, weights))
    return bones.astype(np.uint8 if len(rig.bone_names) <= 256 else np.uint16), weights


def split_corners(thing: ObjectTrack, heat: np.ndarray | None = None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Vertex arrays in glTF's axes and faces `(F, 3)`: a vertex is split where normal, texture or face color differ.

    `heat (V,)` is the share of the clip in which a vertex is touched; it reddens colors, which multiply a texture.
    """
    faces, look = thing.faces, thing.look
    columns = {
        "position": thing.vertices[faces] @ GLTF_FROM_OURS.T,
        "normal": crease_normals(thing.vertices.astype(float), faces) @ GLTF_FROM_OURS.T,
    }
    if look.uv is not None and look.texture is not None:
        columns["uv"] = look.corner_uv(faces) * np.array([1.0, -1.0]) + np.array([0.0, 1.0])
    elif look.colors is not None:
        columns["color"] = to_linear(look.colors[..., :3])[faces]
    elif look.face_colors is not None:
        columns["color"] = np.repeat(to_linear(look.face_colors[:, None, :3]), 3, axis=1)
    if heat is not None:
        plain = np.broadcast_to(to_linear(np.array(look.base_color[:3])), columns["position"].shape)
        columns["color"] = heated(columns.get("color", plain), heat[faces])
    flat = {key: value.reshape(-1, value.shape[-1]).astype(np.float32) for key, value in columns.items()}
    rows = np.concatenate([np.round(value, 5) for key, value in flat.items() if key != "position"], axis=1)
    rows = np.concatenate([faces.reshape(-1, 1).astype(np.float32), rows + 0.0], axis=1)
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return {key: np.ascontiguousarray(value[first]) for key, value in flat.items()}, inverse.reshape(-1, 3)
