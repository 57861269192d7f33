"""`spinlock report --export-atlas`: every run as a row of a table that embedding-atlas opens."""

import numpy as np

from spinlock.core.errors import InputError
from spinlock.pipeline.gallery import samples_of
from spinlock.pipeline.words import Dictionary
from spinlock.questions.projection import project
from spinlock.store.atlas_file import Column
from spinlock.store.dataset import Dataset
from spinlock.store.dataset_paths import ARRAYS
from spinlock.training.estimator import Tokenizer


def atlas_columns(fitted: Tokenizer, found: Dictionary, dataset: Dataset) -> dict[str, Column]:
    """Columns of a table with a row for each run that has an embedding.

    `id`, `draw`, `system`; `x` and `y`; `sentence`; the coarse word of each category as text, "12 weak trend"; all tokens
    as numbers, `<category>__level<n>`; parameters, `<system>.<parameter>`, of those that a run has; `embedding`.

    Args:
        fitted: the tokenizer.
        found: its words measured on `dataset`, with the rows.
        dataset: with parameters, if there are any.

    Raises:
        InputError: if the tokenizer has no embedding, or no run has one.
    """
    assert found.table is not None
    assert found.tokens is not None
    tokens = found.tokens
    embedding = fitted.embed(found.table).numpy()
    rows = np.flatnonzero(~np.isnan(embedding).any(axis=1))
    if not len(rows):
        raise InputError(f"none of the {len(embedding)} runs has an embedding, so there is no atlas of them.")
    places = project(embedding[rows]).places
    samples = np.array(samples_of(tokens, dataset))[rows]
    said = {(one.category, one.token): f"{one.token} {one.name or one.title}" for one in found.words}
    columns: dict[str, Column] = {
        "id": [tokens.ids[row] for row in rows.tolist()],
        "draw": [tokens.groups[row] for row in rows.tolist()],
        "system": [dataset.systems[sample] for sample in samples.tolist()],
        "x": places[:, 0].astype(np.float32),
        "y": places[:, 1].astype(np.float32),
        "sentence": [found.sentences.get(tokens.ids[row], "") for row in rows.tolist()],
    }
    for category, codes in zip(tokens.category_names, tokens.codes[rows, :, 0].numpy().T, strict=True):
        columns[category] = [said.get((category, code), "") for code in codes.tolist()]
    columns |= dict(zip(tokens.column_names, tokens.to_columns()[rows].astype(np.int32).T, strict=True))
    if dataset.file.kind(ARRAYS["params"].path) is not None:
        described, values = dataset.parameters
        for column, numbers in zip(described, values[samples].T.astype(np.float64), strict=True):
            if np.isfinite(numbers).any():
                known = dict(enumerate(column.choices))
                columns[column.name] = (
                    [known.get(number, "") for number in numbers.tolist()] if column.choices else numbers
                )
    return columns | {"embedding": embedding[rows]}
