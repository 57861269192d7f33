"""Fit what decodes every family of a run from the tokens of all."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.feature_table import FeatureTable
from spinlock.core.masked import squared_errors
from spinlock.core.seeds import torch_stream
from spinlock.training.data import POOL_NEIGHBORS, encoded
from spinlock.training.joint_fit import COPIES, KERNEL_WIDTH, MOST_POOL_ROWS, PENALTIES, POOL_ROWS
from spinlock.training.parameters import ParameterTokenizer, RunParameters
from spinlock.training.spec import FitSpec
from spinlock.vqvae.family_decoder import FamilyDecoder, principal_coordinates
from spinlock.vqvae.joint_decoder import JointDecoder, fit_joint_decoder, no_correction
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors, nearest_neighbors
from spinlock.vqvae.packing import Rows
from spinlock.vqvae.tokenizer import FittedTokenizer

log = logging.getLogger(__name__)

MOST_ROWS = 8000
"""Training rows that are regressed on, at most."""

Member = FittedTokenizer | ParameterTokenizer
Table = FeatureTable | RunParameters
Choices = Mapping[str, tuple[int | None, ...]]
"""Family → for each number of levels a place in `PENALTIES`, or None for no correction."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FamilyFit:
    """A decoder across families and what validation rows said.

    Attributes:
        decoder: None where no family is decoded better from the tokens of all.
        choices: of the penalties.
        errors: family → mean squared error of validation rows in standardised units, from its own tokens and from those of all.
    """

    decoder: FamilyDecoder | None
    choices: Choices
    errors: Mapping[str, tuple[float, float]]


@torch.no_grad()
def fit_family_decoder(
    members: Mapping[str, Member],
    train: Mapping[str, Table],
    validation: Mapping[str, Table] | None,
    *,
    spec: FitSpec,
    choices: Choices | None = None,
) -> FamilyFit:
    """Regressions from the tokens of all families to the columns of each, their penalties chosen by validation rows.

    As within a family, they are fitted to rows mixed with neighbours, whose codes say what codes of other rows leave over: all
    families of a run are moved towards the same other run. What a run was made from is not moved.

    Args:
        members: fitted, by family.
        train: of each family, the same samples in the same order.
        validation: likewise; not needed with choices.
        spec: how rows are mixed, centres and the seed.
        choices: the penalties where they were chosen before.
    """
    pool = _Told.mixed(members, train, spec)
    known = None if validation is None else _Told.plain(members, validation)
    columns = [name for name, one in members.items() if isinstance(one, FittedTokenizer)]
    levels = max(one.codebook_sizes.shape[1] for one in members.values() if isinstance(one, FittedTokenizer))
    space = _space(pool.decoded(levels), num_levels=levels)
    found: dict[str, list[tuple[int | None, JointDecoder]]] = {name: [] for name in columns}
    errors: dict[str, tuple[float, float]] = {}
    for level in range(1, levels + 1):
        told, unseen = pool.decoded(level), None if known is None else known.decoded(level)
        inputs, held_out = space.coordinates(told), None if unseen is None else space.coordinates(unseen)
        for name in columns:
            e = torch.nan_to_num(told[name])
            before = None if choices is None else choices[name][level - 1]
            wanted = range(len(PENALTIES)) if choices is None else [] if before is None else [before]
            fitted = fit_joint_decoder(
                e,
                *pool.rows[name],
                penalties=[PENALTIES[place] for place in wanted],
                num_centers=spec.num_centers,
                width=KERNEL_WIDTH,
                inputs=inputs,
            )
            candidates = {None: no_correction(e, inputs), **dict(zip(wanted, fitted, strict=True))}
            best = before
            if known is not None and unseen is not None and choices is None:
                f = torch.nan_to_num(unseen[name])
                wrong = {place: known.row_errors(name, one(f, held_out)) for place, one in candidates.items()}
                best = min(wrong, key=lambda place: float(wrong[place].mean()))
                if not is_beyond_chance(wrong[None] - wrong[best]):
                    best = None
                errors[name] = float(wrong[None].mean()), float(wrong[best].mean())
                log.debug("%s, %d levels: validation errors %s, %s is kept.", name, level, errors[name], best)
            found[name].append((best, candidates[best]))
    chosen = {name: tuple(place for place, _ in own) for name, own in found.items()}
    corrected = tuple(name for name in columns if any(place is not None for place in chosen[name]))
    if not corrected:
        return FamilyFit(decoder=None, choices=chosen, errors=errors)
    decoders = tuple(decoder for name in corrected for _, decoder in found[name])
    decoder = replace(space, corrected=corrected, decoders=decoders)
    return FamilyFit(decoder=decoder, choices=chosen, errors=errors)


@torch.no_grad()
def decoding_errors(
    decoder: FamilyDecoder, members: Mapping[str, Member], tables: Mapping[str, Table]
) -> dict[str, tuple[float, float]]:
    """Of each corrected family the mean squared error in standardised units, from its own tokens and from those of all families.

    Args:
        decoder: across the families.
        members: fitted, by family.
        tables: of each family, the same samples in the same order.
    """
    rows = _Told.plain(members, tables)
    decoded = rows.decoded(decoder.num_levels)
    inputs = decoder.coordinates(decoded)
    errors = {}
    for name in decoder.corrected:
        own = torch.nan_to_num(decoded[name])
        together = decoder(name, own, inputs, num_levels=decoder.num_levels)
        errors[name] = rows.error(name, own), rows.error(name, together)
    return errors


def _space(decoded: Mapping[str, Float[Tensor, "sample column"]], *, num_levels: int) -> FamilyDecoder:
    """The coordinates of what all families tell, with nothing decoded from them yet."""
    spaces = [principal_coordinates(own) for own in decoded.values()]
    size = sum(axes.shape[1] for axes, _ in spaces)
    space = FamilyDecoder(
        families=tuple(decoded),
        corrected=(),
        num_levels=num_levels,
        axes=tuple(axes for axes, _ in spaces),
        means=tuple(mean for _, mean in spaces),
        covariance=torch.zeros(size, size),
        decoders=(),
    )
    inputs = space.coordinates(decoded)
    return replace(space, covariance=inputs.mT @ inputs / len(inputs))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Told:
    """The same samples in every family: standardised columns, codes, and what parameters' tokens stand for."""

    members: Mapping[str, Member]
    rows: Mapping[str, Rows]
    codes: Mapping[str, Int[Tensor, "sample category level"]]
    parameters: Mapping[str, Float[Tensor, "sample number"]]

    @classmethod
    def plain(cls, members: Mapping[str, Member], tables: Mapping[str, Table]) -> "_Told":
        """The samples as they are."""
        rows, parameters = {}, {}
        for name, table in tables.items():
            one = members[name]
            if isinstance(one, FittedTokenizer) and isinstance(table, FeatureTable):
                rows[name] = one.normalize(table)
            elif isinstance(one, ParameterTokenizer) and isinstance(table, RunParameters):
                parameters[name] = one.vectors(one.encode(table))
        return cls._coded(members, rows, parameters)

    @classmethod
    def mixed(cls, members: Mapping[str, Member], tables: Mapping[str, Table], spec: FitSpec) -> "_Told":
        """Copies of the samples moved towards neighbours, all families of a sample towards the same one."""
        own = cls.plain(members, tables)
        widths = [rows.x.shape[1] for rows in own.rows.values()]
        x = torch.cat([rows.x for rows in own.rows.values()], dim=1)
        if not spec.is_mixing or len(x) < 2:
            return own
        # Every family weighs alike in the search, however many columns it has.
        even = torch.cat([rows.x / width**0.5 for rows, width in zip(own.rows.values(), widths, strict=True)], dim=1)
        everyone = torch.ones((1, len(x)), dtype=torch.bool)
        neighbors = nearest_neighbors(
            even[None], num_neighbors=min(spec.num_neighbors, POOL_NEIGHBORS), present=everyone
        )
        copies = max(1, max(POOL_ROWS, min(MOST_POOL_ROWS, COPIES * len(x))) // len(x))
        generator = torch_stream(spec.seed, "families")
        moved = torch.cat(
            [
                mix_with_neighbors(x[None], neighbors, reach=spec.mixing_reach, generator=generator)[0]
                for _ in range(copies)
            ]
        ).split(widths, dim=1)
        rows = {
            name: Rows(part, before.mask.repeat(copies, 1))
            for (name, before), part in zip(own.rows.items(), moved, strict=True)
        }
        parameters = {name: vectors.repeat(copies, 1) for name, vectors in own.parameters.items()}
        return cls._coded(members, rows, parameters)

    @classmethod
    def _coded(
        cls, members: Mapping[str, Member], rows: Mapping[str, Rows], parameters: Mapping[str, Tensor]
    ) -> "_Told":
        codes = {
            name: encoded(one.coder, rows[name], packing=one.normalizer.packing)
            for name, one in members.items()
            if isinstance(one, FittedTokenizer)
        }
        return cls(members=members, rows=rows, codes=codes, parameters=parameters)

    def decoded(self, num_levels: int) -> dict[str, Float[Tensor, "sample column"]]:
        """What the tokens of every family stand for, from its first levels; NaN where there is none."""
        return {
            name: one.decoded(self.codes[name], num_levels=num_levels, is_settled=False)
            if isinstance(one, FittedTokenizer)
            else self.parameters[name]
            for name, one in self.members.items()
        }

    def row_errors(self, name: str, y: Float[Tensor, "sample column"]) -> Float[Tensor, " sample"]:
        """Squared errors of a family's columns where its coder allows them, whose mean is the mean squared error of what is present."""
        one = self.members[name]
        assert isinstance(one, FittedTokenizer)
        x, mask = self.rows[name]
        wrong = squared_errors(x, one.within(y, self.codes[name], is_settled=False), mask)
        return wrong.sum(dim=1) * (len(mask) / mask.sum().clamp(min=1))

    def error(self, name: str, y: Float[Tensor, "sample column"]) -> float:
        """Mean squared error of a family's columns where its coder allows them."""
        return float(self.row_errors(name, y).mean())


def is_beyond_chance(gains: Float[Tensor, " sample"]) -> bool:
    """Whether a gain is larger than twice its standard error over rows: a few rows are decoded better by chance alone."""
    return len(gains) > 1 and float(gains.mean()) > 2 * float(gains.std()) / len(gains) ** 0.5
