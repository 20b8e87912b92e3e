"""The renderer's Warp kernels: fill a z-buffer, fill depth maps of lights, shade pixels.

A pixel's key in the z-buffer packs the bits of its depth (a positive float sorts like an integer) above the index of
its face, so that one atomic minimum keeps the nearest face on CPU and GPU alike. Light is one soft-shadowed key light
and a sky of a few directions, each with its own small depth map, which together give ambient occlusion without noise.
Kernels are compiled at first use and cached by Warp; no adjoint is generated.
"""

# A Warp kernel is a language of its own in Python's syntax; Warp's compiler checks its types.
# pyright: reportInvalidTypeForm=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportIndexIssue=false
# pyright: reportOperatorIssue=false, reportArgumentType=false, reportAssignmentType=false, reportAttributeAccessIssue=false
# ruff: noqa: UP018, RUF046  (in a Warp kernel `float(0.0)` declares a variable; a bare literal is a constant)
from __future__ import annotations

import math

import warp as wp

wp.set_module_options({"enable_backward": False, "fast_math": True})

FLOOR = wp.constant(-3)
EMPTY = wp.constant(wp.uint64(0xFFFFFFFFFFFFFFFF))
SPIRAL = [
    wp.vec2(math.sqrt((k + 0.5) / 12) * math.cos(2.39996 * k), math.sqrt((k + 0.5) / 12) * math.sin(2.39996 * k))
    for k in reversed(range(12))
]
"""Taps over the unit disk, a golden spiral from the rim inward; known when the kernels are compiled."""

OUTER = wp.constant(5)
"""Taps at the rim that settle a point which is wholly in light or wholly in shadow."""


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
class Light:
    """Where light comes from and how much; colors are linear."""

    key_direction: wp.vec3
    key_color: wp.vec3
    sky_color: wp.vec3
    bounce_color: wp.vec3
    center: wp.vec3
    radius: float
    key_size: int
    sky_size: int
    key_softness: float
    sky_total: float


@wp.struct
class GroundMap:
    """Where the floor's map of visible sky lies: a square around the scene."""

    low: wp.vec2
    spacing: float
    size: int


@wp.struct
class Ground:
    """The floor at z = 0 and the backdrop behind it."""

    shown: int
    color: wp.vec3
    line: wp.vec3
    spacing: float
    fade_start: float
    fade_end: float
    low: wp.vec3
    high: wp.vec3


@wp.func
def edge(a: wp.vec3, b: wp.vec3, x: float, y: float) -> float:
    return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])


@wp.kernel
def fill_zbuffer(
    screen: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=int, ndim=2),
    width: int,
    height: int,
    keys: wp.array(dtype=wp.uint64, ndim=2),
):
    """`screen (V,)` holds sample coordinates and 1 / depth (negative or zero behind the near plane)."""
    f = wp.tid()
    a = screen[faces[f, 0]]
    b = screen[faces[f, 1]]
    c = screen[faces[f, 2]]
    if a[2] <= 0.0 or b[2] <= 0.0 or c[2] <= 0.0:
        return
    area = edge(a, b, c[0], c[1])
    if wp.abs(area) < 1.0e-9:
        return
    x0 = wp.max(int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])) - 0.5)), 0)
    x1 = wp.min(int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])) - 0.5)), width - 1)
    y0 = wp.max(int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])) - 0.5)), 0)
    y1 = wp.min(int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])) - 0.5)), height - 1)
    scale = 1.0 / area
    for y in range(y0, y1 + 1):
        for x in range(x0, x1 + 1):
            px = float(x) + 0.5
            py = float(y) + 0.5
            u = edge(b, c, px, py) * scale
            v = edge(c, a, px, py) * scale
            w = 1.0 - u - v
            if u >= 0.0 and v >= 0.0 and w >= 0.0:
                depth = 1.0 / (u * a[2] + v * b[2] + w * c[2])
                bits = wp.uint64(wp.cast(depth, wp.uint32))
                wp.atomic_min(keys, y, x, (bits << wp.uint64(32)) | wp.uint64(f))


@wp.kernel
def project_to_lights(
    vertices: wp.array(dtype=wp.vec3),
    frames: wp.array(dtype=wp.mat33),
    center: wp.vec3,
    radius: float,
    size: int,
    projected: wp.array(dtype=wp.vec3, ndim=2),
):
    """Texel coordinates and distance `(L, V)` of every vertex in every light's map."""
    light, v = wp.tid()
    projected[light, v] = map_point(frames[light] * (vertices[v] - center), radius, size)


@wp.kernel
def fill_depth_maps(
    projected: wp.array(dtype=wp.vec3, ndim=2),
    faces: wp.array(dtype=int, ndim=2),
    size: int,
    maps: wp.array(dtype=float, ndim=3),
):
    """Orthographic maps `(L, size, size)`: for each light the smallest distance along its rays, from its own side."""
    light, f = wp.tid()
    a = projected[light, faces[f, 0]]
    b = projected[light, faces[f, 1]]
    c = projected[light, faces[f, 2]]
    x0 = wp.max(int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])) - 0.5)), 0)
    x1 = wp.min(int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])) - 0.5)), size - 1)
    if x1 < x0:
        return
    y0 = wp.max(int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])) - 0.5)), 0)
    y1 = wp.min(int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])) - 0.5)), size - 1)
    if y1 < y0:
        return
    area = edge(a, b, c[0], c[1])
    if wp.abs(area) < 1.0e-9:
        return
    scale = 1.0 / area
    for y in range(y0, y1 + 1):
        for x in range(x0, x1 + 1):
            px = float(x) + 0.5
            py = float(y) + 0.5
            u = edge(b, c, px, py) * scale
            v = edge(c, a, px, py) * scale
            w = 1.0 - u - v
            if u >= 0.0 and v >= 0.0 and w >= 0.0:
                wp.atomic_min(maps, light, y, x, u * a[2] + v * b[2] + w * c[2])


@wp.func
def map_point(local: wp.vec3, radius: float, size: int) -> wp.vec3:
    """Texel coordinates and distance from the light's side; `local` has the light's direction as its z."""
    half = 0.5 * float(size)
    return wp.vec3(half + local[0] / radius * half, half + local[1] / radius * half, radius - local[2])


@wp.func
def lit(maps: wp.array(dtype=float, ndim=3), light: int, x: float, y: float, depth: float, size: int) -> float:
    """Share of the four texels around (x, y) that the light reaches at `depth`, blended bilinearly."""
    fx = x - 0.5
    fy = y - 0.5
    ix = int(wp.floor(fx))
    iy = int(wp.floor(fy))
    if ix < 0 or iy < 0 or ix >= size - 1 or iy >= size - 1:
        return 1.0
    tx = fx - float(ix)
    ty = fy - float(iy)
    v00 = wp.where(maps[light, iy, ix] < depth, 0.0, 1.0)
    v01 = wp.where(maps[light, iy, ix + 1] < depth, 0.0, 1.0)
    v10 = wp.where(maps[light, iy + 1, ix] < depth, 0.0, 1.0)
    v11 = wp.where(maps[light, iy + 1, ix + 1] < depth, 0.0, 1.0)
    return (v00 * (1.0 - tx) + v01 * tx) * (1.0 - ty) + (v10 * (1.0 - tx) + v11 * tx) * ty


@wp.func
def key_visibility(
    p: wp.vec3, n: wp.vec3, light: Light, frames: wp.array(dtype=wp.mat33), maps: wp.array(dtype=float, ndim=3)
) -> float:
    """Share of the key light that reaches the point: a spiral of taps over the penumbra."""
    texel = 2.0 * light.radius / float(light.key_size)
    q = p + n * (2.5 * texel)
    at = map_point(frames[0] * (q - light.center), light.radius, light.key_size)
    spread = light.key_softness / texel
    depth = at[2] - 2.0 * texel - 0.25 * light.key_softness
    total = float(0.0)
    for k in range(OUTER):
        tap = wp.static(SPIRAL[k]) * spread
        total += lit(maps, 0, at[0] + tap[0], at[1] + tap[1], depth, light.key_size)
    if total == 0.0 or total == float(OUTER):
        return total / float(OUTER)
    for k in range(OUTER, wp.static(len(SPIRAL))):
        tap = wp.static(SPIRAL[k]) * spread
        total += lit(maps, 0, at[0] + tap[0], at[1] + tap[1], depth, light.key_size)
    return total * wp.static(1.0 / len(SPIRAL))


@wp.func
def sky_visibility(
    p: wp.vec3,
    n: wp.vec3,
    light: Light,
    directions: wp.array(dtype=wp.vec3),
    frames: wp.array(dtype=wp.mat33),
    maps: wp.array(dtype=float, ndim=3),
) -> float:
    """Cosine-weighted share of the sky that the point sees, 1 for open ground."""
    texel = 2.0 * light.radius / float(light.sky_size)
    q = p + n * (1.2 * texel)
    total = float(0.0)
    for k in range(directions.shape[0]):
        cosine = wp.dot(n, directions[k])
        if cosine > 0.0:
            at = map_point(frames[k] * (q - light.center), light.radius, light.sky_size)
            total += cosine * lit(maps, k, at[0], at[1], at[2] - 1.2 * texel, light.sky_size)
    return total / light.sky_total


@wp.func
def surface_light(
    p: wp.vec3,
    n: wp.vec3,
    light: Light,
    directions: wp.array(dtype=wp.vec3),
    key_frames: wp.array(dtype=wp.mat33),
    key_maps: wp.array(dtype=float, ndim=3),
    sky_frames: wp.array(dtype=wp.mat33),
    sky_maps: wp.array(dtype=float, ndim=3),
) -> wp.vec4:
    """Diffuse light (rgb) and the key light's share (for highlights) at a point with unit normal `n`."""
    if wp.length(p - light.center) > 1.6 * light.radius:
        sky = wp.max(0.5 + 0.5 * n[2], 0.0)
        cosine = wp.max(wp.dot(n, light.key_direction), 0.0)
        open = light.key_color * cosine + light.sky_color * sky
        return wp.vec4(open[0], open[1], open[2], cosine)
    cosine = wp.dot(n, light.key_direction)
    key = float(0.0)
    if cosine > 0.0:
        key = cosine * key_visibility(p, n, light, key_frames, key_maps)
    sky = sky_visibility(p, n, light, directions, sky_frames, sky_maps)
    bounce = 0.5 - 0.5 * n[2]
    total = light.key_color * key + light.sky_color * sky + light.bounce_color * bounce
    return wp.vec4(total[0], total[1], total[2], key)


@wp.kernel
def fill_ground_map(
    where: GroundMap,
    light: Light,
    directions: wp.array(dtype=wp.vec3),
    frames: wp.array(dtype=wp.mat33),
    maps: wp.array(dtype=float, ndim=3),
    sky: wp.array(dtype=float, ndim=2),
):
    """Share of the sky that each node of the floor's map sees."""
    row, column = wp.tid()
    p = wp.vec3(where.low[0] + float(column) * where.spacing, where.low[1] + float(row) * where.spacing, 0.0)
    sky[row, column] = sky_visibility(p, wp.vec3(0.0, 0.0, 1.0), light, directions, frames, maps)


@wp.func
def read_ground_map(where: GroundMap, sky: wp.array(dtype=float, ndim=2), x: float, y: float) -> float:
    """The map at a point of the floor, bilinear; open sky outside."""
    fx = (x - where.low[0]) / where.spacing
    fy = (y - where.low[1]) / where.spacing
    ix = int(wp.floor(fx))
    iy = int(wp.floor(fy))
    if ix < 0 or iy < 0 or ix >= where.size - 1 or iy >= where.size - 1:
        return 1.0
    tx = fx - float(ix)
    ty = fy - float(iy)
    near = sky[iy, ix] * (1.0 - tx) + sky[iy, ix + 1] * tx
    far = sky[iy + 1, ix] * (1.0 - tx) + sky[iy + 1, ix + 1] * tx
    return near * (1.0 - ty) + far * ty


@wp.func
def ground_light(
    p: wp.vec3,
    light: Light,
    where: GroundMap,
    sky: wp.array(dtype=float, ndim=2),
    key_frames: wp.array(dtype=wp.mat33),
    key_maps: wp.array(dtype=float, ndim=3),
) -> wp.vec4:
    """Diffuse light (rgb) and the key light's share on the floor."""
    n = wp.vec3(0.0, 0.0, 1.0)
    cosine = light.key_direction[2]
    key = cosine
    beam = wp.cross(p - light.center, light.key_direction)
    if wp.dot(beam, beam) < light.radius * light.radius:
        key = cosine * key_visibility(p, n, light, key_frames, key_maps)
    total = light.key_color * key + light.sky_color * read_ground_map(where, sky, p[0], p[1])
    return wp.vec4(total[0], total[1], total[2], key)


@wp.func
def texel(texels: wp.array(dtype=wp.vec3), offset: int, width: int, height: int, x: int, y: int) -> wp.vec3:
    column = ((x % width) + width) % width
    row = ((y % height) + height) % height
    return texels[offset + row * width + column]


@wp.func
def sample_texture(texels: wp.array(dtype=wp.vec3), entry: wp.vec4i, uv: wp.vec2, footprint: float) -> wp.vec3:
    """Bilinear color; `footprint` is how many texels of the full picture one sample spans."""
    offset = entry[0]
    width = entry[1]
    height = entry[2]
    left = int(wp.clamp(wp.floor(0.5 * wp.log2(wp.max(footprint, 1.0)) + 0.3), 0.0, float(entry[3] - 1)))
    while left > 0:
        offset += width * height
        width = wp.max(width / 2, 1)
        height = wp.max(height / 2, 1)
        left -= 1
    x = uv[0] * float(width) - 0.5
    y = (1.0 - uv[1]) * float(height) - 0.5
    ix = int(wp.floor(x))
    iy = int(wp.floor(y))
    tx = x - float(ix)
    ty = y - float(iy)
    top = texel(texels, offset, width, height, ix, iy) * (1.0 - tx)
    top += texel(texels, offset, width, height, ix + 1, iy) * tx
    low = texel(texels, offset, width, height, ix, iy + 1) * (1.0 - tx)
    low += texel(texels, offset, width, height, ix + 1, iy + 1) * tx
    return top * (1.0 - ty) + low * ty


@wp.func
def backdrop(ground: Ground, height: float) -> wp.vec3:
    """The color behind everything, `height` from 0 (bottom of the picture) to 1."""
    return ground.low * (1.0 - height) + ground.high * height


@wp.func
def grid_line(coordinate: float, spacing: float, footprint: float) -> float:
    """How much of a line's 8 mm covers a sample, with the line at least as wide as the sample."""
    away = wp.abs(coordinate - spacing * wp.round(coordinate / spacing))
    half = wp.max(0.004, 0.5 * footprint)
    strength = wp.min(0.004 / half, 1.0)
    return strength * wp.clamp((half - away) / wp.max(footprint, 1.0e-5) + 0.5, 0.0, 1.0)


@wp.func
def shoulder(value: float) -> float:
    """Linear light bent softly below 1, so that highlights don't clip."""
    if value > 0.7:
        return 0.7 + 0.3 * (1.0 - wp.exp(-(value - 0.7) / 0.3))
    return wp.max(value, 0.0)


@wp.func
def floor_color(
    p: wp.vec3, diffuse: wp.vec4, footprint: float, ground: Ground, center: wp.vec3, behind: wp.vec3
) -> wp.vec3:
    """The floor with its grid under `diffuse` light, fading into what lies behind."""
    line = wp.max(grid_line(p[0], ground.spacing, footprint), grid_line(p[1], ground.spacing, footprint))
    color = ground.color * (1.0 - line) + ground.line * line
    color = wp.cw_mul(color, wp.vec3(diffuse[0], diffuse[1], diffuse[2]))
    color = wp.vec3(shoulder(color[0]), shoulder(color[1]), shoulder(color[2]))
    away = wp.length(wp.vec2(p[0] - center[0], p[1] - center[1]))
    fog = wp.smoothstep(ground.fade_start, ground.fade_end, away)
    return color * (1.0 - fog) + behind * fog


@wp.kernel
def shade(
    keys: wp.array(dtype=wp.uint64, ndim=2),
    screen: wp.array(dtype=wp.vec3),
    vertices: wp.array(dtype=wp.vec3),
    faces: wp.array(dtype=int, ndim=2),
    normals: wp.array(dtype=wp.vec3),
    normal_faces: wp.array(dtype=int, ndim=2),
    colors: wp.array(dtype=wp.vec3),
    uv: wp.array(dtype=wp.vec2, ndim=2),
    face_surface: wp.array(dtype=int),
    materials: wp.array(dtype=wp.vec2),
    textures: wp.array(dtype=wp.vec4i),
    texels: wp.array(dtype=wp.vec3),
    view: View,
    light: Light,
    ground: Ground,
    directions: wp.array(dtype=wp.vec3),
    key_frames: wp.array(dtype=wp.mat33),
    key_maps: wp.array(dtype=float, ndim=3),
    sky_frames: wp.array(dtype=wp.mat33),
    sky_maps: wp.array(dtype=float, ndim=3),
    ground_map: GroundMap,
    ground_sky: wp.array(dtype=float, ndim=2),
    encoding: wp.array(dtype=wp.uint8),
    run: int,
    image: wp.array(dtype=wp.uint8, ndim=3),
):
    """One thread for each `run` pixels of a row: on a CPU a thread's arguments cost more than a pixel.

    Light is computed once for the samples of one smooth patch, color once for a face without a texture and for every
    sample of one with it; `encoding` holds the sRGB bytes of evenly spaced linear values.
    """
    row, stretch = wp.tid()
    s = view.supersampling
    for column in range(stretch * run, wp.min(stretch * run + run, view.width)):
        covered = int(0)
        for sub_row in range(s):
            for sub_column in range(s):
                if keys[row * s + sub_row, column * s + sub_column] != EMPTY:
                    covered = 1
        samples = s * s
        if covered == 0:
            samples = 1
        total = wp.vec3(0.0, 0.0, 0.0)
        known = int(-2)
        known_color = wp.vec3(0.0, 0.0, 0.0)
        known_normal = wp.vec3(0.0, 0.0, 0.0)
        known_depth = float(0.0)
        known_light = wp.vec4(0.0, 0.0, 0.0, 0.0)
        known_face = int(-1)
        x = column * s - 1
        y = row * s
        for _sample in range(samples):
            x += 1
            if x == (column + 1) * s:
                x = column * s
                y += 1
            px = float(x) + 0.5
            py = float(y) + 0.5
            if covered == 0:
                px = (float(column) + 0.5) * float(s)
                py = (float(row) + 0.5) * float(s)
            size = float(view.height * s)
            ray = (
                view.right * ((px - 0.5 * float(view.width * s)) / size)
                - view.up * ((py - 0.5 * size) / size)
                - view.back * view.focal
            )
            ray = ray / view.focal
            depth = float(1.0e9)
            key = keys[y, x]
            surface = int(-1)
            if key != EMPTY:
                depth = wp.cast(wp.uint32(key >> wp.uint64(32)), float)
                surface = 0
            if ground.shown == 1 and ray[2] * view.eye[2] < 0.0:
                away = -view.eye[2] / ray[2]
                if away < depth:
                    depth = away
                    surface = FLOOR
            color = wp.vec3(0.0, 0.0, 0.0)
            f = int(key & wp.uint64(0xFFFFFFFF))
            if surface >= 0 and f == known_face:
                color = known_color
            elif surface < 0:
                known_face = -1
                if known == surface and wp.abs(depth - known_depth) <= 0.05 * depth:
                    color = known_color
                else:
                    color = backdrop(ground, 1.0 - py / size)
                    if surface == FLOOR:
                        p = view.eye + ray * depth
                        diffuse = ground_light(p, light, ground_map, ground_sky, key_frames, key_maps)
                        footprint = depth / (view.focal * float(view.height))
                        slant = footprint / wp.max(wp.abs(ray[2]) / wp.length(ray), 0.02)
                        color = floor_color(p, diffuse, slant, ground, light.center, color)
                    known = surface
                    known_depth = depth
                    known_color = color
            else:
                a = screen[faces[f, 0]]
                b = screen[faces[f, 1]]
                c = screen[faces[f, 2]]
                area = edge(a, b, c[0], c[1])
                u = edge(b, c, px, py) / area * a[2] * depth
                v = edge(c, a, px, py) / area * b[2] * depth
                w = 1.0 - u - v
                n = wp.normalize(
                    normals[normal_faces[f, 0]] * u + normals[normal_faces[f, 1]] * v + normals[normal_faces[f, 2]] * w
                )
                if wp.dot(n, ray) > 0.0:
                    n = n - ray * (1.02 * wp.dot(n, ray) / wp.dot(ray, ray))
                    n = wp.normalize(n)
                surface = face_surface[f]
                p = view.eye + ray * depth
                same = known == surface and wp.dot(n, known_normal) > 0.96
                if not same or wp.abs(depth - known_depth) > 0.01 * depth:
                    known_light = surface_light(p, n, light, directions, key_frames, key_maps, sky_frames, sky_maps)
                    known = surface
                    known_normal = n
                    known_depth = depth
                albedo = colors[faces[f, 0]] * u + colors[faces[f, 1]] * v + colors[faces[f, 2]] * w
                entry = textures[surface]
                if entry[3] > 0:
                    at = uv[f, 0] * u + uv[f, 1] * v + uv[f, 2] * w
                    du = uv[f, 1] - uv[f, 0]
                    dv = uv[f, 2] - uv[f, 0]
                    span = wp.abs(du[0] * dv[1] - du[1] * dv[0]) * float(entry[1]) * float(entry[2]) / wp.abs(area)
                    albedo = wp.cw_mul(albedo, sample_texture(texels, entry, at, span))
                material = materials[surface]
                half = wp.normalize(light.key_direction - wp.normalize(ray))
                shine = material[0] * wp.pow(wp.max(wp.dot(n, half), 0.0), material[1]) * known_light[3]
                color = wp.cw_mul(albedo, wp.vec3(known_light[0], known_light[1], known_light[2]))
                color += light.key_color * shine * (0.25 * material[1] / 8.0 + 0.5)
                color = wp.vec3(shoulder(color[0]), shoulder(color[1]), shoulder(color[2]))
                known_color = color
                known_face = wp.where(entry[3] > 0, -1, f)
            total += color
        share = float(encoding.shape[0] - 1) / float(samples)
        for channel in range(3):
            image[row, column, channel] = encoding[int(total[channel] * share + 0.5)]
