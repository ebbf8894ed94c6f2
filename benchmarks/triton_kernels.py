"""The Triton kernels compiled ahead of time for every kind of GPU: registers, spills, barriers.

Needs the package ``triton``, which brings its compiler and ``cuobjdump``; no GPU and no CUDA.
"""
from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

TARGETS = {80: 'A100', 86: 'RTX 30', 89: 'RTX 40, L4', 90: 'H100, H200', 100: 'B200', 120: 'RTX 50'}
KERNELS = ('_forward', '_backward')
CHANNELS, LEVELS, GROUPS = 64, 4, 4  # as SparseBEV launches them
_POINTERS = dict(position='*fp32', image='*i64', group='*i64', weights='*fp32', sizes='*i64',
                 of_table='*fp32', of_position='*fp32', of_weights='*fp32')
_OF_THE_FEATURES = ('table', 'out', 'gradient')


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
    rows = []
    for kernel in KERNELS:
        found = {target: usage_of(kernel, 'bf16', target) for target in TARGETS}
        spills = sum(usage.stack + usage.local for usage in found.values())
        each = ', '.join(f'sm_{target} {usage.registers}' for target, usage in found.items())
        rows.append(dict(
            name=f'Triton kernel {kernel.strip("_")}, most registers', unit='',
            value=max(usage.registers for usage in found.values()), baseline=None, ratio=None,
            note=f'{each}; {spills} bytes spilled; {CHANNELS} channels, {LEVELS} levels, bfloat16'))
        most = max(found.values(), key=lambda usage: usage.barriers)
        rows.append(dict(
            name=f'Triton kernel {kernel.strip("_")}, most barriers', unit='', value=most.barriers,
            baseline=None, ratio=None,
            note=f'{most.warps} warps a program, {most.shared} bytes of shared memory'))
    return rows


def usage_of(kernel: str, dtype: str, target: int) -> Usage:
    """Compile a kernel of :mod:`sparse3d.ops.sample_views_triton` for a GPU and read its usage.

    Args:
        kernel: one of ``KERNELS``.
        dtype: of the features, as Triton names it: ``'fp32'``, ``'fp16'``, ``'bf16'``.
        target: compute capability, 80 for 8.0.

    Raises:
        ImportError: without triton.
        RuntimeError: if the compiler's answer cannot be read.
    """
    import triton
    compiled = compile_kernel(kernel, dtype, target)
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


def compile_kernel(kernel: str, dtype: str, target: int):
    """A kernel as it is launched, with the arguments that torch hands over."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from sparse3d.ops import sample_views_triton
    function = getattr(sample_views_triton, kernel)
    constants = dict(levels=LEVELS, groups=GROUPS, channels=CHANNELS,
                     block=triton.next_power_of_2(CHANNELS), corners_aligned=False,
                     add_to_table=True)
    pointers = _POINTERS | dict.fromkeys(_OF_THE_FEATURES, f'*{dtype}')
    names = function.arg_names
    source = ASTSource(
        function, {name: pointers.get(name, 'constexpr') for name in names},
        {(row,): constants[name] for row, name in enumerate(names) if name in constants},
        # torch aligns its memory to 16 bytes and more.
        {(row,): [['tt.divisibility', 16]] for row, name in enumerate(names) if name in pointers})
    warps = sample_views_triton.warps_of(kernel, constants['block'])
    return triton.compile(source, target=GPUTarget('cuda', target, 32),
                          options=dict(num_warps=warps))
