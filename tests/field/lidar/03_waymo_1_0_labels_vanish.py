"""Waymo version 1.0 (num_lidar_points_in_box not yet filled in): all labels disappear silently.

Reports: https://github.com/waymo-research/waymo-open-dataset/issues/117,
https://github.com/open-mmlab/OpenPCDet/issues/927, #415 (all AP 0, "gt 0").
Preparation says nothing, the check finds no problem, training would see empty frames.
Right: count the points where a segment gives no counts at all, or refuse / report it.
"""
import sys
import tempfile
from pathlib import Path

import numpy as np
from sparse3d.transforms.info_files import read_info_file
from sparse3d.errors import Sparse3DError
from sparse3d.datasets.waymo.check import check_waymo
from sparse3d.datasets.waymo.prepare import prepare_waymo
from sparse3d.datasets.waymo.simulate.encoding import write_matrix, write_record
from sparse3d.datasets.waymo.messages import Frame


def frame(time):
    message = Frame(timestamp_micros=time)
    message.pose.transform.extend(np.eye(4).ravel())
    message.context.name = '1_000_020_000'
    lidar = message.context.laser_calibrations.add(name=2, beam_inclination_min=-1.2,
                                                   beam_inclination_max=0.2)
    lidar.extrinsic.transform.extend(np.eye(4).ravel())
    image = np.full((20, 60, 4), -1, np.float32)
    image[..., 0], image[..., 1], image[..., 2] = 8.0, 0.3, 0.0   # a ring of points 8 m away
    scan = message.lasers.add(name=2)
    for target in (scan.ri_return1, scan.ri_return2):
        target.range_image_compressed = write_matrix(image)
    label = message.laser_labels.add(id='a', type=1)
    for name, value in dict(center_x=8, center_y=0, center_z=-1, length=5, width=3, height=6,
                            heading=0).items():
        setattr(label.box, name, value)
    return message


with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    (root / 'training').mkdir()
    path = root / 'training' / 'segment-1_000_020_000_with_camera_labels.tfrecord'
    with open(path, 'wb') as stream:
        for time in (1_000_000, 1_100_000):
            write_record(stream, frame(time).SerializeToString())
    try:
        report = prepare_waymo(root)
        info = read_info_file(root / 'kitti_format' / 'waymo_infos_train.pkl', 'waymo')
        objects = sum(len(entry['instances']) for entry in info['data_list'])
        problems = check_waymo(root / 'kitti_format').problems
        good = objects == 2 or bool(problems) or bool(report.damaged)
        print('PASS' if good else 'FAIL', f'2 labelled vehicles in the file, {objects} in the info '
              f'file; problems that the check names: {problems}')
    except Sparse3DError as error:
        good = True
        print('PASS refused:', error)
sys.exit(0 if good else 1)
