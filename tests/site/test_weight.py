"""What a first visit costs: bytes sent, each file compressed as a server would."""

from __future__ import annotations

import gzip
import urllib.parse

MEGABYTE = 1_000_000
LIMIT, LIMIT_WITH_MATHS = 0.35 * MEGABYTE, 0.65 * MEGABYTE
ALREADY_PACKED = {".woff2", ".woff", ".png", ".jpg", ".webp"}


def test_first_visit_is_light(new_visit, site, weights, page_path):
    visit = new_visit().open(page_path)
    maths = visit.page.locator("mjx-container").count() > 0
    visit.page.context.close()
    raw = sent = 0
    for address in set(visit.requests):
        if address.startswith(visit.base_url):
            inside = urllib.parse.unquote(urllib.parse.urlsplit(address).path).lstrip("/")
            file = site / (inside or "index.html")
            content = file.read_bytes()
            packed = file.suffix in ALREADY_PACKED
            raw += len(content)
            sent += len(content if packed else gzip.compress(content, 6))
    weights[page_path] = (len(visit.requests), raw, sent, maths)
    assert 0 < sent <= (LIMIT_WITH_MATHS if maths else LIMIT)
