"""How pictures look: one object that every drawing takes."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparse3d.errors import ConfigError
from sparse3d.visualization.colors import (
    DARK,
    THEMES,
    Color,
    Theme,
    class_color,
    class_colors,
    track_color,
)
from sparse3d.visualization.frame import Boxes, Frame

if TYPE_CHECKING:
    from matplotlib.patheffects import Normal, Stroke

VIEWS = ('behind', 'front', 'top', 'follow', 'fit')
MAX_PIXELS = 8192


@dataclass(frozen=True)
class Style:
    """What a user chooses of the looks of pictures.

    Attributes:
        theme: colors.
        view: where the 3D view is seen from, one of ``VIEWS``: from behind and above; from ahead,
            looking back; from above; close behind; from where all boxes and points fit in.
        size: width and height of the 3D view in pixels; other pictures have the same height.
        point_size: diameter of a point of the 3D view in pixels.
        zoom: 2 is twice as near.
        color_by: see :func:`sparse3d.visualization.colored_points.colored_points`.

    Raises:
        ConfigError: for values that no picture can have.
    """

    theme: Theme = DARK
    view: str = 'behind'
    size: tuple[int, int] = (1600, 900)
    point_size: float = 2.2
    zoom: float = 1.0
    color_by: str = 'height'

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise ConfigError(f'there is no view {self.view!r}; there are {", ".join(VIEWS)}')
        if not all(64 <= side <= MAX_PIXELS for side in self.size):
            raise ConfigError(f'a picture of {self.size[0]} x {self.size[1]} pixels cannot be '
                              f'drawn; each side has 64 to {MAX_PIXELS}')
        for name in ('point_size', 'zoom'):
            if not 0 < getattr(self, name) < np.inf:
                raise ConfigError(f'{name} is {getattr(self, name)}; it has to be above 0')

    @classmethod
    def named(cls, theme: str = 'dark', size: str | None = None, **others) -> Style:
        """From what a command line brings: the theme by name, the size as ``1600x900``.

        Raises:
            ConfigError: for an unknown theme or a size that is none.
        """
        if theme not in THEMES:
            raise ConfigError(f'there is no theme {theme!r}; there are {", ".join(THEMES)}')
        if size is not None:
            parts = size.lower().split('x')
            if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
                raise ConfigError(f'the size {size!r} is none; write it as 1600x900')
            others['size'] = (int(parts[0]), int(parts[1]))
        return cls(theme=THEMES[theme], **others)

    def color(self, frame: Frame, label: int) -> Color:
        """Of a class of a frame."""
        if 0 <= label < len(frame.class_names):
            return class_colors(frame.class_names, self.theme)[label]
        return class_color(label, self.theme)

    def colors(self, frame: Frame, labels: np.ndarray) -> list[Color]:
        """Of some classes of a frame."""
        known = class_colors(frame.class_names, self.theme)
        return [known[label] if 0 <= label < len(known) else class_color(label, self.theme)
                for label in np.asarray(labels).tolist()]

    def box_colors(self, frame: Frame, boxes: Boxes) -> list[Color]:
        """Of some boxes of a frame: by identity where they are tracks, else by class."""
        if boxes.track_ids is None:
            return self.colors(frame, boxes.labels)
        return [track_color(one, self.theme) for one in np.asarray(boxes.track_ids).tolist()]

    def trail_colors(self, frame: Frame) -> list[Color]:
        """Of the trails of a frame: by identity where it is known, else by class."""
        if not frame.trail_ids:
            return self.colors(frame, np.array([label for label, _ in frame.trails], np.int64))
        return [track_color(one, self.theme) for one in frame.trail_ids]

    @property
    def halo(self) -> tuple[Stroke, Normal]:
        """Round letters, so that they are read on anything."""
        from matplotlib.patheffects import Normal, Stroke
        return Stroke(linewidth=2.5, foreground=self.theme.background), Normal()


DEFAULT = Style()
