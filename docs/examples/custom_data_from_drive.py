"""Write a custom data set, in plain files, from a simulated drive.

In place of this script stands whatever reads your sensors and your labels: a frame is an
array of points, a table of boxes and, if there is a camera, a picture.

    python tools/simulate.py kitti data/drive --frames 40
    python docs/examples/custom_data_from_drive.py data/drive data/mine
"""
import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np

from sparse3d.datasets.kitti.prepare.text import read_calibration, read_labels
from sparse3d.structures.box_conversions import kitti_camera_to_lidar

HEADER = ['class', 'x', 'y', 'z_bottom', 'dx', 'dy', 'dz', 'yaw']


def main(drive: Path, mine: Path) -> None:
    for folder in ('points', 'boxes', 'images/FRONT'):
        (mine / folder).mkdir(parents=True, exist_ok=True)
    clouds = sorted((drive / 'training/velodyne').glob('*.bin'))
    for cloud in clouds:
        name = cloud.stem
        points = np.fromfile(cloud, np.float32).reshape(-1, 4)  # x, y, z [m], intensity
        np.save(mine / 'points' / f'{name}.npy', points)
        shutil.copy(drive / f'training/image_2/{name}.png', mine / f'images/FRONT/{name}.png')
        calibration = read_calibration(drive / f'training/calib/{name}.txt')
        write_boxes(mine / 'boxes' / f'{name}.csv',
                    read_labels(drive / f'training/label_2/{name}.txt'), calibration.lidar2cam)
    matrices = dict(cam2img=calibration.cam2img[2].tolist(),
                    lidar2cam=calibration.lidar2cam.tolist())
    (mine / 'calibration.json').write_text(json.dumps({'FRONT': matrices}))
    print(f'{len(clouds)} frames written to {mine}')


def write_boxes(path: Path, labels: list, lidar2cam: np.ndarray) -> None:
    labels = [label for label in labels if label.type != 'DontCare']
    boxes = kitti_camera_to_lidar(np.array([label.camera_box for label in labels]), lidar2cam)
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows([label.type, *box.round(4)]
                         for label, box in zip(labels, boxes, strict=True))


if __name__ == '__main__':
    main(Path(sys.argv[1]), Path(sys.argv[2]))
