"""PASSES: KITTI-like data as people have it: CRLF, 16 columns, DontCare first or alone, Tram / Misc /
Person_sitting, empty label files, 7-digit ids, PNGs of other sizes, tabs, NaN points.

Reports: OpenPCDet#50, #103, #190, #1356; mmdetection3d#1009; kitti_object_vis#51.
"""
import shutil
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from sparse3d.datasets.kitti.prepare.frames import prepare_kitti
from sparse3d.datasets.kitti.check import check_kitti

CALIBRATION = ''.join(f'P{number}: 700 0 600 0 0 700 180 0 0 0 1 0\n' for number in range(4)) + (
    'R0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n'
    'Tr_imu_to_velo: 1 0 0 0 0 1 0 0 0 0 1 0\n')
LABEL = 'Car 0.00 0 0.00 500 150 700 250 1.50 1.70 4.00 0.00 1.70 20.00 0.00\n'


def png():
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    rows = zlib.compress(b''.join(b'\0' + bytes(3600) for _ in range(370)))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 1200, 370, 8, 2, 0, 0, 0))
            + chunk(b'IDAT', rows) + chunk(b'IEND', b''))


def make(root, names):
    for kind in ('velodyne', 'calib', 'image_2', 'label_2'):
        (root / 'training' / kind).mkdir(parents=True)
    for name in names:
        points = np.random.default_rng(0).uniform([5, -8, -2, 0], [40, 8, 1, 1], (500, 4))
        points.astype('<f4').tofile(root / 'training/velodyne' / f'{name}.bin')
        (root / 'training/calib' / f'{name}.txt').write_text(CALIBRATION)
        (root / 'training/image_2' / f'{name}.png').write_bytes(png())
        (root / 'training/label_2' / f'{name}.txt').write_text(LABEL)


CAR = LABEL.strip()
NOTHING = 'DontCare -1 -1 -10 10 150 40 180 -1 -1 -1 -1000 -1000 -1000 -10'
CASES = {  # label file, objects in two frames
    'crlf': (f'{CAR}\r\n{CAR}\r\n', 4), 'score': (f'{CAR} 0.93\n', 2), 'DontCare first': (f'{NOTHING}\n{CAR}\n', 2),
    'DontCare alone': (f'{NOTHING}\n', 0), 'empty': ('', 0), 'tabs': (CAR.replace(' ', '\t') + ' \n\n', 2),
    'types': (f'{CAR.replace("Car", "Tram")}\n{CAR.replace("Car", "Misc")}\n{CAR.replace("Car", "Person_sitting")}\n', 6)}
bad = []
for case, (text, wanted) in CASES.items():
    folder = Path(tempfile.mkdtemp())
    make(folder, ('0000000', '0000001'))
    (folder / 'ImageSets').mkdir()
    (folder / 'ImageSets/train.txt').write_bytes(b'0000000\r\n\r\n0000001\r\n')
    for name in ('0000000', '0000001'):
        (folder / f'training/label_2/{name}.txt').write_bytes(text.encode())
        points = np.fromfile(folder / f'training/velodyne/{name}.bin', '<f4').reshape(-1, 4)
        points[::9] = np.nan
        points.tofile(folder / f'training/velodyne/{name}.bin')
    report, check = prepare_kitti(folder), check_kitti(folder)
    found = [fact for fact in check.facts if fact.startswith('train:')][0]
    if f' {wanted} objects' not in found or any('missing' in text for text in check.problems):
        bad.append(f'{case}: {found} {check.problems}')
    shutil.rmtree(folder)
print('FAIL ' + '; '.join(bad) if bad else 'PASS')
sys.exit(bool(bad))
