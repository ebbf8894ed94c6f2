"""Tracks as a folder of plain files."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.own_tracks import write_own_tracks
from sparse3d.structures.result_files import Results
from sparse3d.structures.track_files import TrackFrame
from sparse3d.structures.tracks import Tracks


def frames() -> list:
    box = np.array([[1, 2, 0, 4, 2, 1.5, 0.3, 1, 0]])
    found = Detections(box, [.5], [0], ('car',))
    return [(TrackFrame(name, 's', 0.1, None, {}), Tracks.of(found, [number]))
            for number, name in enumerate(('a', 'b'), 7)]


@pytest.mark.parametrize('suffix', ['.json', '.csv', '.npz'])
def test_written_and_read_again_with_ids(tmp_path, suffix):
    write_own_tracks(frames(), tmp_path / 'tracks', suffix=suffix)
    results = Results(tmp_path / 'tracks', ['car'])
    ids = [results.of_sample(dict(lidar_path=f'{name}.bin'), name).track_ids.tolist()
           for name in 'ab']
    assert [[int(one) for one in of] for of in ids] == [[7], [8]]


def test_a_file_in_the_way_or_other_frames_are_refused(tmp_path):
    with pytest.raises(DataError, match='has to be a folder'):
        write_own_tracks(frames(), tmp_path / 'tracks.json')
    (tmp_path / 'x').mkdir()
    (tmp_path / 'x' / 'old.json').write_text('[]')
    with pytest.raises(DataError, match='1 files of other frames or formats, old.json first'):
        write_own_tracks(frames(), tmp_path / 'x')
    assert [path.name for path in (tmp_path / 'x').iterdir()] == ['old.json']


def test_a_second_format_beside_the_first_is_refused(tmp_path):
    """Readers take one of them, which may be of another run."""
    write_own_tracks(frames(), tmp_path / 'tracks')
    write_own_tracks(frames(), tmp_path / 'tracks')
    with pytest.raises(DataError, match='2 files of other frames or formats, a.json first'):
        write_own_tracks(frames(), tmp_path / 'tracks', suffix='.npz')
