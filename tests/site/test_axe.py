"""axe-core finds no fault on any page, apart from the theme's own, which are listed here."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Allowed:
    """A fault of the theme that we cannot mend; `html` is searched in the faulty element."""

    rule: str
    html: str
    reason: str

    def covers(self, rule: str, html: str) -> bool:
        return rule == self.rule and re.search(self.html, html) is not None


ALLOWED: list[Allowed] = []


def faults(facts: dict) -> list[tuple[str, str, str]]:
    """Return (rule, element, what axe says) of each fault of a page."""
    return [
        (fault["id"], node["html"], node["failureSummary"])
        for fault in facts["axe"]
        for node in fault["nodes"]
    ]


def test_axe_finds_nothing(seen, page_path, look):
    found = [
        f"{rule}: {html[:200]}\n{summary}"
        for rule, html, summary in faults(seen(page_path, look))
        if not any(entry.covers(rule, html) for entry in ALLOWED)
    ]
    assert not found, "\n\n".join(found)
