"""Parts from their names alone, the user's corrections, and what `zeroshot-hoi parts` writes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import trimesh

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.correction import correct_parts
from zeroshot_hoi.affordance.geometric import find_parts
from zeroshot_hoi.affordance.report import colored_mesh, describe_parts, parse_part, vertex_colors
from zeroshot_hoi.affordance.vocabulary import complete, prior_of
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.geometry.prepare import prepare_object
from zeroshot_hoi.recipe_tables import PartTable


@lru_cache
def pitcher() -> SceneObject:
    """A cylinder with a ring through its wall: no file, no names."""
    body = trimesh.creation.cylinder(0.06, height=0.2, sections=48)
    ring = trimesh.creation.torus(0.05, 0.008, major_sections=40, minor_sections=16)
    ring.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [0, 1, 0], [0, 0, 0]))
    ring.apply_translation([0, 0.06, 0])
    return prepare_object("pitcher", trimesh.util.concatenate([body, ring]))


@lru_cache
def stool() -> SceneObject:
    """A square seat on four legs."""
    seat = trimesh.creation.box((0.36, 0.36, 0.04))
    seat.apply_translation([0, 0, 0.44])
    places = [(x, y) for x in (-0.15, 0.15) for y in (-0.15, 0.15)]
    legs = [trimesh.creation.cylinder(0.018, segment=[[x, y, 0], [x, y, 0.43]], sections=16) for x, y in places]
    return prepare_object("stool", trimesh.util.concatenate([seat, *legs]))


def found(obj: SceneObject, *parts: PartDescription) -> ObjectParts:
    return find_parts(obj, ObjectPlan(obj.name, parts=parts))


def overlap(obj: SceneObject, region: np.ndarray, truth: np.ndarray) -> float:
    triangles = obj.vertices[obj.faces]
    area = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1)
    return float(area[region & truth].sum() / area[region | truth].sum())


def test_handle_and_body_by_name_alone() -> None:
    obj = pitcher()
    result = found(obj, PartDescription("handle"), PartDescription("body"))
    y = obj.vertices[obj.faces].mean(axis=1)[:, 1]
    outside = y > obj.vertices[:, 1].min() + 0.121
    assert overlap(obj, result.parts["handle"].probability > 0.5, outside) > 0.6
    both = (result.parts["handle"].probability > 0.5) & (result.parts["body"].probability > 0.5)
    assert both.mean() < 0.05


def test_every_leg_is_found() -> None:
    obj = stool()
    result = found(obj, PartDescription("leg", count=4), PartDescription("top"))
    leg = result.parts["leg"]
    assert leg.instances.max() == 3
    centers = obj.vertices[obj.faces].mean(axis=1)
    assert overlap(obj, leg.probability > 0.5, centers[:, 2] < 0.42) > 0.8
    places = [centers[leg.instances == k].mean(axis=0)[:2] for k in range(4)]
    assert {(bool(x > 0), bool(y > 0)) for x, y in places} == {(a, b) for a in (False, True) for b in (False, True)}
    assert centers[result.parts["top"].faces][:, 2].min() > 0.44


def test_words_are_known_in_any_form() -> None:
    assert prior_of("Front Wheels") is prior_of("wheel")
    assert prior_of("tuning pegs") is prior_of("tuning peg")
    assert complete(PartDescription("side table top")).part.facing == "up"
    given = complete(PartDescription("handle", "plate", ("bottom",)))
    assert (given.shape, given.part.position, given.explicit) == ("plate", ("bottom",), True)
    assert complete(PartDescription("thingamajig")).shape == ""


def test_a_box_wins() -> None:
    obj = stool()
    corner = PartDescription("leg", box=((0.1, 0.1, -0.01), (0.2, 0.2, 0.2)))
    region = found(obj, corner, PartDescription("top")).parts["leg"]
    centers = obj.vertices[obj.faces].mean(axis=1)
    inside = ((centers > [0.1, 0.1, -0.01]) & (centers < [0.2, 0.2, 0.2])).all(axis=1)
    assert overlap(obj, region.probability > 0.5, inside) > 0.98
    assert region.confidence == 1.0


def test_vertices_win_and_instances_are_told_apart() -> None:
    obj = stool()
    low = np.flatnonzero(obj.vertices[:, 2] < 0.3)
    region = found(obj, PartDescription("leg", count=4, vertices=tuple(map(int, low)))).parts["leg"]
    assert region.instances.max() == 3
    assert obj.vertices[obj.faces[region.faces]][..., 2].max() < 0.3


def test_a_painted_mesh_wins(tmp_path: Path) -> None:
    obj = stool()
    colors = np.full((len(obj.vertices), 3), 180, np.uint8)
    colors[obj.vertices[:, 2] < 0.2] = (230, 40, 30)
    path = tmp_path / "painted.ply"
    trimesh.Trimesh(obj.vertices, obj.faces, vertex_colors=colors, process=False).export(path)
    region = found(obj, PartDescription("leg", count=4, painted=str(path))).parts["leg"]
    assert overlap(obj, region.probability > 0.5, obj.vertices[obj.faces].mean(axis=1)[:, 2] < 0.2) > 0.9


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"box": ((5.0, 5.0, 5.0), (6.0, 6.0, 6.0))}, "holds no face of 'stool'"),
        ({"vertices": (10**7,)}, "names vertex 10000000"),
        ({"painted": "nowhere.ply"}, "no mesh file 'nowhere.ply'"),
        ({"painted": "nowhere.ply", "vertices": (1,)}, "Keep one"),
    ],
)
def test_wrong_corrections_say_what_to_do(fields: dict, message: str) -> None:
    with pytest.raises(HoiError, match=message):
        found(stool(), PartDescription("leg", **fields))


def test_recipes_take_corrections() -> None:
    table = PartTable.model_validate({"name": "leg", "box": [[0.0, 0, 0], [1, 1, 1]]})
    assert PartDescription(**table.model_dump()).box == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="keep one of them"):
        PartTable.model_validate({"name": "leg", "vertices": [1, 2], "painted": "a.ply"})
    with pytest.raises(ValueError, match="two corners"):
        PartTable.model_validate({"name": "leg", "box": [[0.0, 0, 0]]})


def test_the_colored_mesh_can_be_painted_over(tmp_path: Path) -> None:
    obj = stool()
    result = found(obj, PartDescription("leg", count=4))
    path = colored_mesh(obj, result, tmp_path / "stool.ply")
    again = found(obj, PartDescription("leg", count=4, painted=str(path))).parts["leg"]
    assert overlap(obj, again.probability > 0.5, result.parts["leg"].probability > 0.5) > 0.9
    assert np.ptp(vertex_colors(obj, result), axis=1).max() > 0.5
    assert "4 found" in describe_parts(obj, result)


def test_part_arguments() -> None:
    assert parse_part("pedal:2") == PartDescription("pedal", count=2)
    for wrong in (":2", "pedal:0", "pedal:two"):
        with pytest.raises(PartError, match="--part"):
            parse_part(wrong)


def test_corrections_on_the_command_line() -> None:
    plan = ObjectPlan("stool", parts=(PartDescription("leg", count=4),))
    assert correct_parts(plan, ["leg=0.1,0.1,0,.2,.2,2e-1"], add=False).parts[0].box == ((0.1, 0.1, 0), (0.2, 0.2, 0.2))
    assert correct_parts(plan, ["leg=#7,3-5"], add=False).parts[0].vertices == (3, 4, 5, 7)
    added = correct_parts(plan, ["top = painted.ply"], add=True).parts
    assert [part.name for part in added] == ["leg", "top"]
    assert added[1].painted == "painted.ply"
    again = correct_parts(correct_parts(plan, ["leg=#1"], add=False), ["leg=0,0,0,1,1,1"], add=False)
    assert (again.parts[0].vertices, again.parts[0].count) == ((), 4), "the last word holds"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("leg", "says no place"), ("=1,2,3,4,5,6", "says no place"), ("leg=1,2,3", "cannot read"),
        ("leg=#1,x", "cannot read"), ("leg=#0-2000000", "more than 1000000"), ("lag=#1", "leg"),
    ],
)  # fmt: skip
def test_corrections_that_cannot_be_read(argument: str, words: str) -> None:
    with pytest.raises(PartError, match=words):
        correct_parts(ObjectPlan("stool", parts=(PartDescription("leg"),)), [argument], add=False)


def test_the_command_writes_shows_and_is_corrected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`zeroshot-hoi parts` on a mesh file: picture and colors, a part that is not there, and a correction that wins."""
    import tomllib

    from zeroshot_hoi.cli import main

    path = tmp_path / "stool.stl"
    trimesh.Trimesh(stool().vertices, stool().faces).export(path)
    mesh, out = f"{path},unit=m,up=z", str(tmp_path / "out")
    assert main(["parts", mesh, "--name", "stool", "--part", "leg:4", "--part", "spout", "--out", out]) == 1
    told = capsys.readouterr().out
    assert "4 found" in told
    assert "note: Nothing on 'stool' looks like its part 'spout'" in told
    assert (tmp_path / "out" / "stool.png").stat().st_size > 2000
    written = tmp_path / "out" / "stool.ply"
    corrected = ["--correct", f"leg={written}", "--correct", "top=-.2,-.2,.41,.2,.2,.5"]
    assert main(["parts", mesh, "--name", "stool", *corrected, "--out", str(tmp_path / "again")]) == 0
    told = capsys.readouterr().out
    assert told.count("fit 1.00") == 2
    lines = tomllib.loads(told[told.index("[[objects.parts]]") :])["objects"]["parts"]
    assert [PartTable.model_validate(line).name for line in lines] == ["leg", "top"]
    assert main(["parts", mesh, "--name", "stool", "--correct", "leg=5,5,5,6,6,6", "--out", out]) == 2
