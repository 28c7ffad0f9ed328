"""Real long texts: articles of the English Wikipedia as plain text."""

from __future__ import annotations

import bz2
import functools
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import mwparserfromhell

from bookkit import assets

_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Page:
    """One article.

    Parameters
    ----------
    title, text : str
        The text is without markup, tables and templates.
    """

    title: str
    text: str


@functools.cache
def load_wikipedia() -> tuple[Page, ...]:
    """Return 106 articles of the English Wikipedia, in the order of the dump, without redirects.

    Text: CC BY-SA, by the authors of each article; see NOTICE.  The first call takes some seconds
    for reading the markup.

    Raises
    ------
    bookkit.assets.AssetError
        If the dump is not in the cache and cannot be downloaded.
    """
    pages = []
    with bz2.open(assets.fetch("wikipedia-pages")) as dump:
        for _, element in ElementTree.iterparse(dump):
            if not element.tag.endswith("}page"):
                continue
            space = element.tag.removesuffix("page")
            markup = element.findtext(f"{space}revision/{space}text") or ""
            if not markup.lower().startswith("#redirect"):
                text = mwparserfromhell.parse(markup).strip_code(normalize=True, collapse=True)
                pages.append(Page(element.findtext(f"{space}title"), text))
            element.clear()
    return tuple(pages)


def words_of(text: str) -> list[str]:
    """Return the words of a text: runs of the letters a to z, in lower case.

    Examples
    --------
    >>> words_of("It's 1863; a Bank!")
    ['it', 's', 'a', 'bank']
    """
    return _WORD.findall(text.lower())
