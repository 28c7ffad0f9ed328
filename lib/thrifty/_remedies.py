"""One sentence a layer: why the mask is gone behind it, and what to do."""

_BY_HAND = "give `mask=` by hand to the layers after it"
_OPERATION = (
    "an operation on tensors passes no mask on; use a layer that does, or write a Layer with "
    "`supports_masking = True`, or {by_hand}"
)
_MERGING = (
    "it passes a mask on only if every input carries one; give all its inputs the mask, "
    "or {by_hand}"
)
_LAYERS = {
    "Conv1D": (
        "it passes no mask on, and its window reaches into the padding; set the padding to zero "
        "before it, and {by_hand}"
    ),
    "Flatten": "it makes the padding into features; pool over the positions instead",
    "GlobalMaxPooling1D": "it ignores the mask; use thrifty.layers.MaskedMaxPooling",
    "Lambda": "it passes no mask on; write a Layer with `supports_masking = True` instead",
    "MultiHeadAttention": (
        "it takes the mask off the tensors it is given; call the other layers on them first, or "
        "{by_hand}"
    ),
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), _MERGING),
}
_LAYERS.update(
    dict.fromkeys(
        ("MaxPooling1D", "AveragePooling1D", "UpSampling1D", "ZeroPadding1D", "Cropping1D"),
        "it changes the length and passes no mask on; make the mask of the new length yourself "
        "and {by_hand}",
    )
)
_OWN = (
    "a layer passes a mask on only with `supports_masking = True`, and uses it only if its "
    "`call` takes `mask=None`"
)


def remedy(call):
    """What the call does to the mask and what to do about it, without the layer's name."""
    module = type(call.operation).__module__
    if call.kind == "operations" or module.startswith("keras.src.ops."):
        sentence = _OPERATION
    elif module.startswith("keras."):
        sentence = _LAYERS.get(call.kind, "it passes no mask on; {by_hand}")
    else:
        sentence = _OWN
    return sentence.format(by_hand=_BY_HAND)
