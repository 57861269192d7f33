"""A tokenizer of parameters as a folder: parameters.json, training.json and their checksums."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spinlock.core.errors import InputError
from spinlock.core.spec import Stored, Word
from spinlock.store.atomic import AnyPath, write_bytes
from spinlock.store.json_file import to_json
from spinlock.store.manifest import MANIFEST, is_manifest_of, json_of, read_verified, with_manifest
from spinlock.store.outputs import Kind
from spinlock.store.tokenizer_folder import TrainingFile

CELLS, TRAINING = "parameters.json", "training.json"
MOST_CELLS = 256
"""Cells of one parameter."""

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Slot(Stored):
    """One parameter of one system, cut into cells.

    Attributes:
        name: of the parameter, without its system.
        unit: in words; "1" for a pure number.
        choices: the words of a category, each a cell of its own; empty for a number.
        edges: of a number, ascending, between its cells; a value on an edge is in the cell below it.
        values: what each cell stands for: a number, or the place of a choice.
    """

    name: Word
    unit: str = "1"
    choices: list[str] = []
    edges: Annotated[list[Finite], Field(max_length=MOST_CELLS - 1)] = []
    values: Annotated[list[Finite], Field(min_length=1, max_length=MOST_CELLS)]

    @model_validator(mode="after")
    def _check_cells(self) -> "Slot":
        if self.choices:
            places = range(len(self.choices))
            told = len(self.values) in (1, len(places)) and all(value in places for value in self.values)
            if self.edges or not told or len(set(self.choices)) < len(places):
                raise ValueError("must have different choices, no edges, and a cell for each choice or one for all")
        elif len(self.values) != len(self.edges) + 1 or sorted(set(self.edges)) != self.edges:
            raise ValueError("must have ascending edges and one value more than edges")
        return self


class Node(Stored):
    """A question of a tree, or a leaf of it.

    Attributes:
        about: what is asked for: a parameter, or the kind of initial condition; "leaf" for none.
        name: of the parameter; "" for the kind of initial condition.
        at_most: of a number: the answer is yes where it is not larger.
        equals: of a category: the answer is yes for this word.
        yes, no: numbers of the nodes that follow.
        word: of a leaf.
    """

    about: Literal["parameter", "initial condition", "leaf"] = "leaf"
    name: str = ""
    at_most: Finite | None = None
    equals: str | None = None
    yes: int = 0
    no: int = 0
    word: int = 0


class Regimes(Stored):
    """A tree over the parameters of a system and its kinds of initial condition, the root first; its leaves are words."""

    nodes: Annotated[list[Node], Field(min_length=1, max_length=2 * MOST_CELLS)]

    @model_validator(mode="after")
    def _check_tree(self) -> "Regimes":
        words = [node.word for node in self.nodes if node.about == "leaf"]
        if sorted(words) != list(range(len(words))):
            raise ValueError("must number the leaves of a tree from 0")
        for place, node in enumerate(self.nodes):
            follow = [] if node.about == "leaf" else [node.yes, node.no]
            if any(not place < child < len(self.nodes) for child in follow):
                raise ValueError("must have nodes that lead to later nodes")
            if follow and (node.at_most is None) == (node.equals is None):
                raise ValueError("must ask for a bound or for a word")
        return self

    @property
    def num_words(self) -> int:
        """Leaves of the tree."""
        return sum(node.about == "leaf" for node in self.nodes)


class SystemCells(Stored):
    """How the runs of one system are told.

    Attributes:
        slots: one a parameter.
        regimes: None where no behaviour was given to find them by.
        rules: in words, one a regime.
    """

    slots: list[Slot] = []
    regimes: Regimes | None = None
    rules: list[str] = []


class ParametersFile(Stored):
    """What parameters.json holds: the bits that were asked for, and every system by its name, in the order of its tokens."""

    bits: Annotated[Finite, Field(gt=0)]
    most_regimes: Annotated[int, Field(ge=1, le=MOST_CELLS)]
    systems: Annotated[dict[str, SystemCells], Field(min_length=1)]


def save_parameters(folder: AnyPath, cells: ParametersFile, *, training: Mapping[str, object]) -> None:
    """Writes a tokenizer of parameters.

    Raises:
        ResourceError: out of disk.
    """
    files = {CELLS: to_json(cells.model_dump(mode="json")).encode(), TRAINING: to_json(training).encode()}
    for name, data in with_manifest(files, kind="parameters").items():
        write_bytes(Path(folder) / name, data)


def load_parameters_folder(folder: AnyPath) -> tuple[ParametersFile, dict[str, object]]:
    """A tokenizer of parameters and the record of its training, every file against its checksum first.

    Raises:
        InputError: if it is not there, not whole or damaged.
    """
    folder = Path(folder)
    files = read_verified(folder, kind="parameters")
    training = json_of(files, TRAINING, folder=folder)
    TrainingFile.read(training, where=folder / TRAINING)
    if CELLS not in files:
        raise InputError(f"{folder} has no {CELLS}.")
    return ParametersFile.read(json_of(files, CELLS, folder=folder), where=folder / CELLS), training


def has_parameters(folder: AnyPath) -> bool:
    """Whether a folder is a tokenizer of parameters."""
    return is_manifest_of(Path(folder) / MANIFEST, kind="parameters")


def _may_hold_parameters(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    return has_parameters(folder) or not any((folder / name).exists() for name in (CELLS, TRAINING, MANIFEST))


PARAMETERS_FOLDER = Kind(
    word="a folder of parameter tokens, nor free of files of these names", is_one=_may_hold_parameters
)
