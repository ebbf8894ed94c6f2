"""create_data.py kitti --all-frames: "takes every labelled frame" (data/README.md).
  named      files that are not numbers (frame_0.bin): ValueError traceback (with ImageSets/ the
             same names get a sentence)
  unlabelled one frame without label_2: the run ends, although it is not a labelled frame

Reports: https://github.com/open-mmlab/OpenPCDet/issues/253 and #691 (own KITTI-like data).
Right: a sentence (or any name); unlabelled frames left out and counted.
"""
import shutil
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from sparse3d.errors import Sparse3DError
from sparse3d.datasets.kitti.prepare.frames import prepare_kitti

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


bad = []
for case, names in (('named', ('frame_0', 'frame_1')), ('unlabelled', ('000000', '000001', '000002'))):
    folder = Path(tempfile.mkdtemp())
    make(folder, names)
    if case == 'unlabelled':
        (folder / 'training/label_2/000001.txt').unlink()
    try:
        report = prepare_kitti(folder, all_frames=True)
        if case == 'unlabelled' and report.frames['train'] != 2:
            bad.append(f'unlabelled: {report.frames}')
    except Sparse3DError as error:
        if case == 'unlabelled':
            bad.append(f'unlabelled: refused ({str(error).replace(str(folder), "")})')
    except Exception as error:
        bad.append(f'{case}: {type(error).__name__}: {error}')
    shutil.rmtree(folder)
print('FAIL ' + '; '.join(bad) if bad else 'PASS')
sys.exit(bool(bad))
