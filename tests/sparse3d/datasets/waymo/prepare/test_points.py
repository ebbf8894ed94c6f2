import numpy as np
import pytest

from sparse3d.datasets.waymo.frame import LidarCalibration, LidarScan
from sparse3d.datasets.waymo.prepare.points import frame_points, row_inclinations, scan_points
from sparse3d.datasets.waymo.prepare.read_v1 import read_v1
from sparse3d.datasets.waymo.prepare.read_v2 import read_v2

SEGMENT = '1234567890123456789_1000_000_1020_000'
LEVEL = LidarCalibration(np.eye(4), -0.4, 0.4, None)


def scan(pixels, height=2, width=4, pose=None):
    images = [np.full((height, width, 4), -1, np.float32) for _ in range(2)]
    for (number, row, column), values in pixels.items():
        images[number - 1][row, column] = values
    return LidarScan(images, pose, [])


def test_one_pixel_by_hand():
    """Row 0 of two looks 0.2 rad up, column 0 of four 135 degrees to the left."""
    points = scan_points(scan({(1, 0, 0): (10, 0.5, 0.25, -1)}), LEVEL, 2, 1, np.eye(4))
    side = -10 * np.cos(0.2) * np.sqrt(0.5)
    np.testing.assert_allclose(points.xyz, [[side, -side, 10 * np.sin(0.2)]], rtol=1e-12)
    assert (points.range, points.intensity, points.elongation) == (10, 0.5, 0.25)
    assert (points.lidar, points.return_number, points.pixel) == (2, 1, 0)
    assert not points.no_label_zone[0]


def test_second_return_zone_flag_and_missing_pixels():
    image = scan({(2, 1, 2): (5, 0, 0, 1), (2, 0, 1): (0, 0, 0, 0)})
    assert len(scan_points(image, LEVEL, 1, 1, np.eye(4))) == 0
    points = scan_points(image, LEVEL, 1, 2, np.eye(4))
    assert (points.pixel, points.no_label_zone, points.return_number) == (6, True, 2)


def test_inclinations_are_stored_lowest_first():
    calibration = LidarCalibration(np.eye(4), 0, 0, np.array([-0.3, 0.1]))
    np.testing.assert_array_equal(row_inclinations(calibration, 2), [0.1, -0.3])
    np.testing.assert_allclose(row_inclinations(LEVEL, 2), [0.2, -0.2])


def test_a_turned_sensor_keeps_its_azimuths_in_the_vehicle_frame():
    """The image's columns are azimuths of the vehicle: the sensor's own yaw is taken out."""
    turned = LidarCalibration(np.eye(4), -0.4, 0.4, None)
    turned.extrinsic[:2, :2] = [[0, -1], [1, 0]]
    turned.extrinsic[:3, 3] = 1, 2, 3
    pixels = {(1, 0, 0): (10, 0, 0, -1), (1, 1, 3): (4, 0, 0, -1)}
    np.testing.assert_allclose(
        scan_points(scan(pixels), turned, 1, 1, np.eye(4)).xyz,
        scan_points(scan(pixels), LEVEL, 1, 1, np.eye(4)).xyz + (1, 2, 3), atol=1e-12)


def test_motion_is_undone_far_from_the_origin_of_the_world():
    """A pixel taken 1 m behind the frame's pose, both at coordinates of 1e5 m."""
    pose = np.zeros((2, 4, 6), np.float32)
    pose[...] = 0, 0, np.pi / 2, 100_000, 50_000, 0
    ego2global = np.eye(4)
    ego2global[:3, 3] = 100_000, 50_001, 0
    ego2global[:2, :2] = [[0, -1], [1, 0]]
    image = scan({(1, 0, 0): (10, 0, 0, -1)}, pose=pose)
    moved = scan_points(image, LEVEL, 1, 1, ego2global).xyz
    still = scan_points(scan({(1, 0, 0): (10, 0, 0, -1)}), LEVEL, 1, 1, np.eye(4)).xyz
    np.testing.assert_allclose(moved - still, [[-1, 0, 0]], atol=1e-6)


@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_equal_to_the_official_points(version, record_file, tables, official):
    frames = read_v1(record_file, projections=True) if version == 'v1' else read_v2(
        tables, SEGMENT, projections=True)
    for frame in frames:
        points = frame_points(frame)
        for lidar in range(1, 6):
            for number in (1, 2):
                mine = points.select((points.lidar == lidar) & (points.return_number == number))
                _compare(mine, frame.scans[lidar].projections[number - 1],
                         official, f'frame{frame.index}/lidar{lidar}/return{number}/', lidar)


def _compare(mine, projections, official, key, lidar):
    assert len(mine) == official[f'{key}count']
    np.testing.assert_array_equal(np.packbits(mine.no_label_zone), official[f'{key}in_nlz'])
    projection = projections.reshape(-1, 6)[mine.pixel]
    np.testing.assert_array_equal(projection[::15], official[f'{key}camera_projection'])
    mine, stored = mine.select(np.s_[::15]), official[f'{key}points']
    np.testing.assert_array_equal(
        np.stack([mine.range, mine.intensity, mine.elongation], 1), stored[:, :3])
    np.testing.assert_allclose(mine.xyz, official[f'{key}xyz_float64'], rtol=0, atol=1e-9)
    # The official float32 code multiplies world coordinates: millimeters for the TOP LiDAR.
    np.testing.assert_allclose(mine.xyz, stored[:, 3:], rtol=0, atol=4e-3 if lidar == 1 else 1e-5)


def test_every_point_of_the_golden(golden_dir, record_file):
    with np.load(golden_dir / 'waymo_frame' / 'point_clouds.npz') as official:
        for frame in read_v1(record_file):
            points = frame_points(frame)
            keys = [f'frame{frame.index}/lidar{lidar}/return{number}/xyz_float64'
                    for number in (1, 2) for lidar in range(1, 6)]
            np.testing.assert_allclose(
                points.xyz, np.concatenate([official[key] for key in keys]), rtol=0, atol=1e-9)


def test_a_frame_without_lidars_has_no_points(record_file):
    frame = next(read_v1(record_file))
    frame.scans = {}
    assert len(frame_points(frame)) == 0
