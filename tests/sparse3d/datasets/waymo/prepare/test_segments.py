"""Which files are segments, and what is told of others."""
from __future__ import annotations

import pytest

from sparse3d.datasets.waymo.prepare import prepare_waymo
from sparse3d.datasets.waymo.prepare.segments import find_segments
from sparse3d.errors import DataError


def put(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b'x')


def test_endings_in_capitals_count_and_what_a_mac_leaves_does_not(tmp_path):
    put(tmp_path, 'training/a.TFRECORD', 'training/b.tfrecord', 'training/._b.tfrecord')
    found, = find_segments(tmp_path).values()
    assert [segment.file for segment in found] == ['a.TFRECORD', 'b.tfrecord']


@pytest.mark.parametrize(('name', 'said'), [
    ('training_0000.tar', 'training_0000.tar: unpack it'),
    ('training/a.tfrecord.gz', 'a.tfrecord.gz: unpack it'),
    ('training/a.tfrecord_.gstmp', 'download was stopped'),
    ('individual_files/training/a.tfrecord', 'individual_files/training/a.tfrecord: move it to'),
    ('a.tfrecord', 'but a.tfrecord: move it')])
def test_what_is_there_instead_is_named(tmp_path, name, said):
    put(tmp_path, name)
    with pytest.raises(DataError, match=f'is not a Waymo data set.*{said}'):
        find_segments(tmp_path)


def test_an_interval_that_cannot_be(waymo_v1):
    with pytest.raises(DataError, match='database_interval is -1'):
        prepare_waymo(waymo_v1, database_interval=-1)
