"""Models that know the truth: a painter who draws the true person, and detectors who know where it was drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroshot_hoi.affordance.backprojection import View, pixel_faces, project
from zeroshot_hoi.affordance.inpainting import ContactModels
from zeroshot_hoi.affordance.inpainting_masks import PlacedBody
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.models.base import Boxes, Keypoints, MaskRefiner
from zeroshot_hoi.models.keypoint_names import COCO_BODY

SKIN = np.array([255, 0, 254], np.uint8)
"""A color that no rendered object has."""

_JOINT_OF = {"nose": "head", "left_eye": "head", "right_eye": "head", "left_ear": "head", "right_ear": "head"}


class TruePeople:
    """Inpainter, detector, segmenter and keypoint detector for the pictures of `views`, all right.

    `hidden` are indices of views in which nobody appears, `partial` of views with an upper body only.
    """

    adaptive = True

    def __init__(
        self,
        views: Sequence[View],
        person: PlacedBody,
        body: SkinnedBody,
        joints: np.ndarray,
        score: float = 0.9,
    ) -> None:
        self.views = {view.image.tobytes(): k for k, view in enumerate(views)}
        mesh = ExactMesh(person.vertices, person.faces)
        self.masks = [pixel_faces(mesh, view.camera) >= 0 for view in views]
        order = [body.joint_names.index(_JOINT_OF.get(name, name)) for name in COCO_BODY]
        self.points = [project(view.camera, joints[order]) for view in views]
        self.scores = np.full(len(COCO_BODY), score)
        self.painted: dict[bytes, int] = {}
        self.hidden: set[int] = set()
        self.partial: set[int] = set()
        self.prompts: list[str] = []
        self.asked: list[np.ndarray] = []
        self.refined: list[np.ndarray] = []

    def models(self) -> ContactModels:
        return ContactModels(self, self, self, self)

    def inpaint(
        self, image: np.ndarray, mask: np.ndarray, prompt: str, *, seed: int = 0, refine: MaskRefiner | None = None
    ) -> np.ndarray:
        index = self.views.get(image.tobytes(), self.painted.get(image.tobytes(), -1))
        assert index >= 0, "only pictures of the object alone, or painted ones, are inpainted"
        picture = image.copy()
        if index not in self.hidden:
            picture[self.masks[index]] = SKIN
        self.painted[picture.tobytes()] = index
        self.prompts.append(prompt)
        self.asked.append(mask)
        if refine is not None:
            self.refined.append(refine(picture, 0.5))
        return picture

    def detect(self, image: np.ndarray, phrases: Sequence[str]) -> Boxes:
        assert list(phrases) == ["person"]
        rows, columns = np.nonzero((image == SKIN).all(axis=-1))
        if not len(rows):
            return Boxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
        box = np.array([[columns.min(), rows.min(), columns.max() + 1.0, rows.max() + 1.0]])
        return Boxes(box, np.array([0.9]), np.array([0]))

    def segment(self, image: np.ndarray, corners: np.ndarray) -> np.ndarray:
        return (image == SKIN).all(axis=-1)[None].repeat(len(corners), axis=0)

    def keypoints(self, image: np.ndarray, corners: np.ndarray) -> tuple[Keypoints, ...]:
        index = self.painted[image.tobytes()]
        scores = self.scores.copy()
        if index in self.partial:
            scores[11:] = 0.0
        return (Keypoints(COCO_BODY, self.points[index], scores),) * len(corners)
