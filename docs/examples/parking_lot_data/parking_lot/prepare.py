"""``create-data parking_lot``: clouds and boxes to info files; every fifth frame validates."""
from __future__ import annotations

import argparse
from pathlib import Path

CONVENTION = 'LiDAR frame; x, y, z_bottom, dx, dy, dz, yaw'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``create-data parking_lot``."""
    parser.add_argument('root', help='folder with clouds/ and boxes/')


def prepare(arguments: argparse.Namespace) -> str:
    """What ``create-data parking_lot`` runs; returns a report to print.

    Raises:
        DataError: for a folder without clouds, or a file that cannot be used.
    """
    from sparse3d.errors import DataError
    from sparse3d.transforms.info_files import FORMAT_VERSION, write_info_file
    root = Path(arguments.root)
    clouds = sorted(root.glob('clouds/*.bin'))
    if not clouds:
        raise DataError(f'{root / "clouds"} holds no .bin files; give the folder of the parking '
                        f'lots')
    entries = [describe(path) for path in clouds]
    splits = dict(train=[entry for row, entry in enumerate(entries) if row % 5 != 4],
                  val=entries[4::5])
    for split, chosen in splits.items():
        stamp = dict(format_version=FORMAT_VERSION, box_convention=CONVENTION, split=split)
        write_info_file(root / f'parking_lot_infos_{split}.pkl',
                        dict(dataset='parking_lot', categories=dict(car=0), stamp=stamp), chosen)
    return ', '.join(f'{len(chosen)} frames of {split}' for split, chosen in splits.items())


def describe(cloud: Path) -> dict:
    """The entry of one frame, in the layout of mmdet3d 1.4."""
    from parking_lot.box_files import read_boxes
    from sparse3d.structures.box_geometry import points_in_box
    from sparse3d.transforms.point_files import load_points
    points = load_points(cloud, columns=4)
    boxes = read_boxes(cloud.parent.parent / 'boxes' / f'{cloud.stem}.txt')
    return dict(
        sample_idx=cloud.stem,
        lidar_points=dict(lidar_path=f'clouds/{cloud.name}', num_pts_feats=4),
        instances=[dict(bbox_3d=box[:7].tolist(), bbox_label_3d=0,
                        num_lidar_pts=len(points_in_box(points, box[:7]))) for box in boxes])
