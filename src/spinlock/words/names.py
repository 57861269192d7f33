"""Names that users give words."""

from collections.abc import Collection, Mapping

from spinlock.core.errors import InputError, did_you_mean

MOST_LETTERS = 60
Names = Mapping[tuple[str, int], str]
"""Category and token → name."""


def named(
    names: Names, word: tuple[str, int], name: str, *, known: Collection[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """The names with one more, or another, or one less where it is "".

    Args:
        names: as they are.
        word: category and token.
        name: that it gets.
        known: all words that there are.

    Raises:
        InputError: if there is no such word, or the name is too long, no plain text, or another word's.
    """
    category, token = word
    if word not in known:
        categories = dict.fromkeys(category for category, _ in known)
        if category not in categories:
            raise InputError(f"there is no category '{category}'. {did_you_mean(category, categories)}")
        tokens = [other for own, other in known if own == category]
        raise InputError(f"{category} has the words 0 to {max(tokens)}; got {token}.")
    name = " ".join(name.split(" ")).strip()
    if len(name) > MOST_LETTERS or not name.isprintable():
        raise InputError(
            f"a word's name must have at most {MOST_LETTERS} letters, on one line and printable; got {name[: MOST_LETTERS + 1]!r}."
        )
    others = {own.casefold(): owner for owner, own in names.items() if owner != word}
    if name and name.casefold() in others:
        owner, number = others[name.casefold()]
        raise InputError(
            f"'{name}' is the name of {owner} {number} already; choose another one, or take it away there by \"\"."
        )
    rest = {own: text for own, text in names.items() if own != word}
    return {**rest, word: name} if name else rest
