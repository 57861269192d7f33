"""Tokenizers of several families of the same runs, side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, did_you_mean
from spinlock.core.feature_table import FeatureTable
from spinlock.core.shown import ShownInShort
from spinlock.core.tokens import TokenTable, of_family, side_by_side
from spinlock.store.family_folder import load_families, save_families
from spinlock.store.parameters_folder import has_parameters
from spinlock.training.estimator import Tokenizer
from spinlock.training.parameters import ParameterTokenizer, RunParameters

FamilyMember = Tokenizer | ParameterTokenizer


class FamilyTokenizer(ShownInShort):
    """One fitted tokenizer a family; tokens of all stand in one table.

        families = FamilyTokenizer.from_pretrained("folder")
        tokens = families.encode({"summary": table, "trajectory": other_table})
        tokens.column_names  # summary__spatial__level0, …, trajectory__level__level0, …
        back = families.decode(tokens)["trajectory"]

    Args:
        families: by name; a family may be any table of the same samples, or what they were made from (`RunParameters`).
    """

    def __init__(self, families: Mapping[str, FamilyMember]) -> None:
        if not families:
            raise InputError("a FamilyTokenizer needs at least one family; got none.")
        self.families = dict(families)

    def encode(self, tables: Mapping[str, Any]) -> TokenTable:
        """The tokens of some families, categories named `<family>__<category>`; see `core.tokens.side_by_side`.

        Args:
            tables: by family; a family that is not given is not in the result.

        Raises:
            InputError: if a family is unknown, or none is given.
            NamesDifferError: if a table has other columns than its family was fitted to.
        """
        unknown = [name for name in tables if name not in self.families]
        if unknown or not tables:
            hint = did_you_mean(unknown[0], self.families) if unknown else f"Known: {', '.join(self.families)}."
            raise InputError(f"unknown family '{unknown[0]}'. {hint}" if unknown else f"no table is given. {hint}")
        return side_by_side({name: self.families[name].encode(table) for name, table in tables.items()})

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
