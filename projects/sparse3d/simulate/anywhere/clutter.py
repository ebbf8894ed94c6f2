"""What stands about and is nothing to find: fences, bins, bicycles, boxes, stones, pole groups."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparse3d.simulate.anywhere.people import bicycle
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import Mesh, box, capsules, cylinder, ellipsoid, merge, place

GRAY = (.45, .46, .46)
Thing = tuple[Mesh, tuple[float, float]]  # standing on z = 0; the ground that it covers [m]


def bins(rng: np.random.Generator) -> Thing:
    """One to four bins or boxes in a row."""
    count, size = int(rng.integers(1, 5)), rng.uniform((.4, .4, .6), (1.4, 1.1, 1.5))
    parts = [box((place * 1.1 * size[0], rng.normal(0, .05), size[2] / 2), size, Material.PAINT,
                 rng.uniform(.05, .6, 3)) for place in np.arange(count) - (count - 1) / 2]
    return merge(parts), (1.1 * count * size[0], size[1])


def container(rng: np.random.Generator) -> Thing:
    """A plain box about as large as a car: shed, container, transformer, kiosk."""
    size = rng.uniform((1.2, 1.0, 1.0), (6.0, 2.6, 2.8))
    return box((0, 0, size[2] / 2 - .1), size + (0, 0, .2), Material.METAL,
               rng.uniform(.1, .7, 3)), (size[0], size[1])


def fence(rng: np.random.Generator) -> Thing:
    """Posts and two to five rails, along x."""
    length, height = rng.uniform(3, 18), rng.uniform(.6, 1.9)
    posts = np.arange(-length / 2, length / 2 + .1, rng.uniform(1.2, 2.8))
    rails = np.linspace(.3, height, int(rng.integers(2, 6)))
    starts = np.vstack([np.column_stack([posts, 0 * posts, 0 * posts - .2]),
                        np.column_stack([0 * rails - length / 2, 0 * rails, rails])])
    ends = np.vstack([np.column_stack([posts, 0 * posts, 0 * posts + height]),
                      np.column_stack([0 * rails + length / 2, 0 * rails, rails])])
    count = len(starts)
    return capsules(starts, ends, np.full(count, rng.uniform(.02, .06)),
                    np.full(count, Material.METAL), np.tile(rng.uniform(.1, .6, 3), (count, 1)),
                    segments=5), (length, .3)


def wall(rng: np.random.Generator) -> Thing:
    """A low or high wall, or a concrete barrier."""
    length, height, width = rng.uniform(1.5, 20), rng.uniform(.4, 2.4), rng.uniform(.15, .6)
    return box((0, 0, height / 2 - .2), (length, width, height + .4), Material.WALL,
               rng.uniform(.3, .7, 3)), (length, width)


def poles(rng: np.random.Generator) -> Thing:
    """One to six poles of any thickness close together, some with a plate or a box."""
    parts = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 6]))):
        x, y = rng.normal(0, .8, 2)
        height, radius = rng.uniform(.8, 6.5), rng.uniform(.03, .2)
        parts.append(cylinder((x, y, -.2), (x, y, height), radius, Material.METAL, GRAY, 8))
        if rng.random() < .5:
            size = rng.uniform((.05, .3, .3), (.5, .9, .9))
            parts.append(box((x, y, min(height, 2.6) - .3), size, Material.PLATE,
                             rng.uniform(.1, .9, 3)))
    return merge(parts), (1.2, 1.2)


def bicycles(rng: np.random.Generator) -> Thing:
    """Parked bicycles side by side, without riders."""
    count, gap = int(rng.integers(1, 7)), rng.uniform(.35, .7)
    parts = [place(bicycle(int(rng.integers(8))),
                   (rng.normal(0, .1), gap * (number - count / 2), 0), rng.normal(0, .15))
             for number in range(count)]
    return merge(parts), (1.9, gap * count + .3)


def stones(rng: np.random.Generator) -> Thing:
    """A heap of stones or earth, or a few rocks."""
    count, reach = int(rng.integers(1, 6)), rng.uniform(.2, 1.6)
    parts = [ellipsoid((*rng.normal(0, .6 * reach, 2), 0), rng.uniform(.3, 1, 3) * reach,
                       Material.WALL, (.4, .38, .35), 9) for _ in range(count)]
    return merge(parts), (2.4 * reach, 2.4 * reach)


def bench(rng: np.random.Generator) -> Thing:
    """A bench or a table."""
    length = rng.uniform(1.2, 2.4)
    parts = [box((0, 0, .45), (length, .45, .08), Material.BARK, (.4, .3, .2)),
             box((0, -.22, .75), (length, .06, .4), Material.BARK, (.4, .3, .2)),
             *(box((x, 0, .2), (.08, .4, .45), Material.METAL, GRAY)
               for x in (-.4 * length, .4 * length))]
    return merge(parts), (length, .6)


def shelter(rng: np.random.Generator) -> Thing:
    """A bus stop: posts, a roof, a back."""
    size = rng.uniform((2.5, 1.2, 2.2), (5., 2., 2.7))
    corners = [(x, y) for x in (-.48, .48) for y in (-.45, .45)]
    posts = [cylinder((x * size[0], y * size[1], -.1), (x * size[0], y * size[1], size[2]), .05,
                      Material.METAL, GRAY, 6) for x, y in corners]
    back = box((0, -.45 * size[1], .55 * size[2]), (.95 * size[0], .04, .8 * size[2]),
               Material.GLASS if rng.random() < .6 else Material.METAL, GRAY)
    return merge([*posts, back, box((0, 0, size[2]), (size[0], size[1], .1), Material.METAL,
                                    GRAY)]), (size[0], size[1])


def stairs(rng: np.random.Generator) -> Thing:
    """Steps up to a door."""
    width, count = rng.uniform(1., 4.), int(rng.integers(2, 7))
    parts = [box((0, .3 * step, .085 * (step + 1)), (width, .3, .17 * (step + 1)),
                 Material.CONCRETE, (.5,) * 3) for step in range(count)]
    return merge(parts), (width, .6 * count)


THINGS: tuple[Callable[[np.random.Generator], Thing], ...] = (
    bins, container, fence, wall, poles, poles, bicycles, stones, bench, shelter, stairs)
