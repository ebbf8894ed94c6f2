"""What the check of a custom data set finds in its labels."""
from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from sparse3d.datasets.custom.check import check_custom
from sparse3d.datasets.custom.prepare.frames import prepare_custom

ROW = 'Car,10,0,0,4,2,2,0\n'


def test_boxes_that_stand_twice_are_found(tmp_path):
    for folder in ('points', 'boxes'):
        (tmp_path / folder).mkdir()
    for name in ('a', 'b', 'c'):
        cloud = np.random.default_rng(0).uniform([8, -1, 0, 0], [12, 1, 2, 1], (60, 4))
        np.save(tmp_path / f'points/{name}.npy', cloud.astype(np.float32))
        (tmp_path / f'boxes/{name}.csv').write_text(
            f'class,x,y,z_bottom,dx,dy,dz,yaw\n{ROW}{ROW if name == "b" else ""}')
    prepare_custom(tmp_path)
    assert [text for text in check_custom(tmp_path).problems if 'twice' in text] == [
        '1 boxes of train stand twice, the same class and numbers in one frame (b); keep one of '
        'each']


def change_rows(root, change):
    """Rewrite every box of every frame."""
    for path in (root / 'boxes').iterdir():
        head, *rows = csv.reader(path.open())
        with path.open('w', newline='') as file:
            csv.writer(file).writerows([head, *(change(row) for row in rows)])


@pytest.mark.parametrize(('change', 'flat'), [
    (lambda row: [*row[:-1], 0], 'all yaws are 0, so '),
    (lambda row: [*row[:4], *(float(size) / 2 for size in row[4:7]), row[7]], '')])
def test_boxes_that_fit_in_no_convention_are_found(write_street, change, flat):
    """No heading was labeled; half sizes (radii)."""
    root = write_street(10)
    change_rows(root, change)
    prepare_custom(root)
    found, = (text for text in check_custom(root).problems if 'no other convention fits' in text)
    assert f'no other convention fits: {flat}sizes' in found and 'boxes of train' in found


@pytest.mark.parametrize(('row', 'message'), [
    ('Car,90000,0,-1.7,4,1.8,1.5,0', r'1 boxes of train lie more than 2,000 m away \(001\)'),
    ("Don't care,10,0,-1.7,4,1.8,1.5,0", '1 boxes of train have the class "Don\'t care", which'),
    ('DontCare,10,0,-1.7,4,1.8,1.5,0', "1 boxes of train have the class 'DontCare', which"),
    (None, r'1 boxes of train stand nearly where another of their class stands \(001\)')])
def test_boxes_that_nobody_can_learn_from_are_found(write_street, row, message):
    root = write_street(5)
    path = root / 'boxes/001.csv'
    lines = path.read_text().splitlines()
    if row is None:
        name, x, *rest = lines[1].split(',')
        row = ','.join([name, str(float(x) + 0.05), *rest])
    path.write_text('\n'.join([*lines, row, '']))
    prepare_custom(root)
    report = check_custom(root)
    assert len(report.problems) == 1
    assert re.search(message, report.problems[0]), report.problems


def test_a_set_that_measures_nothing_says_so(write_street):
    root = write_street(1)
    prepare_custom(root)
    assert any('no frame is kept to measure' in fact for fact in check_custom(root).facts)


@pytest.mark.parametrize('frames, width, said', [(30, 2, True), (30, 3.9, False), (12, 2, False)])
def test_yaws_that_are_all_0_are_said_where_they_tell_something(tmp_path, frames, width, said):
    """Along a straight road nearly all points lie inside such boxes; square ones have no yaw."""
    (tmp_path / 'points').mkdir()
    (tmp_path / 'boxes').mkdir()
    for number in range(frames):
        random = np.random.default_rng(number)
        cloud = random.uniform([8, -width / 2, 0, 0], [12, width / 2, 2, 1], (60, 4))
        np.save(tmp_path / f'points/{number:03d}.npy', cloud.astype(np.float32))
        (tmp_path / f'boxes/{number:03d}.csv').write_text(
            f'class,x,y,z_bottom,dx,dy,dz,yaw\nCar,10,0,0,4,{width},2,0\n')
    prepare_custom(tmp_path)
    found = [text for text in check_custom(tmp_path).problems if 'were headings labeled' in text]
    assert len(found) == said
    assert not found or found[0].startswith('the yaw of all 24 boxes of train is 0, though 24')
