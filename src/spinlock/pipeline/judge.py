"""All figures of a tokenizer on every split, beside baselines at equal bits: the `Report`."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain
from operator import add

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from spinlock.core.feature_table import BLOCK_ROWS, FeatureTable
from spinlock.core.repeatability import Replicates, SameToken
from spinlock.core.report import CoderFigures, Report, TokenAgreement
from spinlock.core.tokens import TokenTable
from spinlock.core.views import FIT_ROWS, View, in_memory, thinned
from spinlock.metrics.baselines import Coder, fit_baselines
from spinlock.metrics.judge import ModelFigures, judge_split
from spinlock.metrics.reconstruction import ErrorSums
from spinlock.metrics.repeatability import NUM_PARTS, replicate_errors, replicate_figures
from spinlock.metrics.stability import pairs_of_groups, rows_of, same_token_rates, token_agreements
from spinlock.metrics.usage import row_digests
from spinlock.pipeline.parameter_steps import DrawParameters
from spinlock.vqvae.losses import orthogonality
from spinlock.vqvae.tokenizer import FittedTokenizer

Describe = Callable[[tuple[str, ...]], tuple[FeatureTable, FeatureTable]]


def judge(
    tokenizer: FittedTokenizer,
    tables: Mapping[str, View],
    *,
    backend_mse: Mapping[str, float],
    provenance: Mapping[str, str],
    seed: int,
    halves: Describe | None = None,
    parameters: DrawParameters | None = None,
) -> Report:
    """The report on a tokenizer, from rows that are gone through block by block.

    Of a split with more than 50 000 rows, so many are judged, whole draws by a seeded choice; `num_samples` says how many.

    Args:
        tokenizer: fitted on the rows of `tables["train"]`.
        tables: split → rows; "train" is needed, for the frequencies of its codes and to fit the baselines.
        backend_mse: backend → validation error at equal bits.
        provenance: in words.
        seed: of the baselines' starts and of the choice of rows.
        halves: ids of samples → their descriptions by the first and the second half of their realizations; not called for
            training rows, and None where there are none.
        parameters: of the draws; None where they are not known.
    """
    sizes = tokenizer.codebook_sizes
    tables = {name: thinned(view, FIT_ROWS, seed) for name, view in tables.items()}
    coders = fit_baselines(
        *tokenizer.normalize(in_memory(tables["train"])),
        category_map=tokenizer.category_map,
        codebook_sizes=sizes,
        seed=seed,
    )
    found = {name: _gone_through(tokenizer, view, coders, is_held_out=name != "train") for name, view in tables.items()}
    replicated = {
        name: _replicated(tokenizer, view, halves) for name, view in tables.items() if halves and name != "train"
    }
    return Report(
        splits={
            name: judge_split(
                split.errors,
                digests=split.digests,
                tokens=split.tokens,
                train_tokens=found["train"].tokens,
                category_map=tokenizer.category_map,
                model=replace(
                    _repeated(split.tokens, replicated.get(name), parameters, seed)
                    if name != "train"
                    else ModelFigures(),
                    orthogonality=float(orthogonality(tokenizer.token_vectors(split.tokens))),
                    round_trip=split.survived,
                ),
            )
            for name, split in found.items()
        },
        category_names=tokenizer.category_map.categories,
        codebook_sizes=tuple(tuple(int(size) for size in row) for row in sizes),
        bits=float(torch.log2(sizes.double()).sum()),
        baselines=tuple(
            CoderFigures(
                name=coder.name,
                bits=coder.bits,
                mse={name: split.coder_errors.mse()[number] for name, split in found.items()},
            )
            for number, coder in enumerate(coders)
        ),
        backend=tokenizer.coder.name,
        backend_mse=dict(backend_mse),
        provenance=dict(provenance),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _GoneThrough:
    """The part of a split that stays in memory once its rows were gone through.

    Attributes:
        tokens: of all rows.
        errors: of the tokenizer with 0, 1, 2, …, all levels.
        coder_errors: of the baselines.
        digests: of the normalised rows.
        survived: share of the tokens that decoding and encoding again leaves the same; NaN where it was not measured.
    """

    tokens: TokenTable
    errors: ErrorSums
    coder_errors: ErrorSums
    digests: Int64[Tensor, "sample 2"]
    survived: float


def _gone_through(
    tokenizer: FittedTokenizer, view: View, coders: Sequence[Coder], *, is_held_out: bool
) -> _GoneThrough:
    """A split, block by block. A second encoding is not spent on the training rows."""
    tokens, errors, coder_errors, digests = [], [], [], []
    survived = present = 0
    for block in view.blocks():
        x, mask = tokenizer.normalize(block)
        once = tokenizer.encode(block)
        levels = range(1, once.codes.shape[2] + 1)
        prefixes = [tokenizer.decode_normalized(once, num_levels=level) for level in levels]
        tokens.append(once)
        errors.append(ErrorSums.of(x, [torch.zeros_like(x), *prefixes], mask))
        coder_errors.append(ErrorSums.of(x, [coder.reconstruct(x, mask) for coder in coders], mask))
        digests.append(row_digests(x))
        if is_held_out:
            again = tokenizer.encode(tokenizer.decode(once))
            survived += int(((again.codes == once.codes) & (once.codes >= 0)).sum())
            present += int((once.codes >= 0).sum())
    return _GoneThrough(
        tokens=_one_table(tokens),
        errors=reduce(add, errors),
        coder_errors=reduce(add, coder_errors),
        digests=torch.cat(digests),
        survived=survived / present if present else math.nan,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Replicated:
    """A split described twice, by disjoint halves of its realizations.

    Attributes:
        first, second: tokens of the two descriptions.
        figures: of their decoded columns.
    """

    first: TokenTable
    second: TokenTable
    figures: Replicates


def _replicated(tokenizer: FittedTokenizer, view: View, halves: Describe) -> _Replicated:
    """A split's halves, block by block; sums are kept by part of the draws, for standard errors."""
    part_of = {group: number % NUM_PARTS for number, group in enumerate(dict.fromkeys(view.groups))}
    described: tuple[list[TokenTable], list[TokenTable]] = ([], [])
    own: list[ErrorSums] = []
    against: dict[int, list[ErrorSums]] = {}
    for start in range(0, len(view), BLOCK_ROWS):
        pair = halves(view.ids[start : start + BLOCK_ROWS])
        tokens = [tokenizer.encode(half) for half in pair]
        rows = [tokenizer.normalize(half) for half in pair]
        levels = range(1, tokens[0].codes.shape[2] + 1)
        decoded = [[tokenizer.decode_normalized(half, num_levels=level) for half in tokens] for level in levels]
        parts = np.array([part_of[group] for group in pair[0].groups])
        for part in np.unique(parts).tolist():
            here = torch.from_numpy(parts == part)
            first, second = ((x[here], mask[here]) for x, mask in rows)
            sums = replicate_errors(first, second, [(one[here], other[here]) for one, other in decoded])
            own.append(sums[0])
            against.setdefault(part, []).append(sums[1])
        for parts_of_half, half in zip(described, tokens, strict=True):
            parts_of_half.append(half)
    return _Replicated(
        first=_one_table(described[0]),
        second=_one_table(described[1]),
        figures=replicate_figures(
            reduce(add, own), [reduce(add, sums) for sums in against.values()], tokenizer.registry
        ),
    )


def _repeated(
    tokens: TokenTable, replicated: _Replicated | None, parameters: DrawParameters | None, seed: int
) -> ModelFigures:
    """What comes again: tokens when realizations, the start or parameters change, and decoded columns.

    All comparisons are of descriptions by equally many realizations, the first half where there are two, so that they differ in what
    is compared alone.
    """
    agreements: tuple[TokenAgreement, ...] = ()
    same: list[SameToken] = []
    if replicated:
        tokens = replicated.first
        agreements = token_agreements(replicated.first, replicated.second)
        same += same_token_rates(agreements, at="other realizations")
    one, other = pairs_of_groups(tokens.groups)
    if len(one):
        same += same_token_rates(
            token_agreements(rows_of(tokens, one), rows_of(tokens, other)), at="another initial condition"
        )
    if parameters and (pairs := parameters.pairs(tokens.groups, seed)):
        first = rows_of(tokens, pairs.rows)
        chance = token_agreements(first, first)
        near, far = (token_agreements(first, rows_of(tokens, rows)) for rows in (pairs.nearest, pairs.others))
        step = float(np.median(pairs.steps))
        same += same_token_rates(near, at="a small step of the parameters", chance=chance, step=step)
        same += same_token_rates(far, at="any other draw of its system", chance=chance)
    figures = replicated.figures if replicated else Replicates(num_samples=0)
    return ModelFigures(agreements=agreements, replicates=figures, same_tokens=tuple(same))


def _one_table(parts: Sequence[TokenTable]) -> TokenTable:
    """The tokens of blocks, one after another."""
    columns = {
        name: None if getattr(parts[0], name) is None else torch.cat([getattr(part, name) for part in parts])
        for name in ("codes", "distances", "out_of_corpus")
    }
    rows = {name: tuple(chain.from_iterable(getattr(part, name) for part in parts)) for name in ("ids", "groups")}
    return replace(parts[0], **columns, **rows)
