"""Colors: a palette for classes on a dark and on a light ground, a ramp for points.

The two palettes of ten are told apart with normal sight, deuteranopia, protanopia and tritanopia:
the CIEDE2000 difference of any two of them is at least 12 under each of the four (a test computes
it). Ground truth has the color of its class and is dashed.
"""
from __future__ import annotations

import colorsys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Theme:
    """Colors that go together.

    Attributes:
        background: of all pictures.
        text: of titles, axes and velocities.
        ring: of the circles of distance.
        ground_truth: of labeled skeletons, where classes have no color.
        classes: ten, by class number.
        ramp: part of matplotlib's viridis that points by a quantity take.
    """

    name: str
    background: Color
    text: Color
    ring: Color
    ground_truth: Color
    classes: tuple[Color, ...]
    ramp: tuple[float, float]


DARK = Theme(
    'dark', (0.055, 0.065, 0.09), (0.93, 0.94, 0.96), (0.24, 0.27, 0.33), (0.66, 0.69, 0.74),
    classes=(
        (1.000, 0.550, 0.100),  # orange
        (0.350, 0.750, 1.000),  # sky blue
        (1.000, 0.917, 0.000),  # yellow
        (1.000, 0.167, 0.417),  # crimson
        (0.000, 0.583, 0.417),  # green
        (0.500, 0.417, 1.000),  # violet
        (1.000, 0.667, 0.750),  # pink
        (0.833, 0.917, 0.667),  # pale lime
        (0.417, 0.500, 0.083),  # olive
        (0.583, 0.417, 0.583),  # plum
    ), ramp=(0.22, 0.94))
LIGHT = Theme(
    'light', (1.0, 1.0, 1.0), (0.10, 0.12, 0.16), (0.80, 0.82, 0.86), (0.45, 0.48, 0.53),
    classes=(
        (0.800, 0.330, 0.000),  # orange
        (0.000, 0.450, 0.850),  # blue
        (0.417, 0.083, 0.167),  # maroon
        (0.500, 0.667, 0.500),  # sage
        (0.000, 0.083, 0.917),  # ultramarine
        (0.667, 0.417, 0.583),  # mauve
        (0.667, 0.000, 0.000),  # red
        (0.667, 0.583, 0.833),  # lavender
        (0.167, 0.167, 0.500),  # navy
        (0.583, 0.250, 0.417),  # plum
    ), ramp=(0.05, 0.80))
THEMES = {theme.name: theme for theme in (DARK, LIGHT)}

BACKGROUND, TEXT, GROUND_TRUTH, CLASSES = (
    DARK.background, DARK.text, DARK.ground_truth, DARK.classes)

# Where there are more classes than colors, what is alike shares one: words of a name, by color.
GROUPS = (
    ('truck', 'large', 'cab'), ('pedestrian', 'person', 'signaler', 'officer', 'human'),
    ('bicyclist', 'motorcyclist', 'rider', 'cyclist'), ('bus', 'railed', 'tram', 'train'),
    ('bicycle', 'motorcycle', 'bike'), ('trailer',),
    ('sign', 'cone', 'barrel', 'bollard', 'barrier', 'board'),
    ('stroller', 'wheelchair', 'device'), ('dog', 'animal'), ('vehicle', 'car', 'van'))


def class_color(label: int, theme: Theme = DARK) -> Color:
    """RGB in 0..1 of a class number; they repeat after ten."""
    return theme.classes[label % len(theme.classes)]


def track_color(identity: object, theme: Theme = DARK) -> Color:
    """RGB in 0..1 of an identity: the same in every frame, picture and run.

    Hues are spread evenly (golden ratio); numbers beside each other look different. Lightness
    follows the ground: bright on the dark one, dark on the light one.
    """
    word = str(identity)
    number = int(word) if word.isdecimal() and len(word) < 16 else zlib.crc32(word.encode())
    hue = number * 0.6180339887498949 % 1.0
    strong = number % 3 != 1       # two identities of nearly one hue differ in this mostly
    light = sum(theme.background) > 1.5
    saturation, value = (0.9 if strong else 0.6), (0.68 if light else 1.0)
    return colorsys.hsv_to_rgb(hue, saturation, value)


def class_colors(names: Sequence[str], theme: Theme = DARK) -> list[Color]:
    """RGB in 0..1 of each class; of more than ten, those of one group share a color."""
    if len(names) <= len(theme.classes):
        return [class_color(label, theme) for label in range(len(names))]
    return [theme.classes[_group(name)] for name in names]


def _group(name: str) -> int:
    words = name.lower().replace('-', '_').split('_')
    if words[-1:] == ['sign']:        # a sign that a pedestrian is on is a sign
        return 6
    order = (1, 2, 4, 5, 3, 0, 6, 7, 8, 9)
    return next((group for group in order if set(words) & set(GROUPS[group])), 9)


def point_colors(points: np.ndarray, by: str = 'height', theme: Theme = DARK) -> np.ndarray:
    """RGB of points by a quantity.

    Args:
        points: (N, >=3) in meters, z up; the fourth column is the intensity.
        by: ``'height'``, ``'intensity'`` or ``'time'`` (the last column: the age in seconds).
        theme: whose part of the ramp is taken.

    Returns:
        (N, 3) in 0..1. The ramp spans the 2nd to the 98th percentile.

    Raises:
        ValueError: if there is no such quantity.
    """
    from matplotlib import colormaps
    if by == 'height':
        values = points[:, 2]
    elif by == 'intensity' and points.shape[1] > 3:
        values = points[:, 3]
    elif by == 'time' and points.shape[1] > 4:
        values = points[:, -1]
    else:
        raise ValueError(f'points with {points.shape[1]} columns cannot be colored by {by!r}; '
                         f'choose height, intensity (a fourth column) or time (a fifth)')
    if len(values) == 0:
        return np.zeros((0, 3))
    low, high = np.percentile(values, [2, 98])
    ramp = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    first, last = theme.ramp
    return colormaps['viridis'](first + (last - first) * ramp)[:, :3]
