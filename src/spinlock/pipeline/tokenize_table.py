"""`spinlock tokenize`: the tokens of a data set as a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spinlock.core.threads import one_thread
from spinlock.core.tokens import MISSING, TokenTable, side_by_side
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tokenizers import load_rows
from spinlock.store.family_folder import has_families, load_families
from spinlock.store.outputs import claim_output
from spinlock.store.parameters_folder import has_parameters
from spinlock.store.token_file import TOKENS, save_tokens
from spinlock.training.estimator import Tokenizer
from spinlock.training.parameters import ParameterTokenizer


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
        out_of_corpus: samples that are unlike those the tokenizer was fitted to; None where it has no boundary of its corpus.
    """

    output: Path
    samples: int
    empty_samples: int
    categories: tuple[str, ...]
    levels: int
    bits: float
    absent: float
    out_of_corpus: int | None


@one_thread()
def tokenize_table(
    tokenizer: Path, dataset: Path, output: Path, *, embedding: bool = False, progress: Progress = silent
) -> Tokenized:
    """Encode every sample of a data set and write the tokens.

    Args:
        tokenizer: a tokenizer's folder, or one of several families, whose tokens then stand side by side.
        dataset: a data-set file with the columns that the tokenizer was made for.
        output: .h5, .hdf5, .csv or .parquet.
        embedding: whether to write beside the tokens where each sample lies among behaviours.
        progress: is told of the rows that are encoded.

    Raises:
        NamesDifferError: if the data set has other columns, naming them.
        InputError: if something else than a token file is at `output`, or another process writes it.
    """
    with claim_output(output, TOKENS, inputs=(dataset,)):
        folders = {name: tokenizer / name for name in load_families(tokenizer)} if has_families(tokenizer) else {}
        found: dict[str, TokenTable] = {}
        num_empty = 0
        for name, folder in (folders or {"": tokenizer}).items():
            if has_parameters(folder):
                found[name] = _of_parameters(folder, dataset, among=found)
                continue
            found[name], empty = _of_columns(folder, dataset, embedding=embedding and not found, progress=progress)
            num_empty = num_empty if len(found) > 1 else empty
        tokens = side_by_side(found) if folders else found[""]
        save_tokens(tokens, output)
    return Tokenized(
        output=output,
        samples=len(tokens),
        empty_samples=num_empty,
        categories=tokens.category_names,
        levels=tokens.codes.shape[2],
        bits=tokens.bits,
        absent=float((tokens.codes == MISSING).double().mean()),
        out_of_corpus=None if tokens.out_of_corpus is None else int(tokens.out_of_corpus.sum()),
    )


def _of_columns(tokenizer: Path, dataset: Path, *, embedding: bool, progress: Progress) -> tuple[TokenTable, int]:
    """The tokens of every sample by one tokenizer, and the number of samples without features, which have none."""
    fitted = Tokenizer.from_pretrained(tokenizer)
    loaded = load_rows(dataset, fitted.record_)
    tokens = fitted.tokenizer_.encode(
        loaded.table,
        told=lambda rows: progress("tokenize", rows, len(loaded.table)),
        with_embedding=embedding,
    )
    return tokens, loaded.num_empty


def _of_parameters(tokenizer: Path, dataset: Path, *, among: Mapping[str, TokenTable]) -> TokenTable:
    """The tokens of what samples were made from: of those that other families have, or of all where there is no other."""
    runs = run_parameters(dataset)
    if among:
        runs = runs.of_ids(tuple(dict.fromkeys(name for tokens in among.values() for name in tokens.ids)))
    return ParameterTokenizer.from_pretrained(tokenizer).encode(runs)
