"""`spinlock tokenize`: the tokens of a data set as a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from spinlock.core.threads import one_thread
from spinlock.core.tokens import MISSING, TokenTable, side_by_side
from spinlock.core.views import View
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tokenizers import load_rows
from spinlock.store.family_folder import has_families, load_families
from spinlock.store.outputs import claim_output
from spinlock.store.parameters_folder import has_parameters
from spinlock.store.token_file import TOKENS, save_tokens
from spinlock.training.estimator import Tokenizer
from spinlock.training.parameters import ParameterTokenizer

NUM_SENTENCES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokenized:
    """What was written.

    Attributes:
        output: the token file.
        dataset: whose samples they are.
        samples: rows in it.
        empty_samples: samples of the data set without any feature, which have no row.
        categories: in the order of the columns.
        levels: tokens a category.
        words: coarse tokens with a definition in words (`spinlock words`); 0 where they come from a codebook.
        bits: nominal bits a sample.
        absent: category tokens that are -1, as a share of all.
        out_of_corpus: samples that are unlike those the tokenizer was fitted to; None where it has no boundary of its corpus.
        sentences: what the first samples do, in words; `spinlock words` says it of all. Empty where tokens come from codebooks.
    """

    output: Path
    dataset: Path
    samples: int
    empty_samples: int
    categories: tuple[str, ...]
    levels: int
    words: int
    bits: float
    absent: float
    out_of_corpus: int | None
    sentences: dict[str, str]


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
        named = folders or {"": tokenizer}
        fitted = {
            name: Tokenizer.from_pretrained(folder) for name, folder in named.items() if not has_parameters(folder)
        }
        loaded = {name: load_rows(dataset, one.record_) for name, one in fitted.items()}
        found: dict[str, TokenTable] = {}
        for name, one in fitted.items():
            total = len(loaded[name].table)
            found[name] = one.tokenizer_.encode(
                loaded[name].table,
                told=lambda rows, total=total: progress("tokenize", rows, total),
                with_embedding=embedding and not found,
            )
        found |= {name: _of_parameters(named[name], dataset, among=found) for name in named if name not in fitted}
        tokens = side_by_side({name: found[name] for name in named}) if folders else found[""]
        save_tokens(tokens, output)
    return Tokenized(
        output=output,
        dataset=dataset,
        samples=len(tokens),
        empty_samples=max((one.num_empty for one in loaded.values()), default=0),
        categories=tokens.category_names,
        levels=tokens.codes.shape[2],
        words=sum(len(one.definitions()) for one in fitted.values()),
        bits=tokens.bits,
        absent=float((tokens.codes == MISSING).double().mean()),
        out_of_corpus=None if tokens.out_of_corpus is None else int(tokens.out_of_corpus.sum()),
        sentences=next((_sentences(one, loaded[name].table) for name, one in fitted.items()), {}),
    )


def _sentences(tokenizer: Tokenizer, view: View) -> dict[str, str]:
    """What the first samples do, by their ids."""
    if not tokenizer.definitions():
        return {}
    rows = view.rows(torch.arange(min(NUM_SENTENCES, len(view))))
    return dict(zip(rows.ids, tokenizer.describe(rows), strict=True))


def _of_parameters(tokenizer: Path, dataset: Path, *, among: Mapping[str, TokenTable]) -> TokenTable:
    """The tokens of what samples were made from: of those that other families have, or of all where there is no other."""
    runs = run_parameters(dataset)
    if among:
        runs = runs.of_ids(tuple(dict.fromkeys(name for tokens in among.values() for name in tokens.ids)))
    return ParameterTokenizer.from_pretrained(tokenizer).encode(runs)
