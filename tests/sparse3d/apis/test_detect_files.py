"""Detection in a folder: flat memory, damaged clouds listed, exit status 1."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparse3d.apis import Detections, detect_files
from sparse3d.atomic_files import UnwritableFile
from sparse3d.errors import DataError
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d_cli import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three clouds, the second of them damaged, and a detector that only reads."""
    clouds = tmp_path / 'clouds'
    clouds.mkdir()
    for name in ('a', 'b', 'c'):
        np.save(clouds / f'{name}.npy', np.zeros((50, 4), np.float32))
    (clouds / 'b.npy').write_bytes((clouds / 'b.npy').read_bytes()[:-3])

    def detector(path, score_threshold):
        box = np.array([[10, 2, -1.7, 4, 1.8, 1.5, 0.3]], np.float32)
        return Detections(box, np.ones(1, np.float32), np.zeros(1, int), ('Car', ),
                          points=read_cloud(path), name=path.stem)

    monkeypatch.setattr(detect_files, 'load_detector', lambda *_: detector)
    return clouds


def test_a_damaged_cloud_does_not_end_the_run(folder, tmp_path):
    done = detect_files.detect_files('c', 'w', [folder], tmp_path / 'out', ['json', 'csv'])
    assert [path.stem for path in done] == ['a', 'c']
    assert all(found.points is None and len(found) == 1 for found in done.values())
    assert [path.name for path in done.damaged] == ['b.npy']
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        '.failed_pieces', 'a.csv', 'a.json', 'c.csv', 'c.json']


def test_no_cloud_that_can_be_read_and_two_of_one_name(folder, tmp_path):
    with pytest.raises(DataError, match='b.npy is cut short'):
        detect_files.detect_files('c', 'w', [folder / 'b.npy'], tmp_path / 'out')
    with pytest.raises(DataError, match='two clouds are named a'):
        detect_files.detect_files('c', 'w', [folder, folder / 'a.npy'], tmp_path / 'out')


def test_results_that_cannot_be_written_end_the_run(folder, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/a.json').mkdir()
    with pytest.raises(UnwritableFile):
        detect_files.detect_files('c', 'w', [folder], tmp_path / 'out')


def test_the_tool_lists_damaged_clouds_and_ends_with_status_1(folder, tmp_path, capsys):
    arguments = ['detect', 'centerpoint_simulated_waymo', 'w', str(folder),
                 '--out', str(tmp_path / 'out')]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert '2 clouds, 2 detections' in said.out
    assert '1 of 3 clouds could not be read: b.npy' in said.err and 'cut short' in said.err
    (folder / 'b.npy').unlink()
    assert main(arguments) == 0


@pytest.mark.parametrize(('options', 'message'), [
    (dict(formats=['xml']), 'xml is given; detections are saved as csv, .*json'),
    (dict(formats=[]), 'no format is given'), (dict(score_threshold=30), 'score_threshold is 30'),
    (dict(clouds=[]), 'there is no cloud to detect in')])
def test_options_are_refused_before_a_model_is_built(folder, tmp_path, monkeypatch, options,
                                                     message):
    monkeypatch.setattr(detect_files, 'load_detector', None)
    with pytest.raises(DataError, match=message):
        detect_files.detect_files(**dict(dict(config='c', checkpoint='w', clouds=[folder],
                                              out=tmp_path / 'out'), **options))


def test_a_format_may_have_its_dot_or_stand_alone(folder, tmp_path):
    for formats in (['.json'], 'json'):
        detect_files.detect_files('c', 'w', [folder / 'a.npy'], tmp_path / 'out', formats)
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['a.json']


def test_a_folder_of_las_with_damaged_and_empty_ones(tmp_path, monkeypatch):
    laspy = pytest.importorskip('laspy', reason='laspy is an extra (pip install .[las])')
    clouds = tmp_path / 'clouds'
    clouds.mkdir()
    for name, count in (('a', 30), ('b', 30), ('c', 0), ('d', 30)):
        cloud = laspy.create(point_format=3, file_version='1.2')
        cloud.x, cloud.y, cloud.z = np.random.default_rng(0).uniform(0, 40, (3, count))
        cloud.intensity = np.full(count, 7)
        cloud.write(str(clouds / f'{name}.las'))
    (clouds / 'b.las').write_bytes((clouds / 'b.las').read_bytes()[:-11])
    (clouds / 'd.las').write_bytes(b'LASF' + bytes(60))
    seen = {}

    def detector(path, score_threshold):
        seen[path.stem] = read_cloud(path).shape
        box = np.zeros((0, 7), np.float32)
        return Detections(box, np.zeros(0, np.float32), np.zeros(0, int), ('Car', ))

    monkeypatch.setattr(detect_files, 'load_detector', lambda *_: detector)
    done = detect_files.detect_files('c', 'w', [clouds], tmp_path / 'out')
    assert seen == dict(a=(30, 4), c=(0, 4))
    assert sorted(path.name for path in done.damaged) == ['b.las', 'd.las']
    for path, error in done.damaged.items():
        assert path.name in str(error) and '\n' not in str(error)
