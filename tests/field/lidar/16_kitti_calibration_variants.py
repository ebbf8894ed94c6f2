"""KITTI-like calibration as people have it: refused.
  tracking  R_rect, Tr_velo_cam, Tr_imu_velo (KITTI tracking, written without a colon there)
  needed    P2, R0_rect and Tr_velo_to_cam alone: P0, P1, P3 and Tr_imu_to_velo are used by nothing

Reports: https://github.com/hailanyi/VirConv/issues/68, https://github.com/utiasSTARS/pykitti/pull/58, #31, #73,
https://github.com/open-mmlab/mmdetection3d/issues/1009, #1004. Right: read both; or, at the least, name
the line that is there under another name.
"""
import sys
import tempfile
from pathlib import Path

from sparse3d.errors import Sparse3DError
from sparse3d.datasets.kitti.prepare.text import read_calibration

P = '700 0 600 0 0 700 180 0 0 0 1 0'
R, V, M = '1 0 0 0 1 0 0 0 1', '0 -1 0 0 0 0 -1 0 1 0 0 0', '1 0 0 0 0 1 0 0 0 0 1 0'
CASES = {
    'tracking': ''.join(f'P{i}: {P}\n' for i in range(4)) + f'R_rect {R}\nTr_velo_cam {V}\nTr_imu_velo {M}\n',
    'needed': f'P2: {P}\nR0_rect: {R}\nTr_velo_to_cam: {V}\n',
}
bad = []
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / '000000.txt'
    for case, text in CASES.items():
        path.write_text(text)
        try:
            read_calibration(path)
        except Sparse3DError as error:
            bad.append(f'{case}: {str(error).replace(folder, "")}')
print('FAIL ' + '; '.join(bad) if bad else 'PASS')
sys.exit(bool(bad))
