from pathlib import Path

import pytest
from pipeline_runs import generate_config

from spinlock.pipeline.generate import generate


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    """One small data set, made once by the real thing."""
    return generate(generate_config(tmp_path_factory.mktemp("data") / "small.h5"))
