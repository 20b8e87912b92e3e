"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from zeroshot_hoi.text_argument import TextArguments

MeshArguments = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(
        metavar="NAME=PATH[,unit=m|cm|mm|FLOAT][,up=y|z][,front=x|-x|..]",
        help="Your mesh for one of the recipe's objects; repeatable. Objects not named use built-in meshes.",
        help_behavior_hint="",
    ),
]
Seed = Annotated[int | None, tyro.conf.arg(metavar="INT", help="Random seed.", help_behavior_hint="(recipe's: 0)")]
Frames = Annotated[int | None, tyro.conf.arg(metavar="INT", help="Frames.", help_behavior_hint="(recipe's: 49)")]
Engine = Annotated[
    str | None,
    tyro.conf.arg(metavar="{jax,torch}", help="What computes the optimization.", help_behavior_hint="(recipe's: jax)"),
]
Planning = Annotated[TextArguments, tyro.conf.OmitArgPrefixes, tyro.conf.arg(name="")]
DEFAULT_PLANNING = TextArguments()
Corrections = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(
        metavar="PART=WHERE",
        help="Where a part is, which wins: PART=x,y,z,x,y,z (a box, metres, in the mesh that is written), "
        "PART=#17,18,402-480 (its vertices), or PART=FILE (that mesh, painted); repeatable.",
        help_behavior_hint="",
    ),
]
OutputFolder = Annotated[
    Path | None,
    tyro.conf.arg(metavar="DIR", help="Where the files go.", help_behavior_hint="(default: out/<recipe>)"),
]
Json = Annotated[
    tyro.conf.FlagCreatePairsOff[bool],
    tyro.conf.arg(help="Print JSON for other programs, and nothing else.", help_behavior_hint=""),
]
