"""What `thrifty.masking.trace` returns, and how it finds the layer to blame."""

import dataclasses
import textwrap

from thrifty._remedies import remedy


@dataclasses.dataclass(frozen=True)
class Row:
    """One call of a layer or operation, as `trace` saw it.

    Attributes
    ----------
    name, kind : str
        The layer's name, after those of the layers it is in, and its class. An operation of a
        Functional model is named by its class; what code between the layers of a custom layer or
        model computed is "(operations)".
    mask_in : str
        "yes", "no", "1 of 2" where only some inputs carry one, or "argument" where it was given as
        an argument. A Functional model does that by itself: it notes the masks when it is built.
    mask_out : bool
        Whether the output carries a mask.
    verdict : str
        "makes a mask", "passes on", "uses and passes on", "uses and drops", "ignores and drops",
        "gets no mask".
    unchanged : bool or None
        Whether the output is independent of the padding at the real positions; None if it cannot
        be told which positions belong together.
    difference : float or None
        The largest change.
    inputs : tuple of int
        Numbers of the rows whose outputs it was given.
    """

    name: str
    kind: str
    mask_in: str
    mask_out: bool
    verdict: str
    unchanged: bool | None
    difference: float | None
    inputs: tuple


@dataclasses.dataclass(frozen=True)
class Trace:
    """What `trace` found: iterate for the rows, print for a table.

    Attributes
    ----------
    rows : tuple of Row
        In the order in which the calls end.
    ok : bool or None
        Whether the model's output is independent of the padding; None if that cannot be told.
    output_masked : bool
        Whether the model's output carries a mask, so that `fit` leaves the padding out of the loss.
    changed : Row or None
        The first call whose output depends on the padding.
    lost : Row or None
        The call where the mask died for it or, if nothing changes, the first that drops one.
    sentence : str
        Both in words, and the remedy.
    method : str
        "more padding", or "noise in the padding" for a model that takes one length only.
    """

    rows: tuple
    ok: bool | None
    output_masked: bool
    changed: Row | None
    lost: Row | None
    sentence: str
    method: str

    def __iter__(self):
        return iter(self.rows)

    def __len__(self):
        return len(self.rows)

    def __str__(self):
        marks = {True: "same", False: "changes", None: "?"}
        table = [("layer", "class", "mask in", "mask out", "verdict", "with more padding")]
        for row in self.rows:
            out = "yes" if row.mask_out else "no"
            mark = marks[row.unchanged]
            table.append((row.name, row.kind, row.mask_in, out, row.verdict, mark))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        said = textwrap.fill(self.sentence, max(len(lines[0]), 72), break_on_hyphens=False)
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", said])

    def to_dict(self):
        """Everything as plain data, for a drawing: rows as dicts, `inputs` as their edges."""
        return dataclasses.asdict(self)


def _row(call, unchanged, largest):
    masks = "yes" if call.masks and all(call.masks) else "no"
    if any(call.masks) and not all(call.masks):
        masks = f"{sum(call.masks)} of {len(call.masks)}"
    return Row(
        name=call.name,
        kind=call.kind,
        mask_in="argument" if call.as_argument else masks,
        mask_out=call.mask_out,
        verdict=what_it_does(call.mask_in, call.mask_out, call.used),
        unchanged=unchanged,
        difference=largest,
        inputs=call.inputs,
    )


def what_it_does(mask_in, mask_out, used):
    if not mask_in:
        return "makes a mask" if mask_out else "gets no mask"
    if mask_out:
        return "uses and passes on" if used else "passes on"
    return "uses and drops" if used else "ignores and drops"


def report(calls, found, masked, positions, method):
    """The `Trace` of the recorded calls; `found` is (unchanged, difference) of each, and at the
    end of the output, which carries a mask (`masked`) and has one vector a position (`positions`).
    """
    rows = tuple(_row(call, *change) for call, change in zip(calls, found[:-1], strict=True))
    ok = found[-1][0]
    first = next((i for i, row in enumerate(rows) if row.unchanged is False), None)
    if ok is False:
        culprit = None if first is None else _culprit(calls, first)
        changed = None if first is None else rows[first]
    else:
        changed = None
        drops = [i for i, row in enumerate(rows) if row.verdict == "ignores and drops"]
        culprit = drops[0] if drops else None
    lost = None if culprit is None else rows[culprit]
    why = "" if culprit is None else f"{lost.name!r} ({lost.kind}): {remedy(calls[culprit])}."
    if ok is False:
        sentence = _blame(changed, lost, why)
    elif ok is None:
        sentence = (
            "Whether the output depends on the padding cannot be told: its length is neither that "
            "of the inputs nor fixed. Trace the model up to a layer before, or pool the output."
        )
    else:
        sentence = "The output does not depend on the padding."
        if positions and not masked and any(row.mask_out for row in rows):
            sentence = (
                f"{sentence[:-1]} at the real positions, but it carries no mask, so that loss and "
                f"metrics count the padding."
            )
            sentence += f" The mask was lost at {why}" if why else ""
    return Trace(rows, ok, masked, changed, lost, sentence, method)


def _blame(changed, lost, why):
    if changed is None:
        return "The output depends on the padding, by code outside the layers."
    place = f"{changed.name!r} ({changed.kind})"
    if lost is None:
        return (
            f"The output depends on the padding, first at {place}, and no mask was ever made for "
            f"it: use Embedding(mask_zero=True) or Masking, or give `mask=` by hand."
        )
    if lost is changed:
        return f"The output depends on the padding, first at {why}"
    return f"The output depends on the padding, first at {place}. The mask was lost at {why}"


def _culprit(calls, first):
    """The number of the call where the mask of call `first` died; None if there never was one."""
    return first if calls[first].mask_in else _death_before(calls, first)


def _death_before(calls, first):
    """The nearest call before call `first` that was given a mask and handed none on."""
    seen, queue = set(), [first]
    while queue:
        number = queue.pop(0)
        for taker in range(number):
            if set(calls[taker].takes) & set(calls[number].tensors):
                return taker
        for parent in sorted(calls[number].inputs, reverse=True):
            if parent in seen or calls[parent].mask_out:
                continue
            seen.add(parent)
            if calls[parent].mask_in:
                # Merged with an input that had lost its mask before: that is where it died.
                earlier = None if all(calls[parent].masks) else _death_before(calls, parent)
                return parent if earlier is None else earlier
            queue.append(parent)
    return None
