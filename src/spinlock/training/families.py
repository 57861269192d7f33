"""Tokenizers of several families of the same runs, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError, did_you_mean
from spinlock.core.feature_table import FeatureTable
from spinlock.core.shown import ShownInShort
from spinlock.core.tokens import MISSING, TokenTable, of_family, side_by_side
from spinlock.core.views import Selection, View, selected
from spinlock.store.atomic import sha256_of_bytes
from spinlock.store.family_folder import StoredDecoder, load_families, load_family_decoder, save_families
from spinlock.store.json_file import to_json
from spinlock.store.parameters_folder import has_parameters
from spinlock.store.tensor_bytes import tensor_bytes
from spinlock.training.estimator import Tokenizer
from spinlock.training.parameters import ParameterTokenizer, RunParameters
from spinlock.training.spec import SUMMARY
from spinlock.training.split import split_by_group
from spinlock.vqvae.family_decoder import FamilyDecoder

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
        decoder: decodes the columns of a family from the tokens of all; each from its own when not given.
    """

    def __init__(self, families: Mapping[str, FamilyMember], decoder: FamilyDecoder | None = None) -> None:
        if not families:
            raise InputError("a FamilyTokenizer needs at least one family; got none.")
        if decoder is not None:
            _check_decoder(decoder, families)
        self.families, self.decoder = dict(families), decoder

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
        self.decoder = None
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
        """The columns that tokens stand for, or the parameters, by family, in the rows that have tokens of it.

        With a decoder across families, columns are decoded from the tokens of all families that a row has, where it has several.

        Args:
            tokens: as `encode` gives them, of some families or all.
            num_levels: decode from the first levels only; all when not given.

        Raises:
            InputError: if the tokens are of other codebooks, or `num_levels` is out of range.
        """
        if num_levels is not None and not 1 <= num_levels <= tokens.codes.shape[2]:
            raise InputError(f"`num_levels` must be between 1 and {tokens.codes.shape[2]}; got {num_levels}.")
        present = [name for name in self.families if any(own.startswith(f"{name}__") for own in tokens.category_names)]
        own = {name: of_family(tokens, name) for name in present}
        if self.decoder is None or len(present) < 2:
            return {name: _decoded(self.families[name], rows, num_levels) for name, rows in own.items()}
        return self._decoded_together(own, self.decoder, num_levels)

    def _decoded_together(
        self, own: Mapping[str, TokenTable], decoder: FamilyDecoder, num_levels: int | None
    ) -> dict[str, FeatureTable | RunParameters]:
        ids = tuple(dict.fromkeys(name for tokens in own.values() for name in tokens.ids))
        place = {name: row for row, name in enumerate(ids)}
        rows = {name: torch.tensor([place[id_] for id_ in tokens.ids]) for name, tokens in own.items()}
        alone = {name: vectors_of(self.families[name], tokens, num_levels) for name, tokens in own.items()}
        known = {
            name: e.new_full((len(ids), e.shape[1]), torch.nan).index_copy(0, rows[name], e)
            for name, e in alone.items()
        }
        inputs = decoder.coordinates(known)
        several = torch.stack([~e.isnan().all(dim=1) for e in known.values()]).sum(dim=0) > 1
        found: dict[str, FeatureTable | RunParameters] = {}
        for name, tokens in own.items():
            member, e = self.families[name], torch.nan_to_num(alone[name])
            if isinstance(member, ParameterTokenizer):
                found[name] = member.decode(tokens)
                continue
            levels = tokens.codes.shape[2]
            y = decoder(name, e, inputs[rows[name]], num_levels=num_levels or decoder.num_levels)
            y = torch.where(several[rows[name], None], y, e)
            is_settled = num_levels is None or num_levels >= levels
            y = member.tokenizer_.within(y, tokens.codes, is_settled=is_settled)
            found[name] = member.tokenizer_.table_of(y, tokens)
        return found

    def save_pretrained(self, folder: str | Path) -> None:
        """Write every family into a folder of its own below this one, which there are, and what decodes across them."""
        for name, tokenizer in self.families.items():
            tokenizer.save_pretrained(Path(folder) / name)
        self.save_names(folder)

    def save_names(self, folder: str | Path) -> None:
        """The same where the families' own folders are there already."""
        save_families(folder, tuple(self.families), None if self.decoder is None else self._stored(self.decoder))

    def _stored(self, decoder: FamilyDecoder) -> StoredDecoder:
        made_for = {name: _checksum(self.families[name]) for name in decoder.families}
        return StoredDecoder(tensors=decoder.state_dict(), settings=decoder.settings(), made_for=made_for)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "FamilyTokenizer":
        """The families that were saved in a folder.

        Raises:
            InputError: if it holds none, or one is damaged, or what decodes across them was made for others.
        """
        families = {name: load_member(Path(folder) / name) for name in load_families(folder)}
        stored = load_family_decoder(folder)
        if stored is None:
            return cls(families)
        for name, checksum in stored.made_for.items():
            if _checksum(families[name]) != checksum:
                raise InputError(
                    f"{folder}: what decodes across families was fitted to other tokens of {name} than its folder now gives; "
                    "train the families together again."
                )
        try:
            return cls(families, FamilyDecoder.restored(stored.tensors, stored.settings))
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{folder}: what decodes across families is not readable: {str(error).rstrip('.')}."
            ) from error

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


def vectors_of(
    member: FamilyMember, tokens: TokenTable, num_levels: int | None = None
) -> Float[Tensor, "sample number"]:
    """What tokens of a family stand for, as numbers; NaN where there are none.

    Raises:
        InputError: if the tokens are of other categories or codebooks.
    """
    if isinstance(member, ParameterTokenizer):
        return member.vectors(tokens)
    member.tokenizer_.check_tokens(tokens)
    return member.tokenizer_.decoded(tokens.codes, num_levels=num_levels, is_settled=False)


def _decoded(member: FamilyMember, tokens: TokenTable, num_levels: int | None) -> FeatureTable | RunParameters:
    if isinstance(member, ParameterTokenizer):
        return member.decode(tokens)
    return member.decode(tokens, None if num_levels is None else min(num_levels, tokens.codes.shape[2]))


def _checksum(member: FamilyMember) -> str:
    """Of what makes tokens from rows and numbers from tokens."""
    if isinstance(member, ParameterTokenizer):
        return sha256_of_bytes(to_json(member.cells_.model_dump(mode="json")).encode())
    return sha256_of_bytes(tensor_bytes(member.tokenizer_.coder.state_dict()))


def _check_decoder(decoder: FamilyDecoder, families: Mapping[str, FamilyMember]) -> None:
    """Refuse a decoder of families that are not there, or that have other columns."""
    for name, mean in zip(decoder.families, decoder.means, strict=True):
        if name not in families:
            raise InputError(f"what decodes across families needs the family {name}, which is not there.")
        member = families[name]
        known = member.num_numbers if isinstance(member, ParameterTokenizer) else len(member.tokenizer_.registry)
        if len(mean) != known:
            raise InputError(
                f"what decodes across families was fitted to {len(mean)} columns of {name}; its tokens stand for {known}."
            )
