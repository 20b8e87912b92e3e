"""One result as nodes of a viser scene, and what changes in them from frame to frame.

viser gives a deforming mesh one color, so that a person is a mesh per garment; objects move rigidly and keep their
colors and textures. Objects colored by their parts are meshes of their own, as are the thin shells that show
depth; both are made only while they are shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from zeroshot_hoi.render.palette import OUTFITS, garment_shares, to_srgb
from zeroshot_hoi.render.surface import crease_normals, vertex_normals
from zeroshot_hoi.results.contact_lines import contact_lines
from zeroshot_hoi.results.export.glb import GLTF_FROM_OURS, split_corners
from zeroshot_hoi.results.result import ObjectTrack, PersonTrack, Result
from zeroshot_hoi.results.viewer.depth import Depths
from zeroshot_hoi.results.viewer.garments import Piece, cut

CLOSED, OPEN = (15, 176, 136), (214, 110, 24)
"""sRGB of contact lines."""

PART_COLORS = ((15, 176, 136), (60, 120, 220), (200, 90, 180), (230, 170, 40), (120, 90, 220))
"""sRGB of an object's parts, in turn."""

NO_PART = (176, 178, 182)
"""sRGB of what belongs to no part; a likelihood in between is a color in between."""

DEPTHS = ((0.0005, (250, 200, 70)), (0.003, (240, 130, 40)), (0.010, (215, 40, 40)))
"""Metres from which a depth has a color: visible, beyond the mean's bar, beyond the deepest bar."""

SHELL = 0.002
"""Metres by which a colored shell lies outside its surface."""

GHOST_OPACITY = 0.18


class ResultScene:
    """The nodes of one result below `/name`, moved aside by `offset (3,)` metres."""

    def __init__(self, server: Any, name: str, result: Result, offset: np.ndarray) -> None:
        self._server, self._root, self.result = server, f"/{name}", result
        self.offset = np.asarray(offset, float)
        server.scene.add_frame(self._root, show_axes=False, position=tuple(self.offset))
        self.lines = contact_lines(result)
        self._depths = Depths(result)
        self._pieces = {who: self._dress(who, track, index) for index, (who, track) in enumerate(result.people.items())}
        self._meshes: dict[str, Any] = {}
        self._things = {what: self._add_thing(what, track) for what, track in result.objects.items()}
        self._contacts = self._add_contacts()
        self._part_nodes: list[Any] = []
        self._ghosts: list[Any] = []
        self._shells: dict[str, list[Any]] = {}
        self._shows_depth = False
        self.frame = 0
        self.show(0)

    def show(self, frame: int) -> None:
        """Put everyone and everything where they are in `frame`; past the end, in the last one."""
        self.frame = frame = min(frame, self.result.frames - 1)
        for who, pieces in self._pieces.items():
            vertices = self.result.people[who].vertices[frame]
            for handle, piece in pieces:
                handle.vertices = piece.vertices(vertices)
        for what, handle in self._things.items():
            handle.wxyz, handle.position = _place(self.result.objects[what], frame)
        if self._contacts is not None:
            self._contacts.points = self._line_points(frame)
            self._contacts.colors = self._line_colors(frame)
        if self._shows_depth:
            self._draw_depth()

    def closed(self, frame: int) -> frozenset[str]:
        """Names of the edges that touch in a frame."""
        frame = min(frame, self.result.frames - 1)
        return frozenset(line.edge for line in self.lines if line.closed[frame])

    def _dress(self, who: str, person: PersonTrack, index: int) -> list[tuple[Any, Piece]]:
        outfit = OUTFITS[index % len(OUTFITS)]
        colors, pieces = (outfit.skin, outfit.shirt, outfit.trousers), []
        for garment, piece in cut(person.faces, garment_shares(person.part_labels, person.faces)).items():
            handle = self._server.scene.add_mesh_simple(
                f"{self._root}/{who}/{garment}", piece.vertices(person.vertices[0]), piece.faces,
                color=colors[garment], side="double",
            )  # fmt: skip
            pieces.append((handle, piece))
        return pieces

    def _add_thing(self, what: str, track: ObjectTrack) -> Any:
        wxyz, position = _place(track, 0)
        frame = self._server.scene.add_frame(f"{self._root}/{what}", show_axes=False, wxyz=wxyz, position=position)
        self._meshes[what] = self._server.scene.add_mesh_trimesh(f"{self._root}/{what}/mesh", object_mesh(track))
        return frame

    def _add_contacts(self) -> Any:
        if not self.lines:
            return None
        return self._server.scene.add_line_segments(
            f"{self._root}/contacts", self._line_points(0), self._line_colors(0), thickness=5.0,
            thickness_units="screen",
        )  # fmt: skip

    def _line_points(self, frame: int) -> np.ndarray:
        """(E, 2, 3)"""
        return np.stack([[line.start[frame], line.end[frame]] for line in self.lines]).astype(np.float32)

    def _line_colors(self, frame: int) -> np.ndarray:
        """(E, 2, 3) uint8"""
        return np.array([[CLOSED if line.closed[frame] else OPEN] * 2 for line in self.lines], np.uint8)

    def show_contacts(self, shown: bool) -> None:
        """Show or hide the contact lines."""
        if self._contacts is not None:
            self._contacts.visible = shown

    def show_parts(self, shown: bool) -> None:
        """Color the objects by how likely each place belongs to one of the named parts."""
        _remove(self._part_nodes)
        for what, thing in self.result.objects.items():
            colored = shown and len(thing.part_names) > 0
            self._meshes[what].visible = not colored
            if colored:
                node = f"{self._root}/{what}/parts"
                self._part_nodes.append(self._server.scene.add_mesh_trimesh(node, part_mesh(thing)))

    def show_depth(self, shown: bool) -> None:
        """Color what of the people is inside an object, by depth."""
        self._shows_depth = shown
        if shown:
            self._draw_depth()
        else:
            for nodes in self._shells.values():
                _remove(nodes)

    def _draw_depth(self) -> None:
        for who, person in self.result.people.items():
            depth = self._depths.at(who, self.frame)[person.faces].max(axis=1)
            level = np.searchsorted([least for least, _ in DEPTHS], depth, side="right")
            nodes = self._shells.setdefault(who, [])
            _remove(nodes)
            for number, (_, color) in enumerate(DEPTHS, start=1):
                node = f"{self._root}/{who} depth {number}"
                vertices = person.vertices[self.frame]
                nodes += self._shell(node, vertices, person.faces, level == number, color)

    def _shell(self, name: str, vertices: np.ndarray, faces: np.ndarray, chosen: np.ndarray, color: Any) -> list[Any]:
        """A mesh just outside the chosen faces; nothing where none is chosen."""
        if not chosen.any():
            return []
        raised = vertices + SHELL * vertex_normals(vertices.astype(float), faces)
        kept, inner = np.unique(faces[chosen], return_inverse=True)
        return [
            self._server.scene.add_mesh_simple(
                name, raised[kept].astype(np.float32), inner.reshape(-1, 3), color=color, side="double",
                cast_shadow=False,
            )
        ]  # fmt: skip

    def show_ghosts(self, shown: bool, count: int = 4) -> None:
        """Faint copies of frames spread over the clip."""
        _remove(self._ghosts)
        if not shown:
            return
        for number, frame in enumerate(np.linspace(0, self.result.frames - 1, count).round().astype(int)):
            meshes = [(p.vertices[frame], p.faces) for p in self.result.people.values()]
            meshes += [(o.vertices_at(frame), o.faces) for o in self.result.objects.values()]
            for index, (vertices, faces) in enumerate(meshes):
                self._ghosts.append(
                    self._server.scene.add_mesh_simple(
                        f"{self._root}/ghosts/{number}/{index}", vertices, faces, color=(120, 130, 150),
                        opacity=GHOST_OPACITY, cast_shadow=False, receive_shadow=False,
                    )
                )  # fmt: skip


def _place(track: ObjectTrack, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Quaternion wxyz and position of an object."""
    turn = Rotation.from_matrix(track.rotation[frame].astype(float)).as_quat(scalar_first=True)
    return turn, track.translation[frame].astype(float)


def _remove(nodes: list[Any]) -> None:
    for node in nodes:
        node.remove()
    nodes.clear()


def object_mesh(track: ObjectTrack) -> trimesh.Trimesh:
    """The object in its own frame, with the normals, colors and texture of the GLB."""
    corners, faces = split_corners(track)
    mesh = trimesh.Trimesh(
        corners["position"] @ GLTF_FROM_OURS, faces, vertex_normals=corners["normal"] @ GLTF_FROM_OURS, process=False
    )
    look = track.look
    fields: dict[str, Any] = {"metallicFactor": look.metallic, "roughnessFactor": look.roughness, "doubleSided": True}
    if "uv" in corners:
        from PIL import Image

        assert look.texture is not None
        fields["baseColorTexture"] = Image.fromarray(look.texture[..., :3])
        uv = corners["uv"] * np.array([1.0, -1.0]) + np.array([0.0, 1.0])
        mesh.visual = TextureVisuals(uv, material=PBRMaterial(**fields))
    elif "color" in corners:
        mesh.visual = ColorVisuals(mesh, vertex_colors=to_srgb(corners["color"]))
    else:
        color = (*look.base_color[:3], 255)
        fields["baseColorFactor"] = np.array(color, np.uint8)
        mesh.visual = TextureVisuals(material=PBRMaterial(**fields))
    return mesh


def part_mesh(track: ObjectTrack) -> trimesh.Trimesh:
    """The object in its own frame, every face in its likeliest part's color, the paler the less likely."""
    likely = track.part_probability.max(axis=0)[:, None]
    own = np.array(PART_COLORS, float)[track.part_probability.argmax(axis=0) % len(PART_COLORS)]
    colors = np.round((1.0 - likely) * np.array(NO_PART) + likely * own).astype(np.uint8)
    normals = crease_normals(track.vertices.astype(float), track.faces)
    mesh = trimesh.Trimesh(
        track.vertices[track.faces].reshape(-1, 3), np.arange(track.faces.size).reshape(-1, 3),
        vertex_normals=normals.reshape(-1, 3), process=False,
    )  # fmt: skip
    mesh.visual = ColorVisuals(mesh, vertex_colors=np.repeat(colors, 3, axis=0))
    return mesh
