"""One SMPL-X person as a file that AMASS tools read: `walk.amass.npz`.

World z is up, as in AMASS; poses are SMPL-X's own axis-angle vectors.
Source: the SMPL-X files of AMASS, https://amass.is.tue.mpg.de
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zeroshot_hoi.core.errors import ResultError, nearest_name
from zeroshot_hoi.results.archive import write_arrays
from zeroshot_hoi.results.result import PersonTrack, Result

SLICES = {
    "root_orient": (0, 3),
    "pose_body": (3, 66),
    "pose_jaw": (66, 69),
    "pose_eye": (69, 75),
    "pose_hand": (75, 165),
}
"""Where SMPL-X's 55 joints keep what AMASS names by itself."""


def write_amass(result: Result, path: Path, *, person: str | None = None) -> None:
    """Write the motion of `person`, which may be left out where there is only one."""
    if person is None and len(result.people) != 1:
        raise ResultError(f"Which of {', '.join(result.people) or 'nobody'}? Give person=... to an AMASS export.")
    name = person if person is not None else next(iter(result.people))
    if name not in result.people:
        raise ResultError(f"There is no '{name}'. {nearest_name(name, result.people)}")
    write_arrays(path, amass_arrays(name, result.people[name]))


def amass_arrays(name: str, person: PersonTrack) -> dict[str, np.ndarray]:
    """Every key of the file."""
    fields = person.amass
    if not fields:
        raise ResultError(
            f"'{name}' has the body '{person.body_model}', which has no SMPL-X parameters. AMASS files are written of "
            "people with an SMPL-X body; for others export .glb or .usd."
        )
    poses, rate = np.asarray(fields["poses"], np.float64), np.asarray(fields["mocap_framerate"], np.float64)
    arrays = {
        "trans": np.asarray(fields["trans"], np.float64),
        "poses": poses,
        "betas": np.asarray(fields["betas"], np.float64),
        "num_betas": np.array(len(fields["betas"])),
        "gender": np.asarray(fields["gender"]),
        "surface_model_type": np.array("smplx"),
        "mocap_frame_rate": rate,
        "mocap_framerate": rate,
        "mocap_time_length": np.array(len(poses) / float(rate)),
    }
    return arrays | {key: poses[:, start:end] for key, (start, end) in SLICES.items() if end <= poses.shape[1]}
