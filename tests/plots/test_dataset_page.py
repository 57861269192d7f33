import re

import numpy as np
import pytest

from spinlock.core.errors import InputError
from spinlock.plots.content import GalleryRollout
from spinlock.plots.coverage import coverage_strips
from spinlock.plots.dataset_content import Coverage, DatasetContent, SamplingLine, SystemLine
from spinlock.plots.dataset_page import render_dataset_page

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&<b>'
FRAMES = np.sin(np.arange(5 * 8 * 8).reshape(5, 8, 8) / 7)


def content(word="wave", **changes):
    line = SystemLine(
        name=word,
        what=f"what {word} is",
        samples=3,
        realizations=8,
        diverged=1,
        dead=2,
        frozen=0,
        redrawn=1,
        rollouts=(GalleryRollout(title=word, caption=f"sample {word}", frames=FRAMES),),
    )
    sampling = SamplingLine(
        name=word,
        draws=3,
        dimensions=2,
        discrepancy=0.5,
        discrepancy_threshold=0.4,
        correlation=float("nan"),
        correlation_threshold=float("nan"),
        is_balanced=False,
        is_even=False,
    )
    values = {
        "title": word,
        "facts": {word: word},
        "systems": (line,),
        "sampling": (sampling,),
        "warnings": (f"careful: {word}",),
        "policy": f"policy {word}",
        "coverage": (Coverage(system=word, labels=(f"speed {word}",), counts=np.array([[1.0, 2.0]])),),
        "kinds": (word,),
        "kind_counts": np.array([[3]]),
        "rollouts_note": word,
        "provenance": {word: word},
    }
    return DatasetContent(**(values | changes))


def test_the_page_states_every_figure_and_holds_its_pictures():
    page = render_dataset_page(content())
    text = re.sub(r"<[^>]+>", " ", page)
    for words in ("1 (12.5%)", "2 (25.0%)", "careful: wave", "policy wave", "not met", "not measured", "what wave is"):
        assert words in text
    assert page.count("data:image/webp") == 2
    assert page.count("<svg") == 2
    assert render_dataset_page(content()) == page


def test_words_of_strangers_stay_words_and_nothing_is_loaded():
    page = render_dataset_page(content(HOSTILE))
    assert "<script" not in page
    assert "onerror=alert(2)>" not in page
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_what_is_not_there_is_said_to_be_missing():
    bare = SystemLine(name="x", what="", samples=1, realizations=1, diverged=0, dead=0, frozen=0, redrawn=0)
    nothing = {"systems": (bare,), "sampling": (), "coverage": (), "kinds": (), "kind_counts": np.empty((1, 0), int)}
    page = render_dataset_page(content(**nothing))
    for words in (
        "No pictures of this system",
        "were not sampled by spinlock",
        "not known to this",
        "made frame 0 is not",
    ):
        assert words in page


def test_a_page_that_is_too_large_is_refused():
    with pytest.raises(InputError, match="MB are allowed; show fewer rollouts"):
        render_dataset_page(content(), max_bytes=1000)


def test_strips_show_shares_of_an_even_draw():
    figure = coverage_strips(np.array([[2.0, 2.0, 2.0, 2.0], [8.0, 0.0, 0.0, 0.0]]), ["even", "one end"])
    image = figure.axes[0].get_images()[0].get_array()
    assert image.tolist() == [[1, 1, 1, 1], [4, 0, 0, 0]]
