"""Every link, picture and script of the built site leads somewhere, and only links lead outside."""

from __future__ import annotations

import re
import urllib.parse
from html.parser import HTMLParser

import pytest

# Tags that fetch at once; a reader did not choose to ask another host.
FETCHING = {"src", "srcset", "poster", "data"}
ABSOLUTE = re.compile(r"^(https?:)?//")
CSS_URL = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


class Links(HTMLParser):
    """Collect a page's anchors and (tag, attribute, address) of all it points to."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.doubles: set[str] = set()
        self.links: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" and value:
                (self.doubles if value in self.anchors else self.anchors).add(value)
            elif name == "name" and tag == "a":
                self.anchors.add(value)
            elif name == "href" or name in FETCHING:
                self.links.append((tag, name, value or ""))
            elif tag == "meta" and name == "content" and "url=" in (value or ""):
                self.links.append((tag, "href", value.partition("url=")[2]))


@pytest.fixture(scope="module")
def parsed(site):
    return {
        path: Links(path.read_text("utf8"))
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts
    }


def test_pages_are_there(parsed, site):
    assert len(parsed) >= 8
    assert sum(len(page.links) for page in parsed.values()) > 200


def test_ids_are_unique(parsed, site):
    doubles = {str(path.relative_to(site)): page.doubles for path, page in parsed.items()}
    assert {path: ids for path, ids in doubles.items() if ids} == {}


def test_only_links_lead_outside(parsed, site):
    outside = [
        f"{path.relative_to(site)}: <{tag} {name}={address}>"
        for path, page in parsed.items()
        for tag, name, address in page.links
        if ABSOLUTE.match(address) and (tag, name) != ("a", "href")
    ]
    assert outside == []


def test_outside_links_are_encrypted(parsed, site):
    plain = [
        f"{path.relative_to(site)}: {address}"
        for path, page in parsed.items()
        for _, _, address in page.links
        if address.startswith("http:")
    ]
    assert plain == []


def test_every_inside_link_arrives(parsed, site):
    broken = []
    for path, page in parsed.items():
        for tag, name, address in page.links:
            target = address.split(",")[0].split()[0] if name == "srcset" else address
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc:
                if parts.scheme not in ("http", "https", "data", "mailto"):
                    broken.append(f"{path.relative_to(site)}: <{tag}> {address}: odd scheme")
                continue
            inside = urllib.parse.unquote(parts.path)
            place = (path.parent / inside).resolve() if inside else path
            if not place.is_relative_to(site) or not place.is_file():
                broken.append(f"{path.relative_to(site)}: <{tag}> {address}: no such file")
            elif parts.fragment and place in parsed:
                fragment = urllib.parse.unquote(parts.fragment)
                if fragment not in parsed[place].anchors:
                    broken.append(f"{path.relative_to(site)}: <{tag}> {address}: no such anchor")
    assert broken == []


def test_style_sheets_stay_inside(site):
    strangers = []
    sheets = sorted(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        for match in CSS_URL.findall(sheet.read_text("utf8")):
            address = match[0] or match[1]
            if ABSOLUTE.match(address):
                strangers.append(f"{sheet.relative_to(site)}: {address}")
    assert strangers == []


def test_every_page_of_the_contents_is_linked(parsed, site, page_path):
    """From the first page every other one can be reached."""
    start = site / "book" / "welcome.html"
    reached, waiting = set(), [start]
    while waiting:
        path = waiting.pop()
        if path in reached or path not in parsed:
            continue
        reached.add(path)
        for tag, _, address in parsed[path].links:
            parts = urllib.parse.urlsplit(address)
            if tag == "a" and parts.path and not parts.netloc and not parts.scheme:
                waiting.append((path.parent / urllib.parse.unquote(parts.path)).resolve())
    if page_path not in ("search.html", "genindex.html"):  # a button, and nothing, lead there
        assert site / page_path in reached
