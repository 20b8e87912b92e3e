"""The renderer's geometry in Warp: where every vertex is on the picture and in the lights' maps, and what lies nearest.

A key of the z-buffer packs the bits of 1 / depth (a positive float sorts like an integer) above the index of its face,
so that one atomic maximum keeps the nearest face on CPU and GPU alike; zero is empty.
"""

# A Warp kernel is a language of its own in Python's syntax; Warp's compiler checks its types.
# pyright: reportInvalidTypeForm=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportIndexIssue=false
# pyright: reportOperatorIssue=false, reportArgumentType=false, reportAssignmentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import warp as wp

from zeroshot_hoi.render.records import MODULE, DepthMaps, View, Window

BLOCK = wp.constant(16)
"""Texels along a side of the blocks that say where a map is empty."""

NEAR_PLANE = wp.constant(0.02)
"""Metres; faces that reach nearer to the camera are not drawn."""

NOTHING = wp.constant(1.0e9)
"""Metres: the distance in a depth map where nothing lies."""


@wp.func
def edge(a: wp.vec3, b: wp.vec3, x: float, y: float) -> float:
    return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])


@wp.kernel(module=MODULE)
def average_normals(
    vertices: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=int, ndim=2),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    vertex_start: int,
    normal_start: int,
    normals: wp.array(dtype=wp.vec3),
):
    """Area-weighted unit normals of one smooth surface: vertex v's faces are `around[first[v] : first[v + 1]]`."""
    v = wp.tid()
    total = wp.vec3(0.0, 0.0, 0.0)
    for k in range(first[v], first[v + 1]):
        f = around[k]
        a = vertices[vertex_start + faces[f, 0]]
        total += wp.cross(vertices[vertex_start + faces[f, 1]] - a, vertices[vertex_start + faces[f, 2]] - a)
    normals[normal_start + v] = total / wp.max(wp.length(total), 1.0e-20)


@wp.kernel(module=MODULE)
def project_to_picture(view: View, vertices: wp.array(dtype=wp.vec3), screen: wp.array(dtype=wp.vec3)):
    """Sample coordinates and 1 / depth of every vertex; zero for one behind the near plane."""
    v = wp.tid()
    local = vertices[v] - view.eye
    depth = -wp.dot(local, view.back)
    s = float(view.supersampling)
    at = wp.vec3(0.0, 0.0, 0.0)
    if depth > NEAR_PLANE:
        scale = view.focal * float(view.height) * s / depth
        x = 0.5 * float(view.width) * s + wp.dot(local, view.right) * scale
        y = 0.5 * float(view.height) * s - wp.dot(local, view.up) * scale
        at = wp.vec3(x, y, 1.0 / depth)
    screen[v] = at


@wp.kernel(module=MODULE)
def fill_zbuffer(
    screen: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=int, ndim=2),
    solid: wp.array(dtype=wp.uint8),
    window: Window,
    supersampling: int,
    keys: wp.array(dtype=wp.uint64, ndim=2),
):
    """The nearest face at every sample of the window; of `solid` surfaces only faces that look at the camera."""
    f = wp.tid()
    corner = wp.vec3(float(window.left * supersampling), float(window.top * supersampling), 0.0)
    a = screen[faces[f, 0]] - corner
    b = screen[faces[f, 1]] - corner
    c = screen[faces[f, 2]] - corner
    if a[2] <= 0.0 or b[2] <= 0.0 or c[2] <= 0.0:
        return
    x0 = wp.max(int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])) - 0.5)), 0)
    x1 = wp.min(int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])) - 0.5)), window.width * supersampling - 1)
    y0 = wp.max(int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])) - 0.5)), 0)
    y1 = wp.min(int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])) - 0.5)), window.height * supersampling - 1)
    if x1 < x0 or y1 < y0:
        return
    area = edge(a, b, c[0], c[1])
    if wp.abs(area) < 1.0e-9 or (area > 0.0 and solid[f] != wp.uint8(0)):
        return
    scale = 1.0 / area
    u_step = (b[1] - c[1]) * scale
    v_step = (c[1] - a[1]) * scale
    px = float(x0) + 0.5
    for y in range(y0, y1 + 1):
        py = float(y) + 0.5
        u_start = edge(b, c, px, py) * scale
        v_start = edge(c, a, px, py) * scale
        for x in range(x0, x1 + 1):
            u = u_start + float(x - x0) * u_step
            v = v_start + float(x - x0) * v_step
            w = 1.0 - u - v
            if u >= 0.0 and v >= 0.0 and w >= 0.0:
                bits = wp.uint64(wp.cast(u * a[2] + v * b[2] + w * c[2], wp.uint32))
                wp.atomic_max(keys, y, x, (bits << wp.uint64(32)) | wp.uint64(f))


@wp.kernel(module=MODULE)
def project_to_lights(
    maps: DepthMaps,
    vertices: wp.array(dtype=wp.vec3),
    chosen: wp.array(dtype=int),
    projected: wp.array(dtype=wp.vec3, ndim=2),
):
    """Texel coordinates and distance `(L, N)` of the chosen vertices in every light's map."""
    light, n = wp.tid()
    projected[light, n] = maps.turns[light] * vertices[chosen[n]] + maps.shifts[light]


@wp.kernel(module=MODULE)
def fill_depth_maps(
    projected: wp.array(dtype=wp.vec3, ndim=2),
    faces: wp.array(dtype=int, ndim=2),
    solid: wp.array(dtype=wp.uint8),
    maps: DepthMaps,
):
    """The least depth of every texel; of `solid` surfaces only faces that look at the light are needed."""
    light, f = wp.tid()
    a = projected[light, faces[f, 0]]
    b = projected[light, faces[f, 1]]
    c = projected[light, faces[f, 2]]
    x0 = wp.max(int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])) - 0.5)), 0)
    x1 = wp.min(int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])) - 0.5)), maps.size - 1)
    if x1 < x0:
        return
    y0 = wp.max(int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])) - 0.5)), 0)
    y1 = wp.min(int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])) - 0.5)), maps.size - 1)
    if y1 < y0:
        return
    area = edge(a, b, c[0], c[1])
    if wp.abs(area) < 1.0e-9 or (area < 0.0 and solid[f] != wp.uint8(0)):
        return
    for row in range(y0 / BLOCK, y1 / BLOCK + 1):
        for column in range(x0 / BLOCK, x1 / BLOCK + 1):
            maps.touched[light, row, column] = wp.uint8(1)
    scale = 1.0 / area
    u_step = (b[1] - c[1]) * scale
    v_step = (c[1] - a[1]) * scale
    px = float(x0) + 0.5
    start = light * maps.size * maps.size
    for y in range(y0, y1 + 1):
        py = float(y) + 0.5
        u_start = edge(b, c, px, py) * scale
        v_start = edge(c, a, px, py) * scale
        for x in range(x0, x1 + 1):
            u = u_start + float(x - x0) * u_step
            v = v_start + float(x - x0) * v_step
            w = 1.0 - u - v
            if u >= 0.0 and v >= 0.0 and w >= 0.0:
                wp.atomic_min(maps.depth, start + y * maps.size + x, u * a[2] + v * b[2] + w * c[2])
