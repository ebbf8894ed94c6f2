"""Simulate labeled drives in the layout of a data set, ready for `create-data`."""
from __future__ import annotations

import argparse
import os

from sparse3d.datasets.kitti.simulate.options import KittiOptions
from sparse3d.datasets.nuscenes.simulate.options import NuScenesOptions
from sparse3d.datasets.waymo.simulate.options import WaymoOptions
from sparse3d.simulate.conditions import WEATHERS, Conditions

EXAMPLES = """\
  sparse3d simulate kitti data/simulated_kitti --frames 200 --seed 0 --workers 2
  sparse3d simulate nuscenes data/simulated_nuscenes --scenes 10 --seconds 20 --workers 2
  sparse3d simulate waymo data/simulated_waymo --segments 4 --seconds 10 --workers 2
  sparse3d simulate nuscenes data/foggy_night --scenes 2 --weather fog --night
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    formats = parser.add_subparsers(required=True, metavar='format')
    _add_kitti(formats)
    _add_nuscenes(formats)
    _add_waymo(formats)


def run(arguments: argparse.Namespace) -> None:
    arguments.run(arguments)


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    default = Conditions()
    parser.add_argument('--weather', choices=WEATHERS, default=default.weather,
                        help='fog dims and blurs, rain adds false points; both hide far things')
    parser.add_argument('--visibility', type=float, default=default.visibility,
                        help='of fog, in meters')
    parser.add_argument('--rain-rate', type=float, default=default.rain_rate,
                        help='of rain, in mm/h')
    parser.add_argument('--night', action='store_true',
                        help='dark pictures, lit by the headlights')
    parser.add_argument('--people', type=float, default=default.people,
                        help='pedestrians, times the usual 4 to 15 of a street')


def _conditions(arguments: argparse.Namespace) -> Conditions:
    return Conditions(arguments.weather, arguments.visibility, arguments.rain_rate,
                      arguments.night, arguments.people)


def _add_kitti(formats: argparse._SubParsersAction) -> None:
    kitti = formats.add_parser(
        'kitti', help='KITTI object detection, official layout',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    default = KittiOptions()
    kitti.add_argument('out', help='folder to fill; a stopped run goes on where it stopped')
    kitti.add_argument('--frames', type=int, default=200, help='number of frames')
    kitti.add_argument('--seed', type=int, default=0, help='same seed, same bytes')
    kitti.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    kitti.add_argument('--val-fraction', type=float, default=.25,
                       help='share of the drives kept for validation')
    kitti.add_argument('--frames-per-drive', type=int, default=default.frames_per_drive,
                       help='frames of one street, by one moving vehicle')
    kitti.add_argument('--frame-rate', type=float, default=default.frame_rate,
                       help='frames per second of a drive')
    kitti.add_argument('--lidar-field', type=float, default=default.lidar_field,
                       help='degrees of the LiDAR\'s turn that are simulated, around ahead')
    kitti.add_argument('--azimuths', type=int, default=default.azimuths,
                       help='LiDAR firings per full turn')
    kitti.add_argument('--image-scale', type=float, default=default.image_scale,
                       help='camera rays per pixel and axis; the image keeps its size')
    _add_conditions(kitti)
    kitti.set_defaults(run=_kitti)


def _kitti(arguments: argparse.Namespace) -> None:
    from sparse3d.datasets.kitti.simulate.drive import simulate_kitti
    options = KittiOptions(
        frames_per_drive=arguments.frames_per_drive, frame_rate=arguments.frame_rate,
        azimuths=arguments.azimuths, lidar_field=arguments.lidar_field,
        image_scale=arguments.image_scale, conditions=_conditions(arguments))
    simulate_kitti(arguments.out, arguments.frames, arguments.seed, arguments.workers,
                   arguments.val_fraction, options)
    print(f'{arguments.frames} simulated frames in {arguments.out}')


def _add_nuscenes(formats: argparse._SubParsersAction) -> None:
    nuscenes = formats.add_parser(
        'nuscenes', help='nuScenes: tables, six cameras, LiDAR with sweeps',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    default = NuScenesOptions()
    nuscenes.add_argument('out', help='folder to fill; a stopped run goes on where it stopped')
    nuscenes.add_argument('--scenes', type=int, default=10,
                          help='number of scenes; v1.0-trainval instead of -mini from 11 on')
    nuscenes.add_argument('--seconds', type=float, default=default.seconds,
                          help='length of a scene')
    nuscenes.add_argument('--seed', type=int, default=0, help='same seed, same bytes')
    nuscenes.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    nuscenes.add_argument('--image-width', type=int, default=default.image_width,
                          help='pixels; 1600 (by 900) in the real data')
    nuscenes.add_argument('--camera-rate', type=float, default=default.camera_rate,
                          help='pictures per second and camera, a multiple of 2; 12 in the real '
                               'data')
    nuscenes.add_argument('--lidar-rate', type=float, default=default.lidar_rate,
                          help='sweeps per second, a multiple of 2')
    nuscenes.add_argument('--azimuths', type=int, default=default.azimuths,
                          help='LiDAR firings per full turn')
    _add_conditions(nuscenes)
    nuscenes.set_defaults(run=_nuscenes)


def _nuscenes(arguments: argparse.Namespace) -> None:
    from sparse3d.datasets.nuscenes.simulate.drive import simulate_nuscenes
    options = NuScenesOptions(
        seconds=arguments.seconds, image_width=arguments.image_width,
        camera_rate=arguments.camera_rate, lidar_rate=arguments.lidar_rate,
        azimuths=arguments.azimuths, conditions=_conditions(arguments))
    version = simulate_nuscenes(arguments.out, arguments.scenes, arguments.seed,
                                arguments.workers, options)
    print(f'{arguments.scenes} simulated scenes in {arguments.out} as {version}')


def _add_waymo(formats: argparse._SubParsersAction) -> None:
    waymo = formats.add_parser(
        'waymo', help='Waymo: five LiDARs as range images, five cameras, keypoints',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    default = WaymoOptions()
    waymo.add_argument('out', help='folder to fill; a stopped run goes on where it stopped')
    waymo.add_argument('--segments', type=int, default=4, help='number of segments')
    waymo.add_argument('--seconds', type=float, default=default.seconds,
                       help='length of a segment')
    waymo.add_argument('--seed', type=int, default=0, help='same seed, same content')
    waymo.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    waymo.add_argument('--format', choices=['v1', 'v2', 'both'], default=default.format,
                       help='TFRecord, Parquet, or both from the same frames')
    waymo.add_argument('--frame-rate', type=float, default=default.frame_rate,
                       help='frames per second, at most 10 as in the real data')
    waymo.add_argument('--columns', type=int, default=default.columns,
                       help='columns of the TOP range image; 2650 in the real data')
    waymo.add_argument('--image-width', type=int, default=default.image_width,
                       help='pixels; 1920 in the real data, 0 for no cameras')
    waymo.add_argument('--projections', action='store_true',
                       help='store the camera pixel that each LiDAR point falls on')
    waymo.add_argument('--val-fraction', type=float, default=default.val_fraction,
                       help='share of the segments kept for validation')
    _add_conditions(waymo)
    waymo.set_defaults(run=_waymo)


def _waymo(arguments: argparse.Namespace) -> None:
    from sparse3d.datasets.waymo.simulate.drive import simulate_waymo
    options = WaymoOptions(
        seconds=arguments.seconds, frame_rate=arguments.frame_rate, columns=arguments.columns,
        image_width=arguments.image_width, projections=arguments.projections,
        format=arguments.format, val_fraction=arguments.val_fraction,
        conditions=_conditions(arguments))
    simulate_waymo(arguments.out, arguments.segments, arguments.seed, arguments.workers, options)
    print(f'{arguments.segments} simulated segments in {arguments.out}')
