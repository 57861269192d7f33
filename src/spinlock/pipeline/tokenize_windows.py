"""`spinlock tokenize --window`: tokens of windows along runs, by a vocabulary that was fitted to windows."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from spinlock.core.errors import InputError, UsageError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.threads import one_thread
from spinlock.core.tokens import MISSING
from spinlock.core.views import thinned
from spinlock.core.windows import check_window, rows_of_runs, window_of
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.series import load_series
from spinlock.store.outputs import claim_output
from spinlock.store.token_file import TOKENS, save_tokens
from spinlock.store.tokenizer_folder import TOKENIZER
from spinlock.training.estimator import Tokenizer

MOST_WINDOWS, MOST_FITTED = 16, 10_000
"""Words of a category, and rows that a vocabulary is fitted to, at most."""
WINDOWS_PER_WORD = 20
NUM_SENTENCES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizedWindows:
    """What was written.

    Attributes:
        output: the token file, a row a window.
        dataset: whose runs they are.
        vocabulary: folder of the tokenizer whose words they are.
        fitted_here: whether it was fitted to these windows, and not given.
        window, stride: in saved states.
        runs, windows: with a row in the file.
        short_runs: runs of the data set with fewer states than a window, which have no row.
        categories: in the order of the columns.
        levels: tokens a category.
        words: coarse tokens with a definition in words (`spinlock words --tokenizer VOCABULARY`).
        same_as_before: share of coarse tokens, of windows after a run's first, that are those of the window before.
        absent: category tokens that are -1, as a share of all.
        sentences: what the first runs do along time, in words; `spinlock words` says it of all.
    """

    output: Path
    dataset: Path
    vocabulary: Path
    fitted_here: bool
    window: int
    stride: int
    runs: int
    windows: int
    short_runs: int
    categories: tuple[str, ...]
    levels: int
    words: int
    same_as_before: float | None
    absent: float
    sentences: dict[str, str]


@one_thread()
def tokenize_windows(  # noqa: PLR0913 what, from where, to where, and the two numbers of a window
    tokenizer: Path | None,
    dataset: Path,
    output: Path,
    *,
    window: int,
    stride: int,
    embedding: bool = False,
    progress: Progress = silent,
) -> TokenizedWindows:
    """Encode every window of every run and write the tokens.

    Args:
        tokenizer: folder of a tokenizer that was fitted to windows of so many states; when not given one is fitted to these windows
            and kept beside the output, as `<name>.vocabulary`.
        dataset: a data-set file with the features of saved states; the states are not needed.
        output: .h5, .hdf5, .csv or .parquet.
        window: saved states of one.
        stride: saved states from the beginning of one to that of the next.
        embedding: whether to write beside the tokens where each window lies among others.
        progress: is told of the steps.

    Raises:
        UsageError: if the tokenizer is one of whole runs or of windows of another length, or there is a vocabulary at that place.
        InputError: if no run is long enough, the file has no features of saved states, or something else is at `output`.
        NamesDifferError: if the data set has other features of saved states than the vocabulary.
    """
    check_window(window, stride)
    folder = output.with_name(f"{output.stem}.vocabulary") if tokenizer is None else tokenizer
    if tokenizer is None and folder.exists():
        raise UsageError(
            f"{folder} is there already, and tokens of another vocabulary could not be told from its own; give --tokenizer {folder} to "
            "use it, or choose another --output."
        )
    companions = [(folder, TOKENIZER)] if tokenizer is None else []
    with claim_output(output, TOKENS, inputs=(dataset,), companions=companions):
        fitted = None if tokenizer is None else window_vocabulary(tokenizer, window)
        series = load_series(dataset)
        table = series.windows(window, stride)
        if fitted is None:
            progress("fit to windows", 0, len(table))
            fitted = fit_to_windows(table)
            fitted.save_pretrained(folder)
        progress("tokenize", 0, len(table))
        encoded = fitted.tokenizer_.encode(table, with_embedding=embedding)
        tokens = replace(encoded, facts=table.facts)
        progress("tokenize", len(table), len(table))
        save_tokens(tokens, output)
    runs = rows_of_runs(tokens.ids)
    later = torch.tensor([row for rows in runs.values() for row in rows[1:]], dtype=torch.long)
    coarse = tokens.codes[:, :, 0]
    first = {run: rows for run, rows in list(runs.items())[:NUM_SENTENCES]}
    few = table.rows([row for rows in first.values() for row in rows])
    words = fitted.words()
    return TokenizedWindows(
        output=output,
        dataset=dataset,
        vocabulary=folder,
        fitted_here=tokenizer is None,
        window=window,
        stride=stride,
        runs=len(runs),
        windows=len(tokens),
        short_runs=len(series.ids) - len(runs),
        categories=tokens.category_names,
        levels=tokens.codes.shape[2],
        words=sum(word.definition is not None for word in words),
        same_as_before=float((coarse[later] == coarse[later - 1]).double().mean()) if len(later) else None,
        absent=float((tokens.codes == MISSING).double().mean()),
        sentences=fitted.describe_runs(few) if any(word.traits or word.conditions for word in words) else {},
    )


def fit_to_windows(table: FeatureTable) -> Tokenizer:
    """A tokenizer of windows: at most 16 words a category, and as many finer codes below each.

    It is fitted to at most 10 000 windows, those of draws that are chosen by chance.

    Args:
        table: of windows; what differs between windows of one draw counts as noise.

    Raises:
        InputError: if there are too few of them.
    """
    size = min(MOST_WINDOWS, len(table) // WINDOWS_PER_WORD)
    if size < 2:
        raise InputError(
            f"a vocabulary needs at least {2 * WINDOWS_PER_WORD} windows to be fitted to; got {len(table)}: take more runs, a smaller "
            "--stride, or a --tokenizer that was fitted to others."
        )
    fitted = Tokenizer([(size, size)] * 2, backend="classical", metric="behaviour", coarse="words")
    return fitted.fit(thinned(table, MOST_FITTED, 0))


def window_vocabulary(folder: Path, window: int) -> Tokenizer:
    """A tokenizer that was fitted to windows of so many states.

    Raises:
        UsageError: if it was fitted to something else.
    """
    fitted = Tokenizer.from_pretrained(folder)
    its = window_of(fitted.tokenizer_.registry)
    if its is None:
        raise UsageError(
            f"{folder} was fitted to whole runs, whose words do not fit windows; leave --tokenizer out to fit one to these windows, or "
            "give one that `spinlock tokenize --window` made."
        )
    if its != window:
        raise UsageError(f"{folder} was fitted to windows of {its} states; got --window {window}: say --window {its}.")
    return fitted
