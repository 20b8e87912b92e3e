"""GroundingDINO (Liu et al. 2023): boxes for phrases, by contrast of picture regions with the words of one caption."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from transformers import GroundingDinoForObjectDetection, GroundingDinoImageProcessorPil

from zeroshot_hoi.models.base import Boxes, ModelError, check_image, clean_boxes, suppress_repeats
from zeroshot_hoi.models.loading import at_work
from zeroshot_hoi.models.phrase_detector import PhraseDetector

BOX_THRESHOLD = 0.25
"""Score below which a box is dropped (the authors' demo uses .25 to .35)."""


class GroundingDino(PhraseDetector):
    """An open-vocabulary detector; `from_pretrained` makes it."""

    architecture = GroundingDinoForObjectDetection
    preprocessing = GroundingDinoImageProcessorPil
    usual_threshold = BOX_THRESHOLD

    def detect(self, image: np.ndarray, phrases: Sequence[str]) -> Boxes:
        """Boxes in `image (H, W, 3)` for each phrase; a box belongs to the phrase with its best-matching word."""
        image, (caption, spans) = check_image(image), _caption(phrases)
        words = self.tokenizer(caption, return_tensors="pt", return_offsets_mapping=True)
        offsets = words.pop("offset_mapping")[0].numpy()
        limit = self.module.config.max_text_len
        if len(offsets) > limit:
            raise ModelError(
                f"{len(phrases)} phrases make {len(offsets)} tokens; the model reads {limit}. Ask for fewer at once."
            )
        pixels = self.processor(images=image, return_tensors="pt")
        with at_work(self.module, self.settings) as (device, dtype):
            answer = self.module(
                pixel_values=pixels["pixel_values"].to(device, dtype),
                pixel_mask=pixels["pixel_mask"].to(device),
                **{name: value.to(device) for name, value in words.items()},
            )
        tokens = answer.logits[0].float().sigmoid().cpu().numpy()[:, : len(offsets)]
        scores = np.stack([tokens[:, _inside(offsets, span)].max(axis=1) for span in spans], axis=1)
        corners = _to_corners(answer.pred_boxes[0].float().cpu().numpy(), image.shape)
        best = scores.argmax(axis=1)
        found = clean_boxes(corners, scores.max(axis=1), best, (image.shape[0], image.shape[1]))
        return suppress_repeats(found.of(found.scores > self.threshold))


def _caption(phrases: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """`a handle. a lid.` as the model was trained, and where in it each phrase is."""
    text, spans = "", []
    for phrase in phrases:
        word = " ".join(phrase.lower().replace(".", " ").split())
        if not word:
            raise ModelError("A phrase to detect is empty. Give words, such as 'handle'.")
        spans.append((len(text), len(text) + len(word)))
        text += word + ". "
    if not spans:
        raise ModelError("There is no phrase to detect. Give at least one.")
    return text.strip(), spans


def _inside(offsets: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    """(tokens,) whether each token's characters lie in `span`; special tokens have no characters."""
    inside = (offsets[:, 0] >= span[0]) & (offsets[:, 1] <= span[1]) & (offsets[:, 1] > offsets[:, 0])
    if not inside.any():
        raise ModelError("The tokenizer drops a phrase entirely. Write it with plain letters.")
    return inside


def _to_corners(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(B, 4) pixels from relative center, width and height."""
    half = 0.5 * boxes[:, 2:]
    relative = np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
    return relative * np.array([shape[1], shape[0], shape[1], shape[0]])
