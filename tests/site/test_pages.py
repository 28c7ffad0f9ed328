"""Every page, in light and dark, on a desk and on a phone: whole, legible and by itself."""

from __future__ import annotations


def test_page_reports_no_error(seen, page_path, look):
    assert seen(page_path, look)["errors"] == []


def test_page_asks_no_other_host(seen, page_path, look):
    assert seen(page_path, look)["strangers"] == []


def test_page_follows_the_readers_theme(seen, page_path, look):
    assert seen(page_path, look)["theme"] == look.theme


def test_page_has_a_title_of_its_own(seen, page_path, look):
    title = seen(page_path, look)["title"]
    assert title.endswith("Attention on a Budget")
    assert title.partition("\N{EM DASH}")[0].strip()


def test_page_fits_its_window(seen, page_path, look):
    facts = seen(page_path, look)
    scroll, window = facts["width"]
    assert facts["tooWide"] == []
    assert scroll <= window


def test_figures_cut_no_text(seen, page_path, look):
    assert seen(page_path, look)["clipped"] == []


def test_formulas_are_typeset(seen, page_path, look):
    facts = seen(page_path, look)
    assert facts["mathErrors"] == []
    assert facts["typeset"] == facts["formulas"]


def test_citations_lead_somewhere(seen, page_path, look):
    empty = [text for text in seen(page_path, look)["citations"] if not any(map(str.isdigit, text))]
    assert empty == []


def test_live_figures_started(seen, page_path, look):
    broken = [
        figure
        for figure in seen(page_path, look)["live"]
        if not figure["ready"] or figure["picture"]
    ]
    assert broken == []


def test_figures_have_visible_captions(seen, page_path, look):
    facts = seen(page_path, look)
    captions = [figure["caption"] for figure in facts["live"] + facts["plots"]]
    assert [text for text in captions if len(text) < 20] == []


def test_images_are_drawn_and_described(seen, page_path, look):
    facts = seen(page_path, look)
    assert facts["bareImages"] == []
    for plot in facts["plots"]:
        first, *others = plot["alts"]
        # The first panel's text speaks for the whole row.
        assert first and not any(others), plot
        assert plot["loaded"], plot
    # The mark stands beside the book's name, which says it already.
    pictures = [image for image in facts["images"] if not image["mark"]]
    assert [image for image in pictures if not image["alt"]] == []
    assert [image for image in facts["images"] if not image["loaded"]] == []


def test_headings_do_not_jump(seen, page_path, look):
    headings = seen(page_path, look)["headings"]
    assert [heading["text"] for heading in headings if heading["level"] == 1] == [
        headings[0]["text"]
    ]
    for above, below in zip(headings, headings[1:], strict=False):
        assert below["level"] <= above["level"] + 1, f"{above} -> {below}"
