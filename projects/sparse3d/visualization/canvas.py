"""A picture to draw into, in pixels: title, legend, labels that keep clear of each other."""
from __future__ import annotations

import io
import os
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from sparse3d.visualization.picture_files import as_text, save_figure
from sparse3d.visualization.placed_labels import Label, Rectangle, text_size, write_labels
from sparse3d.visualization.style import Style

DOTS = 100      # per inch
MARGIN = 8      # pixels round title and legend
LEAST_FONT = 6.0
CROSS, RING = 'x', 'o'      # marks of a wrong detection and of a missed object


class Canvas:
    """A picture of a size with axes in pixels over all of it: u right, v down.

    Args:
        size: width and height in pixels.
        style: whose colors it has.
        image: (H, W, 3) uint8 RGB to draw over, or None.
    """

    def __init__(self, size: tuple[int, int], style: Style,
                 image: np.ndarray | None = None) -> None:
        self.size, self.style = size, style
        self.figure = Figure(figsize=(size[0] / DOTS, size[1] / DOTS), dpi=DOTS,
                             facecolor=style.theme.background)
        self.agg = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.taken: list[Rectangle] = []
        if image is not None:
            self.axes.imshow(image, interpolation='nearest', aspect='auto',
                             extent=(0, size[0], size[1], 0))
        self.axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
        self.axes.axis('off')

    def title(self, text: str, font_size: float = 11.0) -> float:
        """Write a line at the top left, smaller or shortened if it is long; gives where it ends."""
        text = as_text(text)
        width, height = text_size(text, font_size, DOTS)
        room = self.size[0] - 2 * MARGIN
        while width > room and len(text) > 4:
            if font_size > LEAST_FONT:
                font_size = max(font_size - 1, LEAST_FONT)
            else:
                middle = len(text) // 2 - 1
                text = f'{text[:middle - 2]}…{text[middle + 2:]}'
            width, height = text_size(text, font_size, DOTS)
        self.axes.text(MARGIN, MARGIN + height / 2, text, color=self.style.theme.text, va='center',
                       fontsize=font_size, zorder=8,
                       bbox={'facecolor': self.style.theme.background, 'alpha': 0.75,
                             'edgecolor': 'none', 'pad': 2})
        self.taken.append((0, 0, width + 2 * MARGIN, height + 2 * MARGIN))
        return height + 2 * MARGIN

    def legend(self, handles: Sequence[Artist], top: float, font_size: float = 9.0) -> float:
        """Put a legend in as few lines as its width takes; gives where it ends below."""
        if not handles:
            return top
        widths = [text_size(str(handle.get_label()), font_size, DOTS)[0] + 4.6 * font_size
                  for handle in handles]
        columns = int(np.clip((self.size[0] - 2 * MARGIN) // max(widths), 1, len(handles)))
        legend = self.axes.legend(
            handles=handles, loc='upper left', ncols=columns, fontsize=font_size, borderpad=0.3,
            bbox_to_anchor=(MARGIN / self.size[0], 1 - top / self.size[1]), borderaxespad=0,
            columnspacing=1.2, handlelength=2.2, facecolor=self.style.theme.background,
            framealpha=0.75, edgecolor='none', labelcolor=self.style.theme.text)
        legend.set_zorder(8)
        box = legend.get_window_extent(self.agg.get_renderer())
        place = (box.x0, self.size[1] - box.y1, box.x1, self.size[1] - box.y0)
        self.taken.append(place)
        return place[3] + MARGIN / 2

    def marks(self, pixels: np.ndarray, marker: str) -> None:
        """Put marks of mistakes on places (M, 2) that catch the eye before any text."""
        inside = ((pixels >= 0) & (pixels <= np.array(self.size))).all(axis=-1)
        self.taken += [(u - 8, v - 8, u + 8, v + 8) for u, v in pixels[inside]]
        if inside.any():
            self.axes.scatter(
                *pixels[inside].T, s=95, marker=marker, linewidths=2.0, zorder=5.5,
                color=[self.style.theme.text] if marker == CROSS else None,
                facecolors=None if marker == CROSS else 'none',
                edgecolors=None if marker == CROSS else [self.style.theme.text],
                path_effects=[Stroke(linewidth=4.0, foreground=self.style.theme.background),
                              Normal()])

    def labels(self, labels: Sequence[Label], font_size: float = 8.0,
               bottom: float = MARGIN) -> int:
        """Write labels, the first ones first; says, so many pixels from the bottom, how many found
        no room."""
        # what lies outside is not there to be named
        labels = [label for label in labels if 0 <= label.anchor[0] <= self.size[0]
                  and 0 <= label.anchor[1] <= self.size[1]]
        left_out = write_labels(self.axes, labels, self.size, font_size, DOTS,
                                self.style.theme.background, self.taken)
        if left_out:
            plural = 's' if left_out > 1 else ''
            self.axes.text(self.size[0] - MARGIN, self.size[1] - bottom,
                           f'{left_out} label{plural} without room', fontsize=7, ha='right',
                           va='bottom', color=self.style.theme.text, zorder=8,
                           path_effects=self.style.halo)
        return left_out

    def array(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        self.agg.draw()
        return np.asarray(self.agg.buffer_rgba())[..., :3].copy()

    def save(self, path: str | os.PathLike) -> None:
        """Write it; PNG, PDF or SVG by the name.

        Raises:
            DataError: if the file cannot be written.
        """
        save_figure(self.figure, path, DOTS)

    def encoded(self, kind: str) -> io.BytesIO:
        """As a file of a kind, in memory."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format=kind, dpi=DOTS, facecolor=self.figure.get_facecolor())
        return buffer
