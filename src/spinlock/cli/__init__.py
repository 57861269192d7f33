"""`spinlock <command>`: one thin module a command, imported when it is called.

Data go to standard output, words to standard error. Exit codes:

    0    done
    1    a check failed: a threshold, a damaged data set
    2    usage: arguments that contradict each other or name nothing
    3    a configuration with mistakes
    4    an input file that is not what it should be
    5    out of disk or memory
    70   a mistake of spinlock itself; --debug shows where
    130  interrupted by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP
    141  whoever read its output went away, as `head` does
"""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: without the program's name; those of the process where None.
    """
    from spinlock.cli.app import run

    return run(arguments)
