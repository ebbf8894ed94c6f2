"""Samples per second of one worker through whole training pipelines, against mmdet3d's.

Measured in CPU time of one thread: that is what limits a worker whose files are in memory, and
it does not depend on what else the machine does.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from sparse3d.engine.threads import one_blas_thread
from sparse3d.engine.timing import torch_threads
from sparse3d.plugins import config_home
from sparse3d.transforms.data_root import move_data_root
from sparse3d_benchmarks import data_baselines, data_sets

SAMPLES_AT_ONCE = 6


def run(threads: int = 2, repeats: int = 10, samples_at_once: int = SAMPLES_AT_ONCE,
        sizes: data_sets.Sizes = data_sets.FULL) -> list[dict]:
    """One row for each pipeline; see :mod:`sparse3d_benchmarks`.

    Both sides take turns, ``repeats`` times a few samples each; the median turn counts. A
    worker has one thread, whatever ``threads`` says.
    """
    quiet()
    with torch_threads(1):
        return [_row(name, ours, theirs, note, repeats, samples_at_once)
                for name, (ours, theirs, note) in pipelines(sizes).items()]


def quiet() -> None:
    """One thread, as in a worker, and no tables of classes on the screen."""
    one_blas_thread()
    init_default_scope('mmdet3d')
    cv2.setNumThreads(0)
    MMLogger.get_current_instance().setLevel('ERROR')


def pipelines(sizes: data_sets.Sizes = data_sets.FULL,
              ) -> dict[str, tuple[Callable, Callable | None, str]]:
    """Name -> how our dataset is built, how mmdet3d's, and a remark."""
    kitti, nuscenes = data_sets.kitti(sizes), data_sets.nuscenes(sizes)
    camera = _base_config('nuscenes_camera.py')
    lidar = _base_config('nuscenes_lidar.py')
    waymo = data_sets.waymo(sizes)
    return {
        'KITTI LiDAR': (
            lambda: _filled_up(kitti),
            lambda: data_baselines.kitti(kitti),
            'sampling of 35 objects on both sides'),
        'KITTI LiDAR and image': (
            lambda: _ours('kitti_3class_images.py', kitti), None,
            'objects pasted into the image; mmdet3d has no such pipeline'),
        'nuScenes LiDAR': (
            lambda: _ours('nuscenes_lidar.py', nuscenes),
            lambda: data_baselines.nuscenes_lidar(
                nuscenes, lidar.class_names, lidar.point_cloud_range), '10 sweeps'),
        'nuScenes 6 images': (
            lambda: _ours('nuscenes_camera.py', nuscenes, frames=dict(num_frames=1)),
            lambda: data_baselines.nuscenes_images(
                nuscenes, camera.class_names, camera.point_cloud_range, camera.image_size),
            '1600x900 to 704x256'),
        'nuScenes 6 images, reduced decoding': (
            lambda: _reduced(nuscenes),
            lambda: data_baselines.nuscenes_images(
                nuscenes, camera.class_names, camera.point_cloud_range, camera.image_size),
            'JPEG decoded at half size, option reduce=2'),
        'nuScenes 6 images, reduced decoding, bilinear': (
            lambda: _reduced(nuscenes, resampling=dict(interpolation='bilinear')),
            lambda: data_baselines.nuscenes_images(
                nuscenes, camera.class_names, camera.point_cloud_range, camera.image_size),
            'the same, resized with two pixels in place of four'),
        'nuScenes 48 images': (
            lambda: _ours('nuscenes_camera.py', nuscenes), None,
            '8 frames; mmdet3d has no such pipeline'),
        'nuScenes LiDAR and 6 images': (
            lambda: _ours('nuscenes_fusion.py', nuscenes), None,
            '10 sweeps, 1600x900 to 800x448'),
        'Waymo LiDAR': (
            lambda: _ours('waymo_3class.py', waymo), None,
            'full resolution, sampling of 35 objects; mmdet3d needs TensorFlow to prepare it'),
    }


def _reduced(root: Path, **changes) -> dict:
    """Decoded at half size, so that the same range of sizes is twice the factor.

    Args:
        changes: other arguments of the images' augmentation.
    """
    dataset = _ours('nuscenes_camera.py', root, frames=dict(num_frames=1))
    for transform in dataset['pipeline']:
        if transform.type == 'LoadMultiViewImages':
            transform.reduce = 2
        elif transform.type == 'AugmentImages':
            transform.update(resize=[2 * factor for factor in transform.resize], **changes)
    return dataset


def _filled_up(root: Path) -> dict:
    """With objects up to a number per class, as mmdet3d samples them."""
    dataset = _ours('kitti_3class.py', root)
    for transform in dataset['pipeline']:
        if transform.type == 'GroundTruthSampling':
            transform.update(fill_up=True, use_ground_plane=False)
    return dataset


def _ours(name: str, root: Path, **changes) -> dict:
    config = _base_config(name)
    move_data_root(config, str(root))
    return {**config.train_dataloader.dataset, **changes}


def _base_config(name: str) -> Config:
    return Config.fromfile(config_home() / '_base_' / 'datasets' / name)


def _row(name: str, ours: Callable, theirs: Callable | None, note: str, repeats: int,
         samples_at_once: int) -> dict:
    with data_baselines.numpy_as_mmdet3d_expects():
        turns = [_Turns(DATASETS.build(build()), samples_at_once)
                 for build in (ours, theirs) if build is not None]
        for _ in range(repeats + 1):  # the first turn reads files into memory and compiles
            for side in turns:
                side.take()
    speeds = [1 / median(side.seconds[1:]) for side in turns]
    baseline = speeds[1] if theirs is not None else None
    return dict(name=name, value=speeds[0], unit='samples/s', baseline=baseline,
                ratio=speeds[0] / baseline if baseline else None,
                note=f'{note}; one worker, CPU time, simulated')


class _Turns:
    """Goes through a dataset a few samples at a time; seconds per sample of each turn."""

    def __init__(self, dataset, samples_at_once: int) -> None:
        self.dataset, self.samples_at_once = dataset, samples_at_once
        self.next, self.seconds = 0, []

    def take(self) -> None:
        start = time.process_time()
        for _ in range(self.samples_at_once):
            if self.dataset[self.next % len(self.dataset)] is None:
                raise RuntimeError(f'the dataset gave no sample {self.next}')
            self.next += 1
        self.seconds.append((time.process_time() - start) / self.samples_at_once)
