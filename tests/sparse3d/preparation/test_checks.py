"""What the checks of all data sets share: info files, databases, medians."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparse3d.preparation.check_report import CheckReport
from sparse3d.preparation.checks import (
    check_content,
    check_database,
    check_prepared,
    judge_median,
    some_of,
)
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import write_info_file, write_plain_file


def write_infos(folder, split, entries=()):
    write_info_file(folder / f'tiny_infos_{split}.pkl', dict(dataset='tiny', stamp={}),
                    list(entries))


def count(info, root, split, report):
    report.fact(f'{split}: {sum(entry["objects"] for entry in info["data_list"])} in {root.name}')


def check(folder, **options):
    return check_prepared(folder, 'tiny', 'Tiny', count, **options)


def test_each_split_is_looked_at_in_order(tmp_path):
    for split in ('val', 'train', 'all'):
        write_infos(tmp_path, split, [dict(objects=2), dict(objects=1)])
    report = check(tmp_path, left_out=['all'])
    assert report.ok and report.title == f'Tiny at {tmp_path}'
    assert report.facts == [f'{split}: 3 in {tmp_path.name}' for split in ('train', 'val')]
    ordered = check(tmp_path, splits=['val', 'train', 'test'])
    assert [fact[:3] for fact in ordered.facts] == ['val', 'tra']


def test_what_cannot_be_checked_is_a_problem_and_the_rest_is_checked(tmp_path):
    write_infos(tmp_path, 'a', [dict(objects=1)])
    write_infos(tmp_path, 'b', [dict()])
    write_infos(tmp_path, 'c.part-1-of-2')
    (tmp_path / 'tiny_infos_d.pkl').write_bytes(b'?')
    report = check(tmp_path)
    assert report.facts == [f'a: 1 in {tmp_path.name}']
    layout, part, damaged = report.problems
    assert 'tiny_infos_b.pkl is not in the layout' in layout and 'objects' in layout
    assert 'tiny_infos_c.part-1-of-2.pkl is a part' in part
    assert f'"sparse3d create-data tiny {tmp_path} --merge"' in part
    assert 'tiny_infos_d.pkl' in damaged


def test_an_empty_folder_is_a_problem_with_its_command(tmp_path):
    assert check(tmp_path).problems == [
        f'no tiny_infos_*.pkl; run "sparse3d create-data tiny {tmp_path}"']
    assert check(tmp_path, prefix='own').problems[0].startswith('no own_infos_*.pkl')
    assert check(tmp_path, splits=['train']).problems[0].startswith('no tiny_infos_*.pkl')


@pytest.fixture
def database(tmp_path):
    (tmp_path / 'objects').mkdir()
    np.zeros((3, 5), '<f4').tofile(tmp_path / 'objects/a.bin')
    write_plain_file(tmp_path / 'index.pkl', dict(
        Car=[dict(path='objects/a.bin', num_points_in_gt=3)], Van=[]))
    return tmp_path


def of_database(folder, columns=5):
    report = CheckReport('database')
    check_database(folder, 'index.pkl', columns, report)
    return report


def test_a_database_is_counted_and_its_files_have_their_sizes(database):
    report = of_database(database)
    assert report.ok and report.facts == ['ground-truth database: Car 1, Van 0 (index.pkl)']
    assert 'another size: objects/a.bin' in of_database(database, columns=4).problems[0]
    (database / 'objects/a.bin').unlink()
    assert '1 objects of the database are missing' in of_database(database).problems[0]
    write_infos(database, 'train')
    found = check(database, databases={'index.pkl': 5, 'none.pkl': 5}).problems
    assert len(found) == 1 and 'missing' in found[0]


@pytest.mark.parametrize('content', [
    [1], dict(Car=[3]), dict(Car=[dict(path='a.bin')]),
    dict(Car=[dict(path='../a.bin', num_points_in_gt=1)])],
    ids=['a list', 'no entry', 'no count', 'a path out of the folder'])
def test_an_index_that_means_nothing_is_one_problem(database, content):
    write_plain_file(database / 'index.pkl', content)
    report = of_database(database)
    assert len(report.problems) == 1 and 'index.pkl is unusable' in report.problems[0]
    assert not report.facts


def test_frames_are_spread_evenly():
    assert some_of(range(5), 9) == [0, 1, 2, 3, 4] and some_of([], 3) == []
    assert some_of(range(101), 3) == [0, 50, 100]


@pytest.mark.parametrize(('values', 'facts', 'problems'), [
    ([], [], []), ([0.9, 0.8, 0.1], ['val: half 0.80 (median of 3)'], []),
    ([0.5], ['val: half 0.50 (median of 1)'], ['too small'])])
def test_a_median_that_is_too_small_is_a_problem(values, facts, problems):
    report = CheckReport('medians')
    judge_median(values, 'val', 0.7, report, 'half {median:.2f}', 'too small')
    assert report.facts == facts and report.problems == problems


FOREIGN, OWN = dict(bbox_label_3d=-1), dict(bbox_label_3d=0)


@pytest.mark.parametrize(('split', 'entries', 'said'), [
    ('train', [], 'train has no frame'), ('test', [], 'test has no frame'),
    ('val', [dict()], 'no object of val has a class'),
    ('train', [dict(instances=[FOREIGN]), dict(instances=[])], 'in its 2 frames'),
    ('train', [dict(instances=[FOREIGN, OWN])], None), ('test', [dict()], None),
    ('test_cam_only', [dict(instances=[])], None)])
def test_what_nobody_can_learn_from_is_told_by_check_and_preparation(split, entries, said):
    report, prepared = CheckReport('content'), PreparationReport(Path())
    check_content(split, entries, report)
    prepared.add_split(split, entries)
    assert prepared.frames == {split: len(entries)}
    assert len(report.problems) == len(prepared.notes) == (said is not None)
    assert said is None or said in report.problems[0]
    assert said is None or 'nothing can be learned' in str(prepared)
