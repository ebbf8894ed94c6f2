"""Small logs in the layout of Argoverse 2, from a formula: a parked car that the vehicle passes."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

LOG = '00000000-0000-4000-8000-00000000000a'
START, STEP = 315_966_000_000_000_000, 100_000_000  # [ns]
CAR_IN_CITY = np.array([1030.0, 512.0, 20.5])       # middle of the parked car
CAR_SIZE = (4.0, 2.0, 1.5)
CITY_YAW = 0.7                                      # of the car
WALKER_SPEED = np.array([0.0, 1.5])                 # in the city [m/s]


def time_of(row: int) -> int:
    return START + row * STEP


def ego_of(row: float) -> tuple[np.ndarray, float]:
    """Position and yaw of the vehicle in the city: it drives along x and turns left."""
    return np.array([1000 + 1.0 * row, 500.0, 20.0]), 0.1 * row


def to_vehicle(points: np.ndarray, row: float) -> np.ndarray:
    """City to vehicle."""
    where, yaw = ego_of(row)
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return (np.asarray(points, float) - where) @ turn.T


def corners_of_car() -> np.ndarray:
    """Points [8, 3] just inside of the corners of the parked car, city."""
    signs = np.array([[x, y, z] for x in (1, -1) for y in (1, -1) for z in (1, -1)]) * 0.4
    cos, sin = np.cos(CITY_YAW), np.sin(CITY_YAW)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return (signs * CAR_SIZE) @ turn.T + CAR_IN_CITY


def write(path: Path, columns: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    feather.write_feather(pa.table(columns), str(path), compression='lz4')


def pose_columns(places: list[np.ndarray], yaws: list[float]) -> dict:
    places = np.array(places, float).reshape(-1, 3)
    half = np.array(yaws) / 2
    return dict(qw=np.cos(half), qx=0 * half, qy=0 * half, qz=np.sin(half), tx_m=places[:, 0],
                ty_m=places[:, 1], tz_m=places[:, 2])


def write_log(root: Path, split: str = 'val', name: str = LOG, sweeps: int = 4,
              cameras: bool = False) -> Path:
    """A log with ``sweeps`` frames; the test split has no labels."""
    log = root / 'sensor' / split / name
    rows = list(range(sweeps))
    for row in rows:
        points = to_vehicle(corners_of_car(), row)
        write(log / f'sensors/lidar/{time_of(row)}.feather', dict(
            x=points[:, 0].astype(np.float16), y=points[:, 1].astype(np.float16),
            z=points[:, 2].astype(np.float16), intensity=np.arange(8, dtype=np.uint8),
            laser_number=np.zeros(8, np.uint8), offset_ns=np.arange(8, dtype=np.int32)))
    moments = np.arange(0, sweeps, 0.5)
    write(log / 'city_SE3_egovehicle.feather', dict(
        timestamp_ns=np.array([START + round(row * STEP) for row in moments]),
        **pose_columns([ego_of(row)[0] for row in moments], [ego_of(row)[1] for row in moments])))
    if split != 'test':
        write(log / 'annotations.feather', annotations(rows))
    area = [dict(x=990.0, y=490.0, z=20.0), dict(x=1040.0, y=490.0, z=20.0),
            dict(x=1040.0, y=505.0, z=20.0), dict(x=990.0, y=505.0, z=20.0)]
    (log / 'map').mkdir(exist_ok=True)
    (log / f'map/log_map_archive_{name}____PIT_city_1.json').write_text(json.dumps(dict(
        drivable_areas={'1': dict(id=1, area_boundary=area)}, lane_segments={},
        pedestrian_crossings={})))
    if cameras:
        write_cameras(log, rows)
    return log


def annotations(rows: list[int]) -> dict:
    """A parked car, and somebody who walks behind it (without points), in each frame."""
    columns: dict[str, list] = {}
    for row in rows:
        for track, category, size, place, yaw, points in (
                ('car', 'REGULAR_VEHICLE', CAR_SIZE, CAR_IN_CITY, CITY_YAW, 8),
                ('walker', 'PEDESTRIAN', (0.6, 0.6, 1.8),
                 CAR_IN_CITY + np.array([0, 4, 0]) + np.append(WALKER_SPEED, 0) * row * 0.1, 0.0,
                 0)):
            there, turn = to_vehicle(place, row), yaw - ego_of(row)[1]
            values = dict(timestamp_ns=time_of(row), track_uuid=track, category=category,
                          length_m=size[0], width_m=size[1], height_m=size[2],
                          qw=-np.cos(turn / 2), qx=0.0, qy=0.0, qz=-np.sin(turn / 2),
                          tx_m=there[0], ty_m=there[1], tz_m=there[2], num_interior_pts=points)
            for key, value in values.items():
                columns.setdefault(key, []).append(value)
    return columns


def write_cameras(log: Path, rows: list[int]) -> None:
    """One camera ahead, whose pictures are half a step later than the sweeps."""
    jpeg = cv2.imencode('.jpg', np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    folder = log / 'sensors/cameras/ring_front_left'
    folder.mkdir(parents=True)
    for row in rows[:-1]:
        (folder / f'{START + row * STEP + STEP // 2}.jpg').write_bytes(jpeg)
    write(log / 'calibration/egovehicle_SE3_sensor.feather', dict(
        sensor_name=['ring_front_left'], qw=[0.5], qx=[-0.5], qy=[0.5], qz=[-0.5], tx_m=[1.5],
        ty_m=[0.0], tz_m=[1.4]))
    write(log / 'calibration/intrinsics.feather', dict(
        sensor_name=['ring_front_left'], fx_px=[50.0], fy_px=[50.0], cx_px=[30.0], cy_px=[20.0],
        k1=[0.0], k2=[0.0], k3=[0.0], height_px=np.array([40], np.uint16),
        width_px=np.array([60], np.uint16)))


def rewrite(path: Path, change) -> None:
    """Change the columns of a file: ``change(columns) -> columns``."""
    table = feather.read_table(str(path), memory_map=False)
    write(path, change({name: np.array(table.column(name).to_pylist())
                        for name in table.column_names}))
