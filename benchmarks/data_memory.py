"""Memory of a worker over a thousand samples: it must not grow."""
from __future__ import annotations

import resource
from pathlib import Path

from mmdet3d.registry import DATASETS

from sparse3d_benchmarks.data import pipelines, quiet
from sparse3d_benchmarks.data_sets import FULL, Sizes

SAMPLES = 1000
SETTLED = 200   # by then every file has been read, every buffer has its size
NAMES = ('KITTI LiDAR and image', 'nuScenes LiDAR', 'nuScenes 6 images', 'Waymo LiDAR')


def run(threads: int = 2, repeats: int = 10, samples: int = SAMPLES, settled_after: int = SETTLED,
        sizes: Sizes = FULL) -> list[dict]:
    """Growth of the process from sample 200 to sample 1,000 of each pipeline.

    ``threads`` and ``repeats`` are not used.
    """
    quiet()
    built = pipelines(sizes)
    return [_row(name, DATASETS.build(built[name][0]()), samples, settled_after)
            for name in NAMES]


def _row(name: str, dataset, samples: int, settled_after: int) -> dict:
    settled, highest = 0.0, 0.0
    for number in range(samples):
        dataset[number % len(dataset)]
        if number % 20 == 19:
            size = _megabytes()
            settled = size if number < settled_after else settled
            highest = max(highest, size)
    grown = _megabytes() - settled
    return dict(name=f'memory, {name}', value=grown, unit='MB', baseline=None, ratio=None,
                note=f'growth from sample {settled_after} to {samples}; process {settled:,.0f} MB, '
                     f'at most {highest:,.0f} MB')


def _megabytes() -> float:
    """Memory of this process now (Linux)."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
