"""What open-vocabulary detectors share: a picture and phrases come in, and each has a tokenizer and a processor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from transformers import AutoTokenizer

from zeroshot_hoi.models.loading import load_module, prepare
from zeroshot_hoi.models.settings import ModelSettings


@dataclass(frozen=True)
class PhraseDetector:
    """A detector whose subclass says which classes of transformers it is made of; `from_pretrained` makes it."""

    module: Any
    tokenizer: Any
    processor: Any
    settings: ModelSettings
    threshold: float
    """Score below which a box is dropped."""

    architecture: ClassVar[Any]
    preprocessing: ClassVar[Any]
    usual_threshold: ClassVar[float]

    @classmethod
    def from_pretrained(cls, source: str, settings: ModelSettings | None = None) -> Self:
        """The detector in a folder, or of a hub id; raises `ModelError` where it is missing, damaged or too large."""
        settings = settings or ModelSettings()
        folder = prepare(source, settings)
        return cls(
            load_module(cls.architecture, folder, settings),
            AutoTokenizer.from_pretrained(folder, local_files_only=True),
            cls.preprocessing.from_pretrained(folder, local_files_only=True),
            settings,
            cls.usual_threshold,
        )
