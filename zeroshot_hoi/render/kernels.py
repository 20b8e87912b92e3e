"""Every kernel and record of the renderer. Import them from here: Warp compiles a module with the kernels that it knows
at the first launch, and again when another one turns up."""

from zeroshot_hoi.render.coverage import (
    BLOCK,
    NOTHING,
    average_normals,
    fill_depth_maps,
    fill_zbuffer,
    project_to_lights,
    project_to_picture,
)
from zeroshot_hoi.render.light import fill_floor_shadow, fill_floor_sky, fill_vertex_sky
from zeroshot_hoi.render.records import DepthMaps, Floor, FloorMap, Light, Shapes, View, Window
from zeroshot_hoi.render.shading import OPEN_SKY, paint_backdrop, shade

__all__ = [
    "BLOCK",
    "NOTHING",
    "OPEN_SKY",
    "DepthMaps",
    "Floor",
    "FloorMap",
    "Light",
    "Shapes",
    "View",
    "Window",
    "average_normals",
    "fill_depth_maps",
    "fill_floor_shadow",
    "fill_floor_sky",
    "fill_vertex_sky",
    "fill_zbuffer",
    "paint_backdrop",
    "project_to_lights",
    "project_to_picture",
    "shade",
]
