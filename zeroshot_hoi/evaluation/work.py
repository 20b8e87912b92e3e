"""One run of an evaluation in a process of its own: `python -m zeroshot_hoi.evaluation.work CASE.json`.

The case says which recipe, seed and meshes; the files go beside it: `result.npz`, `sheet.png` and `strip.png`. A crash,
even of the interpreter, ends this process and not the evaluation.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from zeroshot_hoi.core.errors import HoiError

RESULT, SHEET, STRIP = "result.npz", "sheet.png", "strip.png"
REFUSED = 2
"""Exit code where an object or a plan cannot serve; the sentence is on standard error."""


def main(path: Path) -> int:
    """Run the case that `path` describes."""
    # Imported here, so that a mistake in the case is told before seconds of imports.
    asked = json.loads(path.read_text("utf-8"))
    from zeroshot_hoi.core.scene import Mesh
    from zeroshot_hoi.evaluation.strip import write_strip
    from zeroshot_hoi.pipeline import Pipeline
    from zeroshot_hoi.stage_folder import StageFolder

    folder = path.parent
    kept = StageFolder(folder / "stages")
    meshes = {name: Mesh(**mesh) for name, mesh in asked["meshes"].items()}
    try:
        pipeline = Pipeline.from_recipe(asked["recipe"], seed=asked["seed"])
        stages = pipeline.stages(meshes or None, progress=lambda event: None, folder=kept.folder)
        result = stages.measured
        result.save(folder / RESULT)
        result.export(folder / SHEET)
        write_strip(result, folder / STRIP)
    except HoiError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return REFUSED
    kept.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
