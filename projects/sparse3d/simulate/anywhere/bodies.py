"""Cars, vans and pickups as lofted shells: rounded corners, a cabin behind glass, mirrors, wheels.

A body is a row of cross-sections from rear to front. Its side view is drawn in a unit box (x from
-0.5 at the rear to 0.5 at the front, z from 0 to 1), its width tapers towards both ends and above
the belt. The shell is hollow: through the windows a ray sees seats, or what lies behind the car.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import Color, Mesh, box, cylinder, fit, merge

GLASS_COLOR, DARK = (.10, .13, .16), (.08, .08, .09)
Range = tuple[float, float]


@dataclass(frozen=True)
class Body:
    """One kind of body: limits that its sizes are drawn from, and its side view."""
    length: Range                           # [m]
    width: Range                            # [m]
    height: Range                           # [m]
    top: tuple[tuple[float, float], ...]    # outline (x, z) of the upper edge, rear to front
    belt: float                             # height where the windows begin
    share: float                            # of the cars
    glazed: tuple[float, float] = (-.5, .5)  # from where to where there are side windows
    roof_width: float = .82                 # of the full width


BODIES: dict[str, Body] = {
    'hatchback': Body((3.5, 4.2), (1.60, 1.80), (1.42, 1.62),
                      ((-.5, .55), (-.49, .63), (-.40, .97), (-.20, 1.), (.02, .98), (.24, .63),
                       (.46, .52), (.5, .42)), .62, .26),
    'sedan': Body((4.3, 5.1), (1.70, 1.92), (1.38, 1.52),
                  ((-.5, .55), (-.48, .66), (-.34, .68), (-.18, .97), (-.05, 1.), (.05, .98),
                   (.22, .66), (.46, .54), (.5, .42)), .64, .24),
    'estate': Body((4.2, 4.9), (1.68, 1.88), (1.42, 1.58),
                   ((-.5, .5), (-.49, .64), (-.42, .95), (-.2, 1.), (.03, .98), (.21, .64),
                    (.46, .52), (.5, .42)), .63, .12),
    'suv': Body((4.2, 5.2), (1.78, 2.02), (1.58, 1.90),
                ((-.5, .5), (-.49, .64), (-.44, .95), (-.2, 1.), (.06, .98), (.20, .66),
                 (.46, .60), (.5, .48)), .64, .20),
    'minivan': Body((4.3, 5.2), (1.75, 2.02), (1.60, 1.90),
                    ((-.5, .45), (-.49, .6), (-.46, .95), (-.2, 1.), (.14, .97), (.34, .62),
                     (.47, .50), (.5, .40)), .58, .07),
    'pickup': Body((5.0, 5.9), (1.82, 2.05), (1.72, 1.95),
                   ((-.5, .5), (-.495, .60), (-.14, .60), (-.11, .95), (.0, 1.), (.10, .98),
                    (.22, .64), (.47, .58), (.5, .46)), .62, .05, (-.13, .5)),
    'van': Body((4.8, 6.2), (1.88, 2.10), (1.90, 2.75),
                ((-.5, .4), (-.495, .96), (-.4, 1.), (.22, .98), (.36, .55), (.47, .44),
                 (.5, .30)), .50, .06, (.16, .5), .92),
}
PAINTS = ((.85, .85, .86), (.60, .61, .63), (.30, .31, .33), (.07, .07, .08), (.10, .17, .38),
          (.50, .06, .07), (.09, .25, .16), (.62, .52, .36))
_LOWER = ((.93, 0.), (1., .25), (1., .7), (.985, 1.))  # width and height shares below the belt
_UPPER = (.5, 1.)                                      # height shares between belt and roof


def draw_body(rng: np.random.Generator) -> tuple[str, tuple[float, float, float]]:
    """A kind of body, by its share, and length, width and height [m] from its limits."""
    names = list(BODIES)
    shares = np.array([BODIES[name].share for name in names])
    name = names[rng.choice(len(names), p=shares / shares.sum())]
    body, along = BODIES[name], rng.uniform()
    mixed = [np.clip(along + rng.normal(0, .2), 0, 1) for _ in range(3)]  # large in all, or small
    size = tuple(round(low + share * (high - low), 2) for share, (low, high) in
                 zip(mixed, (body.length, body.width, body.height), strict=True))
    return name, size


def build_body(name: str, size: tuple[float, float, float], color: Color,
               rng: np.random.Generator) -> Mesh:
    """Mesh of a vehicle whose body and wheels fill ``size`` [m]; mirrors stand out of it."""
    body, (length, width, height) = BODIES[name], size
    shell = _shell(body, size, color, rng)
    radius = (.30 + .06 * rng.random()) * (1.15 if height > 1.65 else 1.)
    axles = -.5 + rng.uniform(.17, .22), .5 - rng.uniform(.16, .21)
    wheels = [_wheel(axle * length, side * width / 2, radius)
              for axle in axles for side in (-1, 1)]
    parts = [fit(merge([shell, *wheels]), size), *_cabin(body, size)]
    if rng.random() < .9:
        parts += _mirrors(body, size, color)
    return merge(parts)


def _shell(body: Body, size: tuple[float, float, float], color: Color,
           rng: np.random.Generator) -> Mesh:
    length, width, height = size
    outline = np.array(body.top)
    outline[1:-1, 0] += rng.normal(0, .008, len(outline) - 2)
    outline = outline[np.argsort(outline[:, 0])]
    xs = np.unique(np.concatenate([outline[:, 0], np.linspace(-.5, .5, 11), [-.47, .47]]))
    top = np.interp(xs, outline[:, 0], outline[:, 1])
    taper, power = rng.uniform(.05, .16), rng.uniform(4, 9)
    half = .5 * (1 - taper * np.abs(2 * xs) ** power)
    clearance = rng.uniform(.11, .16)
    low = clearance + .05 * np.abs(2 * xs) ** 6
    belt = np.minimum(body.belt, top)
    above = top - belt
    lower = [(share * half, low + part * (belt - low)) for share, part in _LOWER]
    narrowing = 1 - (1 - body.roof_width) * above / max(1 - body.belt, .01)
    upper = [(.985 * half * (1 + (narrowing - 1) * part), belt + part * above)
             for part in _UPPER]
    crown = [(np.zeros_like(xs), top + .012 * (above > .05))]
    side = lower + upper + crown                                   # [K] of (y [S], z [S])
    ring = np.stack([np.column_stack([y, z]) for y, z in side], axis=1)   # [S, K, 2]
    other = ring[:, -2::-1] * (-1, 1)
    ring = np.concatenate([ring, other], axis=1)                   # [S, 2K - 1, 2]
    vertices = np.concatenate([np.broadcast_to(xs[:, None, None], (*ring.shape[:2], 1)), ring], 2)
    return _painted(vertices * (length, width, height), xs, above, body, color)


def _painted(vertices: np.ndarray, xs: np.ndarray, above: np.ndarray, body: Body,
             color: Color) -> Mesh:
    """Triangles between neighboring cross-sections [S, R, 3], closed below and at both ends."""
    stations, ring = vertices.shape[:2]
    station, place = np.meshgrid(np.arange(stations - 1), np.arange(ring), indexing='ij')
    following = (place + 1) % ring
    corner, other = station * ring + place, station * ring + following
    quads = np.stack([corner, other, other + ring, corner + ring], axis=-1).reshape(-1, 4)
    middle = (xs[:-1] + xs[1:])[station.ravel()] / 2
    high = (above[:-1] > .08)[station.ravel()] & (above[1:] > .08)[station.ravel()]
    sloped = (np.abs(np.diff(above)) > .6 * np.diff(xs))[station.ravel()]
    lower = len(_LOWER) - 1
    strip = np.minimum(place, ring - 2 - place).ravel()            # 0 lowest, as on both sides
    inside = (middle > body.glazed[0]) & (middle < body.glazed[1])
    windows = (strip == lower) & (high | sloped) & inside          # upper edge keeps its frame
    panes = (strip >= lower) & sloped & (place.ravel() < ring - 1) & inside
    glass = windows | panes
    ends = [np.column_stack([np.full(ring - 2, base), base + np.arange(1, ring - 1),
                             base + np.arange(2, ring)]) for base in (0, (stations - 1) * ring)]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]], *ends])
    glazed = np.concatenate([glass, glass, np.zeros(2 * (ring - 2), bool)])
    colors = np.where(glazed[:, None], GLASS_COLOR, color).astype(np.float32)
    materials = np.where(glazed, Material.GLASS, Material.PAINT).astype(np.uint8)
    return Mesh(vertices.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32),
                materials, colors)


def _cabin(body: Body, size: tuple[float, float, float]) -> list[Mesh]:
    """Seats and a dashboard; what a pulse meets behind the windows."""
    length, width, height = size
    seat = (.12 * length / 4.3, .42 * width, .38 * height)
    rows = [x for x in (.0, -.2) if body.glazed[0] < x - .05] or [.1]
    parts = [box((x * length, side * .24 * width, (body.belt - .02) * height), seat,
                 Material.CLOTH, DARK) for x in rows for side in (-1, 1)]
    return [*parts, box((.2 * length, 0, (body.belt - .06) * height),
                        (.08 * length, .8 * width, .1 * height), Material.RUBBER, DARK)]


def _mirrors(body: Body, size: tuple[float, float, float], color: Color) -> list[Mesh]:
    length, width, height = size
    x = min(body.glazed[1], .2) * length - .05 * length
    return [box((x, side * (width / 2 + .07), (body.belt + .04) * height), (.12, .18, .13),
                Material.PAINT, color) for side in (-1, 1)]


def _wheel(x: float, outer_y: float, radius: float) -> Mesh:
    sign = np.sign(outer_y)
    tire = cylinder((x, outer_y - .22 * sign, radius), (x, outer_y, radius), radius,
                    Material.RUBBER, (.06, .06, .06), segments=14)
    rim = cylinder((x, outer_y - .05 * sign, radius), (x, outer_y * 1.0005, radius), .6 * radius,
                   Material.METAL, (.5, .5, .52), segments=8)
    return merge([tire, rim])
