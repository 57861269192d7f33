import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from page_samples import BARE, full, usage

from spinlock.core.errors import InputError
from spinlock.core.figures import SPLIT
from spinlock.core.repeatability import NOT_LOOKED
from spinlock.plots import render_page
from spinlock.plots.static_page import MAX_BYTES, figure_text

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&<b>'


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of the page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def words(page):
    return re.sub(
        r"\s+",
        " ",
        " ".join(Elements(re.sub(r"<style>.*?</style>|<script>.*?</script>|<wbr>", "", page, flags=re.S)).words),
    )


@pytest.fixture(scope="module")
def page():
    return render_page(full())


def test_page_is_the_same_bytes_on_every_run(page):
    assert render_page(full()) == page


def test_hostile_names_stay_text():
    elements = Elements(render_page(full(HOSTILE)))
    assert [attributes.get("type") for tag, attributes in elements.tags if tag == "script"] == [
        "application/json",
        None,
        None,
    ]
    assert not [key for _, attributes in elements.tags for key in attributes if key.startswith("on")]
    assert all(attributes["src"].startswith("data:image/") for tag, attributes in elements.tags if tag == "img")
    assert HOSTILE in "".join(elements.words)


def test_policy_forbids_outside_addresses_and_all_scripts_but_our_own(page):
    policies = [a["content"] for tag, a in Elements(page).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    hashes = [b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    assert scripts == [(files("spinlock.plots") / name).read_text() for name in ("cards.js", "map.js")]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    assert f"script-src {allowed};" in policies[0]
    assert not re.search(r"https?:|\*", policies[0])


def test_page_holds_no_address_outside_itself(page):
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
    links = [a[key] for _, a in Elements(page).tags for key in ("href", "src", "srcset", "xlink:href") if a.get(key)]
    assert links
    assert all(link.startswith(("#", "data:image/")) for link in links)


def test_links_lead_to_sections_and_ids_are_unique(page):
    tags = Elements(page).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in tags if tag == "a"} <= set(ids)


def test_every_picture_is_described(page):
    tags = Elements(page).tags
    assert all(a.get("alt") for tag, a in tags if tag == "img")
    drawings = [a for tag, a in tags if tag == "svg" and a.get("aria-hidden") != "true"]
    assert len(drawings) == 12
    assert all(a.get("aria-label") and a.get("role") == "img" for a in drawings)


def test_verdict_names_what_is_not_met_with_its_figure(page):
    text = words(page)
    assert "1 of 5 thresholds are met on test rows." in text
    assert "reconstruction MSE (0.200), utilization on training rows, lowest codebook (0.500)" in text
    assert "orthogonality (not measured)." in text
    assert text.count(" not met ") == 4
    assert "chance alone gives about 0.250" in text


def test_every_figure_of_every_split_stands_with_its_meaning(page):
    text = words(page)
    for figure in SPLIT:
        assert f"{figure.title} " in text
        assert figure.note in text
    assert "share all their tokens 25.0% 25.0% 25.0% they cannot" in text
    assert "survive decoding and encoding again 87.5% not measured not measured 100 %" in text
    assert "Samples unlike the corpus 6.2% not measured" in text
    assert "3 of 48 samples are unlike the corpus" in text


def test_the_page_begins_with_what_a_token_is_good_for(page):
    text = words(page)
    sentence = (
        "A coarse token is the same at other realizations in 85 % of cases (by chance 25 %); 3 of 6 bits are reproducible (9 samples can "
        "show 5 at most); beyond the first level bits code noise; what another initial condition changes cannot be said, as no two "
        "judged samples share their draw of parameters."
    )
    assert f"In short {sentence}" in text.replace("\u00a0", " ")


def test_a_page_on_training_rows_says_that_nobody_looked_at_what_comes_again():
    text = words(render_page(replace(full(), split="train")))
    assert text.count(NOT_LOOKED) == 2
    assert "not measured, as" not in text


def test_replicates_stand_beside_the_rows_themselves(page):
    text = words(page)
    for part in (
        "0 3.0 1.7 0.600 0.700 0.700 0.02 yes",
        "0–1 6.0 0.9 0.900 0.650 -0.05 0.01 no",
        "reaches 0.750 at most. 1 of 2 columns have at least as much noise as variance",
        "as a share of its variance: mean 25.0%; std not measured.",
        "other realizations 85.0% (25.0%)",
        "a small step of the parameters 50.0% (25.0%)",
        "each parameter moves by 12.5% of its range",
        "spatial 0.9 of 2.0 0.5 of 1.0",
        "all 1.7 of 3.0 0.9 of 3.0",
        "75.0% of the 8 coarse tokens that came are detectors of their replicates",
        "At another initial condition: not measured",
    ):
        assert part in text
    assert "At other realizations: not measured" not in text


def test_all_thresholds_met_is_said_plainly():
    good = {"mse": 0.05, "orthogonality": 0.1, "usage": (usage("b", 0, 1.0, 1.0),) * 4}
    assert "All 5 thresholds are met on test rows." in words(render_page(full(**good)))


def test_tokenizer_is_compared_with_the_best_baseline_on_test_rows(page):
    text = words(page)
    assert "the tokenizer's error is 0.200 ; the best baseline, k-means spatial, has 0.250" in text
    assert "That is 20.0% less." in text
    assert "this tokenizer (spatial) 6.0 0.200 0.210 0.100" in text
    assert "Also fitted with the same bits, and not kept: other spatial, 0.250." in text


def test_worse_tokenizer_is_called_worse():
    assert "The tokenizer is 20.0% worse." in words(render_page(full(mse=0.3)))


def test_panels_without_data_say_so():
    text = words(render_page(BARE))
    for sentence in (
        "No training curves",
        "What of tokens is noise cannot be said, as no judged sample has two realizations whose features were kept",
        "At other realizations: not measured, as no judged sample has two realizations whose features were kept.",
        "At another initial condition: not measured, as no two judged samples share their draw of parameters.",
        "No dictionary",
        "No states were kept",
        "so there is no tree",
        "No provenance was recorded",
        "No other backend was compared",
    ):
        assert sentence in text
    assert len(re.findall("<svg role", render_page(BARE))) == 4


def test_tokens_whose_states_were_not_kept_say_so_once():
    tokens = tuple(replace(token, rollouts=()) for token in full().gallery)
    assert words(render_page(replace(full(), gallery=tokens))).count("nothing to show") == 1


def test_a_card_says_what_a_token_means_how_far_that_holds_and_where_it_is_at_home(page):
    text = words(page)
    assert 'id="token-spatial-0-3"' in page
    for said in (
        "Alps spatial typically high peaks spatial means exactly peaks not low spatial; flat",
        "40.0% of 10 runs 75% are as titled 0.60 F1 of the title 90% of replicates agree",
        "height spatial 25% flat spatial height spatial flat spatial",
        "at home in gray spatial 50%",
        "favoured by low feed spatial, 0.1 to 0.2 of 0 to 1 (gray spatial)",
        "finer 2 75% , 5 12% and 2 more",
        "Shape: high peaks spatial. Scales: few spatial. sample spatial",
        "Titles and replicates were measured on 12 rows of spatial",
        "token 0 0.0%",
    ):
        assert said in text
    assert text.count("system_spatial") == 3
    assert "<b>Scales:</b>" in page


def test_bars_of_a_card_stand_on_the_ground_and_reach_its_top_at_half_of_the_runs(page):
    assert 'd="M0 24V0h5V24h5' in page
    assert "V12h5V24z" in page


def test_split_that_was_judged_is_named():
    assert "thresholds are met on validation rows" in words(render_page(replace(full(), split="validation")))


def test_page_above_the_limit_is_refused():
    with pytest.raises(InputError, match="at most 0.02 MB are allowed; show fewer"):
        render_page(full(), max_bytes=20_000)


def test_page_stays_below_eight_megabytes(page):
    assert len(page.encode()) < MAX_BYTES == 8_000_000


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.23451, "0.235"), (0.0123, "0.0123"), (1.0, "1.000"), (float("nan"), "not measured"), (None, "not measured")],
)
def test_figures_are_short_and_a_missing_one_says_so(value, text):
    assert figure_text(value) == text


def test_runs_come_first_each_in_a_sentence_with_links_to_the_cards_of_its_words(page):
    text = words(page)
    sections = [attributes["id"] for tag, attributes in Elements(page).tags if tag == "section" and "id" in attributes]
    assert sections[:6] == ["overview", "runs", "map", "phases", "dictionary", "verdict"]
    assert "2 runs that stand for all 48" in text
    assert "stands for 7 runs · unlike the corpus" in text
    links = {attributes.get("href") for tag, attributes in Elements(page).tags if tag == "a"}
    ids = {attributes.get("id") for _, attributes in Elements(page).tags}
    wanted = {link for link in links if link and link.startswith("#token-")}
    assert wanted
    assert wanted <= {f"#{name}" for name in ids}


def test_a_page_on_runs_of_others_says_whose_they_are(page):
    assert "in the words of a tokenizer that was fitted to others" in words(page)
    assert "fitted to others" not in words(render_page(replace(full(), of="")))
