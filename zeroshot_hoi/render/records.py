"""What the renderer's Warp kernels are told, as Warp structs: the camera, the shapes, the light, the floor.

All kernels of the renderer form one Warp module, because each module parses Warp's own headers again when it is first
compiled (3 CPU-seconds).
"""

# Warp reads these annotations itself.
# pyright: reportInvalidTypeForm=false, reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import warp as wp

MODULE = wp.get_module("zeroshot_hoi.render")
MODULE.options |= {"enable_backward": False, "fast_math": True}


@wp.struct
class View:
    """A camera and the size of the picture; samples lie on a grid `supersampling` times finer."""

    eye: wp.vec3
    right: wp.vec3
    up: wp.vec3
    back: wp.vec3
    focal: float
    width: int
    height: int
    supersampling: int


@wp.struct
class Window:
    """The part of the picture that has a z-buffer, pixels: everything drawn lies in it."""

    left: int
    top: int
    width: int
    height: int


@wp.struct
class Shapes:
    """Every surface in one set of arrays; the first four change from picture to picture."""

    screen: wp.array(dtype=wp.vec3)
    vertices: wp.array(dtype=wp.vec3)
    normals: wp.array(dtype=wp.vec3)
    sky: wp.array(dtype=float)
    """Share of the sky that each vertex of a smooth surface sees; below zero for other vertices."""
    faces: wp.array(dtype=int, ndim=2)
    normal_faces: wp.array(dtype=int, ndim=2)
    colors: wp.array(dtype=wp.vec3)
    uv: wp.array(dtype=wp.vec2, ndim=2)
    face_surface: wp.array(dtype=int)
    materials: wp.array(dtype=wp.vec2)
    textures: wp.array(dtype=wp.vec4i)
    texels: wp.array(dtype=wp.vec3)


@wp.struct
class DepthMaps:
    """Orthographic maps: for each direction the smallest distance along its rays, from the light's side."""

    depth: wp.array(dtype=float)
    """Map after map, row after row."""
    touched: wp.array(dtype=wp.uint8, ndim=3)
    """Whether anything may lie in a block of BLOCK x BLOCK texels."""
    turns: wp.array(dtype=wp.mat33)
    shifts: wp.array(dtype=wp.vec3)
    """turn p + shift is where p is in a map: two texel coordinates and the distance."""
    center: wp.vec3
    radius: float
    size: int


@wp.struct
class Light:
    """Where light comes from and how much; colors are linear."""

    key_direction: wp.vec3
    key_color: wp.vec3
    sky_color: wp.vec3
    bounce_color: wp.vec3
    softness: float
    """Radius of the key light's penumbra, metres."""
    taps: wp.array(dtype=wp.vec2)
    """Over the unit disk, from the rim inward."""
    sky_total: float
    sky_directions: wp.array(dtype=wp.vec3)
    key: DepthMaps
    sky: DepthMaps


@wp.struct
class FloorMap:
    """What the floor sees of the sky in a square around the scene, and where no shadow falls on it."""

    low: wp.vec2
    spacing: float
    size: int
    sky: wp.array(dtype=float, ndim=2)
    shadow: wp.array(dtype=wp.uint8, ndim=2)


@wp.struct
class Floor:
    """The floor at z = 0 and the backdrop behind it."""

    shown: int
    color: wp.vec3
    line: wp.vec3
    spacing: float
    center: wp.vec2
    fade_start: float
    fade_end: float
    low: wp.vec3
    high: wp.vec3
