"""The checks behind ``doctor``: what works here, and what to do where it does not."""
from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sparse3d.apis import system_packages

REINSTALL = 'in a source tree: make install; elsewhere install this package anew'
# What constraints.txt of the source tree pins, and the tests ran with.
TESTED = {'torch': '2.13.0', 'numpy': '1.26.4', 'mmengine': '0.10.7', 'mmcv': '2.1.0',
          'mmdet': '3.2.0', 'mmdet3d': '1.4.0', 'open3d': '0.20.0', 'spconv': '2.3.8'}
BUILD_KERNELS = 'sparse3d doctor --compile'
GIGABYTE = 2 ** 30


@dataclass(frozen=True)
class Row:
    """One line of the table. ``state`` is 'ok', 'note' (works, worth knowing) or 'broken'."""

    name: str
    state: str
    value: str
    remedy: str = ''


def all_checks() -> Iterator[Row]:
    """Run every check; one that raises becomes a broken row, and the rest goes on."""
    checks: list[tuple[str, Callable[[], list[Row]], str]] = [
        ('Python', check_python, 'use Python 3.10 to 3.13'),
        ('system packages', check_system_packages, 'install the packages named above'),
        ('packages', check_packages, REINSTALL),
        ('device', check_device, 'reinstall torch for this machine'),
        ('threads', check_threads, 'unset OMP_WAIT_POLICY and GOMP_SPINCOUNT'),
        ('sparse3d', check_import, REINSTALL),
        ('sparse convolution', check_sparse_convolution, REINSTALL),
        ('compiled kernels', check_kernels, BUILD_KERNELS),
        ('mmcv operators', check_mmcv_operators, REINSTALL),
        ('3D rendering', check_rendering, 'install libvulkan1 and mesa-vulkan-drivers'),
        ('write access', check_write_access, 'run in a folder you can write to'),
        ('memory and disk', check_memory, 'close other programs'),
    ]
    for name, check, remedy in checks:
        try:
            yield from check()
        except Exception as error:  # the table must always come out whole
            sentence = str(error).strip().splitlines() or ['']
            yield Row(name, 'broken', f'{type(error).__name__}: {sentence[0][:120]}', remedy)


def check_python() -> list[Row]:
    good = (3, 10) <= sys.version_info[:2] <= (3, 13)
    found = f'{platform.python_version()} on {platform.system()} {platform.machine()}'
    return [Row('Python', 'ok' if good else 'broken', found,
                '' if good else 'use Python 3.10 to 3.13')]


def check_system_packages() -> list[Row]:
    missing = system_packages.missing_packages()
    if not missing:
        return [Row('system packages', 'ok', 'all there')]
    state = 'broken' if any(package.essential for package in missing) else 'note'
    names = ', '.join(package.name for package in missing)
    return [Row('system packages', state, f'missing: {names}',
                system_packages.install_line(missing))]


def check_packages() -> list[Row]:
    rows = [_package_row(name, TESTED) for name in TESTED if name != 'spconv']
    found = [name for name in ('spconv-cu126', 'spconv') if _version(name)]
    rows.append(_package_row(found[0] if found else 'spconv', TESTED))
    return rows


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _package_row(name: str, pins: dict[str, str]) -> Row:
    version, pin = _version(name), pins.get(name.split('-cu')[0])
    if version is None:
        return Row(name, 'broken', 'not installed', REINSTALL)
    if pin and version.split('+')[0] != pin:
        return Row(name, 'note', f'{version}, tested with {pin}',
                   f'if something fails: pip install {name}=={pin}')
    return Row(name, 'ok', version)


def check_device() -> list[Row]:
    import torch
    rows = [Row('CPU', 'ok', f'{os.cpu_count()} cores, torch uses {torch.get_num_threads()}')]
    if torch.cuda.is_available():
        rows.append(Row('GPU', 'ok', f'{torch.cuda.get_device_name()} '
                        f'(CUDA {torch.version.cuda}, {torch.cuda.device_count()} in all)'))
    elif system_packages.has_nvidia_gpu():
        rows.append(Row('GPU', 'broken', 'an NVIDIA GPU is there, torch cannot use it',
                        'in a source tree: python tools/install.py --device cuda; elsewhere '
                        'install a CUDA build of torch'))
    else:
        rows.append(Row('GPU', 'note', 'none: everything runs on the CPU'))
    return rows


THREADS_PROBE = 'import sparse3d, torch'  # sparse3d first: it sets how threads wait


def check_threads() -> list[Row]:
    """How waiting threads wait, as the OpenMP library itself reports when torch loads it."""
    done = subprocess.run([sys.executable, '-c', THREADS_PROBE], capture_output=True,
                          text=True, timeout=180, env={**os.environ, 'OMP_DISPLAY_ENV': 'VERBOSE'})
    return [_threads_row(done.stderr, os.environ)]


def _threads_row(reported: str, environment: Mapping[str, str]) -> Row:
    pairs = (line.split('=', 1) for line in reported.splitlines() if '=' in line)
    settings = {name.strip(): value.strip().strip("'") for name, value in pairs}
    spins = settings.get('GOMP_SPINCOUNT')
    if spins is None:
        return Row('threads', 'note', 'not of libgomp: how they wait is not set here')
    if spins == '0':
        return Row('threads', 'ok', 'sleep while they wait (GOMP_SPINCOUNT=0)')
    own = [name for name in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY') if environment.get(name)]
    set_by = f' ({", ".join(f"{name}={environment[name]}" for name in own)})' if own else ''
    return Row('threads', 'note', f'spin {spins} times before they sleep{set_by}',
               'on cores that others use as well unset these: docs/threads.md')


def check_import() -> list[Row]:
    import sparse3d.register
    from sparse3d.compat import PATCHES
    return [Row('sparse3d', 'ok', f'{sparse3d.__version__}, {len(PATCHES)} stack repairs applied')]


def check_sparse_convolution() -> list[Row]:
    """Sparse against dense convolution, on each device, with all threads."""
    import torch

    from sparse3d.compat.sparse_backends import sparse_backend
    devices = ['cpu'] + (['cuda'] if torch.cuda.is_available() else [])
    return [_probe_row(device, _sparse_convolution_error(device), sparse_backend(device))
            for device in devices]


def _probe_row(device: str, error: float, backend: str) -> Row:
    good = error < (1e-5 if device == 'cpu' else 1e-3)  # tensor cores round on a GPU
    found = f'{backend}, differs from a dense one by {error:.1e}'
    return Row(f'sparse convolution, {device}', 'ok' if good else 'broken', found,
               '' if good else f'reinstall {backend} for this device: ' + REINSTALL)


def _sparse_convolution_error(device: str) -> float:
    import torch
    from spconv.pytorch import SparseConv3d, SparseConvTensor

    import sparse3d.register  # noqa: F401  (repairs the CPU path)
    torch.manual_seed(0)
    grid = torch.randn(1, 8, 9, 10, 16, device=device)
    grid *= torch.rand(1, 8, 9, 10, 1, device=device) < 0.3
    layer = SparseConv3d(16, 32, 3, stride=2, padding=1, bias=False).to(device)
    where = grid.abs().sum(-1).nonzero().int()
    features = grid[tuple(where.long().T)]
    sparse = SparseConvTensor(features, where, [8, 9, 10], 1)
    with torch.no_grad():
        found = layer(sparse).dense()
        weight = layer.weight.permute(0, 4, 1, 2, 3)
        expected = torch.nn.functional.conv3d(grid.permute(0, 4, 1, 2, 3), weight, stride=2,
                                              padding=1)
    return (found - expected).abs().max().item()


def check_kernels() -> list[Row]:
    """Whether sparse convolution on the CPU runs compiled or in plain PyTorch."""
    from sparse3d.ops.compiled_kernels import lack
    from sparse3d.ops.kernel_places import SETTING, is_off, level, usable_file
    found, missing = usable_file(), lack()
    if missing is None:
        return [Row('compiled kernels', 'ok', f'{level()}, {found.compiler}')]
    remedy = f'unset {SETTING}' if is_off() else BUILD_KERNELS
    return [Row('compiled kernels', 'note', 'sparse convolution runs in plain PyTorch, two to '
                f'three times slower: it {missing}', remedy)]


def check_mmcv_operators() -> list[Row]:
    import torch
    from mmcv.ops import box_iou_rotated, nms_rotated
    devices = ['cpu'] + (['cuda'] if torch.cuda.is_available() else [])
    rows = []
    for device in devices:
        boxes = torch.tensor([[0., 0, 4, 2, 0.3], [1., 0, 4, 2, 0.3], [9., 9, 4, 2, 1.]],
                             device=device)
        kept = nms_rotated(boxes, torch.tensor([.9, .8, .7], device=device), 0.3)[1]
        good = len(kept) == 2 and box_iou_rotated(boxes, boxes)[0, 2].item() == 0
        rows.append(Row(f'mmcv operators, {device}', 'ok' if good else 'broken',
                        'rotated IoU and NMS agree' if good else 'wrong results',
                        '' if good else REINSTALL))
    return rows


RENDER_PROBE = """
import numpy as np, open3d as o3d
renderer = o3d.visualization.rendering.OffscreenRenderer(64, 48)
material = o3d.visualization.rendering.MaterialRecord()
renderer.scene.add_geometry('box', o3d.geometry.TriangleMesh.create_box(), material)
renderer.setup_camera(60.0, [0.5, 0.5, 0.5], [3, 3, 3], [0, 0, 1])
print('spread', int(np.ptp(np.asarray(renderer.render_to_image()))))
"""


def check_rendering() -> list[Row]:
    """Render a box without a display, in a process of its own: drivers may crash it."""
    remedy = ('pictures fall back to the bird\'s-eye and camera views; for 3D: '
              'apt-get install libvulkan1 mesa-vulkan-drivers libgl1 libusb-1.0-0')
    done = subprocess.run([sys.executable, '-c', RENDER_PROBE], capture_output=True, text=True,
                          timeout=180)
    spread = next((int(line.split()[1]) for line in done.stdout.splitlines()
                   if line.startswith('spread')), 0)
    if done.returncode == 0 and spread > 10:
        return [Row('3D rendering', 'ok', 'open3d renders without a display')]
    reason = (done.stderr.strip().splitlines() or ['an empty picture'])[-1][:120]
    return [Row('3D rendering', 'broken', reason, remedy)]


def check_write_access() -> list[Row]:
    rows = []
    for folder in (Path.cwd(), Path('data'), Path(tempfile.gettempdir())):
        if not folder.is_dir():  # the doctor only looks: it makes none
            continue
        try:
            with tempfile.TemporaryFile(dir=folder):
                rows.append(Row(f'write access, {folder.name or folder}', 'ok',
                                str(folder.resolve())))
        except OSError as error:
            rows.append(Row(f'write access, {folder.name}', 'broken', str(error),
                            'choose folders you can write to: --work-dir, --out, TMPDIR'))
    return rows


def check_memory() -> list[Row]:
    free = _free_memory() / GIGABYTE
    disk = shutil.disk_usage(Path.cwd()).free / GIGABYTE
    return [
        Row('free memory', 'ok' if free >= 4 else 'note', f'{free:.1f} GB',
            '' if free >= 4 else 'smaller batches, fewer workers: --cfg-options '
                                 'train_dataloader.batch_size=1 train_dataloader.num_workers=0'),
        Row('free disk', 'ok' if disk >= 5 else 'note' if disk >= 1 else 'broken',
            f'{disk:.0f} GB', '' if disk >= 5 else 'free some space: checkpoints fill a disk'),
    ]


def _free_memory() -> int:
    with open('/proc/meminfo') as stream:
        fields = dict(line.split(':') for line in stream)
    return int(fields['MemAvailable'].split()[0]) * 1024
