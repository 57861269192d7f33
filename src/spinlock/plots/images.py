"""Figures as SVG, the same text on every run, and bytes as addresses that hold them."""

import base64
import io
import re
import warnings

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from spinlock.plots.theme import STYLE, VARIABLES


def to_svg(figure: Figure, *, name: str = "figure") -> str:
    """The figure as one `<svg>` element, the same text on every run.

    Args:
        figure: what to draw.
        name: goes into every id, so that several figures can stand in one page.
    """
    buffer = io.StringIO()
    with rc_context({**STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # Text stays text and is drawn by the reader's own fonts, so what ours lack does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        FigureCanvasSVG(figure).print_svg(
            buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(?<= id=")', f"{name}-", svg)
    return re.sub(r'(?<=href="#)|(?<=url\(#)', f"{name}-", svg)


def to_page_svg(figure: Figure, *, name: str, description: str) -> str:
    """The figure for a page: colours are CSS variables, no namespace addresses, and a description for screen readers."""
    svg = to_svg(figure, name=name)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = svg.replace("'DejaVu Sans'", "var(--font)")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{_attribute(description)}" ', 1)


def data_uri(content: bytes, media_type: str) -> str:
    """Bytes as an address that holds them, for `src` attributes."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _attribute(text: str) -> str:
    """Text that is safe between double quotes of an attribute."""
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
