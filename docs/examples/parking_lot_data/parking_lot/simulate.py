"""``simulate parking_lot``: frames in the layout of the data set, from a formula."""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

GROUND = -2.0                       # meters below the sensor
CAR = np.array([4.4, 1.8, 1.5])     # length, width, height
SPOTS = [(x, y) for x in (8.0, 15.0, 22.0, 29.0) for y in (-9.0, -3.0, 3.0, 9.0)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate parking_lot``."""
    parser.add_argument('out', help='folder to fill')
    parser.add_argument('--frames', type=int, default=100, help='number of frames')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes')


def simulate(arguments: argparse.Namespace) -> str:
    """What ``simulate parking_lot`` runs; returns a closing line."""
    out = Path(arguments.out)
    for folder in ('clouds', 'boxes'):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for number in range(arguments.frames):
        points, boxes = frame(np.random.default_rng([arguments.seed, number]))
        points.astype('<f4').tofile(out / 'clouds' / f'{number:06d}.bin')
        np.savetxt(out / 'boxes' / f'{number:06d}.txt', boxes, fmt='%.3f')
    return f'{arguments.frames} simulated frames in {out}'


def frame(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 4] (x, y, z, intensity) and boxes [M, 7] of one frame."""
    taken = [spot for spot in SPOTS if random.random() < 0.5] or SPOTS[:1]
    boxes = np.array([[x, y, GROUND, *CAR, random.normal(0, 0.05)] for x, y in taken])
    ground = np.column_stack([random.uniform(0, 50, 4000), random.uniform(-20, 20, 4000),
                              random.normal(GROUND, 0.02, 4000)])
    xyz = np.concatenate([ground, *(surface(box, random) for box in boxes)])
    return np.column_stack([xyz, random.uniform(0, 1, len(xyz))]), boxes


def surface(box: np.ndarray, random: np.random.Generator, count: int = 300) -> np.ndarray:
    """Points [count, 3] just inside the faces of a box."""
    inside = random.uniform(-0.48, 0.48, (count, 3))
    face = random.integers(0, 3, count)
    inside[np.arange(count), face] = random.choice([-0.48, 0.48], count)
    x, y, z = (inside * box[3:6]).T
    cosine, sine = np.cos(box[6]), np.sin(box[6])
    return np.column_stack([box[0] + x * cosine - y * sine, box[1] + x * sine + y * cosine,
                            box[2] + box[5] / 2 + z])
