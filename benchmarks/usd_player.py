"""A USD stage as usd-core itself plays it: joints, skinned points and moved objects. It knows nothing of our writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


class UsdPlayer:
    """One stage; times are its time codes, positions are in the stage's own axes."""

    def __init__(self, path: Path) -> None:
        from pxr import Usd, UsdGeom, UsdSkel

        self.stage: Any = Usd.Stage.Open(str(path))  # pyright: ignore[reportAttributeAccessIssue]
        assert self.stage
        self._usd, self._geom, self._skel = Usd, UsdGeom, UsdSkel
        self._cache, self._worlds = UsdSkel.Cache(), UsdGeom.XformCache()  # pyright: ignore[reportAttributeAccessIssue]

    def _skeleton(self, home: str) -> Any:
        root = self._skel.Root.Get(self.stage, home)
        self._cache.Populate(root, self._usd.PrimDefaultPredicate)
        return self._cache.GetSkelQuery(self._skel.Skeleton.Get(self.stage, f"{home}/skeleton"))

    def joints(self, home: str, time: float) -> np.ndarray:
        """(J, 3) world positions of the joints of the skeleton below the skinned prim `home`."""
        self._worlds.SetTime(time)
        worlds = self._skeleton(home).ComputeJointWorldTransforms(self._worlds)
        return np.array([np.array(matrix)[3, :3] for matrix in worlds])

    def vertices(self, home: str, time: float) -> np.ndarray:
        """(V, 3) points of the mesh `body` below `home`, with blend shapes, skinned by usd-core."""
        skeleton = self._skeleton(home)
        mesh = self._geom.Mesh.Get(self.stage, f"{home}/body")
        skinning = self._cache.GetSkinningQuery(mesh.GetPrim())
        points = mesh.GetPointsAttr().Get(time)
        if skinning.HasBlendShapes():
            blend = self._skel.BlendShapeQuery(self._skel.BindingAPI(mesh.GetPrim()))
            pieces = blend.ComputeSubShapeWeights(skeleton.GetAnimQuery().ComputeBlendShapeWeights(time))
            blend.ComputeDeformedPoints(
                *pieces, blend.ComputeBlendShapePointIndices(), blend.ComputeSubShapePointOffsets(), points
            )
        assert skinning.ComputeSkinnedPoints(skeleton.ComputeSkinningTransforms(time), points, time)
        return np.array(points)

    def moved(self, path: str, time: float) -> np.ndarray:
        """(V, 3) world positions of a rigid mesh."""
        mesh = self._geom.Mesh.Get(self.stage, path)
        matrix = np.array(self._geom.Xformable(mesh).ComputeLocalToWorldTransform(time))
        return np.array(mesh.GetPointsAttr().Get()) @ matrix[:3, :3] + matrix[3, :3]
