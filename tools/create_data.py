"""Prepare a data set: raw files to info files and a ground-truth database.

Example:
    python tools/create_data.py kitti data/kitti --workers 4
    python tools/create_data.py kitti /read/only/kitti --out data/kitti --all-frames
    python tools/create_data.py nuscenes data/nuscenes --version v1.0-mini --workers 4
    python tools/create_data.py waymo data/waymo --workers 4
    python tools/create_data.py waymo data/waymo --shard 1/8    # on the first of 8 machines
    python tools/create_data.py waymo data/waymo --merge        # when all are done
    python tools/create_data.py crops kitti data/kitti          # objects to paste into images
    python tools/create_data.py custom data/mine                   # docs/custom_data.md
    python tools/create_data.py check data/kitti
    python tools/create_data.py upgrade data/nuscenes/nuscenes_infos_train.pkl   # mmdet3d 0.x, 1.0
    python tools/create_data.py upgrade data/kitti/kitti_infos_train.pkl         # mmdet3d 0.x, 1.0
"""
from __future__ import annotations

import sys

from sparse3d.apis.create_data import create_data

if __name__ == '__main__':
    sys.exit(create_data(__doc__))
