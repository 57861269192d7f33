from pathlib import Path

import pytest
from pipeline_runs import generate_config

from spinlock.pipeline.generate import generate
from spinlock.pipeline.tables import load_table
from spinlock.training.estimator import Tokenizer


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    """One small data set, made once by the real thing."""
    return generate(generate_config(tmp_path_factory.mktemp("data") / "small.h5"))


@pytest.fixture(scope="session")
def few_tokens(dataset, tmp_path_factory) -> Path:
    """A tokenizer of few codes on that data set, so that every token is seen several times."""
    folder = tmp_path_factory.mktemp("few") / "tokenizer"
    Tokenizer(levels=[(4, 3)], backend="classical").fit(load_table(dataset).table).save_pretrained(folder)
    return folder
