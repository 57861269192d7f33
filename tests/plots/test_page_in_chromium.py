"""The page as a reader meets it: opened, clicked and typed into in a real browser."""

from dataclasses import replace

import pytest
from chromium import PATH, chromium
from page_samples import full

from spinlock.plots import GalleryToken, render_page

pytestmark = [
    pytest.mark.skipif(PATH is None, reason="needs Chromium"),
    pytest.mark.slow,
]

CONTRASTS = """(() => {
  const light = (colour) => {
    const [red, green, blue] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.closest("script, style, option")) continue;
    const style = getComputedStyle(element);
    const colour = element.closest("svg") ? style.fill : style.color;
    // Numbers in cells of a heat map are black or white by what is behind them, which no style says.
    if (element.closest("svg") && /\\((0, 0, 0|255, 255, 255)\\)/.test(colour)) continue;
    const [dark, bright] = [light(colour), light(behind(element))].sort((one, other) => one - other);
    found.push([(bright + 0.05) / (dark + 0.05), node.data.trim().slice(0, 40), element.tagName]);
  }
  return found.sort((one, other) => one[0] - other[0]);
})()"""


def words_of(category, shares):
    return tuple(
        GalleryToken(
            category=category,
            called=category.title(),
            level=0,
            code=code,
            num_samples=share,
            out_of=100,
            rollouts=(),
            title=f"swings {category} {code}",
            title_f1=1 - share / 100,
            agreement=0.5 + code / 10,
        )
        for code, share in enumerate(shares)
    )


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chromium")
    page = full()
    page = replace(page, gallery=(*page.gallery, *words_of("temporal", (10, 40, 20)), *words_of("drift", (30, 5))))
    (folder / "page.html").write_text(render_page(page))
    with chromium(folder / "profile") as opened:
        opened.size(1280, 900)
        opened.path = folder / "page.html"
        yield opened


@pytest.fixture
def page(tab):
    tab.console.clear()
    tab.requests.clear()
    tab.open(tab.path)
    return tab


def shown(page):
    return page.run(
        "[...document.querySelectorAll('#dictionary .card')].filter((c) => c.checkVisibility()).map((c) => c.id)"
    )


def middle(page, selector):
    return page.run(
        f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{ block: 'center' }});"
        "const box = e.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )


def test_nothing_is_asked_for_and_the_console_stays_empty(page):
    assert [one for one in page.requests if not one.startswith("data:")] == [page.path.as_uri()]
    assert page.console == []


def test_every_coarse_word_has_its_card_and_links_lead_there(page):
    assert len(shown(page)) == 7
    targets = page.run("[...document.querySelectorAll('a[href^=\"#token-\"]')].map((a) => a.hash.slice(1))")
    assert set(targets) <= set(shown(page))


def test_a_filter_leaves_the_cards_that_have_its_words(page):
    page.press("/")
    for letter in "drift swings":
        page.press(letter)
    assert shown(page) == ["token-drift-0-0", "token-drift-0-1"]
    assert page.run("document.getElementById('matches').textContent") == "2 of 7 words"
    assert not page.run("document.querySelector('#dictionary .group').checkVisibility()")
    page.press("Escape")
    assert len(shown(page)) == 7
    assert page.run("document.activeElement === document.body")


def test_a_filter_looks_at_what_is_said_of_a_word_not_at_the_run_that_is_typical_of_it(page):
    assert "Scales: few spatial" in page.run("document.querySelector('#token-spatial-0-3').textContent")
    for letter in "/scales":
        page.press(letter)
    assert shown(page) == []


def test_a_link_to_a_card_that_is_filtered_away_shows_it(page):
    page.press("/")
    page.press("?")
    assert shown(page) == []
    page.run("location.hash = '#token-drift-0-1'")
    page.run("new Promise((done) => setTimeout(done, 50))")
    assert "token-drift-0-1" in shown(page)


@pytest.mark.parametrize(
    ("order", "first"),
    [("share", ["temporal-0-1", "spatial-0-3", "drift-0-0"]), ("f1", ["drift-0-1", "temporal-0-0", "temporal-0-2"])],
)
def test_sorting_brings_the_highest_first_and_back(page, order, first):
    before = shown(page)
    choose = "(() => {{ const e = document.getElementById('order'); e.value = {!r}; e.dispatchEvent(new Event('change')); }})()"
    page.run(choose.format(order))
    assert {name.removeprefix("token-") for name in shown(page)[:3]} == set(first)
    assert len(shown(page)) == 7
    page.run(choose.format(""))
    assert shown(page) == before


def test_keys_move_between_cards(page):
    def at():
        return page.run("document.activeElement.id")

    page.press("j")
    page.press("j")
    assert at() == "token-b-0-0"
    page.press("ArrowDown")
    assert at() == "token-temporal-0-0"
    page.press("k")
    assert at() == "token-b-0-0"


def test_a_run_under_the_pointer_says_what_it_does_and_a_click_leads_to_its_card(page):
    place = middle(page, "#map-plane use")
    page.point(*place)
    assert page.run("document.getElementById('map-run').textContent").startswith(
        "system spatial sample 3Rhythm: fast spatial"
    )
    assert page.run("getComputedStyle(document.querySelector('.film')).backgroundImage").startswith(
        'url("data:image/webp'
    )
    page.point(*place, click=True)
    assert page.run("location.hash") == "#token-spatial-0-3"


def test_arrow_keys_walk_on_the_map_and_enter_leads_to_the_card(page):
    page.run("document.getElementById('map-plane').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert page.run("document.querySelector('#map-run .name').textContent") == "other sample 4"
    page.press("Enter")
    assert page.run("location.hash") == "#token-b-0-0"


def test_another_colouring_changes_marks_and_legend_together(page):
    choose = "(() => { const e = document.getElementById('map-choice'); e.value = '2'; e.dispatchEvent(new Event('change')); })()"
    page.run(choose)
    marks = "[...document.querySelectorAll('#map-plane use')].map((m) => m.getAttribute('class'))"
    legend = "[...document.querySelectorAll('#map .legend')].filter((l) => l.checkVisibility()).map((l) => l.innerText.trim())"
    assert page.run(marks) == ["level-0", "level-5"]
    assert [" ".join(text.split()) for text in page.run(legend)] == ["0.5 1 2 1"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_what_is_behind_it(page, scheme):
    page.scheme(scheme)
    page.run("document.querySelector('details').open = true")
    found = page.run(CONTRASTS)
    assert len(found) > 300
    assert [one for one in found if one[0] < 4.5] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(page, width):
    page.size(width, 900)
    assert page.run("document.documentElement.scrollWidth") == width
    page.size(1280, 900)
