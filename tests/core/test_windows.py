"""Windows of runs as rows of a table: which there are, what they are called, where they lie."""

import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureRegistry, FeatureSpec
from spinlock.core.windows import rows_of_runs, window_columns, window_of, window_registry, window_table

REGISTRY = FeatureRegistry(
    specs=tuple(FeatureSpec(name=name, category="shape", unit="m", scope="per_timestep") for name in ("size", "dent"))
)


def series(*lengths, num_times=20):
    values = torch.randn(len(lengths), num_times, 2, generator=torch.Generator().manual_seed(0))
    for run, length in enumerate(lengths):
        values[run, length:] = torch.nan
    return values


def windows(values, *, window=6, stride=4, dt=0.5):
    runs = range(len(values))
    return window_table(
        values,
        REGISTRY,
        ids=[f"run {run}" for run in runs],
        groups=[f"draw {run // 2}" for run in runs],
        dt=[dt] * len(values),
        window=window,
        stride=stride,
    )


def test_there_is_a_row_for_each_window_that_a_run_fills():
    table = windows(series(20, 11, 5))
    assert table.ids == (*(f"run 0@{state}" for state in (0, 4, 8, 12)), "run 1@0", "run 1@4")
    assert table.groups == ("draw 0",) * 6
    assert table.facts["first_state"] == (0, 4, 8, 12, 0, 4)
    assert table.facts["last_state"] == (5, 9, 13, 17, 5, 9)
    assert table.facts["last_time"] == (2.5, 4.5, 6.5, 8.5, 2.5, 4.5)
    assert list(rows_of_runs(table.ids).items()) == [("run 0", [0, 1, 2, 3]), ("run 1", [4, 5])]


def test_values_are_those_of_the_window_columns_and_names_say_which():
    values = series(20, 20)
    table = windows(values)
    expected = window_columns(values, window=6, stride=4).flatten(0, 1).float()
    torch.testing.assert_close(table.values, expected)
    assert table.names[:4] == ("size__level", "size__swing", "size__trend", "size__unrest")
    assert [spec.category for spec in table.registry.specs[:4]] == ["shape", "unrest", "trend", "unrest"]
    assert [spec.unit for spec in table.registry.specs[:4]] == ["m", "m", "m/state", "m"]
    part = values[1, 4:10, 0].numpy()
    np.testing.assert_allclose(
        table.values[5, :3].numpy(), [part.mean(), part.std(), np.polyfit(np.arange(6), part, 1)[0]], rtol=1e-5
    )


def test_a_registry_knows_of_how_many_states_its_windows_are():
    assert window_of(window_registry(REGISTRY, 12)) == 12
    assert window_of(REGISTRY) is None


def test_a_run_may_be_called_anything():
    assert rows_of_runs(("a@b@0", "a@b@4", "@0")) == {"a@b": [0, 1], "": [2]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"window": 3},
            "`window` must be at least 4 states and `stride` from 1 to `window`; got a window of 3 every 4",
        ),
        ({"window": 6, "stride": 7}, "got a window of 6 every 7"),
        ({"window": 12, "stride": 4}, "no run has the 12 saved states of a window; the longest of 2 has 11"),
    ],
)
def test_what_is_no_window_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        windows(series(11, 9), **settings)


def test_rows_that_are_no_windows_are_refused():
    with pytest.raises(InputError, match="windows are called <run>@<first state>; got '17'"):
        rows_of_runs(("a@0", "17"))
