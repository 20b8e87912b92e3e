"""USD: usd-core opens the stage, and its own skinning gives back the result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_results import make_result

from benchmarks.usd_player import UsdPlayer
from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.render.appearance import Appearance
from zeroshot_hoi.results.export.usd import prim_name

pxr = pytest.importorskip("pxr", reason="needs usd-core: pip install 'zeroshot-hoi[usd]'")

MILLIMETRE = 1e-3


def two_people(correctives: bool):
    result = make_result(correctives)
    person = result.people["person 1"]
    other = make_result(correctives, frames=result.frames).people["person 1"]
    return replace(result, people={"person 1": person, "person 2": other})


def opened(result, path):
    from pxr import Usd

    result.export(path)
    stage = Usd.Stage.Open(str(path))
    assert stage
    return stage


@pytest.mark.parametrize("suffix", ["usd", "usda", "usdc"])
@pytest.mark.parametrize("correctives", [False, True])
def test_usd_skins_people_to_the_millimetre(tmp_path, correctives, suffix):
    result = two_people(correctives)
    path = tmp_path / f"x.{suffix}"
    result.export(path)
    player = UsdPlayer(path)
    for name, person in result.people.items():
        home = f"/scene/{prim_name(name)}"
        for frame in (0, result.frames // 2, result.frames - 1):
            joints = player.joints(home, frame)[: len(person.joint_names)]
            assert np.abs(joints - person.joints[frame]).max() < MILLIMETRE
            assert np.abs(player.vertices(home, frame) - person.vertices[frame]).max() < MILLIMETRE


def test_usd_moves_objects_and_says_its_axes_and_time(tmp_path):
    from pxr import UsdGeom

    result = make_result()
    stage = opened(result, tmp_path / "x.usd")
    assert UsdGeom.GetStageUpAxis(stage) == "Z"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert (stage.GetTimeCodesPerSecond(), stage.GetEndTimeCode()) == (result.fps, result.frames - 1)
    thing, player = result.objects["iron"], UsdPlayer(tmp_path / "x.usd")
    for frame in range(result.frames):
        world = player.moved("/scene/iron/mesh", frame)
        distance = np.linalg.norm(world[:, None] - thing.vertices_at(frame)[None], axis=-1)
        assert distance.min(axis=1).max() < MILLIMETRE
        assert distance.min(axis=0).max() < MILLIMETRE


def test_usd_keeps_a_texture_beside_the_file(tmp_path):
    from PIL import Image
    from pxr import UsdShade

    result = make_result()
    picture = np.zeros((4, 8, 4), np.uint8)
    picture[:, 4:] = (250, 30, 10, 255)
    thing = result.objects["iron"]
    look = Appearance(uv=np.random.default_rng(0).random((len(thing.vertices), 2)), texture=picture)
    textured = replace(result, objects={**result.objects, "iron": replace(thing, look=look)})
    stage = opened(textured, tmp_path / "x.usd")
    shader = UsdShade.Shader.Get(stage, "/scene/iron/looks/surface/color")
    assert shader.GetInput("file").Get().path == "./x_iron.png"
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "x_iron.png")), picture[..., :3])


def test_people_without_a_rig_are_named(tmp_path):
    result = make_result()
    bare = replace(result, people={"person 1": replace(result.people["person 1"], rig=None)})
    with pytest.raises(ResultError, match="no rig"):
        bare.export(tmp_path / "x.usd")
