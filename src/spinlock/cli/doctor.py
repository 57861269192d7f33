"""`spinlock doctor`."""

from typing import Any

from spinlock.cli.command import command


@command()
def doctor() -> Any:
    """Check this installation: versions, optional parts, cores, memory, disk; exit code 1 if something must be mended."""
    from spinlock.cli.checks import checks

    rows = list(checks())
    return {
        "passed": all(check.state != "fail" for check in rows),
        "checks": [{"check": check.what, "state": check.state, "found": check.found} for check in rows],
    }
