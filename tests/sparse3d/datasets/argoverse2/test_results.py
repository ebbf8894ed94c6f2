"""Submissions of Argoverse 2: written, read, refused."""
from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest

from sparse3d.datasets.argoverse2.results import (
    boxes_of,
    open_feather,
    read_argoverse2_submission,
    submission_columns,
    write_argoverse2_submission,
)
from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections

BOXES = np.array([[10.0, 2, -1, 4, 2, 1.5, 0.3], [150, -20, 0, 0.6, 0.7, 1.8, -3.0]])


def test_the_official_columns(tmp_path):
    path = tmp_path / 'new' / 'detections.feather'
    part = submission_columns(BOXES, [0.9, 0.4], ['BUS', 'DOG'], 'log', 5)
    assert write_argoverse2_submission([part], path) == 2
    table = feather.read_table(str(path))
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert types.pop('log_id') == types.pop('category') == 'string'
    assert types.pop('timestamp_ns') == 'int64' and set(types.values()) == {'double'}
    assert len(types) == 11
    assert table.column('tz_m').to_pylist() == pytest.approx([-0.25, 0.9])
    assert table.column('qx').to_pylist() == [0, 0]
    np.testing.assert_allclose(boxes_of(read_argoverse2_submission(path)), BOXES)


def test_what_cannot_be_scored_is_left_out():
    boxes = np.vstack([BOXES, BOXES])
    boxes[1, 3], boxes[2, 0] = 0, np.nan
    part = submission_columns(boxes, [0.9, 0.8, 0.7, np.inf], ['BUS'] * 4)
    assert part['score'].tolist() == [0.9]


def test_there_and_back():
    detections = Detections.from_lists(BOXES, [0.9, 0.4], ['BUS', 'DOG'], ['DOG', 'BUS'])
    columns = detections.to('argoverse2', log_id='log', timestamp_ns=5)
    assert columns['log_id'].tolist() == ['log', 'log']
    np.testing.assert_allclose(boxes_of(columns), BOXES)


def test_frames_without_detections(tmp_path):
    path = tmp_path / 'detections.feather'
    write_argoverse2_submission([submission_columns(BOXES, [1, 1], ['BUS', 'DOG'], 'a', 5)], path)
    of_sample = open_feather(path)
    assert len(of_sample(dict(log_id='a', timestamp_ns=5))) == 2
    assert len(of_sample(dict(log_id='a', timestamp_ns=6))) == 0
    assert of_sample(dict(log_id='b', timestamp_ns=5)) is None


@pytest.mark.parametrize('name', [b'timestamp_ns', b'category'])
def test_a_damaged_name_of_a_column_is_a_sentence(tmp_path, name):
    path = tmp_path / 'detections.feather'
    write_argoverse2_submission([submission_columns(BOXES, [1, 1], ['BUS', 'DOG'], 'a', 5)], path)
    path.write_bytes(path.read_bytes().replace(name, b'\xff' + name[1:]))
    with pytest.raises(DataError, match='detections.feather is no whole feather file|lacks the'):
        open_feather(path)


def test_texts_that_would_lie_outside_of_the_file(tmp_path):
    """Arrow believes offsets unless it is asked to look; Python dies of some."""
    path = tmp_path / 'detections.feather'
    part = submission_columns(BOXES, [1, 1], ['BUS', 'DOG'], 'a', 5)
    table = pa.table({name: pa.array(list(values)) for name, values in part.items()})
    feather.write_feather(table, str(path), compression='uncompressed')
    content, offsets = path.read_bytes(), np.array([0, 3, 6], '<i4').tobytes()
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, np.array([0, 3, 1 << 20], '<i4').tobytes()))
    with pytest.raises(DataError, match='detections.feather is no whole feather file'):
        open_feather(path)


def test_other_names_are_refused(tmp_path):
    with pytest.raises(DataError, match="the category 'Car', which is none of Argoverse 2"):
        submission_columns(BOXES, [1, 1], ['BUS', 'Car'])
    path = tmp_path / 'detections.feather'
    path.write_bytes(b'ARROW1 and nothing else')
    with pytest.raises(DataError, match='no whole feather file'):
        open_feather(path)
