"""What the check of a custom data set finds in its labels."""
from __future__ import annotations

import numpy as np

from sparse3d.datasets.custom.check import check_custom
from sparse3d.datasets.custom.prepare.frames import prepare_custom

ROW = 'Car,10,0,0,4,2,2,0\n'


def test_boxes_that_stand_twice_are_found(tmp_path):
    for folder in ('points', 'boxes'):
        (tmp_path / folder).mkdir()
    for name in ('a', 'b', 'c'):
        cloud = np.random.default_rng(0).uniform([8, -1, 0, 0], [12, 1, 2, 1], (60, 4))
        np.save(tmp_path / f'points/{name}.npy', cloud.astype(np.float32))
        (tmp_path / f'boxes/{name}.csv').write_text(
            f'class,x,y,z_bottom,dx,dy,dz,yaw\n{ROW}{ROW if name == "b" else ""}')
    prepare_custom(tmp_path)
    assert [text for text in check_custom(tmp_path).problems if 'twice' in text] == [
        '1 boxes of train stand twice, the same class and numbers in one frame (b); keep one of '
        'each']
