"""`spinlock tokenize`: the tokens of a data set as a file."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from spinlock.core.feature_table import BLOCK_ROWS
from spinlock.core.tokens import MISSING, TokenTable
from spinlock.core.views import View
from spinlock.pipeline.artefact import load_artefact
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.threads import one_thread
from spinlock.store.token_file import save_tokens
from spinlock.vqvae.tokenizer import FittedTokenizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokenized:
    """What was written.

    Attributes:
        output: the token file.
        samples: rows in it.
        empty_samples: samples of the data set without any feature, which have no row.
        categories: in the order of the columns.
        levels: tokens a category.
        bits: nominal bits a sample.
        absent: category tokens that are -1, as a share of all.
        out_of_corpus: samples that are unlike those the tokenizer was fitted to.
    """

    output: Path
    samples: int
    empty_samples: int
    categories: tuple[str, ...]
    levels: int
    bits: float
    absent: float
    out_of_corpus: int


@one_thread()
def tokenize_table(tokenizer: Path, dataset: Path, output: Path, *, progress: Progress = silent) -> Tokenized:
    """Encode every sample of a data set and write the tokens.

    Args:
        tokenizer: a tokenizer's folder.
        dataset: a data-set file with the columns that the tokenizer was made for.
        output: .h5, .hdf5, .csv or .parquet.
        progress: is told of the rows that are encoded.

    Raises:
        NamesDifferError: if the data set has other columns, naming them.
    """
    artefact = load_artefact(tokenizer)
    loaded = load_table(dataset, artefact.feature_path)
    tokens = _encode(artefact.tokenizer, loaded.table, progress)
    save_tokens(tokens, output)
    return Tokenized(
        output=output,
        samples=len(loaded.table),
        empty_samples=loaded.num_empty,
        categories=tokens.category_names,
        levels=tokens.codes.shape[2],
        bits=tokens.bits,
        absent=float((tokens.codes == MISSING).double().mean()),
        out_of_corpus=0 if tokens.out_of_corpus is None else int(tokens.out_of_corpus.sum()),
    )


def _encode(tokenizer: FittedTokenizer, view: View, progress: Progress) -> TokenTable:
    """The tokens of all rows, block by block: a row's tokens depend on that row alone."""
    parts: list[TokenTable] = []
    for start, block in zip(range(0, len(view), BLOCK_ROWS), view.blocks(BLOCK_ROWS), strict=True):
        progress("tokenize", start, len(view))
        parts.append(tokenizer.encode(block))
    progress("tokenize", len(view), len(view))
    measured = {
        name: None if getattr(parts[0], name) is None else torch.cat([getattr(part, name) for part in parts])
        for name in ("distances", "out_of_corpus")
    }
    codes = torch.cat([part.codes for part in parts])
    return replace(parts[0], codes=codes, ids=view.ids, groups=view.groups, **measured)
