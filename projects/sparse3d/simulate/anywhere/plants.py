"""Trees, bushes and hedges of single leaves: pulses end at any depth in them, or go through."""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import Mesh, capsules, make_mesh, merge

BARK_COLOR = (.28, .20, .14)


def leaves(centers: np.ndarray, size: float, rng: np.random.Generator) -> Mesh:
    """One triangle of about ``size`` meters at each of ``centers`` [N, 3], turned at random."""
    corners = centers[:, None] + rng.normal(0, .6 * size, (len(centers), 3, 3))
    green = np.array([.16, .28, .09]) * rng.uniform(.6, 1.6)
    return make_mesh(corners.reshape(-1, 3), np.arange(3 * len(centers)).reshape(-1, 3),
                     Material.FOLIAGE, green)


def tree(rng: np.random.Generator) -> Mesh:
    """A trunk, some branches and a crown; now and then without leaves, or like a fir."""
    trunk, crown = rng.uniform(1.0, 4.5), rng.uniform(.8, 4.0)
    height = trunk + crown * rng.uniform(1.2, 2.4)
    radius = rng.uniform(.05, .28)
    count = int(rng.integers(3, 9))
    starts = np.column_stack([np.zeros((count, 2)), rng.uniform(.7 * trunk, height, count)])
    reach = rng.normal(0, .5 * crown, (count, 3)) + (0, 0, .4 * crown)
    starts = np.vstack([[0, 0, -.3], starts])
    ends = np.vstack([[*rng.normal(0, .15, 2), height], starts[1:] + reach])
    radii = np.concatenate([[radius], np.full(count, .3 * radius)])
    wood = capsules(starts, ends, radii, np.full(count + 1, Material.BARK),
                    np.tile(BARK_COLOR, (count + 1, 1)), segments=6)
    if rng.random() < .12:
        return wood
    number = int(rng.uniform(60, 160) * crown)
    if rng.random() < .2:  # a fir: wide below
        share = rng.uniform(0, 1, number) ** 1.5
        angle, out = rng.uniform(0, 2 * np.pi, number), rng.uniform(.3, 1, number)
        spread = crown * (1 - share) * out
        centers = np.column_stack([spread * np.cos(angle), spread * np.sin(angle),
                                   rng.uniform(.2, .8) + share * height])
    else:
        direction = rng.normal(size=(number, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        distance = rng.uniform(.3, 1, (number, 1)) ** .5
        centers = direction * distance * crown * (1, 1, rng.uniform(.6, 1.2)) + (0, 0, height)
        centers[:, 2] = np.maximum(centers[:, 2], rng.uniform(.3, 1.) * trunk)
    return merge([wood, leaves(centers, rng.uniform(.12, .4), rng)])


def bush(rng: np.random.Generator) -> tuple[Mesh, tuple[float, float]]:
    """A bush of any shape up to the size of a car, and the ground that it covers."""
    size = rng.uniform((.6, .6, .5), (3.5, 2.0, 2.2))
    lumps = int(rng.integers(1, 5))
    number = int(np.clip(110 * size.prod() ** .67, 60, 700))
    middle = rng.uniform(-.5, .5, (lumps, 3)) * size * (.6, .6, .3)
    direction = rng.normal(size=(number, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    shell = rng.uniform(.5, 1., (number, 1))
    centers = middle[rng.integers(lumps, size=number)] + direction * shell * size * .35
    centers[:, 2] = np.abs(centers[:, 2] + .4 * size[2])
    return leaves(centers, rng.uniform(.08, .22), rng), (float(size[0]), float(size[1]))


def hedge(length: float, rng: np.random.Generator) -> Mesh:
    """A hedge along x: leaves about a dense core."""
    width, height = rng.uniform(.4, 1.4), rng.uniform(.7, 2.6)
    number = int(np.clip(60 * length * (height + width), 100, 2500))
    part = rng.uniform(-.5, .5, (number, 3))
    face = rng.integers(3, size=number)  # two sides and the top
    part[face == 0, 1] = .5 - np.abs(rng.normal(0, .08, (face == 0).sum()))
    part[face == 1, 1] = -.5 + np.abs(rng.normal(0, .08, (face == 1).sum()))
    part[face == 2, 2] = .5 - np.abs(rng.normal(0, .08, (face == 2).sum()))
    waves = 1 + .12 * np.sin(part[:, 0] * length * rng.uniform(.5, 2.5) + rng.uniform(0, 6))
    centers = (part + (0, 0, .5)) * (length, width, height) * np.column_stack(
        [np.ones(number), waves, waves])
    core = leaves(rng.uniform(-.4, .4, (number // 3, 3)) * (length, width, .9 * height)
                  + (0, 0, .45 * height), .4, rng)
    return merge([leaves(centers, rng.uniform(.10, .2), rng), core])
