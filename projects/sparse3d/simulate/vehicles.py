"""Cars, vans and trucks: side profiles that tell front from rear, on wheels.

A profile is drawn in a unit box (x from -0.5 at the rear to 0.5 at the front, z from 0 at
the ground to 1 at the roof) and stretched to the size in meters, so the labeled box
encloses the mesh exactly.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import (
    FRUSTUM_FACES,
    Color,
    Mesh,
    box,
    cylinder,
    extrude,
    fit,
    frustum,
    merge,
    repaint,
)

BODY_WIDTH = 0.985  # of the full width: the wheels stand out a little
GLASS_COLOR = (0.10, 0.13, 0.16)
CAR_COLORS = ((0.85, 0.85, 0.86), (0.60, 0.61, 0.63), (0.30, 0.31, 0.33), (0.07, 0.07, 0.08),
              (0.10, 0.17, 0.38), (0.50, 0.06, 0.07), (0.09, 0.25, 0.16), (0.62, 0.52, 0.36))


@dataclass(frozen=True)
class Profile:
    """Side view of one kind of vehicle in its unit box."""
    kind: str                                 # KITTI type
    body: tuple[tuple[float, float], ...]     # outline (x, z) of the lower body
    cabin: tuple[float, float]                # rear and front end of the cabin at the belt
    roof: tuple[float, float]                 # rear and front end of the roof
    belt: float                               # height where the windows begin
    size: tuple[float, float, float]          # mean length, width, height [m]
    size_std: tuple[float, float, float]      # standard deviations of them [m]
    glazed_rear: bool = True                  # windows behind the front seats
    axles: tuple[float, float] = (-0.30, 0.32)


PROFILES: dict[str, Profile] = {
    'hatchback': Profile(
        'Car', ((-.49, .17), (.49, .17), (.5, .40), (.46, .50), (.22, .60),
                (-.47, .62), (-.5, .45)),
        (-.48, .25), (-.38, .02), .60, (3.75, 1.63, 1.50), (.15, .05, .05)),
    'sedan': Profile(
        'Car', ((-.49, .17), (.49, .17), (.5, .42), (.46, .52), (.20, .61), (-.30, .63),
                (-.48, .60), (-.5, .45)),
        (-.37, .22), (-.20, .02), .61, (4.25, 1.68, 1.46), (.18, .05, .04)),
    'estate': Profile(
        'Car', ((-.49, .17), (.49, .17), (.5, .40), (.46, .50), (.20, .59),
                (-.48, .62), (-.5, .42)),
        (-.49, .22), (-.44, .03), .60, (4.20, 1.67, 1.50), (.15, .05, .04)),
    'offroad': Profile(
        'Car', ((-.49, .22), (.49, .22), (.5, .48), (.47, .58), (.22, .62),
                (-.49, .63), (-.5, .40)),
        (-.49, .23), (-.45, .09), .62, (4.10, 1.74, 1.68), (.15, .05, .05)),
    'van': Profile(
        'Van', ((-.5, .14), (.49, .14), (.5, .34), (.47, .44), (.36, .52), (-.5, .52)),
        (-.5, .38), (-.49, .24), .50, (5.00, 1.90, 2.15), (.25, .07, .15), False, (-.30, .33)),
}
CAR_PROFILES = tuple(name for name, profile in PROFILES.items() if profile.kind == 'Car')


def build_vehicle(profile: Profile, size: tuple[float, float, float], color: Color) -> Mesh:
    """Mesh of a vehicle that fills the box ``size`` (length, width, height in meters)."""
    length, width, height = size
    outline = np.array(profile.body) * (length, height)
    body = extrude(outline, width * BODY_WIDTH, Material.PAINT, color)
    parts = [body, _cabin(profile, size, color), *_wheels(profile, size), *_lights(size)]
    return fit(merge(parts), size)


def build_truck(size: tuple[float, float, float], color: Color) -> Mesh:
    """Mesh of a lorry: a cab, a higher cargo box behind it, six wheels."""
    length, width, height = size
    front, cab_length = length / 2, 1.9
    cab = frustum((front - cab_length, front, -.48 * width, .48 * width),
                  (front - cab_length, front - .15, -.47 * width, .47 * width),
                  (.5, .82 * height), Material.PAINT, color)
    window = box((front - .12, 0, .64 * height), (.2, .8 * width, .18 * height),
                 Material.GLASS, GLASS_COLOR)
    cargo_length = length - cab_length - .2
    cargo = box((-front + cargo_length / 2, 0, (.95 + height) / 2),
                (cargo_length, width, height - .95), Material.METAL, (.75, .75, .72))
    frame = box((-.1, 0, .7), (length - .4, .5 * width, .5), Material.METAL, (.15, .15, .15))
    wheels = [_wheel(x, side * width / 2, .48)
              for x in (front - 1.1, -front + 1.2, -front + 2.4) for side in (-1, 1)]
    return fit(merge([cab, window, cargo, frame, *wheels, *_lights(size)]), size)


def draw_size(rng: np.random.Generator, profile: Profile) -> tuple[float, float, float]:
    """Random length, width and height [m] around the profile's means, within 2 sigma."""
    deviations = np.clip(rng.normal(size=3), -2, 2) * profile.size_std
    return tuple(float(value) for value in np.round(np.add(profile.size, deviations), 2))


def _cabin(profile: Profile, size: tuple[float, float, float], color: Color) -> Mesh:
    length, width, height = size
    low, high = .47 * width, .40 * width
    cabin = frustum(
        (profile.cabin[0] * length, profile.cabin[1] * length, -low, low),
        (profile.roof[0] * length, profile.roof[1] * length, -high, high),
        (profile.belt * height, height), Material.PAINT, color)
    glazed = ('front', 'rear', 'left', 'right') if profile.glazed_rear else ('front',)
    for face in glazed:
        cabin = repaint(cabin, FRUSTUM_FACES[face], Material.GLASS, GLASS_COLOR)
    return cabin


def _wheels(profile: Profile, size: tuple[float, float, float]) -> list[Mesh]:
    length, width, height = size
    radius = .31 if height < 1.6 else .35
    return [_wheel(axle * length, side * width / 2, radius)
            for axle in profile.axles for side in (-1, 1)]


def _wheel(x: float, outer_y: float, radius: float) -> Mesh:
    inner_y = outer_y - np.sign(outer_y) * .22
    tire = cylinder((x, inner_y, radius), (x, outer_y, radius), radius, Material.RUBBER,
                    (.06, .06, .06))
    rim_inner = outer_y - np.sign(outer_y) * .05
    rim = cylinder((x, rim_inner, radius), (x, outer_y * 1.0005, radius), .6 * radius,
                   Material.METAL, (.5, .5, .52), segments=8)
    return merge([tire, rim])


def _lights(size: tuple[float, float, float]) -> list[Mesh]:
    """White lamps and a number plate in front, red lamps and a plate behind."""
    length, width, height = size
    lamp = (.06, .2 * width, .09 * height)
    parts = []
    for x, color in ((length / 2 - .028, (.9, .9, .85)), (-length / 2 + .028, (.55, .04, .04))):
        z = .40 * height if x > 0 else .5 * height
        parts += [box((x, side * .36 * width, z), lamp, Material.LAMP, color)
                  for side in (-1, 1)]
        parts.append(box((x, 0, .3 * height), (.06, .50, .11), Material.PLATE, (.9, .9, .85)))
    return parts
