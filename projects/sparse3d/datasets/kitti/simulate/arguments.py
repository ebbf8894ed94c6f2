"""``simulate kitti``: its arguments, and what it runs."""
from __future__ import annotations

import argparse
import os

from sparse3d.simulate.arguments import add_conditions, conditions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate kitti``."""
    from sparse3d.datasets.kitti.simulate.options import KittiOptions
    default = KittiOptions()
    parser.add_argument('out', help='folder to fill; a stopped run goes on where it stopped')
    parser.add_argument('--frames', type=int, default=200, help='number of frames')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    parser.add_argument('--val-fraction', type=float, default=.25,
                        help='share of the drives kept for validation')
    parser.add_argument('--tracking', action='store_true',
                        help='the layout of the tracking benchmark: sequences of 40 frames, 10 a '
                        'second, objects with ids')
    parser.add_argument('--frames-per-drive', type=int,
                        help='frames of one street, by one moving vehicle (default: '
                        f'{default.frames_per_drive}, with --tracking 40)')
    parser.add_argument('--frame-rate', type=float,
                        help=f'frames per second of a drive (default: {default.frame_rate:g})')
    parser.add_argument('--lidar-field', type=float, default=default.lidar_field,
                        help='degrees of the LiDAR\'s turn that are simulated, around ahead')
    parser.add_argument('--azimuths', type=int, default=default.azimuths,
                        help='LiDAR firings per full turn')
    parser.add_argument('--image-scale', type=float, default=default.image_scale,
                        help='camera rays per pixel and axis; the image keeps its size')
    add_conditions(parser)


def simulate(arguments: argparse.Namespace) -> str:
    """What ``simulate kitti`` runs; returns a closing line."""
    from sparse3d.datasets.kitti.simulate.drive import (
        KittiOptions,
        simulate_kitti,
        split_frames,
    )
    from sparse3d.datasets.kitti.simulate.sequences import simulate_kitti_tracking
    length, rate = (40, 10.0) if arguments.tracking else (
        KittiOptions.frames_per_drive, KittiOptions.frame_rate)
    options = KittiOptions(
        frames_per_drive=length if arguments.frames_per_drive is None else
        arguments.frames_per_drive,
        frame_rate=rate if arguments.frame_rate is None else arguments.frame_rate,
        azimuths=arguments.azimuths, lidar_field=arguments.lidar_field,
        image_scale=arguments.image_scale, conditions=conditions(arguments))
    write = simulate_kitti_tracking if arguments.tracking else simulate_kitti
    write(arguments.out, arguments.frames, arguments.seed, arguments.workers,
          arguments.val_fraction, options)
    counts = {split: len(frames) for split, frames in split_frames(
        arguments.frames, arguments.val_fraction, options.frames_per_drive).items()}
    line = (f'{arguments.frames} simulated frames in {arguments.out}: {counts["train"]} to train, '
            f'{counts["val"]} to validate')
    return line if all(counts.values()) else (
        f'{line}; a street of {options.frames_per_drive} frames is in one of the two as a whole, '
        f'and a training needs both: take more --frames, or fewer --frames-per-drive')
