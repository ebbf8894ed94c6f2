"""The Triton kernels compiled ahead of time for every kind of GPU: registers, spills, barriers.

Needs the package ``triton``, which brings its compiler and ``cuobjdump``; no GPU and no CUDA.
"""
from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

TARGETS = {80: 'A100', 86: 'RTX 30', 89: 'RTX 40, L4', 90: 'H100, H200', 100: 'B200', 120: 'RTX 50'}
KERNELS = ('_forward', '_backward')


@dataclass(frozen=True)
class Launch:
    """How the kernels of a module are launched.

    Attributes:
        module: in :mod:`sparse3d.ops`; has ``_forward``, ``_backward`` and ``warps_of``.
        label: for the rows.
        pointers: types of arguments by name, as Triton writes them; of features it is the dtype.
        features: arguments that have the dtype of the features.
        constants: that a launch fixes.
        warps_by: the constant that ``warps_of`` takes.
        numbers: whole numbers that are no constants.
    """

    module: str
    label: str
    pointers: Mapping[str, str]
    features: tuple[str, ...]
    constants: Mapping[str, int | bool]
    warps_by: str
    numbers: tuple[str, ...] = ()


VIEWS = Launch(  # as SparseBEV launches them
    'sample_views_triton', 'Triton kernel',
    dict(position='*fp32', image='*i64', group='*i64', weights='*fp32', sizes='*i64',
         of_table='*fp32', of_position='*fp32', of_weights='*fp32'),
    ('table', 'out', 'gradient'),
    dict(levels=4, groups=4, channels=64, block=64, corners_aligned=False, add_to_table=True),
    'block')
AGGREGATION = Launch(  # as Sparse4D launches them
    'deformable_aggregation_triton', 'Triton kernel of deformable aggregation,',
    dict(points='*fp32', weights='*fp32', where='*i64', of_features='*fp32', of_locations='*fp32',
         of_weights='*fp32'),
    ('features', 'out', 'gradient'),
    dict(key_points=13, cameras=6, levels=4, groups=8, channels=256, block=256, group_block=8,
         width_block=32, strict=True),
    'channels', ('rows', 'instances'))


@dataclass(frozen=True)
class Usage:
    """What a compiled kernel takes of a multiprocessor.

    Attributes:
        registers: of a thread.
        stack: bytes, and
        local: bytes of memory of a thread: above 0 values spill.
        shared: bytes of shared memory of a program.
        barriers: in the code of a program; those of one warp wait for nobody.
        warps: of a program.
    """

    registers: int
    stack: int
    local: int
    shared: int = 0
    barriers: int = 0
    warps: int = 1


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the registers; see :mod:`sparse3d_benchmarks`. Nothing is timed."""
    return [row for launch in (VIEWS, AGGREGATION) for row in _rows(launch)]


def _rows(launch: Launch) -> list[dict]:
    rows = []
    for kernel in KERNELS:
        found = {target: usage_of(kernel, 'bf16', target, launch) for target in TARGETS}
        spills = sum(usage.stack + usage.local for usage in found.values())
        each = ', '.join(f'sm_{target} {usage.registers}' for target, usage in found.items())
        rows.append(dict(
            name=f'{launch.label} {kernel.strip("_")}, most registers', unit='',
            value=max(usage.registers for usage in found.values()), baseline=None, ratio=None,
            note=f'{each}; {spills} bytes spilled; {launch.constants["channels"]} channels, '
                 f'{launch.constants["levels"]} levels, bfloat16'))
        most = max(found.values(), key=lambda usage: usage.barriers)
        rows.append(dict(
            name=f'{launch.label} {kernel.strip("_")}, most barriers', unit='',
            value=most.barriers, baseline=None, ratio=None,
            note=f'{most.warps} warps a program, {most.shared} bytes of shared memory'))
    return rows


def usage_of(kernel: str, dtype: str, target: int, launch: Launch = VIEWS) -> Usage:
    """Compile a kernel for a GPU and read its usage.

    Args:
        kernel: one of ``KERNELS``.
        dtype: of the features, as Triton names it: ``'fp32'``, ``'fp16'``, ``'bf16'``.
        target: compute capability, 80 for 8.0.
        launch: whose kernel, and how it is launched.

    Raises:
        ImportError: without triton.
        RuntimeError: if the compiler's answer cannot be read.
    """
    import triton
    compiled = compile_kernel(kernel, dtype, target, launch)
    tool = Path(triton.__file__).parent / 'backends/nvidia/bin/cuobjdump'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'kernel.cubin'
        path.write_bytes(compiled.asm['cubin'])
        printed = subprocess.run([os.fspath(tool), '-res-usage', os.fspath(path)],
                                 capture_output=True, text=True).stdout
    found = re.search(r'REG:(\d+) STACK:(\d+).*LOCAL:(\d+)', printed)
    if found is None:
        raise RuntimeError(f'cuobjdump says nothing of registers: {printed:.200}')
    barriers = len(re.findall(r'\b(?:bar|barrier)\.', compiled.asm['ptx']))
    return Usage(*map(int, found.groups()), shared=compiled.metadata.shared, barriers=barriers,
                 warps=compiled.metadata.num_warps)


def compile_kernel(kernel: str, dtype: str, target: int, launch: Launch = VIEWS):
    """A kernel as it is launched, with the arguments that torch hands over."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    module = import_module(f'sparse3d.ops.{launch.module}')
    function = getattr(module, kernel)
    pointers = dict(launch.pointers) | dict.fromkeys(launch.features, f'*{dtype}')
    types = pointers | dict.fromkeys(launch.numbers, 'i32')
    names = function.arg_names
    source = ASTSource(
        function, {name: types.get(name, 'constexpr') for name in names},
        {(row,): launch.constants[name] for row, name in enumerate(names)
         if name in launch.constants},
        # torch aligns its memory to 16 bytes and more.
        {(row,): [['tt.divisibility', 16]] for row, name in enumerate(names) if name in pointers})
    warps = module.warps_of(kernel, launch.constants[launch.warps_by])
    return triton.compile(source, target=GPUTarget('cuda', target, 32),
                          options=dict(num_warps=warps))
