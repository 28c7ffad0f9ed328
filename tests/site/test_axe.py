"""axe-core finds no fault on any page; there is no list of exceptions."""

from __future__ import annotations


def test_axe_finds_nothing(seen, page_path, look):
    found = [
        f"{fault['id']}: {node['html'][:200]}\n{node['failureSummary']}"
        for fault in seen(page_path, look)["axe"]
        for node in fault["nodes"]
    ]
    assert not found, "\n\n".join(found)


def test_code_stands_out_from_its_paper(seen, page_path, look):
    """What axe leaves out for the sake of time: every colour of the code."""
    faint = [colour for colour in seen(page_path, look)["code"] if colour["contrast"] < 4.5]
    assert faint == []
