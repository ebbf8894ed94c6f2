"""Simulated Waymo segments, through the readers of real ones."""
from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sparse3d.datasets.waymo.frame import MISSING, OCCLUDED, TOP, VISIBLE
from sparse3d.datasets.waymo.prepare import read_v1, read_v2
from sparse3d.datasets.waymo.prepare.points import frame_points
from sparse3d.datasets.waymo.prepare.segments import find_segments
from sparse3d.datasets.waymo.simulate import WaymoOptions, simulate_waymo
from sparse3d.datasets.waymo.simulate.drive import context_name, segment_frames, split_of
from sparse3d.datasets.waymo.simulate.frames import SegmentSimulator
from sparse3d.datasets.waymo.simulate.scan import Rig
from sparse3d.datasets.waymo.simulate.v2_schemas import COMPONENTS, schema
from sparse3d.errors import DataError
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import box
from sparse3d.simulate.scene import Daylight, Scene
from sparse3d.simulate.terrain import Relief, Road, Terrain
from sparse3d.simulate.tracks import Straight
from sparse3d.structures.box_conversions import center_to_lidar
from sparse3d.structures.box_geometry import points_in_box

OPTIONS = WaymoOptions(seconds=.3, columns=400, image_width=160, format='both', projections=True)
SMALL = WaymoOptions(seconds=.2, columns=40, image_width=0)
OFFICIAL = Path(__file__).resolve().parents[4] / 'fixtures' / 'waymo_frame' / 'v2'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('simulated') / 'waymo'
    simulate_waymo(root, 1, seed=5, options=OPTIONS, show_progress=False)
    return root


@pytest.fixture(scope='module')
def frames(root):
    """The frames of the segment as read from version 1."""
    return list(read_v1(find_segments(root, 'v1')['train'][0].sources()[0], projections=True))


def same(one, other, where='frame'):
    """Fail at the first difference."""
    assert type(one) is type(other), where
    if dataclasses.is_dataclass(one):
        one, other = vars(one), vars(other)
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            same(one[key], other[key], f'{where}.{key}')
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            same(*pair, f'{where}[{index}]')
    elif isinstance(one, np.ndarray):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-9, err_msg=where)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=1e-6), where
    else:
        assert one == other, where


def test_both_versions_read_back_as_what_was_simulated(root, frames):
    segment = find_segments(root, 'v2')['train'][0]
    second = list(read_v2(root / 'training', Path(segment.file).stem, projections=True))
    simulated = list(segment_frames(5, 0, OPTIONS))
    assert len(frames) == len(second) == len(simulated) == 3
    for one, other, origin in zip(frames, second, simulated, strict=True):
        same(one, origin)
        other.no_label_zones = one.no_label_zones  # not part of version 2
        same(other, origin)


def test_tables_have_the_official_columns(root):
    for tag in COMPONENTS:
        official = pq.read_schema(next((OFFICIAL / tag).glob('*.parquet')))
        mine = pq.read_schema(next((root / 'training' / tag).glob('*.parquet')))
        expected = {item.name: item.type for item in official}
        assert {item.name: item.type for item in mine} == expected, tag
        assert {item.name: item.type for item in schema(tag)} == expected, tag


def test_point_counts_and_boxes_agree(frames):
    """Points lie in the boxes they were counted in; boxes of moving cars follow their speed."""
    for frame in frames:
        points, objects = frame_points(frame), frame.objects
        assert set(points.lidar) == {1, 2, 3, 4, 5} and set(points.return_number) == {1, 2}
        counts = [len(points_in_box(points.xyz, item)) for item in center_to_lidar(objects.boxes)]
        assert counts == objects.num_points.tolist() and max(counts) > 20
        assert (objects.num_top_points <= objects.num_points).all()
    before, after = frames[0], frames[2]
    moved = 0
    for row, name in enumerate(before.objects.ids):
        if name in after.objects.ids:
            other = after.objects.ids.index(name)
            places = [frame.ego2global[:3, :3] @ frame.objects.boxes[index, :3]
                      + frame.ego2global[:3, 3]
                      for frame, index in ((before, row), (after, other))]
            speed = (places[1] - places[0]) / (after.timestamp - before.timestamp) * 1e6
            np.testing.assert_allclose(speed[:2], before.objects.speeds[row, :2], atol=.2)
            moved += np.linalg.norm(speed[:2]) > 1
    assert moved > 2


def test_the_motion_of_the_vehicle_is_in_the_pixel_poses(frames):
    frame = frames[1]
    pose = frame.scans[TOP].pixel_pose
    traveled = np.linalg.norm(pose[0, -1, 3:] - pose[0, 0, 3:])
    assert .2 < traveled < 2 and np.abs(pose[..., 3:5]).max() > 1e3
    np.testing.assert_allclose(pose[0, 199:201, 3:].mean(0), frame.ego2global[:3, 3], atol=.01)


def test_a_wall_seen_while_driving_at_it_is_flat():
    """The wall begins at x = 20 m; the vehicle is at 0.5 m when the frame is taken."""
    terrain = Terrain(Road(), Relief())
    wall = box((20.5, 0, 2), (1, 30, 4), Material.WALL, (.5, .5, .5))
    scene = Scene(terrain, terrain.mesh((-40, 130), 60), wall, (), Straight(0.0, 0.0, 0.0, 10.0),
                  Daylight(np.array([0.0, 0.0, 1.0])))
    frame = SegmentSimulator(scene, 'wall', (0, 0), Rig(400, 0), 10.0, {}).frame(0)

    def distances():
        points = frame_points(frame)
        x, y, z = points.xyz[(points.lidar == TOP) & (points.return_number == 1)].T
        chosen = (np.abs(y) < 14) & (z > .3) & (x > 15)
        return x[chosen]
    assert len(distances()) > 300
    np.testing.assert_allclose(distances(), 19.5, atol=.07)  # three sigma of the noise
    frame.scans[TOP].pixel_pose = None
    assert np.abs(distances() - 19.5).max() > .1


def test_no_label_zones_have_points_and_no_labels(frames):
    flagged = 0
    for frame in frames:
        points = frame_points(frame)
        zone = frame.no_label_zones[0]
        world = points.xyz @ frame.ego2global[:3, :3].T + frame.ego2global[:3, 3]
        inside = points.no_label_zone
        flagged += inside.sum()
        assert (world[inside, :2] > zone.min(0) - .1).all()
        assert (world[inside, :2] < zone.max(0) + .1).all()
    assert flagged > 20


def test_people_have_joints_inside_their_boxes(frames):
    seen = set()
    for frame in frames:
        objects = frame.objects
        posed = np.flatnonzero((objects.visibility > 0).any(axis=1))
        assert (objects.visibility[objects.types == 1] == MISSING).all()
        assert set(objects.types[posed]) <= {2, 4}
        for row in posed:
            around = center_to_lidar(objects.boxes[row:row + 1])[0]
            around[3:6] += .1
            assert len(points_in_box(objects.keypoints[row], around)) == 14
            seen |= set(objects.visibility[row].tolist())
    assert seen == {OCCLUDED, VISIBLE}


def test_left_and_right_are_the_persons(frames):
    """The left shoulder of whoever looks along x is at a larger y."""
    for objects in (frame.objects for frame in frames):
        for row in np.flatnonzero((objects.visibility > 0).any(axis=1)):
            heading = objects.boxes[row, 6]
            across = objects.keypoints[row, 1] - objects.keypoints[row, 2]
            assert np.cos(heading) * across[1] - np.sin(heading) * across[0] > .1


def test_pictures_and_what_is_in_them(frames):
    for frame in frames:
        assert list(frame.images) == [1, 2, 3, 4, 5]
        sizes = [Image.open(io.BytesIO(image.jpeg)).size for image in frame.images.values()]
        assert sizes == [(160, 107)] * 3 + [(160, 74)] * 2
        people, projected = frame.camera_objects, frame.projected
        assert set(people.laser_ids) <= set(frame.objects.ids)
        assert set(projected.laser_ids) <= set(frame.objects.ids)
        boxes = {(camera, name): shape for camera, name, shape in zip(
            projected.cameras, projected.laser_ids, projected.boxes, strict=True)}
        for camera, name, seen in zip(people.cameras, people.laser_ids, people.boxes,
                                      strict=True):
            around = boxes[camera, name]  # the box holds the object, so its image does too
            assert (seen[:2] >= around[:2] - 1).all() and (seen[2:] <= around[2:] + 1).all()


def test_projections_point_at_pixels_of_cameras(frames):
    scan = frames[0].scans[TOP]
    camera, u, v = scan.projections[0][..., :3].reshape(-1, 3).T
    assert set(np.unique(camera)) == {0, 1, 2, 3, 4, 5}
    assert (u[camera > 0] < 160).all() and (v[camera > 0] < 107).all() and u.min() >= 0
    assert (camera[scan.returns[0][..., 0].ravel() <= 0] == 0).all()


def test_without_cameras_and_continued(tmp_path):
    simulate_waymo(tmp_path / 'a', 1, options=SMALL, show_progress=False)
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / 'a').rglob('*.parquet')}
    simulate_waymo(tmp_path / 'a', 2, options=SMALL, show_progress=False)
    assert all(path.stat().st_mtime_ns == time for path, time in first.items())
    frame = next(read_v2(tmp_path / 'a' / 'training', context_name(0, 0, SMALL)))
    assert not frame.images and len(frame.objects) and not frame.objects.most_visible_camera.any()
    assert split_of(0, SMALL) == 'training' and split_of(1, SMALL) == 'validation'
    with pytest.raises(DataError, match='another simulation .seed'):
        simulate_waymo(tmp_path / 'a', 1, seed=1, options=SMALL, show_progress=False)


def test_workers_do_not_change_the_content(tmp_path):
    for workers in (1, 2):
        simulate_waymo(tmp_path / str(workers), 2, seed=3, workers=workers, options=SMALL,
                       show_progress=False)
    for number in range(2):
        folders = [tmp_path / workers / split_of(number, SMALL) for workers in '12']
        one, other = (list(read_v2(folder, context_name(3, number, SMALL))) for folder in folders)
        same(one, other)


def test_a_killed_segment_is_not_there(tmp_path, monkeypatch):
    from sparse3d.datasets.waymo.simulate import drive as waymo
    frames = waymo.segment_frames

    def broken(*arguments):
        yield next(iter(frames(*arguments)))
        raise KeyboardInterrupt
    monkeypatch.setattr(waymo, 'segment_frames', broken)
    with pytest.raises(KeyboardInterrupt):
        simulate_waymo(tmp_path / 'a', 1, show_progress=False,
                       options=dataclasses.replace(SMALL, format='both'))
    assert [path for path in (tmp_path / 'a').rglob('*') if path.is_file()] == [
        tmp_path / 'a' / 'simulation.json']


@pytest.mark.parametrize('options', [dict(seconds=0), dict(columns=3), dict(image_width=-1),
                                     dict(format='v3'), dict(frame_rate=11)])
def test_options_out_of_range(options):
    with pytest.raises(DataError):
        WaymoOptions(**options)
