#!/usr/bin/env python
"""Run every example that draws a picture and write docs/examples/: a page each, with the script, what it printed and the picture that it drew.

python scripts/write_example_pages.py [name …]
"""

import contextlib
import io
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "examples"


def page(name: str, printed: str) -> str:
    """The page of an example, from its script and what it printed."""
    script = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    title = script.removeprefix('"""').partition("\n")[0]
    return f"""# {name.replace("_", " ").capitalize()}

{title} Written by `python scripts/write_example_pages.py`; change the script, not this page.

![What the script draws]({name}.png)

It prints:

```text
{printed.rstrip()}
```

[examples/{name}.py](../../examples/{name}.py):

```python
{script.rstrip()}
```
"""


def printed_on(text: str) -> str:
    """What the script printed, from its page."""
    return text.partition("```text\n")[2].partition("\n```\n")[0]


def main(names: list[str]) -> None:
    """Run the examples and write their pages."""
    PAGES.mkdir(exist_ok=True)
    for name in names:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(ROOT / "examples" / f"{name}.py"))["main"](PAGES / f"{name}.png")
        (PAGES / f"{name}.md").write_text(page(name, printed.getvalue()), encoding="utf-8")


if __name__ == "__main__":
    scripts = sorted((ROOT / "examples").glob("*.py"))
    main(sys.argv[1:] or [path.stem for path in scripts if "[picture.png]" in path.read_text(encoding="utf-8")])
