import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from spinlock.core.plain import printable, printable_json

any_text = st.text(st.characters(exclude_categories=[]), max_size=40)


@given(any_text)
def test_a_terminal_gets_nothing_to_obey(text):
    for letter in printable(text):
        assert unicodedata.category(letter) not in ("Cc", "Cs", "Zl", "Zp")
        assert not "\u202a" <= letter <= "\u202e"
        assert not "\u2066" <= letter <= "\u2069"


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_can_be_read_stays_as_it_is(text):
    assert printable(text) == text


def test_controls_stand_as_their_numbers():
    assert printable("a\x1b]0;x\x07\n\u202eb\x9b") == r"a\x1b]0;x\x07\x0a\u202eb\x9b"
    assert printable("two\nlines\r", keep="\n") == "two\nlines\\x0d"


@given(st.dictionaries(st.text(), st.text() | st.integers()))
def test_printable_json_is_the_same_value(value):
    text = printable_json(json.dumps(value, indent=1, ensure_ascii=False))
    assert json.loads(text) == value
    assert printable(text, keep="\n") == text
