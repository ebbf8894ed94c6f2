"""A street in the plain files of a custom data set."""
from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SIZES = {'Car': (4.0, 1.8, 1.5), 'Person': (0.8, 0.6, 1.7)}
HEADER = ('class', 'x', 'y', 'z_bottom', 'dx', 'dy', 'dz', 'yaw')


def street_frame(random: np.random.Generator, counts: dict[str, int], behind: bool,
                 ) -> tuple[np.ndarray, list[tuple]]:
    """(N, 4) points on the ground and in boxes, and rows of labels."""
    rows, clouds = [], []
    ground = np.column_stack([random.uniform([-35 if behind else 0, -12], [35, 12], (1500, 2)),
                              random.normal(-1.7, 0.02, 1500)])
    for name, count in counts.items():
        size = np.array(SIZES.get(name, SIZES['Car']))
        for _ in range(count):
            place = random.uniform([5, -10], [30, 10]) * (random.choice([-1, 1]) if behind else 1)
            yaw = random.uniform(-3, 3)
            cos, sin = np.cos(yaw), np.sin(yaw)
            local = random.uniform(-0.48, 0.48, (60, 3)) * size
            clouds.append(np.column_stack([
                place[0] + local[:, 0] * cos - local[:, 1] * sin,
                place[1] + local[:, 0] * sin + local[:, 1] * cos, local[:, 2] - 1.7 + size[2] / 2]))
            rows.append((name, *place, -1.7, *size, yaw))
    xyz = np.concatenate([ground, *clouds])
    return np.column_stack([xyz, random.uniform(size=len(xyz))]).astype(np.float32), rows


@pytest.fixture
def write_street(tmp_path) -> Callable[..., Path]:
    """Writes a data set and returns its folder."""
    def write(frames: int = 10, counts: dict[str, int] | None = None, behind: bool = False,
              name: str = 'mine') -> Path:
        root, random = tmp_path / name, np.random.default_rng(0)
        for folder in ('points', 'boxes'):
            (root / folder).mkdir(parents=True)
        for number in range(frames):
            points, rows = street_frame(random, counts or dict(Car=3, Person=2), behind)
            np.save(root / f'points/{number:03d}.npy', points)
            with open(root / f'boxes/{number:03d}.csv', 'w', newline='') as file:
                csv.writer(file).writerows([HEADER, *rows])
        return root
    return write
