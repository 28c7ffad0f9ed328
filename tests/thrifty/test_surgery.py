import ast
import dataclasses

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from thrifty._graph import Graph, implicit_mask
from thrifty.mask_layers import AttachMask
from thrifty.surgery import insert_after, intermediate, replace, submodel

WIDTH = 3


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def same(found, expected, atol=1e-5):
    found, expected = keras.tree.flatten(found), keras.tree.flatten(expected)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(other), atol=atol
        )


def listed(error):
    """The addresses that the message of a missing edge names."""
    return ast.literal_eval("[" + str(error.value).split("add: ")[1] + "]")


def reloaded(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


def trains(model, x):
    """One step moves every layer: the gradients reach them all."""
    model.compile("sgd", "mse")
    before = [[w.numpy() for w in layer.trainable_weights] for layer in model.layers]
    goal = keras.tree.map_structure(lambda y: y.numpy() + 1, model(x))
    model.fit(x, goal, verbose=0)
    return all(
        any(np.any(w.numpy() != old) for w, old in zip(layer.trainable_weights, olds, strict=True))
        for layer, olds in zip(model.layers, before, strict=True)
        if olds
    )


def snapshot(model):
    """All that surgery must leave alone."""
    config = model.get_config() if not isinstance(model, keras.Sequential) else None
    outputs = [layer.output for layer in model.layers]
    tensors = [(id(t), t.name, implicit_mask(t)) for t in [*model.inputs, *model.outputs]]
    calls = [
        (c.path, c.index, [id(t) for t in c.inputs + c.outputs], str(c.kwargs))
        for c in Graph(model).calls
    ]
    weights = [(w.path, w.numpy().tolist()) for w in model.weights]
    inner = [snapshot(layer) for layer in model.layers if isinstance(layer, keras.Model)]
    return str(config), list(map(id, outputs)), str(tensors), calls, weights, inner, model.losses


# Random graphs: a model, and what is known of it without asking Keras.


@dataclasses.dataclass
class Drawn:
    """A graph as a table; a row is (kind, parents, row whose layer it calls again)."""

    rows: list
    ends: list

    def build(self):
        self.inputs = sum(kind == "input" for kind, _, _ in self.rows)
        self.rules, self.names, self.tensors = [], [], []
        for k, (kind, parents, again) in enumerate(self.rows):
            rule = self.rules[again] if again is not None else new_layer(kind)
            self.rules.append(rule)
            if kind == "input":
                self.tensors.append(keras.Input((WIDTH,), name=f"x{k}"))
            else:
                self.tensors.append(rule(*(self.tensors[p] for p in parents)))
            # Only Keras knows how it named an operation of keras.ops.
            self.names.append(self.tensors[k]._keras_history.operation.name)
        ends = [self.tensors[k] for k in self.ends]
        self.model = keras.Model(self.tensors[: self.inputs], ends)

    def values(self, data):
        """Every tensor's value, by calling the layers one after the other."""
        values = list(data)
        for k in range(self.inputs, len(self.rows)):
            values.append(self.rules[k](*(values[p] for p in self.rows[k][1])))
        return values

    def data(self):
        return [ops.convert_to_tensor(draw((4, WIDTH), seed)) for seed in range(self.inputs)]

    def before(self, ends, stops=()):
        """The tensors on the paths to `ends`, looking back no further than `stops`."""
        found = set(ends)
        while True:
            more = {p for k in found - set(stops) for p in self.rows[k][1]} | found
            if more == found:
                return found
            found = more

    def address(self, k):
        """Name, and number of the call if the layer has several in the model."""
        alive = sorted(self.before([*self.ends, *range(self.inputs)]))
        calls = [other for other in alive if self.names[other] == self.names[k]]
        return self.names[k] if len(calls) == 1 else (self.names[k], calls.index(k))

    def crossing(self, cut, ends):
        """By trying out: what is made without the cut and used by what is made with it."""
        region = self.before(ends, cut)
        behind = {k for k in region if k in cut or self.before([k]) & set(cut)}
        return {p for k in behind - set(cut) for p in self.rows[k][1]} - behind


def inner_model():
    x = keras.Input((WIDTH,))
    y = layers.Dense(WIDTH, activation="tanh", name="first")(x)
    return keras.Model(x, layers.Add()([x, layers.Dense(WIDTH, name="second")(y)]))


def new_layer(kind):
    if kind == "op":
        return ops.maximum
    if kind == "add":
        add = layers.Add()
        return lambda x, y: add([x, y])
    if kind == "norm":
        return layers.BatchNormalization()
    if kind == "inner":
        return inner_model()
    return layers.Dense(WIDTH, activation="tanh", bias_initializer="normal")


def drawn_graph(rng):
    rows = [("input", (), None)] * rng.integers(1, 3)
    inputs = len(rows)
    for kind in rng.choice(["dense", "again", "again", "add", "op", "norm", "inner"], 11):
        # A new tensor or any, for depth and for skips.
        a = int(rng.integers(max(0, len(rows) - 2) if rng.random() < 0.7 else 0, len(rows)))
        b = int(rng.integers(len(rows)))
        usable = [k for k, (other, _, _) in enumerate(rows) if other in ("dense", "norm", "inner")]
        if kind in ("op", "add"):
            rows.append((kind, (a, b), None))
        elif kind == "again" and usable:
            again = int(rng.choice(usable))
            rows.append((rows[again][0], (a,), again))
        else:
            rows.append(("dense" if kind == "again" else str(kind), (a,), None))
    return Drawn(rows, sorted({len(rows) - 1, int(rng.integers(inputs, len(rows)))}))


def drawn_cut(rng):
    """A graph, tensors to cut at and tensors to compute, all of them parts of the model."""
    graph = drawn_graph(rng)
    alive = graph.before(graph.ends)
    made = [k for k in sorted(alive) if graph.rows[k][0] != "input"]
    # The deepest, so that there is something to cut, and often a second one.
    ends = list({max(made), int(rng.choice(made))})
    behind = sorted(graph.before(ends) - set(ends))
    inner = [k for k in behind if k in made and rng.random() < 0.8] or behind
    cut = rng.choice(inner, min(rng.choice([1, 1, 2, 3]), len(inner)), replace=False)
    return graph, [int(k) for k in cut], ends


# Drawn from a seed: left to itself, Hypothesis prefers chains, which have no edges to miss.
SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def idle(graph, cut, ends):
    region = graph.before(ends, cut)
    used = {p for k in region - set(cut) for p in graph.rows[k][1]} | set(ends)
    return set(cut) - used


@settings(max_examples=30)
@given(SEEDS.map(drawn_cut), st.booleans())
def test_a_submodel_computes_what_the_whole_does_or_names_what_is_missing(drawn, by_tensor):
    graph, cut, ends = drawn
    graph.build()
    before = snapshot(graph.model)

    def cut_at(cut, ends):
        places = [graph.tensors[k] if by_tensor else graph.address(k) for k in cut]
        return submodel(graph.model, places, [graph.address(k) for k in ends])

    if unused := idle(graph, cut, ends):
        with pytest.raises(ValueError, match="do not depend on") as error:
            cut_at(cut, ends)
        for k in cut:
            assert (repr(graph.address(k)) in str(error.value)) == (k in unused)
        cut = [k for k in cut if k not in unused]
    if lone := {k for k in ends if not graph.before([k]) & set(cut)}:
        with pytest.raises(ValueError, match="no input leads to"):
            cut_at(cut, ends)
        ends = [k for k in ends if k not in lone]
        cut = [k for k in cut if k not in idle(graph, cut, ends)]
    if missing := graph.crossing(cut, ends):
        with pytest.raises(ValueError, match="also depend") as error:
            cut_at(cut, ends)
        assert sorted(map(str, listed(error))) == sorted(str(graph.address(k)) for k in missing)
        cut = [*cut, *missing]
    part = cut_at(cut, ends)
    values = graph.values(graph.data())
    same(part([values[k] for k in cut]), [values[k] for k in ends])
    assert {id(w) for w in part.weights} <= {id(w) for w in graph.model.weights}
    assert snapshot(graph.model) == before


@settings(max_examples=12)
@given(SEEDS.map(drawn_cut))
def test_front_and_back_make_the_whole(drawn):
    graph, cut, _ = drawn
    graph.build()
    cut = [k for k in cut if k not in idle(graph, cut, graph.ends)] or [max(graph.ends)]
    loose = [k for k in graph.ends if not graph.before([k]) & set(cut)]
    cut = list({*cut, *graph.crossing(cut, graph.ends), *loose})
    places = [graph.address(k) for k in cut]
    needed = sorted(graph.before(cut) & set(range(graph.inputs)))
    front = submodel(graph.model, [f"x{k}" for k in needed], places)
    back = submodel(graph.model, places, graph.model.outputs)
    data = graph.data()
    same(back(front([data[k] for k in needed])), graph.model(data))


@settings(max_examples=3)
@given(SEEDS.map(drawn_cut))
def test_a_submodel_saves_loads_and_trains(tmp_path_factory, drawn):
    graph, cut, ends = drawn
    graph.build()
    cut = [k for k in cut if k not in idle(graph, cut, ends)]
    loose = [k for k in ends if not graph.before([k]) & set(cut)]
    cut = list({*cut, *graph.crossing(cut, ends), *loose})
    places = [graph.address(k) for k in cut]
    part = submodel(graph.model, places, [graph.address(k) for k in ends])
    values = graph.values(graph.data())
    fed = [np.asarray(values[k]) for k in cut]
    again = reloaded(part, tmp_path_factory.mktemp("part"))
    same(again(fed), part(fed))
    assert trains(part, fed)


@settings(max_examples=8)
@given(SEEDS.map(drawn_graph), st.data())
def test_new_layers_that_change_nothing_change_nothing(graph, data):
    graph.build()
    alive = sorted(graph.before([*graph.ends, *range(graph.inputs)]))
    k = data.draw(st.sampled_from(alive))
    before = snapshot(graph.model)
    extra = layers.Activation("linear", name="extra")
    if k not in graph.before(graph.ends):
        with pytest.raises(ValueError, match="nothing would see the layer"):
            insert_after(graph.model, graph.address(k), extra)
        return
    one = insert_after(graph.model, graph.address(k), extra)
    assert len(Graph(one).calls) == len(Graph(graph.model).calls) + 1
    gone = replace(one, {"extra": None})
    assert "extra" not in Graph(gone).counts
    if k >= graph.inputs:
        whole = graph.names[k]
        calls = Graph(graph.model).counts[whole]
        several = insert_after(graph.model, whole, layers.Activation("linear", name="extra"))
        assert Graph(several).counts["extra"] == calls
        same(several(graph.data()), graph.model(graph.data()))
    same(one(graph.data()), graph.model(graph.data()))
    same(gone(graph.data()), graph.model(graph.data()))
    assert snapshot(graph.model) == before


@settings(max_examples=10)
@given(SEEDS.map(drawn_graph))
def test_intermediate_returns_every_call(graph):
    graph.build()
    alive = sorted(graph.before([*graph.ends, *range(graph.inputs)]))
    names = sorted({graph.names[k] for k in alive})
    seen = intermediate(graph.model, names)(graph.data())
    values = graph.values(graph.data())
    for k in alive:
        address = graph.address(k)
        key = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        same(seen.pop(key), values[k])
    assert not seen


# Shared layers, inner models, structures.


def shared_model():
    x = keras.Input((WIDTH,), name="x")
    dense = layers.Dense(WIDTH, activation="tanh", name="dense")
    first = dense(x)
    return keras.Model(x, layers.Add(name="add")([first, dense(layers.ReLU(name="relu")(first))]))


def test_a_call_of_a_shared_layer_can_be_cut_where_keras_cannot():
    model = shared_model()
    x = draw((2, WIDTH))
    seen = intermediate(model, "dense")(x)
    assert sorted(seen) == ["dense:0", "dense:1"]
    back = submodel(model, ("dense", 0), "add")
    assert isinstance(back.input, keras.KerasTensor)  # one address, so no list of one
    assert [t.name for t in back.inputs] == ["dense_0"]
    same(back(seen["dense:0"]), model(x))
    with pytest.raises(ValueError, match="not connected"):
        keras.Model(model.get_layer("dense").output, model.output)
    with pytest.raises(ValueError, match="called 2 times; say which call, .'dense', 0. or"):
        submodel(model, "dense", "add")
    with pytest.raises(ValueError, match="also depend") as error:
        submodel(model, ("dense", 1), "add")
    assert listed(error) == [("dense", 0)]


def test_one_call_or_all_calls_can_be_changed():
    model, x = shared_model(), draw((2, WIDTH))
    double = layers.Rescaling(2.0, name="double")
    dense = model.get_layer("dense")
    first = dense(x)
    same(insert_after(model, ("dense", 1), double)(x), first + 2 * dense(ops.relu(first)))
    same(insert_after(model, "dense", double)(x), 2 * first + 2 * dense(ops.relu(2 * first)))
    same(replace(model, {("dense", 0): double})(x), 2 * x + dense(ops.relu(2 * x)))
    same(replace(model, {dense: double})(x), 2 * x + 2 * ops.relu(2 * x))
    # The numbers of the calls stay, although `dense` is called in another order of depth.
    changed = insert_after(model, "x", layers.Rescaling(1.0))
    same(intermediate(changed, ("dense", 0))(x)["dense:0"], first)


@pytest.mark.parametrize("swapped", [False, True])
def test_calls_are_counted_as_they_were_made(swapped):
    x = keras.Input((WIDTH,), name="x")
    dense = layers.Dense(WIDTH, name="dense")
    double = layers.Rescaling(2.0)
    made = [dense(double(double(x))), dense(x), dense(double(x))]
    model = keras.Model(x, layers.Concatenate()(made[::-1] if swapped else made))
    x = draw((2, WIDTH))
    again = insert_after(model, "x", layers.Rescaling(1.0))
    for each in (model, again):
        seen = intermediate(each, "dense")(x)
        expected = [dense(4 * x), dense(x), dense(2 * x)]
        same([seen[f"dense:{i}"] for i in range(3)], expected)


def test_looking_at_a_model_leaves_no_loss_and_no_moved_average_behind():
    x = keras.Input((WIDTH,), name="x")
    y = layers.Dense(WIDTH, activity_regularizer="l2", name="h")(x)
    model = keras.Model(x, layers.BatchNormalization()(y, training=True))
    before = snapshot(model)
    submodel(model, "h", model.output)
    replace(model, {"h": layers.Dense(WIDTH)})
    assert snapshot(model) == before and not model.losses


def test_attaching_a_mask_leaves_the_tensor_as_it_is():
    x = ops.ones((1, 2, WIDTH))
    assert implicit_mask(AttachMask()(x, mask=ops.ones((1, 2), "bool"))) is not None
    assert implicit_mask(x) is None


def twice_nested(shared=True, deep="deep"):
    """An outer model that calls a backbone twice, with a block inside the backbone."""
    x = keras.Input((WIDTH,), name="block_in")
    block = keras.Model(x, layers.Dense(WIDTH, name=deep, activation="tanh")(x), name="block")
    x = keras.Input((WIDTH,), name="backbone_in")
    y = layers.Add(name="skip")([x, block(layers.Dense(WIDTH, name="conv")(x))])
    backbone = keras.Model(x, y, name="backbone")
    x = keras.Input((WIDTH,), name="x")
    y = backbone(layers.Dense(WIDTH, name="stem")(x))
    return keras.Model(x, layers.Dense(1, name="head")(backbone(y) if shared else y))


def test_a_cut_inside_an_inner_model(tmp_path):
    model, x = twice_nested(shared=False), draw((4, WIDTH))
    seen = intermediate(model, ["backbone/block/deep", "stem"])
    assert sorted(seen.output) == ["backbone/block/deep", "stem"]
    with pytest.raises(ValueError, match="also depend") as error:
        submodel(model, "backbone/block/deep", "head")
    assert listed(error) == ["stem"]
    back = submodel(model, ["backbone/block/deep", "stem"], "head")
    values = seen(x)
    same(back([values["backbone/block/deep"], values["stem"]]), model(x))
    same(reloaded(back, tmp_path)([values["stem"]] * 2), back([values["stem"]] * 2))
    assert trains(back, [x, x])
    # What is cut open comes to lie in one model, where names must differ.
    with pytest.raises(ValueError, match="two layers are called 'conv'"):
        submodel(twice_nested(deep="conv"), "x", ("backbone/block/conv", 1))


def test_inside_a_model_that_is_called_twice():
    model, x = twice_nested(), draw((4, WIDTH))
    seen = intermediate(model, "backbone/skip")(x)
    same(submodel(model, ("backbone/skip", 1), "head")(seen["backbone/skip:1"]), model(x))
    same(submodel(model, ("backbone", 1), "head")(seen["backbone/skip:1"]), model(x))
    inside = model.get_layer("backbone").get_layer("skip").output
    with pytest.raises(ValueError, match="is not a tensor of this model"):
        submodel(model, inside, "head")


@pytest.mark.parametrize("path", ["backbone/conv", "backbone/block/deep"])
def test_operating_inside_an_inner_model_keeps_it_one(tmp_path, path):
    model, x = twice_nested(), draw((4, WIDTH))
    before = snapshot(model)
    noisy = insert_after(model, path, layers.Rescaling(0.0, name="off"))
    assert [layer.name for layer in noisy.layers] == [layer.name for layer in model.layers]
    stem = model.get_layer("stem")(x)
    expected = stem if path == "backbone/block/deep" else None
    if expected is not None:  # skip(stem, 0), twice
        same(noisy(x), model.get_layer("head")(expected))
    same(reloaded(noisy, tmp_path)(x), noisy(x))
    same(replace(noisy, {path.rsplit("/", 1)[0] + "/off": None})(x), model(x))
    assert snapshot(model) == before
    other = layers.Dense(WIDTH, name=path.rsplit("/", 1)[1])
    assert trains(replace(model, {path: other}), x)
    assert other.built and snapshot(model) != before  # the shared layers have been trained


def test_dicts_of_inputs_and_outputs(tmp_path):
    inputs = {name: keras.Input((WIDTH,), name=name) for name in ("b", "a")}
    joined = layers.Concatenate(name="joined")([inputs["a"], inputs["b"]])
    outputs = {"y": layers.Dense(2, name="y")(joined), "z": layers.Dense(3, name="z")(joined)}
    model = keras.Model(inputs, outputs)
    data = {"a": draw((2, WIDTH)), "b": draw((2, WIDTH), 1)}
    changed = insert_after(model, "joined", layers.Rescaling(1.0))
    found = changed(data)
    assert sorted(found) == ["y", "z"]
    same(found, model(data))
    back = submodel(model, {"middle": "joined"}, {"only": "z"})
    middle = intermediate(model, "joined")(data)["joined"]
    same(reloaded(back, tmp_path)({"middle": middle})["only"], model(data)["z"])
    left = submodel(model, {"a": "a", "b": model.input["b"]}, "y")
    same(left(data), model(data)["y"])


def test_tensors_and_settings_in_keyword_arguments(tmp_path):
    x, mask = keras.Input((5, WIDTH), name="x"), keras.Input((5, 5), dtype="bool", name="mask")
    queries = layers.Dense(WIDTH, name="queries")(x)
    attention = layers.MultiHeadAttention(2, 4, name="attention")
    y, weights = attention(
        queries, value=x, attention_mask=mask, return_attention_scores=True, use_causal_mask=True
    )
    y = layers.Dropout(0.5, name="drop")(ops.add(y, 2.0), training=False)
    model = keras.Model([x, mask], [ops.split(y, 2, axis=0)[0], weights])
    data = [draw((2, 5, WIDTH)), np.random.default_rng(0).random((2, 5, 5)) < 0.7]
    before = snapshot(model)
    with pytest.raises(ValueError, match="also depend") as error:
        submodel(model, "queries", [("attention", 0, 1)])
    assert sorted(listed(error)) == ["mask", "x"]
    part = submodel(model, ["queries", "x", "mask"], [("attention", 0, 1), "drop"])
    seen = intermediate(model, ["queries", "attention", "drop"])(data)
    assert len(seen["attention"]) == 2
    fed = [np.asarray(seen["queries"]), *data]
    same(part(fed), [model(data)[1], seen["drop"]])
    same(reloaded(part, tmp_path)(fed), [model(data)[1], seen["drop"]])
    same(replace(model, {"drop": None})(data), model(data))
    with pytest.raises(ValueError, match="'attention' has 2 outputs"):
        insert_after(model, "attention", layers.ReLU())
    assert snapshot(model) == before


def test_a_sequential_model_is_taken_as_well(tmp_path):
    model = keras.Sequential(
        [keras.Input((WIDTH,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")]
    )
    x, before = draw((2, WIDTH)), snapshot(model)
    same(submodel(model, "a", "b")(model.layers[0](x)), model(x))
    changed = insert_after(model, "a", layers.Dropout(0.5))
    same(reloaded(changed, tmp_path)(x), model(x))
    assert trains(changed, x)
    model.set_weights([w * 0 for w in model.get_weights()])
    same(changed(x), model(x))
    model.pop()
    assert before != snapshot(model)


# Implicit masks.


def text_model(hidden=True):
    """Embedding -> Dense -> LSTM -> mean, with a mask that MultiHeadAttention takes away."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = layers.Embedding(9, WIDTH, mask_zero=True, name="embedded")(ids)
    x = layers.Dense(WIDTH, name="dense")(x)
    if hidden:
        x = layers.Add(name="mixed")([x, layers.MultiHeadAttention(1, 2, name="attention")(x, x)])
    x = layers.LSTM(WIDTH, return_sequences=True, bias_initializer="normal", name="lstm")(x)
    return keras.Model(ids, layers.GlobalAveragePooling1D(name="mean")(x))


IDS = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]])


# A model that gets masked tensors does not read the mask itself, and Keras warns of that.
@pytest.mark.filterwarnings("ignore:Layer 'functional.* was passed an input with a mask")
@pytest.mark.parametrize("hidden, load", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("place", ["embedded", "dense", "lstm"])
def test_a_mask_at_a_cut_is_refused_or_made_an_input(tmp_path, place, hidden, load):
    model = text_model(hidden)
    if load:
        model = reloaded(model, tmp_path)
    with pytest.raises(ValueError, match=f"an implicit mask goes with '{place}'"):
        submodel(model, place, "mean")
    front = submodel(model, "ids", place, masks="explicit")
    back = submodel(model, place, "mean", masks="explicit")
    assert [t.name for t in back.inputs] == [place, f"{place}_mask"]
    assert len(back.outputs) == 1
    values, mask = (np.asarray(x) for x in front(IDS))  # arrays carry no mask
    np.testing.assert_array_equal(mask, IDS > 0)
    expected = np.asarray(model(IDS))
    same(back([values, mask]), expected)
    again = reloaded(back, tmp_path)
    same(again([values, mask]), expected)
    if place == "dense":
        assert trains(again, [values, mask])
    bare = submodel(model, place, "mean", masks="drop")
    assert np.abs(bare(values) - expected).max() > 1e-3
    # A tensor, unlike an array, takes its mask along, unless MultiHeadAttention takes it off.
    carried = np.abs(bare(submodel(model, "ids", place)(IDS)) - expected).max() < 1e-5
    assert carried == (not hidden or place == "lstm")


def test_a_mask_from_an_inner_model_shows_only_when_it_runs():
    ids = keras.Input((None,), dtype="int32", name="inner_ids")
    x = layers.Embedding(9, WIDTH, mask_zero=True, name="embedded")(ids)
    encoder = keras.Model(ids, x, name="encoder")
    ids = keras.Input((None,), dtype="int32", name="ids")
    coded = encoder(ids)
    assert implicit_mask(coded) is None
    model = keras.Model(ids, layers.GlobalAveragePooling1D(name="mean")(coded))
    same(model(IDS)[:1], model(IDS[:1, :3]))
    for place in ("encoder", "encoder/embedded"):
        with pytest.raises(ValueError, match=f"an implicit mask goes with '{place}'"):
            submodel(model, place, "mean")
        front = submodel(model, {"ids": "ids"}, {"x": place}, masks="explicit")
        back = submodel(model, {"x": place}, "mean", masks="explicit")
        assert sorted(back.input) == ["x", "x_mask"]
        fed = {key: np.asarray(x) for key, x in front({"ids": IDS}).items()}
        same(back(fed), model(IDS))


@keras.saving.register_keras_serializable(package="tests")
class Careless(layers.Layer):
    def call(self, x):
        return 1.0 * x


@pytest.mark.filterwarnings("ignore:Layer 'careless' .*mask")
@pytest.mark.parametrize("hidden", [False, True])
def test_masks_survive_an_operation_or_it_is_refused(tmp_path, hidden):
    model = text_model(hidden)
    for place in ("embedded", "dense"):
        changed = insert_after(model, place, layers.Dropout(0.5, name="drop"))
        same(changed(IDS), model(IDS))
        same(reloaded(changed, tmp_path)(IDS), model(IDS))
        same(changed(IDS)[:1], changed(IDS[:1, :3]))
        careless = Careless(name="careless")
        with pytest.raises(ValueError, match=f"the implicit mask of '{place}' no longer reaches"):
            insert_after(model, place, careless)
        dropped = insert_after(model, place, careless, masks="drop")
        assert np.abs(dropped(IDS) - model(IDS)).max() > 1e-3
    plain = layers.Embedding(9, WIDTH, name="plain")
    with pytest.raises(ValueError, match="the implicit mask of 'embedded' no longer reaches"):
        replace(model, {"embedded": plain})
    shifted = layers.Embedding(9, WIDTH, mask_zero=True, name="shifted")
    same(
        replace(model, {"embedded": shifted})(IDS)[:1],
        replace(model, {"embedded": shifted})(IDS[:1, :3]),
    )
    mean = replace(model, {"lstm": layers.Dense(WIDTH, name="flat")})
    same(mean(IDS)[:1], mean(IDS[:1, :3]))


# What is refused.


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


class Twisted(keras.Model):
    """Built as Functional, but called otherwise."""

    def call(self, x):
        return 2 * super().call(x)


def test_models_without_a_graph_are_refused():
    x = keras.Input((WIDTH,))
    for model in (Own(), Twisted(x, layers.Dense(2, name="a")(x))):
        for operate in (
            lambda model=model: submodel(model, "a", "b"),
            lambda model=model: intermediate(model, "a"),
            lambda model=model: insert_after(model, "a", layers.ReLU()),
            lambda model=model: replace(model, {"a": None}),
        ):
            with pytest.raises(TypeError, match="with its own `call`"):
                operate()
    with pytest.raises(ValueError, match="give it a keras.Input first"):
        submodel(keras.Sequential([layers.Dense(2, name="a")]), "a", "a")
    with pytest.raises(TypeError, match="must be a keras.Model, got Dense"):
        intermediate(layers.Dense(2), "a")
    own = Own()
    model = keras.Model(x, own(x))
    with pytest.raises(ValueError, match="cannot cut inside 'own"):
        intermediate(model, f"{own.name}/dense")


def test_wrong_places_get_the_nearest_right_name():
    model = twice_nested()
    cases = [
        (lambda: submodel(model, "stm", "head"), "no layer 'stm'; did you mean 'stem'"),
        (lambda: intermediate(model, "conv"), "no layer 'conv'; did you mean 'backbone"),
        (lambda: intermediate(model, "backbone/blok/deep"), "did you mean 'backbone/block"),
        (lambda: intermediate(model, "stem/conv"), "cannot cut inside 'stem': it is a Dense"),
        (lambda: replace(model, {"stem/conv": None}), "'stem' is a Dense, not a model"),
        (lambda: intermediate(model, ("backbone", 2)), "called 2 times, there is no call 2"),
        (lambda: replace(model, {"head": None}), r"'head' cannot be left out: it makes \(None, 1"),
        (lambda: replace(model, {"x": None}), "'x' is an input of the model"),
        (lambda: replace(model, {"stem": layers.Dense(7)}), "'backbone' cannot be called on"),
        (lambda: insert_after(model, "stem", layers.ReLU(name="head")), "two layers are called"),
        (lambda: submodel(model, ["stem", "stem"], "head"), "named twice"),
        (lambda: submodel(model, "stem", "head", masks="no"), "masks must be"),
        (lambda: replace(model, {"backbone": None, "backbone/conv": None}), "choose one"),
    ]
    for operate, message in cases:
        with pytest.raises(ValueError, match=message):
            operate()
    with pytest.raises(TypeError, match="must be a keras.layers.Layer, got str"):
        insert_after(model, "stem", "relu")


# What Keras does, on which all this stands.


def test_the_private_notes_of_keras_are_as_read():
    x = keras.Input((WIDTH,), name="x")
    dense = layers.Dense(WIDTH)
    dense(x)
    y = dense(x)
    assert y._keras_history._fields == ("operation", "node_index", "tensor_index")
    operation, position, index = y._keras_history
    assert (operation, position, index) == (dense, 1, 0)
    node = dense._inbound_nodes[position]
    assert node.arguments.args[0] is x and not node.arguments.kwargs
    assert node.outputs[0] is y
    # The implicit mask of the only argument is noted as if it had been given by hand.
    masked = layers.Masking()(keras.Input((None, WIDTH)))
    lstm = layers.LSTM(2)
    lstm(masked)
    assert lstm._inbound_nodes[0].arguments.kwargs["mask"] is masked._keras_mask
    # But MultiHeadAttention has it in no note, and takes it off its query when it runs.
    attention = layers.MultiHeadAttention(1, 2)
    attention(masked, masked)
    assert not any("mask" in name for name in attention._inbound_nodes[0].arguments.kwargs)
    values = layers.Masking()(ops.ones((1, 2, WIDTH)))
    assert implicit_mask(values) is not None
    attention(values, values)
    assert implicit_mask(values) is None


def test_batch_normalization_is_shared_with_its_moving_averages():
    x = keras.Input((WIDTH,), name="x")
    norm = layers.BatchNormalization(momentum=0.5, name="norm")
    model = keras.Model(x, layers.Dense(1)(norm(layers.Dense(WIDTH, name="h")(x))))
    back = submodel(model, "h", model.output)
    data, before = 5 + draw((8, WIDTH)), model(draw((2, WIDTH)))
    assert trains(back, data)
    np.testing.assert_allclose(norm.moving_mean.numpy(), data.mean(0) / 2, atol=1e-5)
    # So training a part changes what the whole predicts, even where its own weights stayed.
    assert np.abs(model(draw((2, WIDTH))) - before).max() > 1e-3


def test_a_training_flag_in_the_graph_gives_way_to_the_call():
    x = keras.Input((WIDTH,), name="x")
    norm = layers.BatchNormalization(name="norm")
    model = keras.Model(x, norm(x, training=False))
    changed = insert_after(model, "x", layers.Rescaling(1.0))
    for each in (model, changed):
        before = norm.moving_mean.numpy()
        each(1 + draw((4, WIDTH)), training=True)
        assert np.any(norm.moving_mean.numpy() != before)


def test_clone_model_copies_the_shape_of_a_model_and_not_its_weights():
    model, x = shared_model(), draw((2, WIDTH))
    clone = keras.models.clone_model(model)
    assert np.abs(clone(x) - model(x)).max() > 1e-3
    clone.set_weights(model.get_weights())
    same(clone(x), model(x))
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}
    assert Graph(clone).counts == Graph(model).counts
