"""The tables of a recipe file, key by key, and the sentence that an invalid one gets.

These records mirror the file; `planning.recipe` turns them into a `core.plan.Plan`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from zeroshot_hoi.core.body import BODY_PARTS
from zeroshot_hoi.core.errors import GraphError, nearest_name
from zeroshot_hoi.core.graph_nodes import PartNode, check_name, is_person


def _valid_name(name: str) -> str:
    try:
        return check_name(name, "It")
    except GraphError as error:
        raise ValueError(str(error)) from None


def _valid_node(text: str) -> str:
    try:
        return str(PartNode.parse(text))
    except GraphError as error:
        raise ValueError(str(error)) from None


Name = Annotated[str, AfterValidator(_valid_name)]
Node = Annotated[str, AfterValidator(_valid_node)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Words = Annotated[tuple[str, ...], Field(strict=False, max_length=32)]
Corner = Annotated[tuple[float, float, float], Field(strict=False)]
Side = Literal["front", "back", "left", "right", "on", "near"]
Distance = Literal["close", "reach", "arm", "step", "far"]
Shape = Literal["", "bar", "plate", "block", "ball", "ring", "knob"]
Where = Literal["top", "bottom", "upper", "lower", "front", "back", "left", "right", "middle", "end", "side"]
Direction = Literal["", "up", "down", "front", "back", "left", "right"]
ContactKind = Literal["grip", "touch", "support", "rest"]
Engine = Literal["jax", "torch"]


class Table(BaseModel):
    """A frozen table without unknown keys and without silent conversions (`true` is no number)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PersonTable(Table):
    """`[[people]]`"""

    name: str
    body: str = Field("neutral", max_length=4096)
    posture: str = Field("stand", max_length=64)
    gaze: str = Field("", max_length=160)

    @model_validator(mode="after")
    def _called_person(self) -> PersonTable:
        if not is_person(self.name):
            raise ValueError(f"people are called 'person 1', 'person 2', ...; got '{self.name}'")
        return self


class PartTable(Table):
    """`[[objects.parts]]`: how to recognize a part on any mesh of its category."""

    name: Name
    shape: Shape = ""
    position: Annotated[tuple[Where, ...], Field(strict=False)] = ()
    facing: Direction = ""
    aliases: Words = ()
    count: int = Field(1, ge=1, le=64)
    box: Annotated[tuple[Corner, ...], Field(strict=False, max_length=2)] = ()
    """Two corners of where the part is, metres, in the prepared object's frame; the user's word wins."""
    vertices: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False, max_length=1_000_000)] = ()
    painted: str = Field("", max_length=4096)

    @model_validator(mode="after")
    def _one_correction(self) -> PartTable:
        if self.box and len(self.box) != 2:
            raise ValueError(f"box is two corners [[x, y, z], [x, y, z]]; got {len(self.box)}")
        given = [name for name in ("box", "vertices", "painted") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"the part '{self.name}' is corrected by {' and '.join(given)}; keep one of them")
        return self


class ObjectTable(Table):
    """`[[objects]]`"""

    name: Name
    builtin: str = ""
    size: Annotated[tuple[float, float], Field(strict=False)] = (0.0, 0.0)
    mass: float = Field(1.0, gt=0.0, le=10_000.0)
    rests_on: str = "ground"
    parts: Annotated[tuple[PartTable, ...], Field(strict=False, max_length=64)] = ()

    @model_validator(mode="after")
    def _plausible(self) -> ObjectTable:
        if is_person(self.name):
            raise ValueError(f"'{self.name}' is a person's name; list it under [[people]]")
        if self.size[0] < 0.0 or self.size[1] < self.size[0]:
            raise ValueError(f"size is [smallest, largest] longest extent in metres; got {list(self.size)}")
        return self


class EdgeTable(Table):
    """`[[edges]]`: an edge of the graph and how it is carried out."""

    nodes: Annotated[tuple[Node, Node], Field(strict=False)]
    is_rel_static: bool
    is_continuous: bool
    kind: ContactKind | None = None
    """Left out, two objects rest on each other and a body part touches."""
    upholstery: bool = False

    @model_validator(mode="after")
    def _kind_fits(self) -> EdgeTable:
        nodes = [PartNode.parse(text) for text in self.nodes]
        bodies = [node for node in nodes if node.is_body]
        if self.kind == "rest" and bodies:
            raise ValueError(
                f"kind 'rest' is for two objects; '{bodies[0]}' is a body part. Use support, touch or grip"
            )
        if self.kind in ("grip", "support") and not bodies:
            raise ValueError(
                f"kind '{self.kind}' needs a body part; {list(self.nodes)} are two objects. Use rest or touch"
            )
        if self.kind == "grip" and all(node.part in BODY_PARTS and not node.part.endswith(" hand") for node in bodies):
            raise ValueError(f"only a hand grips; '{bodies[0]}' can touch or support")
        return self


class ObjectStateTable(Table):
    """`[[object_states]]`: the flags of the graph's virtual parent node."""

    name: Name
    is_translational: bool
    is_rotational: bool
    description: str = ""


class HumanStateTable(Table):
    """`[[human_states]]`"""

    name: Name
    description: str = ""


class RelationTable(Table):
    """`[[relations]]`: where a person is to an object at the start."""

    person: str
    object: str
    side: Side = "front"
    facing: Literal["toward", "away", "along"] = "toward"
    distance: Distance = "reach"

    @model_validator(mode="after")
    def _distance_means_something(self) -> RelationTable:
        if self.side == "on" and self.distance != "reach":
            raise ValueError(
                f"'{self.person}' is on '{self.object}', so distance = '{self.distance}' says nothing; leave it out"
            )
        return self


class ScriptTable(Table):
    """`[[script]]`: a verb, its subject and its time; every other key is a parameter of the verb."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float | str] = Field(init=False)

    subject: str
    verb: Name
    start: Fraction = 0.0
    end: Fraction = 1.0

    @model_validator(mode="after")
    def _forward_in_time(self) -> ScriptTable:
        if self.end <= self.start:
            raise ValueError(f"'{self.verb}' ends at {self.end}, not after its start at {self.start}")
        return self


class ModelsTable(Table):
    """`[models]`: frozen models by folder or hub id, and how they are loaded."""

    detector: str = Field("", max_length=4096)
    segmenter: str = Field("", max_length=4096)
    inpainter: str = Field("", max_length=4096)
    keypoints: str = Field("", max_length=4096)
    device: str = Field("auto", max_length=16)
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    offload: Literal["none", "model", "sequential"] = "none"
    views: int = Field(8, ge=4, le=64, multiple_of=4)
    size: int = Field(512, ge=64, le=2048, multiple_of=32)
    adaptive: bool = True


class RecipeTable(Table):
    """The whole file."""

    format: int = Field(1, alias="schema", ge=1, le=1)
    """Version of the format; the file's key is `schema`."""
    name: Name
    text: str = Field(max_length=4000)
    people: Annotated[tuple[PersonTable, ...], Field(strict=False, min_length=1, max_length=16)]
    objects: Annotated[tuple[ObjectTable, ...], Field(strict=False, min_length=1, max_length=32)]
    edges: Annotated[tuple[EdgeTable, ...], Field(strict=False, min_length=1, max_length=256)]
    object_states: Annotated[tuple[ObjectStateTable, ...], Field(strict=False)]
    human_states: Annotated[tuple[HumanStateTable, ...], Field(strict=False)] = ()
    relations: Annotated[tuple[RelationTable, ...], Field(strict=False)] = ()
    script: Annotated[tuple[ScriptTable, ...], Field(strict=False, max_length=256)] = ()
    frames: int = Field(49, ge=8, le=4096)
    fps: float = Field(16.0, gt=0.0, le=240.0)
    seed: int = Field(0, ge=0, lt=2**32)
    engine: Engine = "jax"
    affordance: Literal["geometric", "segmentation", "inpainting"] = "geometric"
    missing_parts: Literal["stop", "geometric"] = "stop"
    models: ModelsTable = Field(default_factory=lambda: ModelsTable.model_validate({}))

    @model_validator(mode="after")
    def _names_known(self) -> RecipeTable:
        people, objects = [entry.name for entry in self.people], [entry.name for entry in self.objects]
        _refuse_repeated(people + objects)
        for entry in self.objects:
            _known(entry.rests_on, [*objects, "ground", "hand"], f"objects '{entry.name}': rests_on")
            _refuse_repeated([part.name for part in entry.parts])
        for person in self.people:
            if person.gaze:
                _known(person.gaze.split(",")[0], objects + people, f"people '{person.name}': gaze")
        for relation in self.relations:
            _known(relation.person, people, "relations: person")
            others = [name for name in people if name != relation.person]
            _known(relation.object, objects + others, "relations: object")
        for phrase in self.script:
            _known(phrase.subject, objects + people, f"script '{phrase.verb}': subject")
        return self


def _known(word: str, allowed: list[str], where: str) -> None:
    if word not in allowed:
        raise ValueError(f"{where} is '{word}', which the recipe does not have. {nearest_name(word, allowed)}")


def _refuse_repeated(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"'{name}' is given more than once; names are unique")


def describe_first_error(error: ValidationError) -> str:
    """One sentence about the first thing wrong: where, what came in, what is allowed."""
    first = error.errors()[0]
    path = [step for step in first["loc"] if step != "[key]"]
    where = _location(path)
    if first["type"] == "extra_forbidden":
        table = _table_at(path[:-1])
        keys = [field.alias or key for key, field in table.model_fields.items()]
        return f"unknown key '{path[-1]}' {_inside(path[:-1])}. {nearest_name(str(path[-1]), keys)}"
    if first["type"] == "missing":
        return f"key '{path[-1]}' is missing {_inside(path[:-1])}."
    if first["type"] == "value_error":
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        return f"{where}: {message}." if where else f"{message}."
    if path[-1] in ("float", "str"):
        return f"{_location(path[:-1])}: a verb's parameter is a number or a text; got {first['input']!r}."
    message = (
        first["msg"].replace("Input should", "must").replace("Tuple should", "must").replace(" after validation", "")
    )
    return f"{where}: {message}; got {first['input']!r}."


def _location(path: list[Any]) -> str:
    """`[[objects]] 2, parts 1, name`, counting from 1."""
    words = [f" {step + 1}" if isinstance(step, int) else f", {step}" for step in path]
    return "".join(words).removeprefix(", ")


def _inside(path: list[Any]) -> str:
    return f"in {_location(path)}" if path else "at the top level"


def _table_at(path: list[Any]) -> type[BaseModel]:
    """The table that a path of keys and indices leads to."""
    table: type[BaseModel] = RecipeTable
    for step in path:
        if isinstance(step, str) and step in table.model_fields:
            inner = [kind for kind in get_args(table.model_fields[step].annotation) if isinstance(kind, type)]
            table = next((kind for kind in inner if issubclass(kind, BaseModel)), table)
    return table
