"""Light and shadow in Warp: one soft-shadowed key light, and a sky of a few directions that gives ambient occlusion
without noise. Each direction has a small depth map."""

# A Warp kernel is a language of its own in Python's syntax; Warp's compiler checks its types.
# pyright: reportInvalidTypeForm=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportIndexIssue=false
# pyright: reportOperatorIssue=false, reportArgumentType=false, reportAssignmentType=false, reportAttributeAccessIssue=false
# ruff: noqa: UP018, RUF046  (in a Warp kernel `float(0.0)` declares a variable; a bare literal is a constant)
from __future__ import annotations

import warp as wp

from zeroshot_hoi.render.coverage import BLOCK
from zeroshot_hoi.render.records import MODULE, DepthMaps, FloorMap, Light

OUTER = wp.constant(5)
"""Taps at the rim that settle a point which is wholly in light or wholly in shadow."""


@wp.func
def lit(maps: DepthMaps, light: int, x: float, y: float, depth: float) -> float:
    """Share of the four texels around (x, y) that the light reaches at `depth`, blended bilinearly."""
    fx = x - 0.5
    fy = y - 0.5
    ix = int(wp.floor(fx))
    iy = int(wp.floor(fy))
    if ix < 0 or iy < 0 or ix >= maps.size - 1 or iy >= maps.size - 1:
        return 1.0
    tx = fx - float(ix)
    ty = fy - float(iy)
    at = (light * maps.size + iy) * maps.size + ix
    v00 = wp.where(maps.depth[at] < depth, 0.0, 1.0)
    v01 = wp.where(maps.depth[at + 1] < depth, 0.0, 1.0)
    v10 = wp.where(maps.depth[at + maps.size] < depth, 0.0, 1.0)
    v11 = wp.where(maps.depth[at + maps.size + 1] < depth, 0.0, 1.0)
    top = v00 + (v01 - v00) * tx
    low = v10 + (v11 - v10) * tx
    return top + (low - top) * ty


@wp.func
def key_visibility(p: wp.vec3, n: wp.vec3, light: Light) -> float:
    """Share of the key light that reaches the point: a spiral of taps over the penumbra."""
    texel = 2.0 * light.key.radius / float(light.key.size)
    at = light.key.turns[0] * (p + n * (2.5 * texel)) + light.key.shifts[0]
    spread = light.softness / texel
    depth = at[2] - 2.0 * texel - 0.25 * light.softness
    total = float(0.0)
    taken = int(0)
    while taken < light.taps.shape[0]:
        offset = light.taps[taken] * spread
        total += lit(light.key, 0, at[0] + offset[0], at[1] + offset[1], depth)
        taken += 1
        if taken == OUTER and (total == 0.0 or total == float(OUTER)):
            return total / float(OUTER)
    return total / float(light.taps.shape[0])


@wp.func
def sky_visibility(p: wp.vec3, n: wp.vec3, light: Light) -> float:
    """Cosine-weighted share of the sky that the point sees, 1 for open ground."""
    texel = 2.0 * light.sky.radius / float(light.sky.size)
    q = p + n * (1.2 * texel)
    total = float(0.0)
    for k in range(light.sky_directions.shape[0]):
        cosine = wp.dot(n, light.sky_directions[k])
        if cosine > 0.0:
            at = light.sky.turns[k] * q + light.sky.shifts[k]
            total += cosine * lit(light.sky, k, at[0], at[1], at[2] - 1.2 * texel)
    return total / light.sky_total


@wp.func
def surface_light(p: wp.vec3, n: wp.vec3, sky: float, light: Light) -> wp.vec4:
    """Diffuse light (rgb) and the key light's share (for highlights) at a point with unit normal `n` that sees the
    share `sky` of the sky."""
    cosine = wp.dot(n, light.key_direction)
    key = float(0.0)
    if cosine > 0.0:
        key = cosine * key_visibility(p, n, light)
    total = light.key_color * key + light.sky_color * sky + light.bounce_color * (0.5 - 0.5 * n[2])
    return wp.vec4(total[0], total[1], total[2], key)


@wp.kernel(module=MODULE)
def fill_vertex_sky(
    vertices: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    vertex_start: int,
    normal_start: int,
    light: Light,
    sky: wp.array(dtype=float),
):
    """Share of the sky that every vertex of one smooth surface sees."""
    v = wp.tid()
    sky[vertex_start + v] = sky_visibility(vertices[vertex_start + v], normals[normal_start + v], light)


@wp.func
def under_shadow(p: wp.vec3, reach: float, light: Light) -> bool:
    """Whether anything may stand between the key light and the floor within `reach` metres of p."""
    texel = 2.0 * light.key.radius / float(light.key.size)
    at = light.key.turns[0] * p + light.key.shifts[0]
    around = (reach + light.softness) / texel + 4.0
    last = (light.key.size - 1) / BLOCK
    x0 = wp.max(int(wp.floor((at[0] - around) / float(BLOCK))), 0)
    x1 = wp.min(int(wp.floor((at[0] + around) / float(BLOCK))), last)
    y0 = wp.max(int(wp.floor((at[1] - around) / float(BLOCK))), 0)
    y1 = wp.min(int(wp.floor((at[1] + around) / float(BLOCK))), last)
    for y in range(y0, y1 + 1):
        for x in range(x0, x1 + 1):
            if light.key.touched[0, y, x] != wp.uint8(0):
                return True
    return False


@wp.kernel(module=MODULE)
def fill_floor_sky(light: Light, floor: FloorMap):
    """Share of the sky that each node of the map sees."""
    row, column = wp.tid()
    p = wp.vec3(floor.low[0] + float(column) * floor.spacing, floor.low[1] + float(row) * floor.spacing, 0.0)
    floor.sky[row, column] = sky_visibility(p, wp.vec3(0.0, 0.0, 1.0), light)


@wp.kernel(module=MODULE)
def fill_floor_shadow(light: Light, floor: FloorMap):
    """Whether a shadow may fall between each node of the map and the next."""
    row, column = wp.tid()
    x = floor.low[0] + (float(column) + 0.5) * floor.spacing
    y = floor.low[1] + (float(row) + 0.5) * floor.spacing
    shadow = under_shadow(wp.vec3(x, y, 0.0), floor.spacing, light)
    floor.shadow[row, column] = wp.where(shadow, wp.uint8(1), wp.uint8(0))


@wp.func
def floor_sky(p: wp.vec3, floor: FloorMap) -> wp.vec2:
    """The share of the sky that the floor sees at p, bilinear, and 1 where a shadow may fall; open outside the map."""
    fx = (p[0] - floor.low[0]) / floor.spacing
    fy = (p[1] - floor.low[1]) / floor.spacing
    ix = int(wp.floor(fx))
    iy = int(wp.floor(fy))
    if ix < 0 or iy < 0 or ix >= floor.size - 1 or iy >= floor.size - 1:
        return wp.vec2(1.0, 0.0)
    tx = fx - float(ix)
    ty = fy - float(iy)
    near = floor.sky[iy, ix] * (1.0 - tx) + floor.sky[iy, ix + 1] * tx
    far = floor.sky[iy + 1, ix] * (1.0 - tx) + floor.sky[iy + 1, ix + 1] * tx
    return wp.vec2(near * (1.0 - ty) + far * ty, float(floor.shadow[iy, ix]))


@wp.func
def open_floor_light(light: Light) -> wp.vec3:
    """Diffuse light on a floor with nothing on it."""
    return light.key_color * light.key_direction[2] + light.sky_color


@wp.func
def floor_light(p: wp.vec3, sky: wp.vec2, light: Light) -> wp.vec3:
    """Diffuse light on the floor, given `floor_sky` at p."""
    key = light.key_direction[2]
    if sky[1] > 0.0:
        key = key * key_visibility(p, wp.vec3(0.0, 0.0, 1.0), light)
    return light.key_color * key + light.sky_color * sky[0]
