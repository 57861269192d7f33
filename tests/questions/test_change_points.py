"""Runs that do not change are rarely called changed; a planted change is found where it is, whatever else is looked at."""

import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.core.windows import window_columns
from spinlock.questions.changes import ChangeDetector, changes_among
from spinlock.questions.window_metric import normal_scores

NUM_FEATURES, NUM_TIMES = 5, 96


def stationary(num_runs, *, seed=0, num_times=NUM_TIMES):
    """Correlated noise about levels and of amplitudes that each run has of its own."""
    noise = np.random.default_rng(seed)
    x = noise.normal(size=(num_runs, num_times, NUM_FEATURES))
    for time in range(1, num_times):
        x[:, time] = 0.6 * x[:, time - 1] + 0.8 * x[:, time]
    levels, amplitudes = noise.normal(size=(2, num_runs, 1, NUM_FEATURES))
    return torch.from_numpy(5 * levels + np.exp(amplitudes) * x)


def spliced(num_runs, *, seed):
    """The beginnings of runs with the ends of others, and the first states of the latter."""
    runs = stationary(2 * num_runs, seed=seed)
    at = torch.from_numpy(np.random.default_rng(seed).integers(32, 65, num_runs))
    is_first = (torch.arange(NUM_TIMES) < at[:, None])[..., None]
    return torch.where(is_first, runs[:num_runs], runs[num_runs:]), at


@pytest.fixture(scope="module")
def detector():
    return ChangeDetector.fit(stationary(400))


def test_columns_of_a_window_are_those_of_numpy():
    series = stationary(2)
    columns = window_columns(series, window=8, stride=5).unflatten(2, (NUM_FEATURES, 4))
    for window in range(columns.shape[1]):
        part = series[1, window * 5 : window * 5 + 8, 3].numpy()
        slope = np.polyfit(np.arange(8), part, 1)[0]
        expected = [part.mean(), part.std(), slope, np.diff(part).std()]
        np.testing.assert_allclose(columns[1, window, 3].numpy(), expected, rtol=1e-9)


def test_a_window_with_gaps_has_the_columns_of_what_is_there_and_none_of_half_of_it():
    series = stationary(1, num_times=8)
    series[0, 2, 0] = torch.nan
    series[0, :5, 1] = torch.nan
    columns = window_columns(series, window=8)[0, 0].unflatten(0, (NUM_FEATURES, 4))
    there = np.array([0, 1, 3, 4, 5, 6, 7])
    part = series[0, there, 0].numpy()
    slope = np.polyfit(there, part, 1)[0]
    np.testing.assert_allclose(columns[0, :3].numpy(), [part.mean(), part.std(), slope], rtol=1e-9)
    assert columns[1].isnan().all()
    assert columns[2:].isfinite().all()


def test_scores_are_normal_and_know_no_unit():
    columns = torch.linspace(-1, 1, 999, dtype=torch.float64)[None, :, None]
    scores = normal_scores(columns, columns[0].mT.contiguous())[0, :, 0]
    assert float(scores.std()) == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(scores, -scores.flip(0))
    warped = columns.exp()
    torch.testing.assert_close(normal_scores(warped, warped[0].mT.contiguous())[0, :, 0], scores)


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_other_stationary_runs_are_called_changed_at_the_stated_rate(rate):
    """Over detectors as well: each of 6 has its own runs, of 600 that are judged."""
    alarms = [
        ChangeDetector.fit(stationary(200, seed=seed), false_alarms=rate).changes(stationary(100, seed=1000 + seed))
        for seed in range(6)
    ]
    found = float(torch.cat([one.beyond for one in alarms]).double().mean())
    # A detector's own rate has the deviation sqrt(rate (1 - rate) / 100), as its calibration has 100 runs.
    deviation = (rate * (1 - rate) * (1 / 100 + 1 / 100) / 6) ** 0.5
    assert abs(found - rate) < 3 * deviation + 1 / 100


def test_the_threshold_is_what_tells_changed_runs(detector):
    found = detector.changes(stationary(300, seed=1))
    assert found.beyond.tolist() == (found.scores > detector.threshold).tolist()
    assert found.beyond.tolist() == (found.p <= 0.05).tolist()


def test_splices_are_found_where_they_are(detector):
    series, at = spliced(200, seed=2)
    found = detector.changes(series)
    off = (found.at - at).abs()
    assert float((off <= 8).double().mean()) >= 0.85
    assert float((off <= 16).double().mean()) >= 0.95
    assert float(found.beyond.double().mean()) >= 0.9


def test_a_run_is_judged_alone_as_among_others_and_whatever_pads_it(detector):
    series, _ = spliced(6, seed=3)
    together = detector.changes(series)
    padded = torch.cat([series, torch.full((6, 21, NUM_FEATURES), torch.nan)], dim=1)
    for found in (detector.changes(padded), *(detector.changes(series[run : run + 1]) for run in range(6))):
        rows = (
            slice(None) if len(found.at) == 6 else (together.at == found.at) & together.scores.isclose(found.scores[0])
        )
        assert together.at[rows].tolist() == found.at.tolist()
        torch.testing.assert_close(together.scores[rows], found.scores)
        assert together.p[rows].tolist() == found.p.tolist()


def test_runs_of_many_lengths_are_fitted_to_whatever_pads_them():
    series = stationary(60)
    series[::3, 70:] = torch.nan
    padded = torch.cat([series, torch.full((60, 30, NUM_FEATURES), torch.nan)], dim=1)
    others, _ = spliced(5, seed=4)
    ours, theirs = (ChangeDetector.fit(part).changes(others) for part in (series, padded))
    torch.testing.assert_close(ours.scores, theirs.scores)


def test_a_run_that_is_too_short_or_has_no_value_has_no_change(detector):
    series = stationary(3)
    series[0, 31:] = torch.nan
    series[1] = torch.nan
    found = detector.changes(series)
    assert found.at[:2].tolist() == [-1, -1]
    assert found.scores[:2].isnan().all()
    assert found.p[:2].isnan().all()
    assert not found.beyond[:2].any()
    assert found.at[2] >= 16


def test_constant_runs_and_columns_never_change(detector):
    constant = stationary(1)[:, :1].expand(1, NUM_TIMES, NUM_FEATURES)
    assert float(detector.changes(constant).scores) == 0
    series = torch.cat([stationary(60), torch.full((60, NUM_TIMES, 1), 7.0)], dim=2)
    others, _ = spliced(5, seed=4)
    known = ChangeDetector.fit(stationary(60)).changes(others)
    found = ChangeDetector.fit(series).changes(torch.cat([others, torch.rand(5, NUM_TIMES, 1)], dim=2))
    torch.testing.assert_close(known.scores, found.scores)


def test_among_themselves_the_most_changed_share_is_called_changed():
    series, at = spliced(4, seed=5)
    found = changes_among(torch.cat([series, stationary(116, seed=6)]), false_alarms=0.05)
    assert int(found.beyond.sum()) == 6
    assert found.beyond[:4].sum() >= 3
    assert float((found.at[:4] - at).abs().double().mean()) <= 8


def test_a_draw_is_in_one_half_as_a_whole():
    """Each draw twice over: a detector that saw one copy would be calibrated on the same."""
    series = stationary(60).repeat_interleave(2, 0)
    detector = ChangeDetector.fit(series, tuple(str(row // 2) for row in range(120)))
    scores = detector.calibration
    assert len(scores) == 60
    torch.testing.assert_close(scores[::2], scores[1::2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"window": 3},
            "`window` must be at least 4 states and `stride` from 1 to `window`; got a window of 3 every 2",
        ),
        ({"window": 8, "stride": 9}, "got a window of 8 every 9"),
        ({"false_alarms": 1.0}, r"`false_alarms` must lie between 0 and 1; got 1\.0"),
        ({"window": 40}, "runs must have 3 windows of 40 states; the longest of 30 has 96 states"),
        ({}, "a rate of false alarms of 0.05 needs two halves of 20 runs with 48 states or more; got 15 and 15"),
        ({"groups": ("a", "b")}, "`groups` must have one entry for each of the 30 runs; got 2"),
    ],
)
def test_what_cannot_be_fitted_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        ChangeDetector.fit(stationary(30), **({"stride": 2} | settings))


def test_other_features_are_refused(detector):
    with pytest.raises(InputError, match="`series` must have the 5 features that the detector was fitted to; got 4"):
        detector.changes(stationary(3)[:, :, :4])
