"""A result as USD: skinned and animated people (UsdSkel), rigid objects, their colors and textures.

Our axes are kept, because USD names its own: z up, metres. One time code is one frame. A texture becomes a PNG beside
the file. Needs `usd-core`, which the extra `usd` installs.
Source: the UsdSkel schemas, https://openusd.org/release/api/_usd_skel__schemas.html
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.render.palette import dress, to_linear
from zeroshot_hoi.render.surface import vertex_normals
from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.export.glb import (
    GLTF_FROM_OURS,
    bone_matrices,
    continuous_quaternions,
    split_corners,
    weight_sets,
)  # fmt: skip
from zeroshot_hoi.results.export.morph import pose_morphs
from zeroshot_hoi.results.result import ObjectTrack, PersonTrack, Result, Rig

INSTALL = "USD needs usd-core. Install it: pip install 'zeroshot-hoi[usd]'"


def write_usd(result: Result, path: Path) -> None:
    """Write the stage: .usd and .usdc are binary, .usda is text."""
    try:
        from pxr import Usd
    except ImportError:
        raise ResultError(INSTALL) from None
    stage: Any = Usd.Stage.CreateInMemory()  # pyright: ignore[reportAttributeAccessIssue]
    _Writer(stage, result, path).write()
    with replacing(path) as temporary:
        stage.GetRootLayer().Export(str(temporary))


def prim_name(name: str) -> str:
    """A USD identifier for a name of ours."""
    clean = re.sub(r"\W", "_", name, flags=re.ASCII)
    return clean if not clean[:1].isdigit() else f"_{clean}"


class _Writer:
    """One stage in the making."""

    def __init__(self, stage: Any, result: Result, path: Path) -> None:
        from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, UsdSkel, Vt

        self.Gf, self.Sdf, self.Usd, self.UsdGeom = Gf, Sdf, Usd, UsdGeom
        self.UsdShade, self.UsdSkel, self.Vt = UsdShade, UsdSkel, Vt
        self.stage, self.result, self.path = stage, result, path

    def write(self) -> None:
        """Everything, below one default prim."""
        stage, geom = self.stage, self.UsdGeom
        geom.SetStageUpAxis(stage, geom.Tokens.z)
        geom.SetStageMetersPerUnit(stage, 1.0)
        stage.SetTimeCodesPerSecond(self.result.fps)
        stage.SetFramesPerSecond(self.result.fps)
        stage.SetStartTimeCode(0)
        stage.SetEndTimeCode(self.result.frames - 1)
        root = geom.Xform.Define(stage, "/scene")
        stage.SetDefaultPrim(root.GetPrim())
        root.GetPrim().SetDocumentation(str(self.result.meta["text"]))
        for index, (name, person) in enumerate(self.result.people.items()):
            self.add_person(name, person, index)
        for name, thing in self.result.objects.items():
            self.add_object(name, thing)

    def add_person(self, name: str, person: PersonTrack, index: int) -> None:
        rig = person.rig
        if rig is None:
            raise ResultError(f"'{name}' has no rig in this file, so no skinned USD can be made. Run the recipe again.")
        home = f"/scene/{prim_name(name)}"
        root = self.UsdSkel.Root.Define(self.stage, home)
        root.GetPrim().SetDisplayName(name)
        skeleton = self._add_skeleton(f"{home}/skeleton", rig)
        mesh = self._mesh(f"{home}/body", rig.rest_vertices, person.faces)
        self._normals(mesh, vertex_normals(rig.rest_vertices.astype(float), person.faces))
        self._colors(mesh, to_linear(dress(person.part_labels, index, person.faces)))
        self._bind_material(mesh, f"{home}/looks/skin_and_clothes", roughness=0.75)
        binding = self.UsdSkel.BindingAPI.Apply(mesh.GetPrim())
        binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
        bones, weights = (sets.reshape(len(sets), -1) for sets in weight_sets(rig))
        width = bones.shape[1]
        binding.CreateJointIndicesPrimvar(False, width).Set(self.Vt.IntArray.FromNumpy(bones.astype(np.int32).ravel()))
        binding.CreateJointWeightsPrimvar(False, width).Set(self.Vt.FloatArray.FromNumpy(weights.ravel()))
        binding.CreateGeomBindTransformAttr(self.Gf.Matrix4d(1.0))
        self._add_morphs(home, binding, rig, person)
        self._extent(mesh, person.vertices)

    def _add_skeleton(self, path: str, rig: Rig) -> Any:
        rest, motion = bone_matrices(rig, np.eye(3))
        skeleton = self.UsdSkel.Skeleton.Define(self.stage, path)
        names: list[str] = []
        for label, parent in zip(rig.bone_names, rig.bone_parents.tolist(), strict=True):
            names.append(prim_name(label) if parent < 0 else f"{names[parent]}/{prim_name(label)}")
        skeleton.CreateJointsAttr(names)
        parents = rig.bone_parents.tolist()
        local_rest = [m if p < 0 else np.linalg.inv(rest[p]) @ m for m, p in zip(rest, parents, strict=True)]
        skeleton.CreateBindTransformsAttr([self._matrix(m) for m in rest])
        skeleton.CreateRestTransformsAttr([self._matrix(m) for m in local_rest])
        animation = self.UsdSkel.Animation.Define(self.stage, f"{path}/animation")
        animation.CreateJointsAttr(names)
        self._animate(animation, motion, parents)
        binding = self.UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
        binding.CreateAnimationSourceRel().SetTargets([animation.GetPath()])
        return skeleton

    def _animate(self, animation: Any, motion: np.ndarray, parents: list[int]) -> None:
        """Local rotations and translations of every bone at every time code."""
        local = np.stack(
            [motion[:, k] if p < 0 else np.linalg.inv(motion[:, p]) @ motion[:, k] for k, p in enumerate(parents)],
            axis=1,
        )
        turns = np.stack([continuous_quaternions(local[:, k, :3, :3]) for k in range(len(parents))], axis=1)
        moves, rotations = animation.CreateTranslationsAttr(), animation.CreateRotationsAttr()
        animation.CreateScalesAttr(self.Vt.Vec3hArray([self.Gf.Vec3h(1, 1, 1)] * len(parents)))
        for frame in range(len(local)):
            moves.Set(self._vec3f(local[frame, :, :3, 3]), frame)
            rotations.Set(self.Vt.QuatfArray([self._quat(q) for q in turns[frame]]), frame)

    def _add_morphs(self, home: str, binding: Any, rig: Rig, person: PersonTrack) -> None:
        """Blend shapes for what linear skinning leaves out (the pose correctives of SMPL bodies)."""
        shapes, amounts = pose_morphs(rig, person.vertices)
        if not len(shapes):
            return
        names, targets = [f"corrective_{k}" for k in range(len(shapes))], []
        for name, shape in zip(names, shapes, strict=True):
            blend = self.UsdSkel.BlendShape.Define(self.stage, f"{home}/body/{name}")
            blend.CreateOffsetsAttr(self._vec3f(shape))
            targets.append(blend.GetPath())
        binding.CreateBlendShapesAttr(names)
        binding.CreateBlendShapeTargetsRel().SetTargets(targets)
        animation = self.UsdSkel.Animation(self.stage.GetPrimAtPath(f"{home}/skeleton/animation"))
        animation.CreateBlendShapesAttr(names)
        weights = animation.CreateBlendShapeWeightsAttr()
        for frame, row in enumerate(amounts):
            weights.Set(self.Vt.FloatArray.FromNumpy(np.ascontiguousarray(row, np.float32)), frame)

    def add_object(self, name: str, thing: ObjectTrack) -> None:
        home = f"/scene/{prim_name(name)}"
        xform = self.UsdGeom.Xform.Define(self.stage, home)
        xform.GetPrim().SetDisplayName(name)
        move = xform.AddTranslateOp(self.UsdGeom.XformOp.PrecisionDouble)
        turn = xform.AddOrientOp(self.UsdGeom.XformOp.PrecisionFloat)
        quaternions = continuous_quaternions(thing.rotation.astype(float))
        for frame in range(self.result.frames):
            move.Set(self.Gf.Vec3d(*thing.translation[frame].astype(float).tolist()), frame)
            turn.Set(self._quat(quaternions[frame]), frame)
        corners, faces = split_corners(thing)
        positions = corners["position"] @ GLTF_FROM_OURS
        mesh = self._mesh(f"{home}/mesh", positions, faces)
        self._normals(mesh, corners["normal"] @ GLTF_FROM_OURS)
        if "color" in corners:
            self._colors(mesh, corners["color"])
        else:
            self._colors(mesh, to_linear(np.array(thing.look.base_color[:3]))[None])
        texture = self._texture(mesh, name, thing, corners["uv"]) if "uv" in corners else None
        self._bind_material(mesh, f"{home}/looks/surface", thing.look.roughness, thing.look.metallic, texture)
        self._extent(mesh, positions)

    def _texture(self, mesh: Any, name: str, thing: ObjectTrack, uv: np.ndarray) -> str:
        """Write the texture beside the file; its relative path."""
        from PIL import Image

        assert thing.look.texture is not None
        target = self.path.with_name(f"{self.path.stem}_{prim_name(name)}.png")
        with replacing(target) as temporary:
            Image.fromarray(thing.look.texture[..., :3]).save(temporary, format="PNG")
        types, geom = self.Sdf.ValueTypeNames, self.UsdGeom
        place = geom.PrimvarsAPI(mesh).CreatePrimvar("st", types.TexCoord2fArray, geom.Tokens.vertex)
        flipped = (uv * np.array([1.0, -1.0]) + np.array([0.0, 1.0])).astype(np.float32)
        place.Set(self.Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(flipped)))
        return f"./{target.name}"

    def _mesh(self, path: str, vertices: np.ndarray, faces: np.ndarray) -> Any:
        mesh = self.UsdGeom.Mesh.Define(self.stage, path)
        mesh.CreatePointsAttr(self._vec3f(vertices))
        mesh.CreateFaceVertexCountsAttr(self.Vt.IntArray.FromNumpy(np.full(len(faces), 3, np.int32)))
        mesh.CreateFaceVertexIndicesAttr(self.Vt.IntArray.FromNumpy(np.ascontiguousarray(faces, np.int32).ravel()))
        mesh.CreateSubdivisionSchemeAttr(self.UsdGeom.Tokens.none)
        return mesh

    def _normals(self, mesh: Any, normals: np.ndarray) -> None:
        mesh.CreateNormalsAttr(self._vec3f(normals))
        mesh.SetNormalsInterpolation(self.UsdGeom.Tokens.vertex)

    def _colors(self, mesh: Any, linear: np.ndarray) -> None:
        """Linear colors (V, 3), or (1, 3) for all."""
        tokens = self.UsdGeom.Tokens
        primvar = mesh.CreateDisplayColorPrimvar(tokens.constant if len(linear) == 1 else tokens.vertex)
        primvar.Set(self._vec3f(linear))

    def _extent(self, mesh: Any, points: np.ndarray) -> None:
        """The box that holds the mesh in every frame."""
        flat = points.reshape(-1, 3)
        mesh.CreateExtentAttr(self._vec3f(np.stack([flat.min(axis=0), flat.max(axis=0)])))

    def _bind_material(
        self, mesh: Any, path: str, roughness: float, metallic: float = 0.0, texture: str | None = None
    ) -> None:
        """A preview surface colored by the texture, or by the mesh's own colors."""
        shade, types = self.UsdShade, self.Sdf.ValueTypeNames
        material = shade.Material.Define(self.stage, path)
        surface = shade.Shader.Define(self.stage, f"{path}/surface")
        surface.CreateIdAttr("UsdPreviewSurface")
        surface.CreateInput("roughness", types.Float).Set(float(roughness))
        surface.CreateInput("metallic", types.Float).Set(float(metallic))
        source = shade.Shader.Define(self.stage, f"{path}/color")
        if texture is None:
            source.CreateIdAttr("UsdPrimvarReader_float3")
            source.CreateInput("varname", types.String).Set("displayColor")
            output = source.CreateOutput("result", types.Float3)
        else:
            reader = shade.Shader.Define(self.stage, f"{path}/place")
            reader.CreateIdAttr("UsdPrimvarReader_float2")
            reader.CreateInput("varname", types.String).Set("st")
            source.CreateIdAttr("UsdUVTexture")
            source.CreateInput("file", types.Asset).Set(texture)
            place = source.CreateInput("st", types.Float2)
            place.ConnectToSource(reader.CreateOutput("result", types.Float2))
            output = source.CreateOutput("rgb", types.Float3)
        surface.CreateInput("diffuseColor", types.Color3f).ConnectToSource(output)
        material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", types.Token))
        shade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)

    def _vec3f(self, array: np.ndarray) -> Any:
        return self.Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(array, np.float32))

    def _matrix(self, matrix: np.ndarray) -> Any:
        """USD multiplies rows from the left."""
        return self.Gf.Matrix4d(matrix.T.tolist())

    def _quat(self, xyzw: np.ndarray) -> Any:
        x, y, z, w = (float(value) for value in xyzw)
        return self.Gf.Quatf(w, x, y, z)
