"""Curves of several data sets' sweeps in one picture: simulated against real."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure

from sparse3d.visualization.picture_files import save_figure


class Curves(Protocol):
    """Numbers of one data set, see :mod:`sparse3d.metrics.sweep_statistics`."""

    @property
    def source(self) -> str: ...

    @property
    def frames(self) -> int: ...

    @property
    def points(self) -> np.ndarray: ...

    @property
    def heights(self) -> np.ndarray: ...

    def quantiles(self, shares: Sequence[float] = (.1, .5, .9)) -> np.ndarray:
        """Points of an object by distance: 10 %, 50 % and 90 %."""


def draw_statistics(found: Sequence[Curves], distances: np.ndarray, path: str | os.PathLike,
                    ) -> None:
    """Draw points of an object by distance, points of a frame, and heights of points.

    Args:
        found: numbers of each data set.
        distances: edges in meters.
        path: the file to write; PNG, PDF or SVG.
    """
    figure = Figure(figsize=(13, 4.2), layout='constrained')
    objects, points, heights = figure.subplots(1, 3)
    middle = (distances[:-1] + distances[1:]) / 2
    for one in found:
        low, median, high = one.quantiles().T
        line, = objects.plot(middle, median, 'o-', label=f'{one.source} ({one.frames} frames)')
        objects.fill_between(middle, low, high, alpha=.12, color=line.get_color())
        points.plot(middle, one.points, 'o-', color=line.get_color())
        heights.plot(range(len(one.heights)), one.heights, 'o-', color=line.get_color())
    _name(objects, 'points of a car: 10 %, median, 90 %', 'distance [m]', log=True)
    _name(points, 'points of a frame', 'distance [m]', log=True)
    _name(heights, 'share of points by height', 'above the ground')
    heights.set_xticks(range(6), ['lower', 'ground', '0.3', '1', '2', '4 m on'])
    objects.legend()
    save_figure(figure, path)


def _name(axes: Any, title: str, x: str, log: bool = False) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    if log:
        axes.set_yscale('log')
