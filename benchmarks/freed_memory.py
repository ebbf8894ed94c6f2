"""A training step whose freed memory is kept, against one whose memory goes back to the system."""
from __future__ import annotations

import multiprocessing
import resource

import torch

from sparse3d.engine.allocator import set_allocator
from sparse3d.engine.timing import Timing, measure, torch_threads
from sparse3d.ops.voxelization import mean_voxelize
from sparse3d_benchmarks.sparse_convolution import centerpoint_encoder, training_step
from sparse3d_benchmarks.sweep import full_sweep
from sparse3d_benchmarks.voxelization import RANGE, VOXEL_SIZE

BATCH = 4


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """A row for the time and one for the most memory of the process; each way a new process."""
    (ours, our_peak), (default, default_peak) = (
        _in_a_new_process(keep, threads, repeats) for keep in (True, False))
    note = (f'sparse encoder at 0.075 m, batch {BATCH}, {threads} threads; '
            'baseline: glibc as it comes')
    return [dict(name='training step, freed memory kept', value=ours.milliseconds, unit='ms',
                 baseline=default.milliseconds, ratio=default.median / ours.median, note=note,
                 original=False),
            dict(name='its process, most memory', value=our_peak, unit='MiB',
                 baseline=default_peak, ratio=default_peak / our_peak, note=note,
                 original=False)]


def _in_a_new_process(keep: bool, threads: int, repeats: int) -> tuple[Timing, float]:
    # Not forked: the setting cannot be undone, and a child would inherit it.
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(_steps, (keep, threads, repeats))


def _steps(keep: bool, threads: int, repeats: int) -> tuple[Timing, float]:
    """Time of a step, and the process's largest resident set in MiB."""
    if keep:
        set_allocator()
    points, _ = full_sweep()
    features, coordinates, _ = mean_voxelize(points, VOXEL_SIZE, RANGE)
    # [M, 4]  sample, z, y, x; a training batch: what is given back is its large tensors.
    given = features.repeat(BATCH, 1), torch.cat([
        torch.nn.functional.pad(coordinates, (1, 0), value=sample)
        for sample in range(BATCH)]), BATCH
    encoder = centerpoint_encoder()
    with torch_threads(threads):
        timing = measure(lambda: training_step(encoder, given), repeats)
    return timing, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 10

