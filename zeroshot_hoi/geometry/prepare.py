"""Prepare an object: read, place, repair with a report, sample, bake.

The object frame is in metres, z up, its origin at the center of the bounding box's foot; x and y are the file's own,
converted. The stored mesh keeps seams, texture coordinates and colors, and its edges are at most max(1 cm, diagonal /
40) long, so that parts and contacts have faces to live on. Distances and samples come from the same surface.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zeroshot_hoi.core.scene import Mesh, MeshReport, SceneObject, SurfaceSamples
from zeroshot_hoi.core.solution import Progress, ProgressListener, silent
from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.geometry.grid import bake_grid, choose_spacing, default_margin
from zeroshot_hoi.geometry.load import Placement, RawMesh, place, read_mesh
from zeroshot_hoi.geometry.repair import (
    Surface,
    drop_empty_faces,
    orient_closed,
    read_topology,
    subdivide,
    used_vertices,
    weld,
)
from zeroshot_hoi.geometry.sampling import CANDIDATES_PER_SAMPLE, scatter, thin_out
from zeroshot_hoi.geometry.simplify import simplify

MAX_FACES = 100_000
"""A mesh with more is simplified to this many before anything else."""

WINDING_PROBES = 500
"""Surface points at which both sides' winding numbers are judged."""

SAMPLES = 2000
"""Surface samples of an object."""

LONGEST_EDGE = 0.01
"""Metres; larger objects allow diagonal / EDGES_PER_DIAGONAL."""

EDGES_PER_DIAGONAL = 40.0

SKIN = 1e-3
"""Metres off the surface at which the winding number is read, at most a hundredth of the diagonal."""

DOUBTFUL_SHARE = 0.1
"""Share of ambiguous winding above which the report warns."""

STEPS = ("read", "repair", "sample", "bake")


@dataclass(frozen=True)
class _Repaired:
    surface: Surface
    components: np.ndarray
    """(F,)"""
    actions: tuple[str, ...]
    open_components: int


def prepare_object(
    name: str,
    mesh: Any,
    *,
    size: tuple[float, float] = (0.0, 0.0),
    mass: float = 1.0,
    spacing: float | None = None,
    progress: ProgressListener | None = None,
) -> SceneObject:
    """The object `name` from a `core.scene.Mesh`, a path, a `trimesh.Trimesh` or a `trimesh.Scene`.

    `size` is its plausible longest extent (low, high) in metres, zeros where anything goes; `mass` is in kg; `spacing`
    of the distance grid is in metres and follows the thinnest part when it is not given.
    """
    tell = progress or silent
    asked = mesh if isinstance(mesh, Mesh) else Mesh(mesh)
    tell(_step(name, 0))
    raw = read_mesh(asked.source)
    placement = place(raw, asked, name, size)
    file_faces = len(raw.faces)
    raw = simplify(raw, MAX_FACES) if file_faces > MAX_FACES else raw
    tell(_step(name, 1))
    vertices, T_object_file = _to_object_frame(raw, placement)
    repaired = _repair(Surface(vertices, raw.faces, raw.attributes, np.arange(len(raw.faces))), raw.nodes)
    surface = repaired.surface
    refined = _refine(surface)
    tell(_step(name, 2))
    samples, ambiguous = _sample_outside(surface, refined)
    tell(_step(name, 3))
    margin = default_margin(surface.vertices)
    chosen = choose_spacing(surface.vertices, surface.faces, margin) if spacing is None else spacing
    grid = bake_grid(surface.vertices, surface.faces, chosen, margin=margin)
    tell(_step(name, 4))
    return SceneObject(
        name=name,
        vertices=refined.vertices,
        faces=refined.faces,
        components=repaired.components[refined.origin],
        nodes=tuple(raw.nodes[index] for index in surface.origin[refined.origin]),
        samples=samples,
        grid=grid,
        mass=mass,
        unit=placement.unit,
        up=placement.up,
        front=placement.front,
        scale=1.0,
        T_object_file=T_object_file,
        source_sha256=raw.sha256,
        report=_report(repaired, refined, ambiguous, raw, asked, file_faces),
        visual=_visual(refined, raw.material),
    )


def _step(name: str, index: int) -> Progress:
    return Progress("prepare", index, len(STEPS), note=f"{name}: {(*STEPS, 'done')[index]}")


def _to_object_frame(raw: RawMesh, placement: Placement) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) in the object frame and the (4, 4) matrix that brought them there."""
    turned = raw.vertices @ placement.matrix.T
    used = turned[used_vertices(raw.faces)]
    low, high = used.min(axis=0), used.max(axis=0)
    foot = np.array([0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), low[2]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = placement.matrix, -foot
    return turned - foot, matrix


def _repair(surface: Surface, names: tuple[str, ...]) -> _Repaired:
    """Drop faces without surface, orient closed components, weld; with a sentence for each thing done.

    `names` holds the node of each of the file's faces.
    """
    nodes = np.unique(np.asarray(names), return_inverse=True)[1].reshape(-1)
    found = len(surface.vertices)
    surface, degenerate, repeated = drop_empty_faces(surface, weld(surface, seams=False).faces)
    topology = read_topology(weld(surface, seams=False).faces, nodes[surface.origin])
    surface, turned, inverted = orient_closed(surface, topology)
    surface = weld(surface, seams=True)
    done = (
        (found - len(surface.vertices), "vertices welded"),
        (degenerate, "degenerate faces dropped"),
        (repeated, "repeated faces dropped"),
        (turned, "faces of closed components turned to agree with their neighbors"),
        (inverted, "closed components turned inside out"),
    )
    actions = tuple(f"{count:,} {what}" for count, what in done if count)
    return _Repaired(surface, topology.components, actions, int((~topology.closed).sum()))


def _refine(surface: Surface) -> Surface:
    """Subdivided, with `origin` counting the faces of `surface`."""
    longest = max(LONGEST_EDGE, np.linalg.norm(np.ptp(surface.vertices, axis=0)) / EDGES_PER_DIAGONAL)
    return subdivide(replace(surface, origin=np.arange(len(surface.faces))), float(longest))


def _sample_outside(surface: Surface, refined: Surface) -> tuple[SurfaceSamples, float]:
    """Samples of what can be touched, normals outward, and the share of ambiguous winding near the surface.

    A point with solid on both sides (a bar's end inside a head) cannot be touched. A normal that points into the solid
    is turned.
    """
    exact = ExactMesh(surface.vertices, surface.faces)
    candidates = scatter(refined.vertices, refined.faces, CANDIDATES_PER_SAMPLE * SAMPLES)
    skin = min(SKIN, 0.01 * float(np.linalg.norm(np.ptp(surface.vertices, axis=0))))
    above, below = candidates.points + skin * candidates.normals, candidates.points - skin * candidates.normals
    solid_above, solid_below = exact.inside(above), exact.inside(below)
    exposed = ~(solid_above & solid_below)
    if not exposed.any():
        exposed[:] = True
    outward = np.where(solid_above[:, None], -candidates.normals, candidates.normals)
    few = slice(None, None, len(above) // WINDING_PROBES)
    ambiguous = exact.ambiguous(np.concatenate([above[few], below[few]])).mean()
    return thin_out(candidates.subset(exposed, outward), SAMPLES), float(ambiguous)


def _report(
    repaired: _Repaired, refined: Surface, ambiguous: float, raw: RawMesh, asked: Mesh, file_faces: int
) -> MeshReport:
    actions, warnings = repaired.actions, []
    simplified = file_faces > len(raw.faces)
    if simplified:
        texture = "; its texture became vertex colors" if raw.textured_in_file else ""
        actions = (f"simplified from {file_faces:,} to {len(raw.faces):,} faces{texture}", *actions)
    added = len(refined.faces) - len(repaired.surface.faces)
    if added:
        actions = (*actions, f"{added:,} faces added by splitting long edges")
    if ambiguous > DOUBTFUL_SHARE:
        warnings.append(
            f"{100 * ambiguous:.0f} % of the points near the surface are neither clearly inside nor outside: "
            f"{repaired.open_components} of its components are open sheets or have holes. Sheets have no inside; what "
            "they enclose from most directions counts as solid. Close the holes for a sharper answer."
        )
    if raw.in_memory and raw.gltf and asked.up is None:
        warnings.append(
            "the mesh in memory was read from a glTF file and is taken as z up, as any mesh in memory; if it still "
            "is y up, pass the path or Mesh(mesh, up='y')."
        )
    return MeshReport(actions, tuple(warnings), ambiguous, simplified)


def _visual(refined: Surface, material: Any) -> Any:
    """The trimesh visual of the prepared mesh; None is plain."""
    from trimesh.visual import ColorVisuals, TextureVisuals

    if refined.attributes.shape[1] == 2:
        return TextureVisuals(uv=refined.attributes, material=material)
    if refined.attributes.shape[1] == 4:
        colors = np.clip(np.round(refined.attributes), 0, 255).astype(np.uint8)
        return ColorVisuals(vertex_colors=colors)
    return None
