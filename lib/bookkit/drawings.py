"""Small coloured drawings of ten kinds of things: emoji, as the OpenMoji project drew them.

Drawn to the size that is asked for, from a font; one drawing for each thing, no variants.
"""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bookkit import assets

ASSET = "openmoji-font"

# Sorted after the groups of Unicode's list of emoji. Left out is what could be in two kinds, such
# as whales among the fish, and what is drawn nearly like another.
KINDS = {
    "mammal": (
        "🐒🦍🦧🐶🐕🦮🐩🐺🦊🦝🐱🐈🦁🐯🐅🐆🐴🫎🫏🐎🦓🦌🦬🐮"
        "🐂🐃🐄🐷🐖🐗🐏🐑🐐🐪🐫🦙🦒🐘🦣🦏🦛🐭🐁🐀🐹🐰🐇🐿"
        "🦫🦔🦇🐻🐨🐼🦥🦦🦨🦘🦡"
    ),
    "other animal": (
        "🦃🐔🐓🐣🐤🐥🐦🐧🕊🦅🦆🦢🦉🦤🦩🦚🦜🪿🐸🐊🐢🦎🐍🦕"
        "🦖🐟🐠🐡🦈🐙🪼🦀🦞🦐🦑🐌🦋🐛🐜🐝🪲🐞🦗🪳🕷🦂🦟🪰"
        "🪱🦪"
    ),
    "plant": (
        "🍇🍈🍉🍊🍋🍌🍍🥭🍎🍏🍐🍑🍒🍓🫐🥝🍅🫒🥥🥑🍆🥔🥕🌽"
        "🌶🫑🥒🥬🥦🧄🧅🥜🫘🌰🫚🫛💐🌸🌹🥀🌺🌻🌼🌷🪻🌱🪴🌲"
        "🌳🌴🌵🌾🌿☘🍀🍁🍂🍃"
    ),
    "dish": (
        "🍞🥐🥖🫓🥨🥯🥞🧇🧀🍖🍗🥩🥓🍔🍟🍕🌭🥪🌮🌯🫔🥙🧆🥚"
        "🍳🥘🍲🫕🥣🥗🍿🧈🥫🍱🍘🍙🍚🍛🍜🍝🍢🍣🍤🍥🥮🍡🥟🥠"
        "🥡🍦🍧🍨🍩🍪🎂🍰🧁🥧🍫🍬🍭🍮"
    ),
    "vehicle": (
        "🚂🚃🚄🚅🚆🚇🚈🚊🚝🚞🚋🚌🚍🚎🚐🚑🚒🚓🚔🚕🚖🚗🚘🚙"
        "🛻🚚🚛🚜🏎🏍🛵🦽🦼🛺🚲🛴⛵🛶🚤🛳⛴🛥🚢✈🛩🛫🛬🚁"
        "🚟🚠🚡🚀🛸"
    ),
    "place": (
        "🏟🏛🏗🏘🏚🏠🏡🏢🏣🏤🏥🏦🏨🏩🏪🏫🏬🏭🏯🏰💒🗼🗽⛪"
        "🕌🛕🕍⛩🕋⛲⛺🌁🌃🏙🌄🌅🌆🌇🌉🎠🎡🎢🎪🏕🏖🏜🏝🏞"
        "⛰🏔🗻🌋🛖"
    ),
    "clothing": (
        "👓🕶🥽🥼🦺👔👕👖🧣🧤🧥🧦👗👘🥻🩱🩲🩳👙👚👛👜👝🎒"
        "🩴👞👟🥾🥿👠👡🩰👢👑👒🎩🎓🧢🪖⛑💍🎀🌂☂📿🎽🥋💼"
        "🧳⌚"
    ),
    "face": (
        "😀😃😄😁😆😅🤣😂🙂🙃😉😊😇🥰😍🤩😘😗😚😙😋😛😜🤪"
        "😝🤑🤗🤭🤫🤔🤐🤨😐😑😶😏😒🙄😬🤥😌😔😪🤤😴😷🤒🤕"
        "🤢🤮🤧🥵🥶🥴😵🤯🤠🥳😎🤓🧐"
    ),
    "household": (
        "🔨⛏🛠🪓🪚🔧🪛🔩⚙🗜⚖🔗⛓🧰🧲🪜🧪🔬🔭🩹🩺🚪🪑🛏"
        "🛋🚽🚿🛁🪒🧴🧷🧹🧺🧻🪣🧼🪥🧽🧯🛒🔑🗝🔒🔓🪠🪤🪞🪟"
        "🧵🪡🧶🕯💡🔦🏮🍴🥄🔪🏺"
    ),
    "office": (
        "📱☎📞📟📠🔋🔌💻🖥🖨⌨🖱💽💾💿🎥🎞📽🎬📺📷📸📹📼"
        "📔📕📖📗📘📚📓📒📃📜📄📰🏷✉📧📨📦📫📮✏✒🖋🖊🖌"
        "🖍📝📁📂📅📆📇📈📊📋📌📎📏📐✂🗃🗄🗑"
    ),
}


def load_drawings(size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Return all drawings and the kind of each.

    Parameters
    ----------
    size : int
        Height and width in pixels, at least 16. The longer side of a drawing fills most of it.

    Returns
    -------
    images : uint8 array (571, size, size, 3)
        Red, green, blue, 0 to 255, on white.
    labels : int array (571,)
        Positions in `KINDS`.

    Raises
    ------
    ValueError
        If `size` is below 16.
    """
    if size < 16:
        raise ValueError(f"size must be at least 16 pixels, got {size}")
    images = np.stack([_draw(sign, size) for signs in KINDS.values() for sign in signs])
    labels = np.repeat(np.arange(len(KINDS)), [len(signs) for signs in KINDS.values()])
    return images, labels


def _draw(sign: str, size: int) -> np.ndarray:
    """Draw one sign in the middle of a white square."""
    image = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(image)
    font = _font(int(0.7 * size))
    left, top, right, bottom = pen.textbbox((0, 0), sign, font=font)
    place = ((size - left - right) / 2, (size - top - bottom) / 2)
    pen.text(place, sign, font=font, embedded_color=True)
    return np.asarray(image)


@functools.cache
def _font(height: int):
    # the plain layout, for the other one is there only where a further library is installed
    engine = ImageFont.Layout.BASIC
    return ImageFont.truetype(assets.fetch(ASSET), height, layout_engine=engine)
