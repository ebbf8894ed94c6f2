"""Damaged label, calibration and split files: plausible content or one sentence.

``SPARSE3D_FUZZ=10000`` sets the number of damaged files of each kind. Text has no checksum: a
changed digit makes another valid file, a cut at the end of a row of CSV a shorter one.
"""
from __future__ import annotations

import json
import os

import numpy as np
import pytest

from sparse3d.datasets.custom.prepare.files import CustomFrame, read_calibration
from sparse3d.datasets.custom.prepare.labels import read_boxes, read_track_ids, unused_columns
from sparse3d.datasets.custom.prepare.splits import find_splits
from sparse3d.errors import DataError

FILES = int(os.environ.get('SPARSE3D_FUZZ', 300))
ROWS = [dict(zip(('class', 'x', 'y', 'z_bottom', 'dx', 'dy', 'dz', 'yaw'),
                 (name, 10.25, -2.5, -1.7, 4.2, 1.8, 1.5, 0.3), strict=True))
        for name in ('Car', 'Euro pallet', 'Kühlwagen')]
CSV = ','.join(ROWS[0]) + '\n' + ''.join(','.join(map(str, row.values())) + '\n' for row in ROWS)
CAMERA = {'LEFT': dict(cam2img=np.diag([700., 700, 1]).tolist(), lidar2cam=np.eye(4).tolist())}
KINDS = {
    'a.csv': CSV, 'b.csv': CSV.replace(',', ';'), 'a.json': json.dumps(ROWS, ensure_ascii=False),
    'b.json': json.dumps(dict(detections=ROWS)), 'calibration.json': json.dumps(CAMERA),
    'splits/train.txt': 'a b\nfrom here\n'}


def read(path):
    """What a file says, checked for what may never be passed on."""
    if path.name == 'calibration.json':
        for matrices in read_calibration(path.parent).values():
            assert all(np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 1e-9
                       for matrix in matrices.values())
    elif path.suffix == '.txt':
        frames = [CustomFrame(name, path, path) for name in ('a b', 'from here')]
        splits, _ = find_splits(path.parents[1], frames, 0.2)
        assert set(splits.get('train', ())) <= {'a b', 'from here'}
    else:
        names, boxes = read_boxes(path)
        assert len(names) == len(boxes) <= 6 and all(names)
        assert np.isfinite(boxes[:, :7]).all() and (boxes[:, 3:6] > 0).all()


@pytest.fixture(params=KINDS)
def file(request, tmp_path):
    path = tmp_path / request.param
    path.parent.mkdir(exist_ok=True)
    return path, KINDS[request.param].encode()


def test_damaged_files(file):
    path, content = file
    path.write_bytes(content)
    read(path)
    random, refused = np.random.default_rng(len(content)), 0
    for _ in range(FILES):
        damaged = bytearray(content)
        for _ in range(random.integers(1, 4)):
            place, length = int(random.integers(len(damaged))), int(random.integers(1, 12))
            kind = random.integers(4)
            if kind == 0:
                damaged[place] ^= 1 << int(random.integers(8))
            elif kind == 1:
                del damaged[place:place + length]
            elif kind == 2:
                damaged[place:place] = damaged[place:place + length]
            else:
                damaged[place] = int(random.choice([0, 10, 34, 44, 45, 57, 91, 123, 255]))
            damaged = damaged or bytearray(b'?')
        path.write_bytes(damaged)
        try:
            read(path)
        except DataError as error:
            refused += 1
            assert str(path.parents[1]) in str(error) and '\n' not in str(error)
    assert refused > FILES / 10


def test_every_truncation_is_refused_but_between_rows(file):
    path, content = file
    if path.suffix == '.txt':
        return  # a name may be any text
    for size in range(1, len(content)):
        if path.suffix == '.csv' and content[size - 1:size] == b'\n':
            continue  # no count says that there were more
        path.write_bytes(content[:size])
        with pytest.raises(DataError):
            read(path)


@pytest.mark.parametrize(('row', 'message'), [
    ('Car,448262.5,5411932,0,4,2,2,0', 'box 1 of .* lies at 448262.5, 5411932.0, 0.0: map'),
    ('Car,1,2,0,4200,1800,1500,0', 'size of 4200 x 1800 x 1500, .*millimeters.*write meters'),
])
def test_boxes_in_other_units(tmp_path, row, message):
    (tmp_path / 'a.csv').write_text(f'class,x,y,z_bottom,dx,dy,dz,yaw\n{row}\n')
    with pytest.raises(DataError, match=message):
        read_boxes(tmp_path / 'a.csv')


def test_a_header_that_is_not_there_is_said_with_its_layout(tmp_path):
    (tmp_path / 'a.csv').write_text('Class,X,Y,Z\nCar,1,2,3\n')
    with pytest.raises(DataError, match='write class,x,y,z_bottom,dx,dy,dz,yaw in front, in small'):
        read_boxes(tmp_path / 'a.csv')


def test_a_key_that_stands_twice_is_not_taken_once(tmp_path):
    (tmp_path / 'a.json').write_text('[{"class": "Car", "x": 1, "x": 2}]')
    with pytest.raises(DataError, match="a.json has 'x' twice"):
        read_boxes(tmp_path / 'a.json')


def test_identities_of_boxes(tmp_path):
    head, row = 'class,x,y,z_bottom,dx,dy,dz,yaw', 'Car,1,2,0,4,2,1.5,0'
    path = tmp_path / 'a.csv'
    path.write_text(f'{head},track_id\n{row},7\n{row},8\n')
    assert read_track_ids(path) == ['7', '8'] and unused_columns(path) == []
    path.write_text(f'{head}\n{row}\n')
    assert read_track_ids(path) is None
    for ids, words in ((('7', ''), 'for some boxes only'), (('7', '7'), 'track_id 7 twice')):
        path.write_text(f'{head},track_id\n{row},{ids[0]}\n{row},{ids[1]}\n')
        with pytest.raises(DataError, match=words):
            read_track_ids(path)
    (tmp_path / 'b.json').write_text('[{"class": "Car", "x": 1, "y": 2, "z_bottom": 0, "dx": 4, '
                                     '"dy": 2, "dz": 1, "yaw": 0, "track_id": 0}]')
    assert read_track_ids(tmp_path / 'b.json') == ['0']
