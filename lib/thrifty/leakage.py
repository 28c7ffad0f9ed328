"""Which input positions an output really depends on, measured on any model.

A mask is a claim; `leakage` tests it from outside, without looking into the model.
`compare` puts the difference between the two into one sentence.
"""

import numpy as np

from thrifty._checks import require_int, require_mask

# Derivatives below so many machine epsilons of the largest of an output count as rounding.
ROUNDING = 256


def leakage(model, inputs, *, method="perturbation", trials=2, seed=0, vocabulary=None):
    """Return which input positions change which output positions, bool of shape (n_out, n).

    Parameters
    ----------
    model : callable
        Takes a batch, (batch, n) integer ids or (batch, n, d) floats, and returns one array of
        shape (batch, n_out, ...): axis 1 is taken as the output position. A NumPy function, a
        Keras model (in inference mode), a TensorFlow function, ...
    inputs : array of shape (n,) or (n, d)
        One sample without batch axis: integer ids, or float vectors. The model is given floats in
        their own dtype, and ids as int32 if that is theirs, otherwise as int64.
    method : {"perturbation", "gradient"}
        "gradient" is for float inputs and models made of TensorFlow operations.
    trials : int
        Independent random draws; a dependence found by any of them counts.
    seed : int
        Seed of the draws.
    vocabulary : int, optional
        Number of ids. A changed position gets another id of 0..vocabulary - 1, never its own.
        By default the highest id of `inputs` + 2, so that one id that does not occur can be drawn:
        give it when the model knows fewer.

    Returns
    -------
    bool array of shape (n_out, n)
        True at [i, j] where changing input position j changes output position i.

    Raises
    ------
    TypeError
        If the inputs or the output are of a kind that cannot be compared, or an argument is not
        an int.
    ValueError
        If a shape, an id or `method` is wrong, if an output or gradient is not finite, or if the
        model gives two outputs for one input (dropout left on).

    Notes
    -----
    *Perturbation* runs a batch with one copy of the sample for each position, that position
    changed, and compares it row by row, exactly, with a batch of the same shape that is unchanged:
    the same arithmetic on both sides, hence no false leak from rounding. A True is a proof. A
    False is evidence: what the drawn values do not show is missed, such as a saturated or rounded
    output, a change too small for the number format, a coincidence.

    *Gradient* asks whether the derivative of a random projection of output i with respect to
    input j is more than rounding: more than 256 machine epsilons of the largest derivative of the
    same output. For a derivative that is zero on paper need not be so in the machine: the softmax
    over one key is constant, and TensorFlow gives it a slope of about one epsilon. So the method
    misses a slope that is smaller still, and what has no slope: hard gates, comparisons, argmax, a
    saturated activation, a derivative that happens to vanish at this sample. And where numbers
    much larger than the result cancel, a True can still be rounding: let perturbation decide.

    A changed id can also change the model's own padding mask, if it makes one of the ids.

    Examples
    --------
    >>> running_sum = lambda x: np.cumsum(x, axis=1)
    >>> leakage(running_sum, np.ones((3, 2))).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    trials = require_int("trials", trials, minimum=1)
    inputs = _require_sample(inputs)
    rng = np.random.default_rng(require_int("seed", seed, minimum=0))
    if method == "perturbation":
        return _by_perturbation(model, inputs, trials, rng, vocabulary)
    if method == "gradient":
        if inputs.ndim != 2:
            raise TypeError("method 'gradient' needs float inputs of shape (n, d), got integer ids")
        return _by_gradient(model, inputs, trials, rng)
    raise ValueError(f"method must be 'perturbation' or 'gradient', got {method!r}")


def compare(measured, allowed):
    """Say in one sentence how a measured leakage differs from the mask that was meant.

    Parameters
    ----------
    measured, allowed : bool arrays of shape (n_q, n_k)
        What `leakage` found, and the mask (or the reach of several masks) it should equal.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If an array is not boolean.
    ValueError
        If the shapes differ or do not have two axes.

    Examples
    --------
    >>> causal = np.tri(3, dtype=bool)
    >>> compare(causal, causal)
    'no pair leaks; every allowed pair is used'
    >>> compare(causal | np.eye(3, k=1, dtype=bool), causal)
    '2 pairs leak: query 0 sees key 1, query 1 sees key 2; every allowed pair is used'
    >>> compare(causal & (np.arange(3) != 1), causal)
    'no pair leaks; 2 allowed pairs unused: query 1 never sees key 1, query 2 never sees key 1'
    """
    measured, allowed = require_mask("measured", measured), require_mask("allowed", allowed)
    if measured.shape != allowed.shape or allowed.ndim != 2:
        raise ValueError(
            f"measured and allowed must have one shape (queries, keys), "
            f"got {measured.shape} and {allowed.shape}"
        )
    leaks, unused = np.argwhere(measured & ~allowed), np.argwhere(allowed & ~measured)
    leaking = "no pair leaks"
    if len(leaks):
        verb = "pair leaks" if len(leaks) == 1 else "pairs leak"
        leaking = f"{len(leaks)} {verb}: {_listed(leaks, 'sees')}"
    idle = "every allowed pair is used"
    if len(unused):
        noun = "pair" if len(unused) == 1 else "pairs"
        idle = f"{len(unused)} allowed {noun} unused: {_listed(unused, 'never sees')}"
    return f"{leaking}; {idle}"


def _by_perturbation(model, inputs, trials, rng, vocabulary):
    n = len(inputs)
    draw = _id_drawer(inputs, rng, vocabulary) if inputs.ndim == 1 else _float_drawer(inputs, rng)
    unchanged = np.repeat(inputs[None], n, axis=0)  # (n copies, n) or (n copies, n, d)
    expected = _run(model, unchanged)  # (n copies, n_out, ...)
    if not np.array_equal(expected, _run(model, unchanged)):
        raise ValueError(
            "model gives two different outputs for the same inputs; "
            "switch off its randomness, for example with `lambda x: model(x, training=False)`"
        )
    found = np.zeros((expected.shape[1], n), dtype=bool)
    for _ in range(trials):
        changed = unchanged.copy()
        changed[np.arange(n), np.arange(n)] = draw()  # copy j differs at position j
        differs = _run(model, changed) != expected
        found |= differs.reshape(*differs.shape[:2], -1).any(axis=-1).T  # (n_out, n)
    return found


def _id_drawer(ids, rng, vocabulary):
    """A function that draws for each position an id that is not the position's own."""
    vocabulary = int(ids.max()) + 2 if vocabulary is None else vocabulary
    vocabulary = require_int("vocabulary", vocabulary, minimum=2)
    outside = ids[(ids < 0) | (ids >= vocabulary)]
    if outside.size:
        raise ValueError(f"ids must lie in 0..{vocabulary - 1} (vocabulary - 1), got {outside[0]}")
    return lambda: (ids + rng.integers(1, vocabulary, size=len(ids))) % vocabulary


def _float_drawer(vectors, rng):
    """A function that draws new vectors, on the scale of the given ones."""
    scale = max(1.0, float(np.abs(vectors).max()))
    return lambda: scale * rng.normal(size=vectors.shape)


def _by_gradient(model, inputs, trials, rng):
    import tensorflow as tf  # only here: perturbation needs NumPy alone

    n_out = _run(model, inputs[None]).shape[1]
    copies = tf.constant(np.repeat(inputs[None], n_out, axis=0))  # copy i is for output i
    found = np.zeros((n_out, len(inputs)), dtype=bool)
    for _ in range(trials):
        with tf.GradientTape() as tape:
            tape.watch(copies)
            outputs = tf.convert_to_tensor(model(copies))  # (n_out copies, n_out, ...)
            projection = np.zeros(outputs.shape)
            own = np.arange(n_out)
            # Random signs, for a plain sum can cancel: the outputs of a softmax sum to 1.
            projection[own, own] = rng.normal(size=projection[own, own].shape)
            total = tf.reduce_sum(outputs * tf.cast(projection, outputs.dtype))
        gradient = tape.gradient(total, copies)
        if gradient is None:
            raise ValueError(
                "no gradient reaches the inputs: the model leaves TensorFlow or ignores its "
                "inputs; use method='perturbation'"
            )
        gradient = tf.convert_to_tensor(gradient).numpy()  # (n_out, n, d)
        if not np.isfinite(gradient).all():
            i, j = np.argwhere(~np.isfinite(gradient))[0][:2]
            raise ValueError(f"gradient of output {i} by input {j} is not finite")
        slopes = np.abs(gradient).max(axis=-1)  # (n_out, n)
        rounding = ROUNDING * np.finfo(gradient.dtype).eps * slopes.max(axis=1, keepdims=True)
        found |= slopes > rounding
    return found


def _run(model, batch):
    """The model's output as an array (batch, n_out, ...), or an error that says what it is not."""
    outputs = model(batch)
    if isinstance(outputs, (tuple, list, dict)):
        raise TypeError(
            f"model must return one array, got a {type(outputs).__name__}; "
            f"pick one, for example with `lambda x: model(x)[0]`"
        )
    outputs = np.asarray(outputs)
    positions = batch.shape[1]
    if outputs.ndim < 2 or len(outputs) != len(batch):
        raise ValueError(
            f"model must return shape (batch, positions, ...) for a batch of {len(batch)}, "
            f"got shape {outputs.shape}"
        )
    if outputs.ndim == 2 and outputs.shape[1] != positions:
        raise ValueError(
            f"model returned shape {outputs.shape} for {positions} input positions: a vector for "
            f"the whole sequence is one output position, `lambda x: model(x)[:, None]`; numbers "
            f"that are positions are `lambda x: model(x)[:, :, None]`"
        )
    if not np.isfinite(outputs).all():
        position = np.argwhere(~np.isfinite(outputs))[0][1]
        raise ValueError(
            f"model output is not finite at output position {position}; "
            f"NaN differs from itself, so that nothing could be compared"
        )
    return outputs


def _require_sample(inputs):
    inputs = np.asarray(inputs)
    if (inputs.ndim, inputs.dtype.kind) not in ((1, "i"), (1, "u"), (2, "f")) or not inputs.size:
        raise TypeError(
            "inputs must be one sample without batch axis, integer ids of shape (n,) or floats of "
            f"shape (n, d), not empty; got dtype {inputs.dtype} and shape {inputs.shape}"
        )
    if not np.isfinite(inputs).all():
        raise ValueError("inputs must be finite, got NaN or inf")
    if inputs.ndim == 1 and inputs.dtype != np.int32:
        inputs = inputs.astype(np.int64)  # a drawn id must not wrap around in a small type
    return inputs


def _listed(pairs, verb, longest=6):
    """The pairs in words; beyond `longest` only how many more."""
    words = [f"query {i} {verb} key {j}" for i, j in pairs[:longest]]
    more = len(pairs) - len(words)
    return ", ".join(words) + (f", and {more} more" if more else "")
