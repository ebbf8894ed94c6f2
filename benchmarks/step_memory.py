"""Memory of one training step of Focals Conv's KITTI encoder, seen in three ways.

    python -m sparse3d_benchmarks.step_memory
    SPARSE3D_KERNELS=off python -m sparse3d_benchmarks.step_memory

What tensors hold, what Python with the arrays of NumPy holds, how far the process grows.
"""
from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from sparse3d_benchmarks import focalsconv
from sparse3d_benchmarks.focalsconv_encoder import KITTI, encoder_inputs
from sparse3d_benchmarks.peak_memory import peak_mebibytes, resident_mebibytes

SAMPLES = 2


def main() -> None:
    """Print the three figures."""
    from sparse3d.engine.timing import torch_threads
    from sparse3d.ops.compiled_kernels import lack
    with torch_threads(1):
        tensors, arrays, process = memory_of(training_step())
    print(f'kernels: {lack() or "compiled"}\ntensors: {tensors:.0f} MiB\narrays: {arrays:.0f} MiB\n'
          + ('' if process is None else f'process: {process:.0f} MiB'))


def training_step(samples: int = SAMPLES) -> Callable[[], None]:
    """A step of the encoder with random weights, importance losses included."""
    features, coordinates, _ = focalsconv.voxels()
    boxes = focalsconv.LayerInputs(features, coordinates).boxes[:samples]
    kept = coordinates[:, 0] < samples
    inputs = encoder_inputs(features[kept], coordinates[kept], boxes, KITTI)
    return lambda: inputs.step(inputs.focal)


def memory_of(step: Callable[[], None]) -> tuple[float, float, float | None]:
    """Mebibytes of tensors, of Python and NumPy, and of the process."""
    step()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tensors = peak_mebibytes(step)
    arrays = (tracemalloc.get_traced_memory()[1] - before) / 2 ** 20
    tracemalloc.stop()
    return tensors, arrays, resident_mebibytes(step)


if __name__ == '__main__':
    main()
