"""LiveFigure: what is stored in a notebook, and what a subclass gets by being one."""

from __future__ import annotations

import base64
import importlib
import json
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import ipywidgets
import pytest
import traitlets

from bookkit.explorers.pattern_laboratory import PatternLaboratory
from bookkit.live import LiveFigure

CAPTION = "A window of three."
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def make(**changes) -> PatternLaboratory:
    return PatternLaboratory(**{"caption": CAPTION, "n": 8, "half_width": 1} | changes)


class Stored(HTMLParser):
    """The tags, attributes and text of a figure's stored form."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("caption", ["", "   ", "\n"])
def test_caption_is_required(caption):
    with pytest.raises(ValueError, match="PatternLaboratory needs a caption: pass caption="):
        PatternLaboratory(caption=caption)
    with pytest.raises(ValueError, match="needs a caption"):
        PatternLaboratory()


def test_stored_form_holds_state_picture_and_caption():
    figure = make(pattern="alternate", causal=True)
    stored = Stored(figure.static_html())
    (div, host), (img, picture), (line, seen), (p, words) = stored.tags
    assert (div, img, line, p) == ("div", "img", "p", "p")
    assert host["class"] == "bk-live"
    assert host["data-figure"] == "pattern_laboratory"
    assert json.loads(host["data-state"]) == figure.state()
    assert picture["class"] == "bk-picture"
    assert picture["alt"] == figure.sentence()
    kind, _, data = picture["src"].partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert base64.b64decode(data).decode() == figure.picture()
    assert words["class"] == "bk-caption"
    # Read once: by screen readers as the picture's text, by others below the picture.
    assert seen == {"class": "bk-sentence", "aria-hidden": "true"}
    assert stored.text == figure.sentence() + CAPTION


def test_state_is_the_figures_own_and_plain():
    state = make().state()
    assert set(state) == {
        *("caption", "causal", "controls", "half_width", "key", "layers", "n"),
        *("pattern", "query", "rate", "views"),
    }
    assert json.loads(json.dumps(state)) == state


def test_awkward_caption_stays_text():
    awkward = """</p><script>alert("1")</script> & 'quoted' "twice" <b>é 汉 \N{MINUS SIGN}1</b>"""
    stored = Stored(make(caption=awkward).static_html())
    assert [tag for tag, _ in stored.tags] == ["div", "img", "p", "p"]
    assert stored.text == make().sentence() + awkward
    assert json.loads(stored.tags[0][1]["data-state"])["caption"] == awkward


def test_awkward_sentence_stays_text():
    class Awkward(PatternLaboratory):
        def sentence(self):
            return '"><script>x</script> & more'

    stored = Stored(Awkward(caption=CAPTION).static_html())
    assert [tag for tag, _ in stored.tags] == ["div", "img", "p", "p"]
    assert stored.text == '"><script>x</script> & more' + CAPTION
    assert stored.tags[1][1]["alt"] == '"><script>x</script> & more'


def test_stored_form_is_the_same_every_time():
    one, two = make(), make()
    assert one.model_id != two.model_id
    assert one.static_html() == two.static_html()
    assert one.model_id not in one.static_html()


def test_stored_form_follows_the_state():
    figure = make(pattern="local")
    before = figure.static_html()
    figure.half_width = 2
    after = figure.static_html()
    assert after != before
    assert after == make(pattern="local", half_width=2).static_html()


def test_bundle_has_a_form_for_every_reader():
    figure = make()
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {WIDGET_VIEW, "text/html", "text/plain"}
    assert data[WIDGET_VIEW]["model_id"] == figure.model_id
    assert data["text/html"] == figure.static_html()
    assert data["text/plain"] == repr(figure) == f"PatternLaboratory: {figure.sentence()}"
    assert metadata == {} or all(isinstance(value, dict) for value in metadata.values())


def test_traits_can_be_observed_and_linked():
    one, two = make(n=8), make(n=9)
    heard = []
    one.observe(lambda change: heard.append(change["new"]), "n")
    link = traitlets.link((one, "n"), (two, "n"))
    assert two.n == 8
    two.n = 12
    assert (one.n, heard) == (12, [12])
    link.unlink()
    slider = ipywidgets.IntSlider(value=3, min=0, max=16)
    ipywidgets.link((slider, "value"), (one, "half_width"))
    slider.value = 5
    assert one.half_width == 5
    joined = ipywidgets.jslink((slider, "value"), (one, "rate"))
    assert joined.target == (one, "rate")


@pytest.mark.parametrize(
    "bad", [{"n": 1}, {"n": 65}, {"pattern": "dense"}, {"rate": 0}, {"views": []}, {"layers": 7}]
)
def test_values_out_of_range_are_refused(bad):
    with pytest.raises(traitlets.TraitError):
        make(**bad)


def test_figure_is_laid_out_like_any_widget():
    figure = make()
    box = ipywidgets.VBox([figure, ipywidgets.Label("below")])
    assert box.children[0] is figure


TOY = """
import traitlets as t
from bookkit.live import LiveFigure

class Toy(LiveFigure):
    size = t.Int(3).tag(sync=True)
    secret = t.Int(4)
    def sentence(self):
        return f"A toy of {self.size}."
    def picture(self):
        return '<svg xmlns="http://www.w3.org/2000/svg"/>'
"""


def test_subclass_gets_the_script_beside_it(tmp_path, monkeypatch):
    (tmp_path / "toy_figure.py").write_text(TOY)
    (tmp_path / "toy_figure.js").write_text("export default { render() { return 'toy'; } };\n")
    monkeypatch.syspath_prepend(tmp_path)
    toy = importlib.import_module("toy_figure").Toy(caption=CAPTION)
    monkeypatch.delitem(sys.modules, "toy_figure")
    assert toy._figure_name == "toy_figure"
    assert "return 'toy'" in str(toy._esm)
    assert toy.state() == {"caption": CAPTION, "size": 3}
    assert 'data-figure="toy_figure"' in toy.static_html()


def test_further_subclass_keeps_its_parents_script():
    class Smaller(PatternLaboratory):
        pass

    figure = Smaller(caption=CAPTION)
    assert figure._figure_name == "pattern_laboratory"
    assert figure._esm == make()._esm
    assert "bk-figure" in str(figure._css)


def test_subclass_must_say_and_draw():
    class Mute(LiveFigure):
        pass

    with pytest.raises(NotImplementedError):
        Mute(caption=CAPTION).sentence()
    with pytest.raises(NotImplementedError):
        Mute(caption=CAPTION).picture()


def test_picture_is_an_image_on_its_own():
    root = ElementTree.fromstring(make().picture())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
