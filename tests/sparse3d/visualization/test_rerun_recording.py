"""A recording read back: what was in the frames is in the file."""
from __future__ import annotations

import builtins

import numpy as np
import pytest

from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.visualization.frame import Boxes, Frame, Picture
from sparse3d.visualization.rerun_recording import write_recording

BOX = [10, 0, -1, 4, 2, 1.6, np.pi / 2, 3, 0]
CAMERA = np.array([[20, -30.0, 0, 0], [15, 0, -30, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


def frames():
    for number in range(3):
        points = np.random.default_rng(number).normal(size=(20, 4)).astype(np.float32)
        truth = Boxes(np.array([BOX]), np.array([0]))
        found = Boxes(np.array([BOX] * number).reshape(-1, 9), np.zeros(number, int),
                      np.full(number, 0.75))
        picture = Picture('FRONT', np.zeros((30, 40, 3), np.uint8), CAMERA)
        yield Frame(f'drive_{number}', points, ('Car', ), truth, found, (picture, ),
                    importance=np.linspace(0, 1, 20),
                    trails=((0, np.array([[0.0, 0, 0], [10, 0, 0]])), ),
                    seconds=1_700_000_000 + number / 2)


def test_what_was_drawn_is_in_the_file(tmp_path):
    rerun = pytest.importorskip('rerun', reason='rerun-sdk is not installed')
    if not hasattr(rerun, 'dataframe'):
        pytest.skip('this rerun-sdk reads recordings in another way')
    path = tmp_path / 'deep' / 'drive.rrd'
    assert write_recording(frames(), path) == 3
    assert [file.name for file in path.parent.iterdir()] == ['drive.rrd']
    read = rerun.dataframe.load_recording(path)
    view = read.view(index='frame', contents='/world/**')
    table = view.select().read_all().to_pydict()
    assert table['frame'] == [0, 1, 2]
    names = list(table)
    points = table[next(name for name in names if name.startswith('/world/points:Position3D'))]
    np.testing.assert_allclose(points[0], next(frames()).points[:, :3], rtol=1e-6)
    labels = table[next(name for name in names if name.startswith('/world/detections:Text'))]
    assert labels[2] == ['Car 0.75', 'Car 0.75'] and not labels[0]
    half = table[next(name for name in names if name.startswith('/world/ground_truth:HalfSize'))]
    np.testing.assert_allclose(half[0], [[2, 1, 0.8]])
    assert read_column(read, '/name', 'Text') == [['drive_0'], ['drive_1'], ['drive_2']]
    heading, = read_column(read, '/world/ground_truth/headings', 'Vector3D')[0]
    np.testing.assert_allclose(heading, [0, 3, 0], atol=1e-6)
    place, = read_column(read, '/world/cameras/FRONT', 'Translation3D')[0]
    np.testing.assert_allclose(place, [0, 0, 0], atol=1e-6)
    lens, = read_column(read, '/world/cameras/FRONT', 'PinholeProjection')[0]
    np.testing.assert_allclose(np.reshape(lens, (3, 3)).T, [[30, 0, 20], [0, 30, 15], [0, 0, 1]],
                               atol=1e-5)
    heat = np.array(read_column(read, '/world/importance', 'Color')[0])
    assert len(heat) == 20 and (heat[-1] >> 24) > (heat[0] >> 24)     # brighter where it counts
    assert len(read_column(read, '/world/tracks', 'LineStrip3D')[0][0]) == 2
    times = read.view(index='time', contents='/world/points').select().read_all().to_pydict()
    assert [(time - times['time'][0]).total_seconds() for time in times['time']] == [0, 0.5, 1]


def test_what_was_drawn_is_in_the_file_of_todays_rerun(tmp_path):
    reading = pytest.importorskip('rerun.chunk', reason='rerun-sdk is not installed, or older')
    path = tmp_path / 'drive.rrd'
    assert write_recording(frames(), path) == 3
    columns: dict[tuple[str, str], list] = {}
    for chunk in reading.RrdReader(path).stream():
        for name, rows in chunk.to_record_batch().to_pydict().items():
            columns.setdefault((chunk.entity_path, name), []).extend(rows)
    assert columns['/world/points', 'frame'] == [0, 1, 2]
    np.testing.assert_allclose(columns['/world/points', 'Points3D:positions'][0],
                               next(frames()).points[:, :3], rtol=1e-6)
    assert columns['/world/detections', 'Boxes3D:labels'][-1] == ['Car 0.75', 'Car 0.75']
    np.testing.assert_allclose(columns['/world/ground_truth', 'Boxes3D:half_sizes'][0],
                               [[2, 1, 0.8]])
    np.testing.assert_allclose(columns['/world/ground_truth/headings', 'Arrows3D:vectors'][0],
                               [[0, 3, 0]], atol=1e-6)
    lens = np.reshape(columns['/world/cameras/FRONT', 'Pinhole:image_from_camera'][0], (3, 3)).T
    np.testing.assert_allclose(lens, [[30, 0, 20], [0, 30, 15], [0, 0, 1]], atol=1e-5)
    assert len(columns['/world/tracks', 'LineStrips3D:strips'][0][0]) == 2
    assert len(columns['/world/importance', 'Points3D:colors'][0]) == 20
    times = columns['/world/points', 'time']
    assert [(time - times[0]).total_seconds() for time in times] == [0, 0.5, 1]


def read_column(read, contents, ending):
    table = read.view(index='frame', contents=contents).select().read_all().to_pydict()
    return table[next(name for name in table if name.endswith(ending))]


def test_without_the_package_the_way_out_is_named(tmp_path, monkeypatch):
    load = builtins.__import__

    def without(name, *arguments, **options):
        if name == 'rerun':
            raise ImportError
        return load(name, *arguments, **options)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(BackendUnavailable, match='pip install rerun-sdk'):
        write_recording(frames(), tmp_path / 'a.rrd')


def test_a_recording_that_breaks_off_leaves_nothing(tmp_path):
    pytest.importorskip('rerun', reason='rerun-sdk is not installed')

    def broken():
        yield next(frames())
        raise DataError('no more')

    with pytest.raises(DataError, match='no more'):
        write_recording(broken(), tmp_path / 'a.rrd')
    assert list(tmp_path.iterdir()) == []
