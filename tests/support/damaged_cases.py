"""Every format that is read from somebody else, as a small whole file and its reader."""
from __future__ import annotations

import io
import json
import math
import pickle
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from damage import DamagedCase
from damaged_clouds import cloud_contents, cloud_rows
from sparse3d.checkpoints.open import open_checkpoint, read_any_checkpoint
from sparse3d.datasets.argoverse2.results import submission_columns, write_argoverse2_submission
from sparse3d.datasets.custom.prepare.files import read_calibration as read_camera_table
from sparse3d.datasets.custom.prepare.labels import read_boxes
from sparse3d.datasets.kitti.prepare import text as kitti
from sparse3d.datasets.kitti.results import ResultFolder
from sparse3d.datasets.nuscenes.results import open_json
from sparse3d.datasets.waymo.prepare.parquet_tables import ParquetTable
from sparse3d.datasets.waymo.prepare.read_v1 import read_v1
from sparse3d.datasets.waymo.prepare.tfrecord import read_records
from sparse3d.datasets.waymo.results import new_message, open_objects
from sparse3d.datasets.waymo.simulate.encoding import write_record
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import Results
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.image_files import decode_image
from sparse3d.transforms.info_files import read_info_file, write_info_file
from sparse3d.transforms.point_files import describe_contents, load_points

WAYMO = Path(__file__).resolve().parents[1] / 'fixtures' / 'waymo_frame'
SEGMENT = '1234567890123456789_1000_000_1020_000'
IDENTITY = np.eye(4)
BOX = dict(x=12.0, y=2.0, z_bottom=-1.7, dx=4.0, dy=1.7, dz=1.5, yaw=0.3)


def equal(one: Any, other: Any) -> bool:
    """Equality of nested containers, arrays, tensors and detections; NaN equals NaN."""
    if isinstance(one, Detections) and isinstance(other, Detections):
        return list(one.names) == list(other.names) and equal(one.boxes_3d, other.boxes_3d) \
            and equal(one.scores, other.scores)
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape \
            and one.tobytes() == other.tobytes()
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if hasattr(one, '__dict__'):
        return equal(vars(one), vars(other))
    return one == other or one != one and other != other


def cases(folder: Path) -> Iterator[DamagedCase]:
    """All formats; ``folder`` is for files that only their writers can make."""
    yield from _clouds()
    yield from _pictures()
    yield from _labels()
    yield from _waymo(folder)
    yield from _checkpoints(folder)
    yield from _infos(folder)
    yield from _results(folder)


def _finite(points: np.ndarray) -> bool:
    return points.dtype == np.float32 and points.ndim == 2 and bool(np.isfinite(points).all())


def _clouds() -> Iterator[DamagedCase]:
    swaps = {
        'ascii.pcd': [(b'POINTS 9', b'POINTS 90'), (b'WIDTH 9', b'WIDTH 8'),
                      (b'SIZE 4 8', b'SIZE 4'), (b'COUNT 1 1 1 4', b'COUNT 1 1 1 400000000')],
        'binary.pcd': [(b'POINTS 9', b'POINTS 900000000000'), (b'SIZE 4 8', b'SIZE 8 8'),
                       (b'TYPE F', b'TYPE Q'), (b'HEIGHT 1', b'HEIGHT 3')],
        'packed.pcd': [(b'POINTS 9', b'POINTS 10'), (b'WIDTH 9', b'WIDTH 900000000')],
        'ascii.ply': [(b'element vertex 9', b'element vertex 10'), (b'float x', b'float128 x'),
                      (b'element face 2', b'element face 3')],
        'binary.ply': [(b'element vertex 9', b'element vertex 999999999'),
                       (b'property float x', b'property double x'),
                       (b'element face 2', b'element face 20')],
        'plain.npy': [(b'(9, 4)', b'(9,40)'), (b"'<f4'", b"'<f8'"), (b"'<f4'", b"'|O4'")],
        'named.npy': [(b"(9,)", b"(99,)"[:4] + b')'), (b"'<f8'", b"'<f4'")],
        'sweep.feather': [(b'ARROW1', b'ARROW9')]}
    for name, content in cloud_contents(cloud_rows()).items():
        yield DamagedCase(
            name, content, read_cloud, equal, lambda cloud: cloud.shape[1:] == (4, ),
            contradictions=tuple(content.replace(*swap, 1) for swap in swaps[name]))
    rows = np.random.default_rng(0).uniform(-50, 50, (12, 4)).astype('<f4').tobytes()
    yield DamagedCase('bare.bin', rows, lambda path: load_points(path, 4), equal, _finite,
                      whole_at=lambda size: size % 16 == 0)
    contents = describe_contents(rows)
    yield DamagedCase('noted.bin', rows, lambda path: load_points(path, 4, contents), equal,
                      checksum=True)


def _pictures() -> Iterator[DamagedCase]:
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(
        0, 256, (40, 60, 3), dtype=np.uint8), (5, 5), 2)

    def read(path: Path) -> np.ndarray:
        return decode_image(path.read_bytes(), str(path))

    png = cv2.imencode('.png', picture)[1].tobytes()
    wider = png[:16] + struct.pack('>II', 6000, 40) + png[24:]
    huge = png[:16] + struct.pack('>II', 30000, 30000) + png[24:]
    yield DamagedCase('a.png', png, read, equal, lambda image: image.shape == picture.shape,
                      contradictions=(wider, huge, _with_sum(huge)))
    jpeg = cv2.imencode('.jpg', picture)[1].tobytes()
    size = jpeg.index(struct.pack('>HH', 40, 60))
    yield DamagedCase(
        'a.jpg', jpeg, read, lambda one, other: one.shape == other.shape,
        lambda image: image.ndim == 3 and image.dtype == np.uint8,
        contradictions=tuple(jpeg[:size] + struct.pack('>HH', *sides) + jpeg[size + 4:]
                             for sides in ((65500, 16000), (0, 60), (20000, 20000))))


def _with_sum(png: bytes) -> bytes:
    """The same with a right checksum of its header."""
    return png[:29] + struct.pack('>I', zlib.crc32(png[12:29])) + png[33:]


def _labels() -> Iterator[DamagedCase]:
    rows = [dict(BOX, **{'class': name}) for name in ('Car', 'Pedestrian', 'euro pallet')]
    head = ','.join(['class', *BOX])
    table = '\n'.join([head, *(','.join(map(str, [row['class'], *list(row.values())[:-1]]))
                               for row in rows), '']).encode()

    def sane(labels: tuple) -> bool:
        names, boxes = labels
        return len(names) == len(boxes) and bool(np.isfinite(boxes[:, :7]).all()) \
            and bool((boxes[:, 3:6] > 0).all())

    ends = {place + 1 for place, byte in enumerate(table) if byte == 10}
    yield DamagedCase('boxes.csv', table, read_boxes, equal, sane,
                      whole_at=lambda size: size == 0 or size in ends,
                      contradictions=(table.replace(b'class', b'klass', 1),
                                      table.replace(b'yaw', b'x', 1)))
    text = json.dumps(rows).encode()
    yield DamagedCase('boxes.json', text, read_boxes, equal, sane,
                      contradictions=(b'{}' + text, text[:-1], text + b']'))
    cameras = json.dumps(dict(front=dict(cam2img=[[200.0, 0, 30], [0, 200.0, 20], [0, 0, 1]],
                                         lidar2cam=[[0, -1, 0, 0], [0, 0, -1, -0.1],
                                                    [1, 0, 0, -0.3], [0, 0, 0, 1]]))).encode()
    yield DamagedCase('calibration.json', cameras, lambda path: read_camera_table(path.parent),
                      equal, lambda found: all(np.isfinite(matrix).all() for camera in
                                               found.values() for matrix in camera.values()))
    yield from _kitti_texts()


def _kitti_texts() -> Iterator[DamagedCase]:
    label = b'Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n'
    lines = label + label.replace(b'Car', b'Cyclist').replace(b'46.70', b'20.10')
    flat = ' '.join(f'{number:.6e}' for number in [700, 0, 600, 45, 0, 700, 180, -0.3, 0, 0, 1, 0])
    square = ' '.join(f'{number:.6e}' for number in np.eye(3).ravel())
    pose = ' '.join(f'{number:.6e}' for number in [0, -1, 0, 0, 0, 0, -1, -0.1, 1, 0, 0, -0.3])
    calibration = ''.join(f'P{camera}: {flat}\n' for camera in range(4)) \
        + f'R0_rect: {square}\nTr_velo_to_cam: {pose}\n'
    plane = b'# Plane\nWidth 4\nHeight 1\n-1.0e-02 -9.9e-01 1.0e-02 1.65\n'
    # Texts without a count: cut at the end of a line, or of a digit, they are another whole text.
    for name, content, read, sane in (
            ('000001.txt', lines, kitti.read_labels, lambda found: all(
                np.isfinite(item.camera_box).all() for item in found)),
            ('calib.txt', calibration.encode(), kitti.read_calibration, lambda found: all(
                np.isfinite(matrix).all() for matrix in found.cam2img)),
            ('plane.txt', plane, kitti.read_plane, lambda found: all(map(math.isfinite, found))),
            ('train.txt', b'000001\n000002\n', kitti.read_split, lambda found: True)):
        yield DamagedCase(name, content, read, equal, sane, whole_at=lambda size: True)


def _waymo(folder: Path) -> Iterator[DamagedCase]:
    stream = io.BytesIO()
    for number in range(3):
        write_record(stream, bytes([number]) * (50 + number))
    records = stream.getvalue()
    ends = {0, 66, 133}
    yield DamagedCase('a.tfrecord', records, lambda path: list(read_records(path)), equal,
                      lambda found: found == [bytes([number]) * (50 + number)
                                              for number in range(len(found))],
                      whole_at=lambda size: size in ends)
    frame, = list(read_records(next((WAYMO / 'v1').glob('*.tfrecord'))))[:1]

    def one_record(message: bytes) -> bytes:
        made = io.BytesIO()
        write_record(made, message)
        return made.getvalue()

    yield DamagedCase('frame.tfrecord', frame, lambda path: [
        item.timestamp for item in read_v1(path)], equal, pack=one_record,
        whole_at=lambda size: True)
    for tag, prefix, keys, columns, timed in (
            ('vehicle_pose', '[VehiclePoseComponent].', (),
             ('world_from_vehicle.transform', ), True),
            ('lidar_calibration', '[LiDARCalibrationComponent].', ('key.laser_name', ),
             ('extrinsic.transform', ), False)):
        content = (WAYMO / 'v2' / tag / f'{SEGMENT}.parquet').read_bytes()
        (folder / tag).mkdir()
        yield DamagedCase(
            f'{tag}.parquet', content, _table_reader(folder / tag, prefix, keys, columns, timed),
            equal)


def _table_reader(folder: Path, prefix: str, keys: tuple, columns: tuple,
                  timed: bool) -> Callable[[Path], list]:
    def read(path: Path) -> list:
        named = folder / f'{SEGMENT}.parquet'  # a table is called after its segment
        named.write_bytes(path.read_bytes())
        try:
            return ParquetTable(named, prefix, keys, columns, timed).rows()
        except Exception as error:
            error.args = (str(error).replace(named.name, path.name), )
            raise
    return read


def _checkpoints(folder: Path) -> Iterator[DamagedCase]:
    weights = {'a.weight': torch.arange(12.0).reshape(3, 4), 'a.bias': torch.ones(3).half()}
    content = dict(state_dict=weights, meta=dict(epoch=3, dataset_meta=dict(classes=('Car', ))),
                   scores=np.arange(3.0))

    def loose(loaded: dict) -> bool:
        return isinstance(loaded, dict)

    for name, zipped in (('zip.pth', True), ('old.pth', False)):
        torch.save(content, folder / name, _use_new_zipfile_serialization=zipped)
        yield DamagedCase(name, (folder / name).read_bytes(),
                          lambda path: open_checkpoint(path).content, equal, loose)
    head = json.dumps({name: dict(dtype='F32', shape=[2, 3], data_offsets=[24 * row, 24 * row + 24])
                       for row, name in enumerate('ab')}).encode()
    body = np.arange(12, dtype='<f4').tobytes()
    made = len(head).to_bytes(8, 'little') + head + body
    yield DamagedCase(
        'a.safetensors', made, read_any_checkpoint, equal, loose, contradictions=(
            (1 << 60).to_bytes(8, 'little') + head + body, made + b'1234',
            made.replace(b'[2, 3]', b'[2, 4]', 1), made.replace(b'[24, 48]', b'[20, 44]', 1),
            made.replace(b'"F32"', b'"F64"', 1), made.replace(b'"F32"', b'"Z32"', 1)))


def _infos(folder: Path) -> Iterator[DamagedCase]:
    info = dict(sample_idx=3, lidar_points=dict(lidar_path='a.bin', num_pts_feats=4),
                instances=[dict(bbox_3d=[1.0, 2, 3, 4, 5, 6, 0.1], bbox_label_3d=0)],
                pose=np.eye(4))
    meta = dict(dataset='kitti', stamp=dict(format_version=1), categories=dict(Car=0))
    write_info_file(folder / 'infos.pkl', meta, [info])

    def read(path: Path) -> dict:
        return read_info_file(path, 'kitti')

    stamped = (folder / 'infos.pkl').read_bytes()
    pickled = stamped.index(b'\nsparse3d-crc32:')  # a whole pickle, as others write it
    yield DamagedCase('infos.pkl', stamped, read, equal, lambda found: isinstance(found, dict),
                      whole_at=lambda size: size in (pickled, pickled + 1))
    for protocol in (2, 4):
        yield DamagedCase(f'protocol{protocol}.pkl',
                          pickle.dumps(dict(metainfo=meta, data_list=[info]), protocol), read,
                          equal, lambda found: isinstance(found['data_list'], list))


def _results(folder: Path) -> Iterator[DamagedCase]:
    entry = dict(sample_token='t', translation=[10.0, 2.0, 1.0], size=[1.7, 4.0, 1.5],
                 rotation=[1.0, 0.0, 0.0, 0.0], velocity=[1.0, 0.0], detection_name='car',
                 detection_score=0.7, attribute_name='')
    text = json.dumps(dict(meta={}, results=dict(t=[entry, entry]))).encode()

    def sane(found: Detections | None) -> bool:
        return found is None or bool(np.isfinite(found.boxes_3d[:, :7]).all())

    def of_nuscenes(path: Path) -> Detections | None:
        return open_json(path)(dict(token='t', lidar2global=IDENTITY))

    yield DamagedCase('results.json', text, of_nuscenes, equal, sane)
    message, ends = new_message('Objects'), []
    for score in (0.5, 0.9):
        ends.append(message.ByteSize())
        item = message.objects.add(score=score, context_name='segment',
                                   frame_timestamp_micros=1000)
        item.object.type = 1
        for name, value in zip(('center_x', 'center_y', 'center_z', 'length', 'width', 'height',
                                'heading'), (5.0, 1.0, 1.0, 4.0, 2.0, 1.5, 0.2), strict=True):
            setattr(item.object.box, name, value)

    def of_waymo(path: Path) -> Detections | None:
        return open_objects(path)(dict(context_name='segment', timestamp=1000))

    yield DamagedCase('results.bin', message.SerializeToString(), of_waymo, equal, sane,
                      whole_at=lambda size: size in ends[1:])
    yield _feather(folder, sane)
    line = b'Car -1 -1 0.1 100.0 50.0 200.0 90.0 1.5 1.7 4.0 2.0 1.7 12.0 0.3 0.9\n'
    yield DamagedCase(
        '000002.txt', line * 2, lambda path: ResultFolder(path.parent)(
            dict(lidar_path='000002.bin', lidar2cam=IDENTITY)), equal, sane,
        whole_at=lambda size: True)
    found = Detections.from_lists(np.array([[1.0, 2, 3, 4, 5, 6, 0.1]]), [0.5], ['Car'], ['Car'])
    for suffix in ('.json', '.npz', '.csv'):
        found.save(folder / f'detections{suffix}')
        content = (folder / f'detections{suffix}').read_bytes()
        # A line end behind JSON says nothing; a table may end after any line.
        whole = {content.index(b'\n') + 1} if suffix == '.csv' else {len(content.rstrip())}
        yield DamagedCase(f'detections{suffix}', content,
                          lambda path: Detections.read(path, ['Car']), equal, sane,
                          whole_at=whole.__contains__)


def _feather(folder: Path, sane: Callable[[Any], bool]) -> DamagedCase:
    """Argoverse 2's submission; its footer says where everything lies, and how long it is."""
    boxes = np.array([[10.0, 2, -1, 4, 2, 1.5, 0.3], [20, -3, 0, 0.6, 0.7, 1.8, -3.0]])
    write_argoverse2_submission([submission_columns(boxes, [0.9, 0.4], ['BUS', 'DOG'], 'log', 5)],
                                folder / 'detections.feather')
    whole = (folder / 'detections.feather').read_bytes()
    footer = int.from_bytes(whole[-10:-6], 'little')

    def declares(length: int) -> bytes:
        return whole[:-10] + length.to_bytes(4, 'little') + whole[-6:]

    return DamagedCase(
        'detections.feather', whole, lambda path: Results(path, ('BUS', 'DOG')).of_sample(
            dict(log_id='log', timestamp_ns=5), 'a'), equal,
        lambda found: sane(found) and bool((found.boxes_3d[:, 3:6] >= 0).all()),
        contradictions=(declares(len(whole)), declares((1 << 31) - 1), declares(footer - 8),
                        whole.replace(b'ARROW1', b'ARROW9', 1), whole[:-6] + b'ARROW9',
                        whole.replace(b'timestamp_ns', b'timestamp_xx')))
