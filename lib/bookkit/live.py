"""LiveFigure: a widget with a kernel, a living figure on a page, a picture everywhere else."""

from __future__ import annotations

import base64
import html
import json
import math
import pathlib
import sys

import anywidget
import ipywidgets
import traitlets

from bookkit.bundle import notebook_module, notebook_sheet


def percent(part: int, whole: int) -> str:
    """Return a share for reading, in which only all is 100 % and only nothing is 0 %.

    Below 0.1 % it has two digits that count. The twin of `percent` in ``static/kit.js``.

    Examples
    --------
    >>> percent(1, 3), percent(52, 100_000), percent(999, 1000), percent(5, 5)
    ('33 %', '0.052 %', '99.9 %', '100 %')
    """
    if part in (0, whole):
        return "100 %" if part else "0 %"
    share = min(99.9, 100 * part / whole)
    small = float(f"{share:.2g}")  # 0.0996 is 0.1, not 0.10
    if small < 0.1:
        return f"{small:.{1 - math.floor(math.log10(small))}f} %"
    return f"{share:.{1 if share < 9.95 or share > 99 else 0}f} %"


def decimals(x: float, digits: int) -> str:
    """Return a number with so many digits, halves up: the twin of `decimals` in ``static/kit.js``.

    Formatting rounds halves to even in Python and up in JavaScript.

    Examples
    --------
    >>> decimals(2.125, 2), decimals(3, 4)
    ('2.13', '3.0000')
    """
    return f"{math.floor(x * 10**digits + 0.5) / 10**digits:.{digits}f}"


def count(n: int, noun: str) -> str:
    """Return a number of things, the twin of `count` in ``static/kit.js``.

    Examples
    --------
    >>> count(1, "node"), count(3000, "part")
    ('1 node', '3,000 parts')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


class LiveFigure(anywidget.AnyWidget):
    """One Python class and one JavaScript file that share a state of plain values.

    A subclass stands in ``explorers/NAME.py`` with ``NAME.js`` beside it.  It declares its state as
    traits tagged ``sync=True`` and says what it shows: ``sentence()`` (for screen readers, and when
    nothing can be drawn) and ``picture()`` (an SVG without any interaction).

    With a kernel this is an ipywidget: values can be read, set, observed, linked and laid out.
    The notebook output also holds the state and the picture, from which a page without a kernel
    brings the figure to life (``static/host.js``).

    Parameters
    ----------
    caption : str
        One sentence under the figure.  It must not be empty.
    """

    caption = traitlets.Unicode("").tag(sync=True)

    def __init_subclass__(cls, **kwargs):
        file = getattr(sys.modules[cls.__module__], "__file__", None)
        source = pathlib.Path(file).with_suffix(".js") if file else None
        # traitlets makes further subclasses while an instance starts; they have their script.
        if source and source.exists() and getattr(cls, "_figure_name", None) != source.stem:
            cls._esm = notebook_module(source)
            cls._css = notebook_sheet(source.stem, source.parent)
            cls._figure_name = source.stem
        super().__init_subclass__(**kwargs)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.caption.strip():
            raise ValueError(
                f"{type(self).__name__} needs a caption: pass caption='One sentence that says "
                "what the figure shows.'"
            )

    @classmethod
    def _own_traits(cls) -> list[str]:
        inherited = set(ipywidgets.DOMWidget.class_trait_names())
        names = set(cls.class_trait_names(sync=True)) - inherited
        return sorted(name for name in names if not name.startswith("_"))

    def state(self) -> dict:
        """Return the figure's state as plain values, by name."""
        return {name: getattr(self, name) for name in self._own_traits()}

    def sentence(self) -> str:
        """Say in one sentence what the figure shows now."""
        raise NotImplementedError

    def picture(self) -> str:
        """Draw the present state as one standalone SVG."""
        raise NotImplementedError

    def static_html(self) -> str:
        """Return the stored form: the state for the page's host, a picture and its sentence."""
        state = html.escape(json.dumps(self.state(), sort_keys=True), quote=True)
        # An <img>, because an untrusted notebook's sanitiser removes inline SVG.
        drawing = base64.b64encode(self.picture().encode()).decode()
        sentence = html.escape(self.sentence(), quote=True)
        return (
            f'<div class="bk-live" data-figure="{self._figure_name}" data-state="{state}">'
            f'<img class="bk-picture" alt="{sentence}" src="data:image/svg+xml;base64,{drawing}">'
            # For the eye: a screen reader has read it as the picture's text.
            f'<p class="bk-sentence" aria-hidden="true">{sentence}</p>'
            f'<p class="bk-caption">{html.escape(self.caption)}</p></div>'
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.sentence()}"

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["text/html"] = self.static_html()
        data["text/plain"] = repr(self)
        return data, metadata
