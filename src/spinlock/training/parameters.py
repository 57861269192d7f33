"""Tokens of what a run was made from: its system, the regime that it is in, and the cell of every parameter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import ConfigError, InputError, NamesDifferError, NotFittedError, listed
from spinlock.core.shown import ShownInShort, shown
from spinlock.core.tokens import MISSING, TokenTable
from spinlock.store.dataset import ParameterTable
from spinlock.store.dataset_layout import ParameterColumn
from spinlock.store.parameters_folder import (
    MOST_CELLS,
    ParametersFile,
    Slot,
    SystemCells,
    load_parameters_folder,
    save_parameters,
)
from spinlock.training.parameter_cells import codes_of, divisible, fit_slot, spread_bits, values_of
from spinlock.training.regimes import Facts, find_regimes, regime_of, rules_of

BITS = 24.0
"""Of the system and its parameters together, where nothing else is said."""
MOST_REGIMES = 4
"""Of a system."""
SYSTEM, REGIME = "system", "regime"


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RunParameters:
    """What runs were made from; one row a run.

    Attributes:
        table: parameters, columns named `<system>.<parameter>`, or `<parameter>` where it is one of every system; NaN where a run
            has none, and a choice as its place among the column's.
        systems: of each run.
        initial_conditions: the kind of each; "" where it is not known.
        ids: one name a row, unique.
        groups: the parameter draw of each row.
    """

    table: ParameterTable
    systems: tuple[str, ...]
    initial_conditions: tuple[str, ...]
    ids: tuple[str, ...]
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        rows, columns = self.table.values.shape
        lengths = {name: len(getattr(self, name)) for name in ("systems", "initial_conditions", "ids", "groups")}
        for name, length in lengths.items():
            if length != rows:
                raise InputError(f"`{name}` must have one entry for each of the {rows} runs; got {length}.")
        if columns != len(self.table.columns):
            raise InputError(f"{columns} columns of parameters need as many names; got {len(self.table.columns)}.")
        for place, column in enumerate(self.table.columns):
            values = self.table.values[:, place]
            words = values[np.isfinite(values)]
            if column.choices and not np.isin(words, np.arange(len(column.choices))).all():
                raise InputError(
                    f"parameter '{column.name}' has {len(column.choices)} choices, so its values must be their places from 0; got "
                    f"{listed(sorted(set(words.tolist()) - set(range(len(column.choices)))))}."
                )

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, index: Sequence[int] | np.ndarray) -> "RunParameters":
        """Some rows, in the order of `index`."""
        chosen = [int(row) for row in index]
        own = {
            name: tuple(getattr(self, name)[row] for row in chosen)
            for name in ("systems", "initial_conditions", "ids", "groups")
        }
        return replace(self, table=self.table._replace(values=self.table.values[chosen]), **own)

    def of_ids(self, ids: Sequence[str]) -> "RunParameters":
        """The rows of some runs, in the order of `ids`; those that are not there are left out."""
        place = {name: row for row, name in enumerate(self.ids)}
        return self.rows([place[name] for name in ids if name in place])

    def columns_of(self, system: str) -> list[int]:
        """The columns of a system's parameters that any of its runs has; those of the initial condition are not among them."""
        rows = [row for row, name in enumerate(self.systems) if name == system]
        there = np.count_nonzero(np.isfinite(self.table.values[rows]), axis=0)
        return [
            place
            for place, column in enumerate(self.table.columns)
            if column.system in (system, "") and there[place] and not column.is_of_initial_condition
        ]

    def _facts(self) -> dict[str, object]:
        return {"rows": len(self), "systems": tuple(dict.fromkeys(self.systems)), "ids": self.ids}


class ParameterTokenizer(ShownInShort):
    """What a run was made from → tokens: `system`, `regime`, then `slot_0`, `slot_1`, …, one a parameter of its system.

        tokenizer = ParameterTokenizer(bits=24).fit(runs, behaviour=embedding)
        tokens = tokenizer.encode(runs)
        tokenizer.decode(tokens).table.of_sample(0)  # {"feed": 0.0312, …}
        tokenizer.rules["gray_scott"]  # what each regime is, in words

    A number is told by cells that hold equally many of the runs that it was fitted to, a choice by its word. A run of a system that
    these did not have is -1 throughout; a parameter that a run does not have is -1.

    Args:
        bits: of the system and its parameters together; each system spreads what its name leaves over its own parameters. A
            regime says again what they say, more shortly, so it is not counted.
        most_regimes: of a system.
    """

    def __init__(self, bits: float | int = BITS, *, most_regimes: int = MOST_REGIMES) -> None:
        if not 0 < bits < float("inf"):
            raise ConfigError(f"`bits` must be a number above 0; got {bits}.")
        if not 1 <= most_regimes <= MOST_CELLS:
            raise ConfigError(f"`most_regimes` must be from 1 to {MOST_CELLS}; got {most_regimes}.")
        self.bits = float(bits)
        self.most_regimes = most_regimes
        self.facts: Mapping[str, Any] = {}

    def fit(
        self, runs: RunParameters, *, behaviour: Float[np.ndarray | Tensor, "run axis"] | None = None
    ) -> "ParameterTokenizer":
        """Cut the parameters of every system into cells, and find its regimes.

        Args:
            runs: to fit to.
            behaviour: of each run, what a regime should have in common: an embedding, or its tokens as 0 and 1. Without it there
                are no regimes.

        Raises:
            InputError: if there are no runs, or the behaviour is of other runs.
            ConfigError: if the bits do not suffice for the systems.
        """
        systems = sorted(set(runs.systems))
        if not systems:
            raise InputError("a ParameterTokenizer needs at least one run; got none.")
        left = self.bits - log2(len(systems))
        if left < 0:
            raise ConfigError(
                f"`bits` must be at least {log2(len(systems)):.1f} to tell {len(systems)} systems apart; got {self.bits:g}."
            )
        target = None if behaviour is None else np.asarray(behaviour, dtype=np.float64)
        if target is not None and (len(target) != len(runs) or not np.isfinite(target).all()):
            raise InputError(
                f"`behaviour` must have finite numbers for each of the {len(runs)} runs; got the shape {target.shape}."
            )
        row_of = {name: np.array([row for row, own in enumerate(runs.systems) if own == name]) for name in systems}
        self.cells_ = ParametersFile(
            bits=self.bits,
            most_regimes=self.most_regimes,
            systems={
                name: self._fit_system(name, runs.rows(rows), None if target is None else target[rows], bits=left)
                for name, rows in row_of.items()
            },
        )
        return self

    def _fit_system(
        self, system: str, runs: RunParameters, behaviour: Float[np.ndarray, "run axis"] | None, *, bits: float
    ) -> SystemCells:
        places = runs.columns_of(system)
        columns = [runs.table.columns[place] for place in places]
        values = [runs.table.values[:, place] for place in places]
        draws = len(set(runs.groups))
        parts = [divisible(column, own, draws) for column, own in zip(columns, values, strict=True)]
        slots = [
            fit_slot(column, own, cells=count, parameter=part)
            for column, own, count, part in zip(columns, values, spread_bits(parts, bits), parts, strict=True)
        ]
        if behaviour is None:
            return SystemCells(slots=slots)
        regimes = find_regimes(
            _facts_of(slots, columns, values), runs.initial_conditions, behaviour, most=self.most_regimes
        )
        return SystemCells(slots=slots, regimes=regimes, rules=rules_of(regimes))

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems that it knows, in the order of their tokens."""
        return tuple(self._fitted("systems").systems)

    @property
    def rules(self) -> dict[str, tuple[str, ...]]:
        """System → what each of its regimes is, in words; none where no behaviour was given."""
        return {name: tuple(own.rules) for name, own in self._fitted("rules").systems.items()}

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the tokens, in their order."""
        return (SYSTEM, *([REGIME] if self._has_regimes() else []), *(f"slot_{n}" for n in range(self._num_slots())))

    def encode(self, runs: RunParameters) -> TokenTable:
        """One token for the system, one for the regime where there are regimes, and one for each parameter of the run's system.

        Raises:
            NotFittedError: before `fit`.
            InputError: if no run is of a system that it knows, or a parameter is a number here and was a choice there.
        """
        systems = self._fitted("encode").systems
        if not set(runs.systems) & set(systems):
            raise InputError(
                f"none of the {len(runs)} runs is of a system that these parameter tokens were fitted to ({listed(self.systems)}); they "
                f"are of {listed(sorted(set(runs.systems))) or 'none'}."
            )
        first = len(self.categories) - self._num_slots()
        codes = np.full((len(runs), len(self.categories)), MISSING, dtype=np.int64)
        for number, (name, own) in enumerate(systems.items()):
            rows = np.array([row for row, system in enumerate(runs.systems) if system == name], dtype=np.int64)
            some = runs.rows(rows)
            columns = [_column_for(slot, name, runs.table.columns) for slot in own.slots]
            values = [np.full(len(rows), np.nan) if place is None else some.table.values[:, place] for place in columns]
            meant = [ParameterColumn(name="-") if place is None else runs.table.columns[place] for place in columns]
            codes[rows, 0] = number
            if own.regimes is not None:
                facts = _facts_of(own.slots, meant, values)
                codes[rows, 1] = regime_of(own.regimes, facts, some.initial_conditions)
            for place, (slot, column, value) in enumerate(zip(own.slots, meant, values, strict=True)):
                codes[rows, first + place] = codes_of(slot, column, value)
        return TokenTable(
            codes=torch.from_numpy(codes)[:, :, None],
            category_names=self.categories,
            codebook_sizes=torch.tensor(self._sizes())[:, None],
            ids=runs.ids,
            groups=runs.groups,
        )

    def decode(self, tokens: TokenTable) -> RunParameters:
        """What the tokens stand for: the system, and of every parameter the middle of its cell among the runs of the fit.

        Kinds of initial condition are not told; a row without a system has none, and no parameters.

        Raises:
            NotFittedError: before `fit`.
            NamesDifferError: if the tokens are of other categories.
        """
        systems = self._fitted("decode").systems
        if tokens.category_names != self.categories:
            raise NamesDifferError(
                f"these parameter tokens are {listed(self.categories)}; got {listed(tokens.category_names)}."
            )
        codes = tokens.codes[:, :, 0].cpu().numpy()
        first = len(self.categories) - self._num_slots()
        columns, values = [], []
        for number, (name, own) in enumerate(systems.items()):
            for place, slot in enumerate(own.slots):
                columns.append(ParameterColumn(name=f"{name}.{slot.name}", unit=slot.unit, choices=tuple(slot.choices)))
                told = np.where(codes[:, 0] == number, codes[:, first + place], MISSING)
                if (told >= len(slot.values)).any():
                    raise InputError(
                        f"token {int(told.max())} of {columns[-1].name} is outside its {len(slot.values)} cells."
                    )
                values.append(values_of(slot, told))
        names = np.array([*systems, ""], dtype=object)
        return RunParameters(
            table=ParameterTable(tuple(columns), np.stack(values, axis=1) if values else np.empty((len(codes), 0))),
            systems=tuple(names[codes[:, 0]]),
            initial_conditions=("",) * len(codes),
            ids=tokens.ids,
            groups=tokens.groups,
        )

    def vectors(self, tokens: TokenTable) -> Float[Tensor, "run number"]:
        """What tokens say, as numbers: 0 or 1 for each system and each of its regimes, and of each of its parameters how far up
        the cells the run's own is, from -1 to 1 and 0 in other systems; NaN where a run has no tokens.
        """
        codes = tokens.codes[:, :, 0]
        first = len(self.categories) - self._num_slots()
        found: list[Tensor] = []
        for number, own in enumerate(self._fitted("vectors").systems.values()):
            here = codes[:, 0] == number
            found.append(here)
            if own.regimes is not None:
                found += [here & (codes[:, 1] == word) for word in range(own.regimes.num_words)]
            for place, slot in enumerate(own.slots):
                code = codes[:, first + place]
                share = (2 * code + 1) / len(slot.values) - 1
                found.append(torch.where(here & (code != MISSING), share, 0.0))
        told = torch.stack([column.float() for column in found], dim=1)
        return torch.where(codes[:, :1] == MISSING, torch.nan, told)

    @property
    def num_numbers(self) -> int:
        """Numbers of each run that `vectors` gives."""
        systems = self._fitted("num_numbers").systems.values()
        return sum(1 + len(own.slots) + (own.regimes.num_words if own.regimes else 0) for own in systems)

    def bits_of(self, system: str) -> float:
        """The bits that the name of a system and its parameters take.

        Raises:
            InputError: for a system that it does not know.
        """
        cells = self._fitted("bits_of").systems
        if system not in cells:
            raise InputError(f"no system '{system}' was fitted; there are {listed(tuple(cells))}.")
        return log2(len(cells)) + sum(log2(len(slot.values)) for slot in cells[system].slots)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the cells, the regimes and the record of the training into a folder."""
        save_parameters(folder, self._fitted("save_pretrained"), training=self.facts)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "ParameterTokenizer":
        """The tokenizer that was saved in a folder.

        Raises:
            InputError: if it holds none, or a damaged one.
        """
        cells, facts = load_parameters_folder(folder)
        tokenizer = cls(cells.bits, most_regimes=cells.most_regimes)
        tokenizer.cells_, tokenizer.facts = cells, facts
        return tokenizer

    def _has_regimes(self) -> bool:
        return any(own.regimes is not None for own in self.cells_.systems.values())

    def _num_slots(self) -> int:
        return max(len(own.slots) for own in self.cells_.systems.values())

    def _sizes(self) -> list[int]:
        """Codebook sizes: of a slot, the most cells that any system has there."""
        systems = self.cells_.systems.values()
        regimes = [max(1 if own.regimes is None else own.regimes.num_words for own in systems)]
        slots = [
            max(len(own.slots[place].values) for own in systems if place < len(own.slots))
            for place in range(self._num_slots())
        ]
        return [len(systems), *(regimes if self._has_regimes() else []), *slots]

    def _fitted(self, wish: str) -> ParametersFile:
        if "cells_" not in vars(self):
            raise NotFittedError(f"this ParameterTokenizer is not fitted yet: call `fit` before `{wish}`.")
        return self.cells_

    def _facts(self) -> dict[str, object]:
        fitted = {} if "cells_" not in vars(self) else {"systems": self.systems, "tokens": self.categories}
        return {"bits": self.bits, "most_regimes": self.most_regimes, **fitted}


def _column_for(slot: Slot, system: str, columns: Sequence[ParameterColumn]) -> int | None:
    """The column of a parameter of a system; None where there is none.

    Raises:
        InputError: if it holds words where it held numbers, or the reverse.
    """
    own = [f"{system}.{slot.name}", slot.name]
    place = next((place for name in own for place, column in enumerate(columns) if column.name == name), None)
    if place is not None and bool(columns[place].choices) != bool(slot.choices):
        was, now = ("a choice", "a number") if slot.choices else ("a number", "a choice")
        raise InputError(f"parameter '{columns[place].name}' is {now} here; its tokens were fitted to {was}.")
    return place


def _facts_of(
    slots: Sequence[Slot], columns: Sequence[ParameterColumn], values: Sequence[Float[np.ndarray, " run"]]
) -> Facts:
    """Numbers as they are and choices as words, by the parameters' own names."""
    return {
        slot.name: own
        if not slot.choices
        else [column.choices[int(value)] if np.isfinite(value) else "" for value in own]
        for slot, column, own in zip(slots, columns, values, strict=True)
    }
