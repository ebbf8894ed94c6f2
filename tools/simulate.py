"""Simulate labeled drives, ready for create_data.py.

Example:
    python tools/simulate.py kitti data/simulated_kitti --frames 200 --seed 0 --workers 2
    python tools/simulate.py nuscenes data/simulated_nuscenes --scenes 10 --seconds 20 --workers 2
    python tools/simulate.py waymo data/simulated_waymo --segments 4 --seconds 10 --workers 2
    python tools/simulate.py nuscenes data/foggy_night --scenes 2 --weather fog --night
"""
from __future__ import annotations

import sys

from sparse3d.apis.simulate import simulate

if __name__ == '__main__':
    sys.exit(simulate(__doc__))
