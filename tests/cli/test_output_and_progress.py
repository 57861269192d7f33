"""Results for people and for programs; progress on a pipe."""

import json

import click
import pytest

from spinlock.cli import progress as progress_module
from spinlock.cli.command import command
from spinlock.cli.options import manner
from spinlock.cli.output import lines, table
from spinlock.cli.progress import Lines, duration, progress


def test_people_get_aligned_lines_and_tables():
    value = {
        "passed": True,
        "mean_error": 0.123456,
        "rows": [{"name": "ab", "n": 1}, {"name": "c", "n": 20}],
        "in": {"gray_scott": None},
    }
    assert list(lines(value)) == [
        "passed      yes",
        "mean error  0.1235",
        "rows",
        "  name   n",
        "  ab     1",
        "  c     20",
        "in",
        "  gray_scott  -",
    ]


def test_a_long_list_takes_a_line_for_each_entry():
    assert list(lines({"missing": ["a", "b"]})) == ["missing  a, b"]
    assert list(lines({"missing": list("abcdefghi")})) == ["missing", *(f"  {name}" for name in "abcdefghi")]


def test_a_table_has_a_column_for_every_key_that_a_row_has():
    assert table([{"a": 1}, {"b": "x"}]) == ["a  b", "1  -", "-  x"]


def run(function, *arguments):
    """Exit code of a command made of a function."""
    try:
        function.main(args=list(arguments), standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    return 0


def test_json_is_what_was_returned(capsys):
    @command()
    def something() -> dict[str, float]:
        """Return a number."""
        return {"mse": 0.1}

    run(something, "--json")
    assert json.loads(capsys.readouterr().out) == {"mse": 0.1}


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_a_check_that_failed_ends_with_1(capsys, passed, code):
    @command()
    def something() -> dict[str, bool]:
        """Return a verdict."""
        return {"passed": passed}

    assert (something.main(args=[], standalone_mode=False) or 0) == code
    assert capsys.readouterr().out == f"passed  {'yes' if passed else 'no'}\n"


@pytest.mark.parametrize(("arguments", "verbosity"), [((), 0), (("-v",), 1), (("-q",), -1), (("--debug",), 2)])
def test_a_command_knows_how_it_was_asked_to_talk(arguments, verbosity):
    heard = []

    @command()
    def something() -> None:
        """Listen."""
        heard.append(manner().verbosity)

    run(something, *arguments)
    assert heard == [verbosity]


def test_progress_on_a_pipe_is_a_line_every_ten_seconds_with_rate_and_time_left(monkeypatch, capsys):
    clock = iter([0.0, 4.0, 11.0, 12.0, 25.0, 30.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(clock))
    listener = Lines()
    # Ten were complete before this run started: they do not count for the rate.
    for done in (10, 14, 21, 22, 35, 110):
        listener("generate", done, 110)
    assert capsys.readouterr().err.splitlines() == [
        "generate: 21 of 110 (19%), 1/s, 1 min 29 s left",
        "generate: 35 of 110 (32%), 1/s, 1 min 15 s left",
        "generate: 110 of 110 in 30.0 s",
    ]


def test_the_end_of_a_stage_is_said_once(capsys):
    listener = Lines()
    for _ in range(3):
        listener("judge", 1, 1)
    assert capsys.readouterr().err == "judge: 1 of 1 in 0.0 s\n"


def test_a_quiet_command_hears_no_progress(capsys):
    @command()
    def something() -> None:
        """Work."""
        with progress() as listener:
            listener("work", 1, 1)

    run(something, "-q")
    assert capsys.readouterr().err == ""
    run(something)
    assert capsys.readouterr().err == "work: 1 of 1 in 0.0 s\n"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 5 min")]
)
def test_a_duration_in_words(seconds, words):
    assert duration(seconds) == words
