"""Labels beside what they name: never over each other, never out of the picture."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import Normal, Stroke

Rectangle = tuple[float, float, float, float]   # left, top, right, bottom in pixels, y down

GAP = 2.0       # pixels between two labels
MARK = 9.0      # pixels from the middle of a mark to its edge
STRONGER = 1.0  # points by which a strong label is larger
STEPS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Label:
    """A text and the pixel that it belongs to.

    Attributes:
        anchor: u, v in pixels, v down.
        reach: distance in pixels that the text keeps from the anchor, e.g. the half of a box.
        strong: written larger and on a ground of its color, so that it is seen first.
    """

    text: str
    anchor: tuple[float, float]
    color: tuple
    reach: tuple[float, float] = (4.0, 4.0)
    strong: bool = False


def place_labels(anchors: np.ndarray, reaches: np.ndarray, sizes: np.ndarray,
                 picture: tuple[float, float],
                 taken: Sequence[Rectangle] = ()) -> list[Rectangle | None]:
    """Where labels go, the first ones first; None for one that has no room.

    Tried are above, right, left and below the anchor, then the same further away.

    Args:
        anchors: (N, 2) pixels u, v.
        reaches: (N, 2) what to keep free to the side and up or down.
        sizes: (N, 2) width and height of each text.
        picture: width and height.
        taken: rectangles that stay free: titles, legends.
    """
    width, height = picture
    used = list(taken)
    places: list[Rectangle | None] = []
    for (u, v), (side, up), (w, h) in zip(anchors, reaches, sizes, strict=True):
        places.append(None)
        for left, top in _candidates(u, v, side, up, w, h):
            box = (left, top, left + w, top + h)
            inside = left >= 0 and top >= 0 and box[2] <= width and box[3] <= height
            if inside and not any(_overlap(box, other) for other in used):
                places[-1] = box
                used.append(box)
                break
    return places


def _candidates(u: float, v: float, side: float, up: float, w: float, h: float):
    for step in STEPS:
        away = step * (h + GAP)
        yield u - w / 2, v - up - h - away
        yield u + side + away, v - h / 2
        yield u - side - w - away, v - h / 2
        yield u - w / 2, v + up + away
        if step:
            yield u + side, v - up - h - away
            yield u - side - w, v - up - h - away


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return (a[0] < b[2] + GAP and b[0] < a[2] + GAP and a[1] < b[3] + GAP and b[1] < a[3] + GAP)


@lru_cache(maxsize=4096)
def text_size(text: str, font_size: float, dots_per_inch: float) -> tuple[float, float]:
    """Width and height of a text in pixels."""
    from matplotlib.backends.backend_agg import RendererAgg
    renderer = RendererAgg(1, 1, dots_per_inch)
    width, height, descent = renderer.get_text_width_height_descent(
        text, FontProperties(size=font_size), False)
    return width + 2, height + descent


def write_labels(axes: Axes, labels: Sequence[Label], picture: tuple[float, float],
                 font_size: float, dots_per_inch: float, ground: tuple[float, float, float],
                 taken: Sequence[Rectangle] = ()) -> int:
    """Write labels into axes that cover a picture; those that stand apart get a thin line.

    Strong ones choose their places first.

    Args:
        axes: with pixels (u right, v down) as data.
        picture: width and height in pixels.
        ground: color of the background, on which the others stand half transparent.

    Returns:
        How many found no room.
    """
    if not labels:
        return 0
    labels = sorted(labels, key=lambda label: not label.strong)
    fonts = [font_size + STRONGER * label.strong for label in labels]
    sizes = np.array([text_size(label.text, font, dots_per_inch)
                      for label, font in zip(labels, fonts, strict=True)])
    sizes += [[4.0 * label.strong] * 2 for label in labels]
    places = place_labels(np.array([label.anchor for label in labels]),
                          np.array([np.maximum(label.reach, MARK * label.strong)
                                    for label in labels]), sizes, picture, taken)
    for label, font, place in zip(labels, fonts, places, strict=True):
        if place is None:
            continue
        u, v = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
        behind = dict(facecolor=label.color if label.strong else ground, edgecolor='none',
                      alpha=1.0 if label.strong else 0.6, pad=2.0 if label.strong else 0.4)
        axes.text(u, v, label.text, color=readable_on(label.color) if label.strong else label.color,
                  fontsize=font, ha='center', va='center', bbox=behind,
                  zorder=6.5 if label.strong else 6, path_effects=None if label.strong else [
                      Stroke(linewidth=1.5, foreground=ground), Normal()])
        nearest = (min(max(label.anchor[0], place[0]), place[2]),
                   min(max(label.anchor[1], place[1]), place[3]))
        apart = np.hypot(nearest[0] - label.anchor[0], nearest[1] - label.anchor[1])
        if apart > max(label.reach) + 8:
            axes.plot([nearest[0], label.anchor[0]], [nearest[1], label.anchor[1]],
                      color=label.color, linewidth=1.2 if label.strong else 0.6,
                      alpha=0.9 if label.strong else 0.7, zorder=5)
    return sum(place is None for place in places)


def readable_on(color: Sequence[float]) -> tuple[float, float, float]:
    """Black or white, whichever is read better on a color."""
    linear = np.asarray(color[:3], float) ** 2.2
    return (0.0, 0.0, 0.0) if linear @ [0.2126, 0.7152, 0.0722] > 0.18 else (1.0, 1.0, 1.0)
