"""All figures of a tokenizer on every split, beside baselines at equal bits: the `Report`."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain
from operator import add

import torch
from jaxtyping import Int64
from torch import Tensor

from spinlock.core.feature_table import FeatureTable
from spinlock.core.report import CoderFigures, Report
from spinlock.core.tokens import TokenTable
from spinlock.core.views import FIT_ROWS, View, in_memory, thinned
from spinlock.metrics.baselines import Coder, fit_baselines
from spinlock.metrics.judge import ModelFigures, judge_split
from spinlock.metrics.reconstruction import ErrorSums
from spinlock.metrics.stability import token_agreements
from spinlock.metrics.usage import row_digests
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
    """
    sizes = tokenizer.codebook_sizes
    tables = {name: thinned(view, FIT_ROWS, seed) for name, view in tables.items()}
    coders = fit_baselines(
        *tokenizer.normalize(in_memory(tables["train"])),
        category_map=tokenizer.category_map,
        codebook_sizes=sizes,
        seed=seed,
    )
    found = {
        name: _gone_through(
            tokenizer, view, coders, is_held_out=name != "train", halves=halves if name != "train" else None
        )
        for name, view in tables.items()
    }
    return Report(
        splits={
            name: judge_split(
                split.errors,
                digests=split.digests,
                tokens=split.tokens,
                train_tokens=found["train"].tokens,
                category_map=tokenizer.category_map,
                model=ModelFigures(
                    orthogonality=float(orthogonality(tokenizer.token_vectors(split.tokens))),
                    round_trip=split.survived,
                    agreements=token_agreements(*split.described) if split.described else (),
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
        described: tokens of both halves of the realizations; empty likewise.
    """

    tokens: TokenTable
    errors: ErrorSums
    coder_errors: ErrorSums
    digests: Int64[Tensor, "sample 2"]
    survived: float
    described: tuple[TokenTable, ...]


def _gone_through(
    tokenizer: FittedTokenizer, view: View, coders: Sequence[Coder], *, is_held_out: bool, halves: Describe | None
) -> _GoneThrough:
    """A split, block by block. A second encoding is not spent on the training rows."""
    tokens, errors, coder_errors, digests = [], [], [], []
    survived = present = 0
    described: tuple[list[TokenTable], ...] = ([], [])
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
        for parts, half in zip(described, halves(block.ids) if halves else (), strict=False):
            parts.append(tokenizer.encode(half))
    return _GoneThrough(
        tokens=_one_table(tokens),
        errors=reduce(add, errors),
        coder_errors=reduce(add, coder_errors),
        digests=torch.cat(digests),
        survived=survived / present if present else math.nan,
        described=tuple(_one_table(parts) for parts in described if parts),
    )


def _one_table(parts: Sequence[TokenTable]) -> TokenTable:
    """The tokens of blocks, one after another."""
    columns = {
        name: None if getattr(parts[0], name) is None else torch.cat([getattr(part, name) for part in parts])
        for name in ("codes", "distances", "out_of_corpus")
    }
    rows = {name: tuple(chain.from_iterable(getattr(part, name) for part in parts)) for name in ("ids", "groups")}
    return replace(parts[0], **columns, **rows)
