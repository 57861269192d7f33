"""What operations do, in words: only what goes one way in nearly every run, and once."""

import numpy as np
import pytest

from spinlock.words.trends import in_words, trends

COLUMNS = ["settling_time__mean", "autocorrelation_time__mean", "dominant_frequency__mean", "harmonic_share__mean"]


def test_what_goes_one_way_is_told_with_how_far_and_how_often():
    rng = np.random.default_rng(0)
    changes = rng.normal(scale=0.1, size=(40, 4))
    changes[:, 1] += np.where(np.arange(40) < 36, -2.0, 1.0)
    found = trends(changes, COLUMNS)
    assert [one.column for one in found] == ["autocorrelation_time__mean"]
    assert found[0].steady == pytest.approx(0.9)
    assert found[0].change == pytest.approx(-1.7, abs=0.1)
    assert in_words(found) == f"correlation time falls ({found[0].change:+.1f}, 90%)"


def test_the_largest_change_is_first_and_what_changes_with_it_is_left_out():
    rng = np.random.default_rng(1)
    noise = rng.normal(scale=0.3, size=(60, 4))
    noise[:, 2] = noise[:, 0]
    found = trends(noise + np.array([1.0, 2.0, 0.9, 0.0]), COLUMNS)
    assert [one.column for one in found] == ["autocorrelation_time__mean", "settling_time__mean"]
    assert in_words(found).startswith("correlation time rises (+2")


def test_where_a_run_has_no_value_it_does_not_count_as_going_the_same_way():
    changes = np.full((10, 4), np.nan)
    changes[:5, 0] = 1.0
    assert trends(changes, COLUMNS) == ()
    assert in_words(()) == "nothing that is steady"
