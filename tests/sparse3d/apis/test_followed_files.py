"""Clouds of a folder as a drive: times, scenes, ids in the results."""
from __future__ import annotations

import json

import numpy as np
import pytest

from sparse3d.apis import Detections, detect_files
from sparse3d.apis.followed_files import Following
from sparse3d.errors import ConfigError, DataError
from sparse3d_cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four clouds of a car that moves a meter each time, and a detector that finds it."""
    clouds = tmp_path / 'points'
    clouds.mkdir()
    for number in range(4):
        np.save(clouds / f'{number}.npy', np.full((5, 4), number, np.float32))

    def detector(path, score_threshold):
        place = np.load(path)[0, 0]
        box = np.array([[10 + place, 2, -1.7, 4, 1.8, 1.5, 0.3]], np.float32)
        return Detections(box, np.ones(1), np.zeros(1, int), ('Car',), name=path.stem)

    monkeypatch.setattr(detect_files, 'load_detector', lambda *_: detector)
    return clouds


def ids(out) -> dict[str, int]:
    return {path.stem: json.loads(path.read_text())['detections'][0]['track_id']
            for path in sorted(out.glob('*.json'))}


def test_one_identity_through_all_files_from_the_command_line(folder, tmp_path, capsys):
    assert main(['detect', 'centerpoint_kitti_car', 'w', str(folder), '--out',
                 str(tmp_path / 'o'), '--track', '--frame-rate', '10']) == 0
    assert ids(tmp_path / 'o') == {'0': 0, '1': 0, '2': 0, '3': 0}
    assert main(['detect', 'centerpoint_kitti_car', 'w', str(folder), '--frame-rate', '10']) == 2
    assert '--frame-rate is for --track' in capsys.readouterr().err


def test_times_and_scenes_of_frames_json(folder, tmp_path):
    times = {'0': (0.3, 'b'), '1': (0.2, 'b'), '2': (0.1, 'a'), '3': (0.2, 'a')}
    (tmp_path / 'frames.json').write_text(json.dumps({
        name: dict(timestamp=time, scene=scene) for name, (time, scene) in times.items()}))
    done = detect_files.detect_files('c', 'w', [folder], tmp_path / 'o', following=Following())
    assert [path.stem for path in done] == ['2', '3', '1', '0']
    assert ids(tmp_path / 'o') == {'0': 1, '1': 1, '2': 0, '3': 0}
    one = detect_files.detect_files('c', 'w', [folder / '1.npy'], tmp_path / 'p',
                                    following=Following())  # the file may name others
    assert len(one) == 1


def test_without_times_or_a_place_for_ids_it_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match='when the 4 frames were taken: put frames.json'):
        detect_files.detect_files('c', 'w', [folder], tmp_path / 'o', following=Following())
    with pytest.raises(DataError, match='no place for an id'):
        detect_files.detect_files('c', 'w', [folder], tmp_path / 'o', ['txt'],
                                  following=Following(frame_rate=10))
    with pytest.raises(ConfigError, match='frame_rate is 0'):
        detect_files.detect_files('c', 'w', [folder], tmp_path / 'o',
                                  following=Following(frame_rate=0))
    with pytest.raises(DataError, match='no velocity, by which the greedy tracker matches'):
        detect_files.detect_files('c', 'w', [folder], tmp_path / 'o',
                                  following=Following('greedy', frame_rate=10))
    assert not (tmp_path / 'o').exists()
