"""Every way to end has an exit code and a sentence."""

import errno
import multiprocessing
import shlex
from concurrent.futures import ProcessPoolExecutor

import click
import pytest

from spinlock.cli.failure import report_failure
from spinlock.core.errors import ConfigError, InputError, NotFittedError, ResourceError, UsageError
from spinlock.core.plain_json import plain_json


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UsageError("a."), 2, "spinlock: a."),
        (ConfigError("a\nb"), 3, "spinlock: a\nspinlock: b"),
        (InputError("a."), 4, "spinlock: a."),
        (ResourceError("a."), 5, "spinlock: a."),
        (NotFittedError("a."), 2, "spinlock: a."),
        (click.UsageError("Bad\n  thing."), 2, "spinlock: bad thing. See spinlock --help."),
        (KeyboardInterrupt(), 130, "spinlock: interrupted.\n"),
        (click.Abort(), 130, "spinlock: interrupted"),
        (MemoryError(), 5, "spinlock: out of memory (MemoryError)."),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 5, "spinlock: out of memory ("),
        (OSError(errno.ENOSPC, "No space left on device", "x.h5"), 5, "spinlock: no space left: x.h5 (No space"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 5, "spinlock: no space left (Disk quota exceeded)."),
        (PermissionError(errno.EACCES, "Permission denied", "x.h5"), 4, "spinlock: Permission denied: x.h5."),
        (ZeroDivisionError("division\nby zero"), 70, "spinlock: a mistake of spinlock itself: ZeroDivisionError in "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_error_gives_its_code_and_sentence(capsys, error, code, words):
    assert report_failure(error) == code
    err = capsys.readouterr().err
    assert err.startswith(words)
    assert "Traceback" not in err


def test_a_mistake_of_spinlock_itself_names_its_place_and_how_to_see_more(capsys):
    with pytest.raises(TypeError) as caught:
        plain_json(object())
    assert report_failure(caught.value) == 70
    assert capsys.readouterr().err.startswith(
        "spinlock: a mistake of spinlock itself: TypeError in core/plain_json.py:"
    )


def test_a_mistake_in_a_worker_process_names_its_place_there(capsys):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool, pytest.raises(TypeError) as caught:
        pool.submit(plain_json, {1, 2j}).result()
    assert report_failure(caught.value) == 70
    assert "TypeError in core/plain_json.py:" in capsys.readouterr().err


def test_its_traceback_is_shown_with_debug(capsys):
    assert report_failure(ZeroDivisionError("oh"), arguments=["info", "x", "--debug"]) == 70
    assert capsys.readouterr().err.startswith("ZeroDivisionError: oh\n")


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ("generate --config 'a b.yaml'", "generate --config 'a b.yaml'"),
        ("-v train-vqvae --config x.yaml", "-v train-vqvae --config x.yaml --resume"),
        ("train-vqvae --config x.yaml --resume", "train-vqvae --config x.yaml --resume"),
    ],
)
def test_an_interrupted_command_says_how_to_go_on(capsys, line, again):
    assert report_failure(KeyboardInterrupt(), arguments=shlex.split(line)) == 130
    assert capsys.readouterr().err == f"spinlock: interrupted. What is complete is kept; to go on: spinlock {again}\n"


def test_a_process_that_went_away_is_not_an_interrupt(capsys):
    @click.command()
    def lost() -> None:
        raise EOFError

    with pytest.raises(click.Abort) as caught:
        lost.main(args=[], standalone_mode=False)
    assert report_failure(caught.value) == 70
    assert "a mistake of spinlock itself: EOFError in " in capsys.readouterr().err


def test_a_request_to_exit_is_let_through():
    with pytest.raises(SystemExit):
        report_failure(SystemExit(0))
