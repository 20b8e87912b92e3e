"""OWLv2 (Minderer et al. 2023): boxes for phrases, by contrast of picture patches with each phrase's embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from transformers import Owlv2ForObjectDetection, Owlv2ImageProcessorPil

from zeroshot_hoi.models.base import Boxes, ModelError, check_image, clean_boxes, suppress_repeats
from zeroshot_hoi.models.loading import at_work
from zeroshot_hoi.models.phrase_detector import PhraseDetector

BOX_THRESHOLD = 0.1
"""Score below which a box is dropped (the authors' demo)."""

TEMPLATE = "a photo of a {}"
"""Phrases are embedded in this sentence, one of CLIP's that the model was trained with."""


class Owlv2(PhraseDetector):
    """An open-vocabulary detector; `from_pretrained` makes it."""

    architecture = Owlv2ForObjectDetection
    preprocessing = Owlv2ImageProcessorPil
    usual_threshold = BOX_THRESHOLD

    def detect(self, image: np.ndarray, phrases: Sequence[str]) -> Boxes:
        """Boxes in `image (H, W, 3)` for each phrase."""
        image = check_image(image)
        if not phrases or not all(phrase.strip() for phrase in phrases):
            raise ModelError("A phrase to detect is empty or missing. Give words, such as 'handle'.")
        length = self.module.config.text_config.max_position_embeddings
        texts = [TEMPLATE.format(phrase.strip().lower()) for phrase in phrases]
        words = self.tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        with at_work(self.module, self.settings) as (device, dtype):
            answer = self.module(
                pixel_values=pixels.to(device, dtype),
                input_ids=words["input_ids"].to(device),
                attention_mask=words["attention_mask"].to(device),
            )
        scores = answer.logits[0].float().sigmoid().cpu().numpy()
        boxes = answer.pred_boxes[0].float().cpu().numpy()
        side = max(image.shape[:2])  # the picture is padded below and to the right to a square
        corners = np.concatenate([boxes[:, :2] - 0.5 * boxes[:, 2:], boxes[:, :2] + 0.5 * boxes[:, 2:]], axis=1) * side
        found = clean_boxes(corners, scores.max(axis=1), scores.argmax(axis=1), (image.shape[0], image.shape[1]))
        return suppress_repeats(found.of(found.scores > self.threshold))
