from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from sparse3d.errors import DataError
from sparse3d.preparation.merging import (
    check_same_run,
    dealt_in_turn,
    objects_by_sample,
    stamp_of_run,
)

pytestmark = pytest.mark.fast


def test_drives_come_back_in_the_order_in_which_they_were_dealt():
    frames = {drive: [dict(drive=drive, frame=frame) for frame in range(count)]
              for drive, count in zip('abcde', (2, 1, 3, 2, 1), strict=True)}
    parts = [frames['a'] + frames['c'] + frames['e'], frames['b'] + frames['d']]
    joined = dealt_in_turn(parts, lambda entry: entry['drive'])
    assert joined == [entry for drive in 'abcde' for entry in frames[drive]]
    assert dealt_in_turn([[], []], lambda entry: entry['drive']) == []


def test_objects_stand_by_sample_in_the_order_of_one_run(tmp_path):
    files = [tmp_path / 'a.pkl', tmp_path / 'b.pkl']
    content = [dict(car=[dict(image_idx='two', group_id=1, path='p1')],
                    person=[dict(image_idx='two', group_id=0, path='p0')]),
               dict(car=[dict(image_idx='one', group_id=4, path='p4')])]
    for file, objects in zip(files, content, strict=True):
        file.write_bytes(pickle.dumps(objects))
    found = objects_by_sample(files, [dict(token='one'), dict(token='none'), dict(token='two')])
    assert [[item['path'] for item in items] for items in found] == [['p4'], [], ['p0', 'p1']]
    assert all('group_id' not in item for items in found for item in items)


def test_parts_of_other_runs_are_refused():
    infos = [dict(metainfo=dict(stamp=dict(split=split, part=part, version='1', options=options)))
             for split, part, options in (('train', 0, 'x'), ('val', 1, 'x'), ('val', 1, 'y'))]
    stamps = [stamp_of_run(info) for info in infos]
    check_same_run(stamps[:2], Path('out'))
    with pytest.raises(DataError, match='parts in out were made with different options'):
        check_same_run(stamps, Path('out'))
