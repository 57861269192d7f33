"""`spinlock words`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, output_form, tokenizer_option
from spinlock.core.errors import UsageError

if TYPE_CHECKING:
    from spinlock.pipeline.words import Dictionary
    from spinlock.words.word import Word

MOST_SYSTEMS, MOST_PARAMETERS = 4, 3
"""Of a word that are printed; JSON has all."""


@command(
    examples="""spinlock words
    spinlock words --tokenizer checkpoints/demo --input datasets/demo.h5
    spinlock words --tokenizer checkpoints/demo --name temporal=12 'restless waves'""",
    reads_files=True,
)
@tokenizer_option(default="behaviour-1")
@click.option(
    "--input",
    "source",
    type=ExistingFile(),
    metavar="FILE",
    help="A data set (HDF5) to measure words on and to describe, or a token file to describe.",
)
@click.option(
    "--name",
    "names",
    type=(str, str),
    multiple=True,
    metavar="CATEGORY=TOKEN NAME",
    help="Give a word a name, kept beside the tokenizer and shown from now on; '' takes it away. May be repeated.",
)
def words(*, tokenizer: Path, source: Path | None, names: tuple[tuple[str, str], ...]) -> Any:
    """Print the dictionary of a tokenizer: what every coarse token means typically and exactly, and how far that holds.

    With --input also where each is at home, how often it came, and every sample in one sentence.
    """
    from spinlock.cli.progress import progress
    from spinlock.pipeline.words import as_record
    from spinlock.pipeline.words import words as run

    wanted = [(*_word(key), name) for key, name in names]
    with progress() as listener:
        found = run(tokenizer, source, names=wanted, progress=listener)
    return as_record(found) if output_form().as_json else "\n".join(_lines(found))


def _word(key: str) -> tuple[str, int]:
    category, _, token = key.rpartition("=")
    if not category or not (token.isascii() and token.isdigit()):
        raise UsageError(
            f"--name takes CATEGORY=TOKEN and a name, as in: --name temporal=12 'restless waves'; got '{key}'."
        )
    return category, int(token)


def _lines(found: "Dictionary") -> Iterator[str]:
    places = {name: place for place, name in enumerate(dict.fromkeys(word.category for word in found.words))}
    before = ""
    shown = [word for word in found.words if not found.sentences or word.figures is None or word.figures.num_rows]
    for word in shown:
        if word.category != before:
            yield word.category
        before = word.category
        yield from _entry(word, found, places[word.category])
    if not any(word.figures for word in found.words):
        yield "What is typical was never measured; a data set as --input tells."
        return
    if len(shown) < len(found.words):
        yield f"{len(found.words) - len(shown)} words that none of these runs has are left out."
    yield f"Titles and agreement: of {found.judged}. A title is said of most runs with the word, a definition of all and no others."
    if found.systems or found.parameters:
        yield "A share is of the word's draws. (?) too few held-out draws to check, (!) held-out draws say otherwise."
    if found.sentences:
        yield ""
    for name, sentence in found.sentences.items():
        yield f"{name}: {sentence}"


def _entry(word: "Word", found: "Dictionary", category: int) -> Iterator[str]:
    """The lines on one word."""
    yield f"  {word.token:>3}  {_head(word)}".rstrip()
    if word.figures:
        yield f"       typically    {word.title}{_title_figures(word)}"
    if word.definition:
        yield f"       exactly      {word.meaning}"
    systems, parameters = found.homes(category, word.token)
    if systems:
        told = (f"{one.system} {one.share:.0%}{_doubt(one.is_confirmed)}" for one in systems[:MOST_SYSTEMS])
        yield f"       at home in   {', '.join(told)}"
    for one in parameters[:MOST_PARAMETERS]:
        yield f"       in {one.system}: {one.side} {one.parameter}{_doubt(one.is_confirmed)}"


def _head(word: "Word") -> str:
    figures, named = word.figures, f"“{word.name}”  " if word.name else ""
    if figures is None:
        return named.strip()
    again = "" if figures.agreement is None else f", comes again in {figures.agreement:.0%} of replicates"
    return f"{named}{figures.share:.1%} of {figures.out_of} runs{again}"


def _title_figures(word: "Word") -> str:
    figures = word.figures
    if figures is None or figures.title_holds is None or figures.title_f1 is None:
        return ""
    return f"  (true of {figures.title_holds:.0%} of its runs, F1 {figures.title_f1:.2f})"


def _doubt(is_confirmed: bool | None) -> str:
    return "" if is_confirmed else " (?)" if is_confirmed is None else " (!)"
