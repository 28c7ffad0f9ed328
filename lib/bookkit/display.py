"""Show library code in a chapter: the code that runs, not a copy of it."""

from __future__ import annotations

import ast
import inspect
import textwrap

from IPython.display import Markdown


def source(obj, *, docstring: bool = False) -> Markdown:
    """Return the source of a function or class, ready to be a cell's value.

    Parameters
    ----------
    obj : function or class
    docstring : bool
        Keep the docstrings; a chapter explains in prose what they say.

    Examples
    --------
    >>> from thrifty.patterns import Causal
    >>> "class Causal" in source(Causal).data
    True
    """
    text = textwrap.dedent(inspect.getsource(obj))
    return Markdown(
        f"```python\n{(text if docstring else _without_docstrings(text)).rstrip()}\n```"
    )


def _without_docstrings(text: str) -> str:
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            for number in range(first.lineno - 1, first.end_lineno):
                lines[number] = None
            after = first.end_lineno
            # The blank line under a docstring goes with it.
            if after < len(lines) and lines[after] is not None and not lines[after].strip():
                lines[after] = None
    return "\n".join(line for line in lines if line is not None)
