"""The model surgeon: its JavaScript, its Python and `thrifty.surgery.submodel` say the same."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import keras
import numpy as np
import pytest
import traitlets
from keras import layers

from bookkit import bundle
from bookkit.explorers.model_surgeon import ModelSurgeon, cut_of
from thrifty.surgery import submodel

SVG = "{http://www.w3.org/2000/svg}"
WIDTH = 3


@pytest.fixture(scope="module")
def page(page):
    page.set_viewport_size({"width": 700, "height": 900})
    page.add_script_tag(content=bundle.page_script(["model_surgeon"]))
    return page


def residual_net():
    """Two stages of convolutions with skip connections by Add, and a head."""

    def normed(x, name, width):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
        return layers.BatchNormalization(name=f"{name}_bn")(x)

    x = image = keras.Input((8, 8, 3), name="image")
    for width, block in ((4, "a"), (4, "b"), (8, "c"), (8, "d")):
        start = x
        x = layers.ReLU(name=f"{block}_relu")(normed(x, block, width))
        x = normed(x, f"{block}_second", width)
        if start.shape[-1] == width:
            x = layers.Add(name=f"{block}_out")([start, x])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(5, name="logits")(x))


@pytest.fixture(scope="module")
def net():
    return residual_net()


def surgeon(model, **options) -> ModelSurgeon:
    return ModelSurgeon.from_model(model, **{"caption": "Under test.", "prefix": "_"} | options)


def random_model(draw):
    """Chains, skips, diamonds, operations, layers called again, one input or two."""
    tensors = [keras.Input((WIDTH,), name=f"x{i}") for i in range(draw.integers(1, 3))]
    inputs, usable = list(tensors), []
    for kind in draw.choice(["dense", "dense", "again", "add", "op", "norm", "drop"], 12):
        # A new tensor or any, for depth and for skips.
        a = tensors[
            draw.integers(max(0, len(tensors) - 2) if draw.random() < 0.6 else 0, len(tensors))
        ]
        b = tensors[draw.integers(len(tensors))]
        if kind == "add":
            tensors.append(layers.Add()([a, b]))
        elif kind == "op":
            tensors.append(keras.ops.maximum(a, b))
        elif kind == "again" and usable:
            tensors.append(usable[draw.integers(len(usable))](a))
        elif kind == "drop":
            tensors.append(layers.Dropout(0.5)(a))
        else:
            usable.append(layers.BatchNormalization() if kind == "norm" else layers.Dense(WIDTH))
            tensors.append(usable[-1](a))
    return keras.Model(inputs, tensors[-1] if draw.integers(2) else [tensors[-1], tensors[-2]])


def random_cases():
    """Random models, each with several cuts: (model, figure)."""
    cases = []
    for seed in range(30):
        draw = np.random.default_rng(seed)
        model = random_model(draw)
        plain = surgeon(model, prefix=None).state()
        names = plain["names"]
        for _ in range(6):
            start = draw.choice(names, draw.choice([0, 1, 1, 1, 2, 2, 3]), replace=False)
            end = names[draw.integers(len(names) // 2, len(names))]
            figure = ModelSurgeon(**plain | {"inputs": [*map(str, start)], "output": end})
            cases.append((model, figure))
            if "also depend" in figure.error:
                more = [*figure.inputs, *(names[k] for k in figure.cut().missing)]
                cases.append((model, ModelSurgeon(**figure.state() | {"inputs": more})))
    return cases


@pytest.fixture(scope="module")
def cases():
    return random_cases()


def test_there_are_cases_of_every_kind(cases):
    words = ("also depend", "do not depend", "no input leads", "")
    kinds = [next(word for word in words if word in figure.error) for _, figure in cases]
    assert {word: kinds.count(word) >= 10 for word in words} == dict.fromkeys(words, True)
    assert any(len(figure.cut().missing) > 1 for _, figure in cases)
    assert any(figure.same for _, figure in cases)
    assert any(not figure.error and len(figure.inputs) > 1 for _, figure in cases)


def test_a_cut_is_what_submodel_makes_or_says(cases):
    for model, figure in cases:
        try:
            part = eval(figure.line, {"submodel": submodel, "model": model})
        except ValueError as error:
            assert figure.error == str(error), figure.line
            continue
        assert figure.error == "", figure.line
        names = {op.name for op in part.operations if not isinstance(op, layers.InputLayer)}
        found = figure.cut().part
        assert {re.sub(r":\d+$", "", figure.names[k]) for k in found} == names, figure.line
        assert figure.layers(found) == len(names)
        assert figure.parameters(found) == part.count_params()
        assert len(part.inputs) == len(figure.inputs)


def test_javascript_says_what_python_says(page, cases):
    answers = page.evaluate(
        """(cases) => cases.map((s) => {
          const { cutOf, cutError, cutLine, layersOf, parametersOf } = window.bookkit.rules;
          const [end, ...start] = [s.output, ...s.inputs].map((name) => s.names.indexOf(name));
          const cut = cutOf(s.parents, start, end);
          return {
            ...cut,
            error: cutError(s, start, end),
            line: cutLine(s, start, end),
            layers: layersOf(s.same, cut.part),
            parameters: parametersOf(s.weights, cut.part),
          };
        })""",
        [figure.state() for _, figure in cases],
    )
    for (_, figure), answer in zip(cases, answers, strict=True):
        cut = figure.cut()
        expected = {
            "part": cut.part,
            "idle": cut.idle,
            "edges": [list(edge) for edge in cut.edges],
            "missing": cut.missing,
            "error": figure.error,
            "line": figure.line,
            "layers": figure.layers(cut.part),
            "parameters": figure.parameters(cut.part),
        }
        assert answer == expected, figure.line


def test_adding_what_is_missing_makes_every_cut_valid(cases):
    mended = 0
    for _, figure in cases:
        cut = figure.cut()
        if cut.edges and not cut.idle:
            start = [figure.names.index(name) for name in figure.inputs] + cut.missing
            again = cut_of(figure.parents, start, figure.names.index(figure.output))
            assert (again.edges, again.idle, again.part) == ([], [], cut.part)
            mended += 1
    assert mended >= 10


def test_a_mask_that_would_be_lost_is_in_the_line():
    x = keras.Input((4,), dtype="int32", name="x")
    h = layers.Embedding(9, 2, mask_zero=True, name="embed")(x)
    model = keras.Model(x, layers.LSTM(3, name="lstm")(layers.Dropout(0.1, name="drop")(h)))
    figure = surgeon(model, inputs="drop", prefix=None)
    assert figure.error == ""
    part = eval(figure.line, {"submodel": submodel, "model": model})
    assert [x.name for x in part.inputs] == ["drop", "drop_mask"]
    figure.inputs = ["x"]
    assert "masks" not in figure.line
    eval(figure.line, {"submodel": submodel, "model": model})


def test_weights_held_twice_count_once():
    class Tied(layers.Layer):
        def __init__(self, other):
            super().__init__(name="tied")
            self.other = other

        def call(self, x):
            return keras.ops.matmul(x, keras.ops.transpose(self.other.kernel))

    x = keras.Input((4,), name="x")
    dense = layers.Dense(6, name="dense")
    model = keras.Model(x, Tied(dense)(layers.ReLU(name="relu")(dense(x))))
    figure = surgeon(model, prefix=None)
    assert figure.parameters(range(4)) == model.count_params() == 4 * 6 + 6
    figure.inputs = ["relu"]
    part = eval(figure.line, {"submodel": submodel, "model": model})
    assert figure.parameters(figure.cut().part) == part.count_params() == 4 * 6 + 6


# --- reading a model -----------------------------------------------------------------------------


def test_blocks_become_groups(net):
    figure = surgeon(net)
    assert [group[0] for group in figure.groups] == ["a", "b", "c", "d"]
    assert [row[3] for row in figure.rows()] == ["image", "a", "b", "c", "d", "pool", "logits"]
    assert figure.inputs == ["image"] and figure.output == "logits" and figure.error == ""
    assert figure.parameters(range(len(figure.names))) == net.count_params()
    assert surgeon(net, prefix=None).groups == []


def test_a_group_has_one_way_out():
    x = keras.Input((2,), name="x")
    a = layers.ReLU(name="a_one")(x)
    b = layers.ReLU(name="a_two")(a)
    c = layers.ReLU(name="b_one")(b)
    d = layers.Add(name="b_two")([c, a])  # looks into the middle of the run before
    e = layers.ReLU(name="b_three")(d)
    f = layers.ReLU(name="a_three")(e)
    model = keras.Model(x, [layers.ReLU(name="a_four")(f), d])  # an output in the middle of b
    assert surgeon(model).groups == [["a", 6, 7]]


def test_groups_of_one_name_can_be_told_apart():
    x = keras.Input((2,), name="x")
    y = x
    for name in ("a_1", "a_2", "b", "a_3", "a_4"):
        y = layers.ReLU(name=name)(y)
    assert surgeon(keras.Model(x, y)).groups == [["a", 1, 2], ["a (2)", 4, 5]]


def test_a_group_that_the_cut_goes_through_is_open(net):
    figure = surgeon(net, inputs="b_relu", output="c_second_bn")
    # The start lies in b, and the output of c is the output of its box.
    assert [row[3] for row in figure.rows() if row[0] == "open"] == ["b"]
    figure.output = "c_bn"
    assert [row[3] for row in figure.rows() if row[0] == "open"] == ["b", "c"]
    figure = surgeon(net, opened=["d"])
    assert [row[3] for row in figure.rows() if row[0] == "open"] == ["d"]
    assert [row[3] for row in figure.rows()][5:12] == [
        *("d_conv", "d_bn", "d_relu", "d_second_conv", "d_second_bn", "d_out", "pool")
    ]


def test_an_inner_model_is_one_layer():
    x = keras.Input((2,), name="x")
    inner = keras.Model(x, layers.Dense(2)(layers.Dense(2)(x)), name="inner")
    model = keras.Sequential([keras.Input((2,)), inner, layers.Dense(1, name="head")])
    figure = surgeon(model, inputs="inner")
    assert figure.names[1:] == ["inner", "head"] and figure.kinds[1] == "Functional"
    assert figure.parameters([1]) == inner.count_params() == 12
    assert figure.parameters(figure.cut().part) == 3


def test_models_that_cannot_be_drawn_are_refused(net):
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TypeError, match="keeps no graph"):
        surgeon(Own(name="own"))
    x = keras.Input((4, 2), name="x")
    model = keras.Model(x, layers.LSTM(3, return_state=True, name="lstm")(x))
    with pytest.raises(ValueError, match="'lstm' has 3 outputs; the figure draws models whose"):
        surgeon(model)
    with pytest.raises(ValueError, match="no layer 'b_rely'; did you mean 'b_relu'"):
        surgeon(net, inputs="b_rely")
    with pytest.raises(traitlets.TraitError, match="opened must be of a, b, c, d; got 'e'"):
        surgeon(net, opened=["e"])


def test_the_reader_can_choose_only_what_is_there(net):
    figure = surgeon(net)
    with pytest.raises(traitlets.TraitError, match="inputs must be of image, a_conv, .*; got 'x'"):
        figure.inputs = ["x"]
    with pytest.raises(traitlets.TraitError, match="output must be of"):
        figure.output = "x"
    with pytest.raises(traitlets.TraitError, match="inputs must differ"):
        figure.inputs = ["a_bn", "a_bn"]
    assert figure.inputs == ["image"]


def test_what_is_stored_is_small_and_plain(net):
    state = surgeon(net).state()
    assert json.loads(json.dumps(state)) == state
    assert len(json.dumps(state)) < 100 * len(net.layers)


# --- what is said and drawn ----------------------------------------------------------------------


def test_sentence_says_what_submodel_does(net):
    figure = surgeon(net, inputs="b_relu", output="c_second_bn")
    whole = f"A model of {len(net.layers)} layers, cut from "
    assert figure.sentence() == f'{whole}"b_relu" to "c_second_bn": {figure.error}.'
    assert "add: 'a_second_bn'" in figure.error
    figure.inputs = ["b_relu", "a_second_bn"]
    part = submodel(net, figure.inputs, figure.output)
    assert figure.sentence() == (
        f'{whole}"b_relu" and "a_second_bn" to "c_second_bn": {len(part.layers) - 2} layers with '
        f"{part.count_params():,} of {net.count_params():,} parameters."
    )


def test_picture_stands_alone(net):
    for start in (["b_relu"], ["b_relu", "a_second_bn"], []):
        figure = surgeon(net, inputs=start, output="c_second_bn")
        root = ElementTree.fromstring(figure.picture())
        sizes = root.get("viewBox").split()
        assert (root.get("width"), root.get("height")) == tuple(sizes[2:])
        words = [text.text for text in root.iter(f"{SVG}text") if text.text]
        rows = [row[3] for row in figure.rows()]
        assert [word for word in words if word in rows] == rows
        assert words.count("needed too") == len(figure.cut().missing)
        assert words.count("start") == len(start) and words.count("end") == 1
        dashed = [p for p in root.iter(f"{SVG}path") if p.get("stroke-dasharray") == "5 3"]
        assert len(dashed) == len(figure.cut().edges)
        assert "nan" not in figure.picture().lower()


def state_of(page, name):
    return page.evaluate("(name) => document.querySelector('.bk-live').model.get(name)", name)


def told(page) -> str:
    return page.locator(".bk-told").inner_text()


def test_drawn_figure_shows_what_python_says(page, open_figure, net):
    rng = np.random.default_rng(5)
    for _ in range(12):
        names = surgeon(net).names
        end = int(rng.integers(5, len(names)))
        start = [str(x) for x in rng.choice(names[: end + 2], rng.integers(0, 3), replace=False)]
        shown = [str(x) for x in rng.choice(["a", "b", "c", "d"], 2, replace=False)]
        figure = surgeon(net, inputs=start, output=names[end], opened=shown)
        open_figure(figure)
        cut = figure.cut()
        found, parameters = page.locator(".bk-ledger dd").all_inner_texts()
        assert found == f"{figure.layers(cut.part)} of {len(net.layers)}"
        assert parameters == f"{figure.parameters(cut.part):,} of {net.count_params():,}"
        line = figure.line + (f"\nValueError: {figure.error}" if figure.error else "")
        assert page.locator(".bk-sg-line").inner_text() == (line if start else "")
        rows = figure.rows()
        drawn = page.locator(".bk-sg-title, .bk-sg-name").all_text_contents()
        assert len(drawn) == len(rows)
        for words, row in zip(drawn, rows, strict=True):
            assert row[3] == words or row[3].endswith(f"_{words}")
        kinds = [row[2] for row in rows if row[0] != "open"]
        for kind, expected in (("part", cut.part), ("missing", cut.missing)):
            boxes = page.locator(f"svg[tabindex] rect.bk-sg-{kind}")
            assert boxes.count() == len(set(expected) & set(kinds))
        assert page.locator("svg[tabindex] .bk-sg-cross").count() == len(cut.edges)
        needs = page.locator(".bk-sg-needs li").all_inner_texts()
        assert len(needs) == len(figure.inputs) + len(cut.missing)
        assert sum("needed too" in text for text in needs) == len(cut.missing)
        assert ("can be cut out" in told(page)) == (not figure.error and bool(cut.part))


def test_a_crossing_edge_is_explained_and_mended(page, open_figure, net):
    graph = open_figure(surgeon(net, inputs="b_relu", output="c_second_bn")).locator(
        "svg[tabindex]"
    )
    assert told(page) == (
        "This cannot be cut out: 1 edge crosses the cut. “b_out” also needs “a_second_bn”. "
        "This does not pass through the start."
    )
    page.get_by_role("button", name="add it as an input").click()
    assert state_of(page, "inputs") == ["b_relu", "a_second_bn"]
    assert told(page) == (
        "The part from “b_relu” and “a_second_bn” to “c_second_bn” can be cut out: 8 layers."
    )
    # The button is gone, and the reader must not be thrown back to the top of the page.
    assert graph.evaluate("(node) => node === document.activeElement")
    page.get_by_role("button", name="start again").click()
    assert state_of(page, "inputs") == ["b_relu"]
    assert page.get_by_role("button", name="start again").count() == 0


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (["logits"], "b_out", "“b_out” comes before “logits”: it does not depend on it"),
        (["image", "a_bn"], "pool", "Every path from “image” to “pool” goes through another start"),
        (
            ["left"],
            "right",
            "“right” does not depend on “left”: no path leads from one to the other",
        ),
        ([], "pool", "No start is chosen."),
        (["pool"], "pool", "Start and end are the same tensor, so the part has no layer."),
    ],
)
def test_other_ends_are_explained(page, open_figure, net, start, end, words):
    model = net
    if end == "right":
        x = keras.Input((2,), name="x")
        model = keras.Model(x, [layers.ReLU(name="left")(x), layers.ReLU(name="right")(x)])
    figure = surgeon(model, inputs=start, output=end)
    open_figure(figure)
    assert words in told(page)
    lone = page.get_by_role("button", name="leave it out")
    assert lone.count() == (len(start) == 2)
    if lone.count():
        lone.click()
        assert state_of(page, "inputs") == ["a_bn"] and "can be cut out" in told(page)


def test_a_cut_is_placed_by_keys_alone(page, open_figure, net):
    graph = open_figure(surgeon(net, inputs="image", output="logits")).locator("svg[tabindex]")
    here = page.locator(".bk-sg-here")
    assert here.inner_text() == "Start after “image”: chosen. A click or Enter takes it away."
    graph.press("Enter")
    assert state_of(page, "inputs") == [] and "No start is chosen" in told(page)
    graph.press("ArrowDown")
    graph.press("s")
    assert state_of(page, "inputs") == ["a_second_bn"]
    graph.press("ArrowDown")
    graph.press("ArrowLeft")
    assert here.inner_text() == (
        "“b”: 6 layers, 320 parameters, output 8×8×4. Called on “a_second_bn”. "
        "A click or Enter opens it."
    )
    graph.press("Enter")
    assert state_of(page, "opened") == ["b"]
    assert "A click or Enter closes it." in here.inner_text()
    for _ in range(3):
        graph.press("ArrowDown")
    assert here.inner_text() == (
        "“b_relu”: ReLU, 0 parameters, output 8×8×4. Called on “b_bn”. "
        "The square starts after it, the ring ends with it."
    )
    graph.press("e")
    assert state_of(page, "output") == "b_relu"
    assert "from “a_second_bn” to “b_relu” can be cut out: 3 layers" in told(page)
    for _ in range(3):
        graph.press("ArrowUp")
    graph.press("ArrowLeft")
    graph.press("ArrowLeft")
    assert here.inner_text().endswith("It stays open: the cut goes through it.")
    graph.press("End")
    assert state_of(page, "output") == "b_relu"


def test_a_cut_is_placed_by_the_mouse(page, open_figure, net):
    graph = open_figure(surgeon(net)).locator("svg[tabindex]")
    scale = graph.bounding_box()["width"] / 384

    def click(x, row):
        graph.click(position={"x": x * scale, "y": (24 + 28 * (row + 0.5)) * scale})

    click(100, 2)
    assert state_of(page, "opened") == ["b"]
    click(320, 5)  # image, a, b, b_conv, b_bn, b_relu
    assert state_of(page, "inputs") == ["image", "b_relu"]
    click(320, 0)
    click(360, 9)
    assert (state_of(page, "inputs"), state_of(page, "output")) == (["b_relu"], "c_second_bn")
    assert "“b_out” also needs “a_second_bn”" in told(page)
    click(360, 2)  # a title is no tensor
    assert state_of(page, "output") == "c_second_bn"
    assert "choose one of its layers" in page.locator(".bk-sg-here").inner_text()


def test_the_drawing_stays_under_the_finger(page, net):
    """What is told stands above it on a phone, and becomes longer."""
    room = '<div style="height: 800px"></div>'
    page.set_content(room + surgeon(net, inputs="b_second_bn").static_html() + room)
    page.add_style_tag(content="html { overflow-anchor: none }")  # not every browser helps
    page.add_script_tag(content=bundle.page_script(["model_surgeon"]))
    graph, side = page.locator("svg[tabindex]"), page.locator(".bk-sg-side")
    graph.scroll_into_view_if_needed()
    page.evaluate("scrollBy(0, 100)")
    before, tall = graph.bounding_box(), side.bounding_box()["height"]
    page.mouse.click(before["x"] + before["width"] * 323 / 384, before["y"] + before["height"] / 3)
    assert len(state_of(page, "inputs")) == 2
    assert side.bounding_box()["height"] > tall + 10
    assert abs(graph.bounding_box()["y"] - before["y"]) < 1.5


def test_arcs_of_skip_connections_do_not_run_into_one_another(page, open_figure):
    x = y = keras.Input((2,), name="x")
    made = [x]
    for i in range(6):
        y = layers.Add(name=f"add{i}")([layers.ReLU(name=f"relu{i}")(y), made[i // 2]])
        made.append(y)
    open_figure(surgeon(keras.Model(x, y), prefix=None))
    paths = page.locator("svg[tabindex] path").evaluate_all(
        "(paths) => paths.map((path) => path.getAttribute('d')).filter((d) => d.includes('Q'))"
    )
    # M x y H, Q corner x y, V y: the lane, and where it begins and ends.
    lanes = []
    for path in paths:
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", path)]
        lanes.append((numbers[3], numbers[1], numbers[9]))
    assert len(lanes) == 6
    for i, (lane, top, bottom) in enumerate(lanes):
        for other, high, low in lanes[:i]:
            assert lane != other or bottom <= high or low <= top
