"""A crowd to draw from: people and cyclists whose shapes are made once a process.

The box of somebody walking holds all phases of the step, which takes long to find; a place has
dozens of people. Person number n is always the same one, whoever asks first.
"""
from __future__ import annotations

from functools import cache

import numpy as np

from sparse3d.simulate.mesh import Mesh
from sparse3d.simulate.people import Cyclist, Outfit, Pedestrian
from sparse3d.simulate.scene import Rigid
from sparse3d.simulate.skeleton import Gait

PEDESTRIANS, CYCLISTS = 96, 40  # different ones
_SEED = 28


def draw_pedestrian(rng: np.random.Generator) -> Rigid:
    """One of the crowd, in one phase of the step."""
    return pedestrian(int(rng.integers(PEDESTRIANS)))


def draw_cyclist(rng: np.random.Generator) -> Rigid:
    """One of the cyclists, in one phase of the pedals."""
    return cyclist(int(rng.integers(CYCLISTS)))


@cache
def pedestrian(number: int) -> Rigid:
    """Person ``number``: a child or an adult, standing or walking, arms down or bent."""
    rng = np.random.default_rng((_SEED, number))
    swing = rng.choice([.03, .32], p=[.3, .7])
    gait = Gait(swing * rng.uniform(.3, 1.2), swing * rng.uniform(.2, 1.3),
                float(rng.uniform(.1, 1.3)))
    tall = rng.uniform(1.0, 1.5) if rng.random() < .12 else rng.uniform(1.5, 1.95)
    person = Pedestrian(float(tall), gait, _outfit(rng))
    return Rigid('Pedestrian', person.size, person.mesh(float(rng.uniform(0, 2 * np.pi))))


@cache
def cyclist(number: int) -> Rigid:
    """Cyclist ``number``."""
    rng = np.random.default_rng((_SEED, PEDESTRIANS + number))
    rider = Cyclist(float(rng.uniform(1.5, 1.9)), _outfit(rng))
    return Rigid('Cyclist', rider.size, rider.mesh(float(rng.uniform(0, 2 * np.pi))))


@cache
def bicycle(number: int) -> Mesh:
    """A bicycle without its rider."""
    rng = np.random.default_rng((_SEED, PEDESTRIANS + CYCLISTS + number))
    return Cyclist(float(rng.uniform(1.6, 1.85))).bicycle


def _outfit(rng: np.random.Generator) -> Outfit:
    return Outfit(shirt=tuple(rng.uniform(.05, .85, 3)), trousers=tuple(rng.uniform(.05, .5, 3)))
