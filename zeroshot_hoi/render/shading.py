"""What every pixel shows, in Warp: the floor and the backdrop once for a camera, surfaces in every picture.

A pixel's samples share what is smooth: light is computed once for the samples of one smooth patch, and so is color
where the patch has one color. Textures are read for every sample.
"""

# A Warp kernel is a language of its own in Python's syntax; Warp's compiler checks its types.
# pyright: reportInvalidTypeForm=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportIndexIssue=false
# pyright: reportOperatorIssue=false, reportArgumentType=false, reportAssignmentType=false, reportAttributeAccessIssue=false
# ruff: noqa: UP018, RUF046  (in a Warp kernel `float(0.0)` declares a variable; a bare literal is a constant)
from __future__ import annotations

import warp as wp

from zeroshot_hoi.render.coverage import edge
from zeroshot_hoi.render.light import floor_light, floor_sky, open_floor_light, sky_visibility, surface_light
from zeroshot_hoi.render.records import MODULE, Floor, FloorMap, Light, Shapes, View, Window

OPEN_SKY = wp.constant(0.99)
"""Share of the sky above which the floor counts as open: about half a byte of difference."""


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
def view_ray(view: View, x: float, y: float) -> wp.vec3:
    """From the eye through pixel coordinates, of length one along the camera's axis: eye + ray * depth is the point."""
    scale = 1.0 / (view.focal * float(view.height))
    right = (x - 0.5 * float(view.width)) * scale
    up = (0.5 * float(view.height) - y) * scale
    return view.right * right + view.up * up - view.back


@wp.func
def meets_floor(view: View, ray: wp.vec3, floor: Floor) -> bool:
    return floor.shown == 1 and ray[2] * view.eye[2] < 0.0


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
def bend(color: wp.vec3) -> wp.vec3:
    return wp.vec3(shoulder(color[0]), shoulder(color[1]), shoulder(color[2]))


@wp.func
def open_floor(view: View, ray: wp.vec3, diffuse: wp.vec3, floor: Floor) -> wp.vec4:
    """The floor's color (rgb) with its grid under `diffuse` light where the ray meets it, and how far fog hides it."""
    depth = -view.eye[2] / ray[2]
    p = view.eye + ray * depth
    footprint = depth / (view.focal * float(view.height)) / wp.max(wp.abs(ray[2]) / wp.length(ray), 0.02)
    line = wp.max(grid_line(p[0], floor.spacing, footprint), grid_line(p[1], floor.spacing, footprint))
    color = bend(wp.cw_mul(floor.color * (1.0 - line) + floor.line * line, diffuse))
    away = wp.length(wp.vec2(p[0], p[1]) - floor.center)
    fog = wp.smoothstep(floor.fade_start, floor.fade_end, away)
    return wp.vec4(color[0], color[1], color[2], fog)


@wp.func
def backdrop(view: View, row: int, floor: Floor) -> wp.vec3:
    """The color behind everything."""
    height = 1.0 - (float(row) + 0.5) / float(view.height)
    return floor.low * (1.0 - height) + floor.high * height


@wp.func
def encode(color: wp.vec3, encoding: wp.array(dtype=wp.uint8), channel: int) -> wp.uint8:
    return encoding[int(color[channel] * float(encoding.shape[0] - 1) + 0.5)]


@wp.kernel(module=MODULE)
def paint_backdrop(
    view: View,
    diffuse: wp.vec3,
    floor: Floor,
    encoding: wp.array(dtype=wp.uint8),
    run: int,
    behind: wp.array(dtype=wp.vec4, ndim=2),
    image: wp.array(dtype=wp.uint8, ndim=3),
):
    """What a camera sees where nothing is drawn or shaded: the floor's linear light and its fog, and the picture."""
    row, stretch = wp.tid()
    for column in range(stretch * run, wp.min(stretch * run + run, view.width)):
        ray = view_ray(view, float(column) + 0.5, float(row) + 0.5)
        color = backdrop(view, row, floor)
        at = wp.vec4(color[0], color[1], color[2], 1.0)
        if meets_floor(view, ray, floor):
            at = open_floor(view, ray, diffuse, floor)
            color = wp.vec3(at[0], at[1], at[2]) * (1.0 - at[3]) + color * at[3]
        behind[row, column] = at
        for channel in range(3):
            image[row, column, channel] = encode(color, encoding, channel)


@wp.func
def floor_behind(
    view: View,
    ray: wp.vec3,
    row: int,
    column: int,
    light: Light,
    floor: Floor,
    floor_map: FloorMap,
    behind: wp.array(dtype=wp.vec4, ndim=2),
) -> wp.vec3:
    """What a pixel shows behind the surfaces: the backdrop, or the floor with what shades it."""
    at = behind[row, column]
    color = wp.vec3(at[0], at[1], at[2])
    if at[3] == 1.0 or not meets_floor(view, ray, floor):
        return backdrop(view, row, floor)
    p = view.eye - ray * (view.eye[2] / ray[2])
    sky = floor_sky(p, floor_map)
    if sky[0] < 1.0 or sky[1] > 0.0:
        color = wp.cw_mul(color, wp.cw_div(floor_light(p, sky, light), open_floor_light(light)))
    return color * (1.0 - at[3]) + backdrop(view, row, floor) * at[3]


@wp.func
def is_open(view: View, ray: wp.vec3, floor_map: FloorMap) -> bool:
    """Whether the floor where the ray meets it looks as if there were nothing else in the world."""
    sky = floor_sky(view.eye - ray * (view.eye[2] / ray[2]), floor_map)
    return sky[0] > OPEN_SKY and sky[1] == 0.0


@wp.struct
class Patch:
    """What the samples of one smooth patch share."""

    surface: int
    face: int
    depth: float
    normal: wp.vec3
    tint: wp.vec3
    light: wp.vec3
    highlight: wp.vec3
    color: wp.vec3


@wp.func
def continues(patch: Patch, shapes: Shapes, f: int, depth: float) -> bool:
    """Whether a sample of face f lies on the patch."""
    if f == patch.face:
        return True
    if shapes.face_surface[f] != patch.surface or wp.abs(depth - patch.depth) > 0.01 * depth:
        return False
    return wp.dot(shapes.normals[shapes.normal_faces[f, 0]], patch.normal) > 0.96


@wp.func
def shade_point(
    shapes: Shapes, view: View, light: Light, patch: Patch, fresh: bool, f: int, x: float, y: float
) -> Patch:
    """The patch at a sample of face f, at pixel coordinates; its light is kept unless it is `fresh`."""
    s = float(view.supersampling)
    a = shapes.screen[shapes.faces[f, 0]]
    b = shapes.screen[shapes.faces[f, 1]]
    c = shapes.screen[shapes.faces[f, 2]]
    area = edge(a, b, c[0], c[1])
    u = edge(b, c, x * s, y * s) / area * a[2]
    v = edge(c, a, x * s, y * s) / area * b[2]
    w = edge(a, b, x * s, y * s) / area * c[2]
    depth = 1.0 / (u + v + w)
    u *= depth
    v *= depth
    w *= depth
    surface = shapes.face_surface[f]
    entry = shapes.textures[surface]
    if fresh:
        ray = view_ray(view, x, y)
        n = wp.normalize(
            shapes.normals[shapes.normal_faces[f, 0]] * u
            + shapes.normals[shapes.normal_faces[f, 1]] * v
            + shapes.normals[shapes.normal_faces[f, 2]] * w
        )
        patch.normal = n
        if wp.dot(n, ray) > 0.0:
            n = wp.normalize(n - ray * (1.02 * wp.dot(n, ray) / wp.dot(ray, ray)))
        p = view.eye + ray * depth
        sky = shapes.sky[shapes.faces[f, 0]]
        if sky < 0.0:
            sky = sky_visibility(p, n, light)
        else:
            sky = sky * u + shapes.sky[shapes.faces[f, 1]] * v + shapes.sky[shapes.faces[f, 2]] * w
        diffuse = surface_light(p, n, sky, light)
        material = shapes.materials[surface]
        half = wp.normalize(light.key_direction - wp.normalize(ray))
        shine = material[0] * wp.pow(wp.max(wp.dot(n, half), 0.0), material[1]) * diffuse[3]
        patch.surface = surface
        patch.depth = depth
        patch.light = wp.vec3(diffuse[0], diffuse[1], diffuse[2])
        patch.highlight = light.key_color * shine * (0.25 * material[1] / 8.0 + 0.5)
    albedo = (
        shapes.colors[shapes.faces[f, 0]] * u
        + shapes.colors[shapes.faces[f, 1]] * v
        + shapes.colors[shapes.faces[f, 2]] * w
    )
    patch.tint = albedo
    if entry[3] > 0:
        at = shapes.uv[f, 0] * u + shapes.uv[f, 1] * v + shapes.uv[f, 2] * w
        du = shapes.uv[f, 1] - shapes.uv[f, 0]
        dv = shapes.uv[f, 2] - shapes.uv[f, 0]
        span = wp.abs(du[0] * dv[1] - du[1] * dv[0]) * float(entry[1]) * float(entry[2]) / wp.abs(area)
        albedo = wp.cw_mul(albedo, sample_texture(shapes.texels, entry, at, span))
    patch.face = wp.where(entry[3] > 0, -1, f)
    patch.color = bend(wp.cw_mul(albedo, patch.light) + patch.highlight)
    return patch


@wp.func
def same_tint(patch: Patch, shapes: Shapes, f: int) -> bool:
    """Whether the patch's color holds for face f too."""
    return patch.face >= 0 and wp.length(shapes.colors[shapes.faces[f, 0]] - patch.tint) < 0.01


@wp.kernel(module=MODULE)
def shade(
    view: View,
    painted: Window,
    window: Window,
    keys: wp.array(dtype=wp.uint64, ndim=2),
    shapes: Shapes,
    light: Light,
    floor: Floor,
    floor_map: FloorMap,
    behind: wp.array(dtype=wp.vec4, ndim=2),
    encoding: wp.array(dtype=wp.uint8),
    run: int,
    image: wp.array(dtype=wp.uint8, ndim=3),
):
    """Paint surfaces and the floor's shadows over the backdrop that `image` holds already, within `painted`; `window`
    is what the z-buffer `keys` covers.

    One thread for each `run` pixels of a row: on a CPU a thread's arguments cost more than a pixel. `encoding` holds
    the sRGB bytes of evenly spaced linear values.
    """
    row, stretch = wp.tid()
    row += painted.top
    first = painted.left + stretch * run
    s = view.supersampling
    y0 = (row - window.top) * s
    for column in range(first, wp.min(first + run, painted.left + painted.width)):
        x0 = (column - window.left) * s
        covered = int(0)
        if y0 >= 0 and row < window.top + window.height and x0 >= 0 and column < window.left + window.width:
            for y in range(y0, y0 + s):
                for x in range(x0, x0 + s):
                    if keys[y, x] != wp.uint64(0):
                        covered += 1
        backed = False
        backing = wp.vec3(0.0, 0.0, 0.0)
        if covered < s * s:
            ray = view_ray(view, float(column) + 0.5, float(row) + 0.5)
            if covered == 0 and (not meets_floor(view, ray, floor) or is_open(view, ray, floor_map)):
                continue
            backing = floor_behind(view, ray, row, column, light, floor, floor_map, behind)
            backed = True
        total = backing
        if covered > 0:
            total = wp.vec3(0.0, 0.0, 0.0)
            patch = Patch()
            patch.surface = int(-1)
            patch.face = int(-1)
            for k in range(s * s):
                key = keys[y0 + k / s, x0 + k % s]
                nearness = wp.cast(wp.uint32(key >> wp.uint64(32)), float)
                px = float(column) + (float(k % s) + 0.5) / float(s)
                py = float(row) + (float(k / s) + 0.5) / float(s)
                down = view_ray(view, px, py)
                if key == wp.uint64(0) or (meets_floor(view, down, floor) and -down[2] / view.eye[2] > nearness):
                    if not backed:
                        backing = floor_behind(view, down, row, column, light, floor, floor_map, behind)
                        backed = True
                    total += backing
                else:
                    f = int(key & wp.uint64(0xFFFFFFFF))
                    fresh = not continues(patch, shapes, f, 1.0 / nearness)
                    if fresh or (f != patch.face and not same_tint(patch, shapes, f)):
                        patch = shade_point(shapes, view, light, patch, fresh, f, px, py)
                    total += patch.color
            total = total / float(s * s)
        for channel in range(3):
            image[row, column, channel] = encode(total, encoding, channel)
