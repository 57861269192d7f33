"""Tokenizers of several families of the same runs, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from spinlock.core.errors import InputError, did_you_mean
from spinlock.core.feature_table import FeatureTable
from spinlock.core.shown import ShownInShort
from spinlock.core.tokens import MISSING, TokenTable, of_family, side_by_side
from spinlock.core.views import Selection, View, selected
from spinlock.store.family_folder import load_families, save_families
from spinlock.store.parameters_folder import has_parameters
from spinlock.training.estimator import Tokenizer
from spinlock.training.parameters import ParameterTokenizer, RunParameters
from spinlock.training.spec import SUMMARY
from spinlock.training.split import split_by_group

FamilyMember = Tokenizer | ParameterTokenizer


class FamilyTokenizer(ShownInShort):
    """One fitted tokenizer a family; tokens of all stand in one table.

        tables = spinlock.open_families("datasets/demo.h5", ("summary", "initial", "parameters"))
        families = FamilyTokenizer({"summary": Tokenizer(), "initial": Tokenizer(bits=24), "parameters": ParameterTokenizer()})
        tokens = families.fit(tables).encode(tables)
        tokens.column_names  # summary__spatial__level0, …, initial__spatial__level0, …
        back = families.decode(tokens)["initial"]

    Args:
        families: by name, fitted or to be fitted; a family may be any table of the same samples, or what they were made from
            (`RunParameters`).
    """

    def __init__(self, families: Mapping[str, FamilyMember]) -> None:
        if not families:
            raise InputError("a FamilyTokenizer needs at least one family; got none.")
        self.families = dict(families)

    def fit(
        self, tables: Mapping[str, Any], *, validation_fraction: float = 0.15, random_state: int = 0
    ) -> "FamilyTokenizer":
        """Fit every family to the same draws; parameters last, whose regimes agree in the coarse tokens of the summary.

        Args:
            tables: of each family a view, or `RunParameters`, as `spinlock.open_families` gives them; samples are told by `groups`.
            validation_fraction: share of the draws by which every family chooses.
            random_state: seed of the split.

        Raises:
            InputError: if a family has no table, a table no family, or there are too few rows.
        """
        self._check_known(tables)
        if without := [name for name in self.families if name not in tables]:
            raise InputError(
                f"the family {without[0]} has no table to be fitted to; got tables of {', '.join(tables)}."
            )
        groups = tables[next(iter(self.families))].groups
        fractions = (1 - validation_fraction, validation_fraction, 0.0)
        chosen = split_by_group(groups, fractions=fractions, seed=random_state).validation.tolist()
        held_out = {groups[row] for row in chosen}
        for name in sorted(self.families, key=lambda name: isinstance(self.families[name], ParameterTokenizer)):
            member, table = self.families[name], tables[name]
            is_held_out = torch.tensor([group in held_out for group in table.groups])
            train, validation = ((is_held_out == which).nonzero().squeeze(1) for which in (False, True))
            if isinstance(member, ParameterTokenizer):
                rows = table.rows(train.tolist())
                member.fit(rows, behaviour=self._behaviour(tables, rows.ids))
            else:
                member.fit(Selection(table, train), validation=Selection(table, validation))
        return self

    def _behaviour(self, tables: Mapping[str, Any], ids: Sequence[str]) -> Float[np.ndarray, "run axis"] | None:
        for name in SUMMARY:
            member = self.families.get(name)
            if isinstance(member, Tokenizer):
                return coarse_tokens(member, tables[name], ids)
        return None

    def encode(self, tables: Mapping[str, Any]) -> TokenTable:
        """The tokens of some families, categories named `<family>__<category>`; see `core.tokens.side_by_side`.

        Args:
            tables: by family; a family that is not given is not in the result.

        Raises:
            InputError: if a family is unknown, or none is given.
            NamesDifferError: if a table has other columns than its family was fitted to.
        """
        self._check_known(tables)
        return side_by_side({name: self.families[name].encode(table) for name, table in tables.items()})

    def _check_known(self, tables: Mapping[str, Any]) -> None:
        unknown = [name for name in tables if name not in self.families]
        if unknown or not tables:
            hint = did_you_mean(unknown[0], self.families) if unknown else f"Known: {', '.join(self.families)}."
            raise InputError(f"unknown family '{unknown[0]}'. {hint}" if unknown else f"no table is given. {hint}")

    def decode(self, tokens: TokenTable, num_levels: int | None = None) -> dict[str, FeatureTable | RunParameters]:
        """The columns that tokens stand for, or the parameters, by family, in the rows that have tokens of it."""
        present = [name for name in self.families if any(own.startswith(f"{name}__") for own in tokens.category_names)]
        return {name: _decoded(self.families[name], of_family(tokens, name), num_levels) for name in present}

    def save_pretrained(self, folder: str | Path) -> None:
        """Write every family into a folder of its own below this one, and which there are."""
        for name, tokenizer in self.families.items():
            tokenizer.save_pretrained(Path(folder) / name)
        save_families(folder, tuple(self.families))

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "FamilyTokenizer":
        """The families that were saved in a folder.

        Raises:
            InputError: if it holds none, or one is damaged.
        """
        return cls({name: load_member(Path(folder) / name) for name in load_families(folder)})

    def _facts(self) -> dict[str, object]:
        return {
            "families": {
                name: one.categories
                if isinstance(one, ParameterTokenizer)
                else tuple(one.tokenizer_.category_map.categories)
                for name, one in self.families.items()
            }
        }


def coarse_tokens(tokenizer: Tokenizer, view: View, ids: Sequence[str]) -> Float[np.ndarray, "run axis"]:
    """The first-level tokens of some samples as 0 and 1, one column a code; a missing token, or sample, is 0 throughout."""
    there = np.isin(ids, view.ids)
    tokens = tokenizer.encode(selected(view, ids))
    sizes = tokens.codebook_sizes[:, 0].tolist()
    coarse = np.full((len(ids), len(sizes)), MISSING)
    coarse[there] = tokens.codes[:, :, 0].numpy()
    return np.concatenate(
        [(coarse[:, [category]] == np.arange(size)).astype(np.float64) for category, size in enumerate(sizes)], axis=1
    )


def load_member(folder: Path) -> FamilyMember:
    """The tokenizer in a folder: of parameters, or of columns.

    Raises:
        InputError: if it holds none, or a damaged one.
    """
    return (ParameterTokenizer if has_parameters(folder) else Tokenizer).from_pretrained(folder)


def _decoded(member: FamilyMember, tokens: TokenTable, num_levels: int | None) -> FeatureTable | RunParameters:
    if isinstance(member, ParameterTokenizer):
        return member.decode(tokens)
    return member.decode(tokens, num_levels)
