import re

import numpy as np
import pytest

from spinlock.core.dataset_report import DatasetReport, SystemFigures, SystemSampling
from spinlock.core.errors import InputError
from spinlock.plots import GalleryRollout, render_dataset_page
from spinlock.plots.coverage import coverage_strips

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&<b>'
FRAMES = np.sin(np.arange(5 * 8 * 8).reshape(5, 8, 8) / 7)


def page(word="wave", *, rollouts=True, max_bytes=5_000_000, **changes):
    values = {
        "facts": {word: word},
        "systems": (
            SystemFigures(
                name=word, what=f"what {word} is", samples=3, realizations=8, diverged=1, dead=2, frozen=0, redrawn=1
            ),
        ),
        "sampling": {word: SystemSampling(num_draws=3, num_dimensions=2, discrepancy=0.5, random_discrepancy=0.4)},
        "warnings": (f"careful: {word}",),
        "policy": f"policy {word}",
        "coverage": {word: {f"speed {word}": (1.0, 2.0)}},
        "initial_conditions": {word: {word: 3}},
        "provenance": {word: word},
    }
    run = GalleryRollout(title=word, caption=f"sample {word}", frames=FRAMES)
    return render_dataset_page(
        DatasetReport(**(values | changes)),
        title=word,
        rollouts={word: (run,)} if rollouts else {},
        rollouts_note=word,
        max_bytes=max_bytes,
    )


def test_the_page_states_every_figure_and_holds_its_pictures():
    html = page()
    text = re.sub(r"<[^>]+>", " ", html)
    for words in ("1 (12.5%)", "2 (25.0%)", "careful: wave", "policy wave", "not met", "not measured", "what wave is"):
        assert words in text
    assert html.count("data:image/webp") == 2
    assert html.count("<svg") == 2
    assert page() == html


def test_words_of_strangers_stay_words_and_nothing_is_loaded():
    html = page(HOSTILE)
    assert "<script" not in html
    assert "onerror=alert(2)>" not in html
    assert "default-src 'none'" in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)


def test_what_is_not_there_is_said_to_be_missing():
    html = page(rollouts=False, sampling={}, coverage={}, initial_conditions={"wave": {}}, provenance={})
    for words in (
        "No pictures of this system",
        "were not sampled by spinlock",
        "not known to this",
        "made the initial conditions is not",
        "No provenance was recorded",
    ):
        assert words in html


def test_a_page_that_is_too_large_is_refused():
    with pytest.raises(InputError, match="MB are allowed; show fewer rollouts"):
        page(max_bytes=1000)


def test_strips_show_shares_of_an_even_draw():
    figure = coverage_strips(np.array([[2.0, 2.0, 2.0, 2.0], [8.0, 0.0, 0.0, 0.0]]), ["even", "one end"])
    image = figure.axes[0].get_images()[0].get_array()
    assert image.tolist() == [[1, 1, 1, 1], [4, 0, 0, 0]]
