"""Trucks, buses and trailers: what is no car and must not be taken for one."""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.anywhere.bodies import GLASS_COLOR
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import Color, Mesh, box, cylinder, fit, frustum, merge

KINDS = ('box_truck', 'semi_trailer', 'bus', 'flatbed', 'trailer')
_SHARES = (.4, .15, .25, .12, .08)
Size = tuple[float, float, float]


def draw_large_vehicle(rng: np.random.Generator) -> tuple[str, Size]:
    """A kind, and its length, width and height [m]."""
    kind = KINDS[rng.choice(len(KINDS), p=_SHARES)]
    limits = {'box_truck': ((6.2, 2.1, 2.6), (10.5, 2.6, 3.8)),
              'semi_trailer': ((12., 2.4, 3.4), (17., 2.6, 4.1)),
              'bus': ((8.5, 2.3, 2.8), (13., 2.6, 3.4)),
              'flatbed': ((6.2, 2.1, 2.2), (9., 2.5, 3.0)),
              'trailer': ((6.2, 2.0, 2.0), (9., 2.5, 3.2))}[kind]
    return kind, tuple(float(value) for value in np.round(rng.uniform(*limits), 2))


def build_large_vehicle(kind: str, size: Size, color: Color, rng: np.random.Generator) -> Mesh:
    """Mesh that fills ``size`` (length, width, height in meters)."""
    length, width, height = size
    front = length / 2
    wheels = _wheels(size, (front - rng.uniform(1., 1.6), -front + rng.uniform(.9, 1.4),
                            -front + rng.uniform(2.1, 2.8)))
    if kind == 'bus':
        parts = _bus(size, color)
    elif kind == 'trailer':
        parts = [box((0, 0, (.6 + height) / 2), (length, .98 * width, height - .6),
                     Material.METAL, color)]
    else:
        cab = rng.uniform(1.7, 2.6)
        load = length - cab - rng.uniform(.1, .6)
        cargo_height = .35 if kind == 'flatbed' else height - .95
        parts = [*_cab(size, cab, color),
                 box((-front + load / 2, 0, .95 + cargo_height / 2), (load, width, cargo_height),
                     Material.METAL, rng.uniform(.2, .9, 3)),
                 box((-.1, 0, .7), (length - .4, .5 * width, .5), Material.METAL, (.15,) * 3)]
    return fit(merge([*parts, *wheels]), size)


def _cab(size: Size, length: float, color: Color) -> list[Mesh]:
    front, width, height = size[0] / 2, size[1], min(size[2], 3.2)
    shell = frustum((front - length, front, -.48 * width, .48 * width),
                    (front - length, front - .2, -.46 * width, .46 * width),
                    (.5, height), Material.PAINT, color)
    window = box((front - .14, 0, .66 * height), (.22, .84 * width, .22 * height),
                 Material.GLASS, GLASS_COLOR)
    return [shell, window]


def _bus(size: Size, color: Color) -> list[Mesh]:
    length, width, height = size
    low = box((0, 0, (.35 + .42 * height) / 2), (length, .98 * width, .42 * height - .35),
              Material.PAINT, color)
    band = box((0, 0, .6 * height), (.99 * length, .96 * width, .36 * height), Material.GLASS,
               GLASS_COLOR)
    roof = box((0, 0, .89 * height), (length, .98 * width, .22 * height), Material.PAINT, color)
    seats = [box((x, side * .3 * width, .5 * height), (.5, .4, .9), Material.CLOTH, (.2,) * 3)
             for x in np.arange(-length / 2 + 1, length / 2 - 1, 1.2) for side in (-1, 1)]
    return [low, band, roof, *seats]


def _wheels(size: Size, axles: tuple[float, ...], radius: float = .48) -> list[Mesh]:
    half = size[1] / 2
    return [cylinder((x, side * (half - .3), radius), (x, side * half, radius), radius,
                     Material.RUBBER, (.06, .06, .06)) for x in axles for side in (-1, 1)]
