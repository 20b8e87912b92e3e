"""Colors of the built-in meshes, sRGB."""

from __future__ import annotations

STEEL = (196, 200, 206)
DARK = (52, 55, 62)
RUBBER = (34, 34, 36)
BLUE = (64, 112, 168)
CLOTH = (150, 176, 196)
WOOD = (176, 128, 82)
LIGHT_WOOD = (198, 154, 106)
WHITE = (232, 230, 224)
RED = (186, 62, 52)
GREEN = (86, 132, 78)
YELLOW = (222, 178, 58)
CARDBOARD = (190, 150, 104)
EARTH = (112, 84, 58)
PLASTER = (214, 206, 194)
