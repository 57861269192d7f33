"""`spinlock tokenize`: the tokens of a data set as a file."""

from dataclasses import dataclass
from pathlib import Path

from spinlock.core.threads import one_thread
from spinlock.core.tokens import MISSING
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.tokenizers import load_rows
from spinlock.store.outputs import claim_output
from spinlock.store.token_file import TOKENS, save_tokens
from spinlock.training.estimator import Tokenizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokenized:
    """What was written.

    Attributes:
        output: the token file.
        samples: rows in it.
        empty_samples: samples of the data set without any feature, which have no row.
        categories: in the order of the columns.
        levels: tokens a category.
        words: coarse tokens with a definition in words (`spinlock words`); 0 where they come from a codebook.
        bits: nominal bits a sample.
        absent: category tokens that are -1, as a share of all.
        out_of_corpus: samples that are unlike those the tokenizer was fitted to; None where it has no boundary of its corpus.
    """

    output: Path
    samples: int
    empty_samples: int
    categories: tuple[str, ...]
    levels: int
    words: int
    bits: float
    absent: float
    out_of_corpus: int | None


@one_thread()
def tokenize_table(
    tokenizer: Path, dataset: Path, output: Path, *, embedding: bool = False, progress: Progress = silent
) -> Tokenized:
    """Encode every sample of a data set and write the tokens.

    Args:
        tokenizer: a tokenizer's folder.
        dataset: a data-set file with the columns that the tokenizer was made for.
        output: .h5, .hdf5, .csv or .parquet.
        embedding: whether to write beside the tokens where each sample lies among behaviours.
        progress: is told of the rows that are encoded.

    Raises:
        NamesDifferError: if the data set has other columns, naming them.
        InputError: if something else than a token file is at `output`, or another process writes it.
    """
    with claim_output(output, TOKENS, inputs=(dataset,)):
        fitted = Tokenizer.from_pretrained(tokenizer)
        loaded = load_rows(dataset, fitted.record_)
        tokens = fitted.tokenizer_.encode(
            loaded.table,
            told=lambda rows: progress("tokenize", rows, len(loaded.table)),
            with_embedding=embedding,
        )
        save_tokens(tokens, output)
    return Tokenized(
        output=output,
        samples=len(loaded.table),
        empty_samples=loaded.num_empty,
        categories=tokens.category_names,
        levels=tokens.codes.shape[2],
        words=len(fitted.definitions()),
        bits=tokens.bits,
        absent=float((tokens.codes == MISSING).double().mean()),
        out_of_corpus=None if tokens.out_of_corpus is None else int(tokens.out_of_corpus.sum()),
    )
