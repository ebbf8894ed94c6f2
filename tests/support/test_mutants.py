"""The list of mutants applies to the tree as it is; the operators by hand."""
from __future__ import annotations

import ast

import pytest

from mutant_list import REPOSITORY, by_hand, draw, equivalent, mutants
from mutant_operators import changed, changes
from mutant_tests import suite_of


@pytest.fixture(scope='module')
def drawn():
    return draw(seed=0, number=75)


@pytest.mark.parametrize('mutant', by_hand(), ids=lambda mutant: mutant.name)
def test_a_mutant_by_hand_still_applies(mutant):
    source = (REPOSITORY / mutant.file).read_text()
    wrong = mutant.apply(source)  # refuses a text that is not there exactly once
    assert wrong != source
    ast.parse(wrong)
    assert suite_of(mutant.file)


def test_half_are_by_hand_half_are_drawn_and_none_is_there_twice(drawn):
    assert len(by_hand()) == len(drawn) == 75
    listed = mutants()
    assert len({mutant.name for mutant in listed}) == len(listed) == 150


def test_drawn_mutants_follow_from_the_seed_reach_every_room_and_are_code(drawn):
    assert drawn == draw(seed=0, number=75) != draw(seed=1, number=75)
    assert len({mutant.origin for mutant in drawn}) == 8
    assert len({mutant.operator for mutant in drawn}) == 11
    for mutant in drawn:
        source = (REPOSITORY / mutant.file).read_text()
        wrong = mutant.apply(source)
        assert ast.dump(ast.parse(wrong)) != ast.dump(ast.parse(source)), mutant
        assert suite_of(mutant.file), mutant.file


def test_each_equivalent_one_has_a_reason_and_still_applies():
    for (file, old, new), reason in equivalent().items():
        assert old in (REPOSITORY / file).read_text() and old != new
        assert len(reason.split()) > 3


@pytest.mark.parametrize(('line', 'operator', 'expected'), [
    ('y = a - b * c', 'sign', {'y = a + (b * c)'}),
    ('y = -a', 'sign', {'y = +a'}),
    ('y = x.sum(-1)', 'axis', {'y = x.sum(-2)'}),
    ('y = torch.cat([a, b], dim=1)', 'axis', {'y = torch.cat([a, b], dim=0)'}),
    ('y = x[:, :3]', 'off by one', {'y = x[:, :4]'}),
    ('y = x.clamp(min=0)', 'clamp', {'y = x'}),
    ('y = x.detach() + 1', 'detach', {'y = x + 1'}),
    ('y = x.double()', 'dtype', {'y = x'}),
    ('y = f(a, b, c=1)', 'swapped arguments', {'y = f(b, a, c=1)'}),
    ('y = a + b', 'dropped term', {'y = a'}),
    ('y = ~a & b', 'inverted mask', {'y = (a) & b'}),
    ('y = torch.where(m, a, b)', 'inverted mask', {'y = torch.where(m, b, a)'}),
    ('y = a >= b', 'threshold boundary', {'y = a > b'}),
    ("y = 'a' + b", 'sign', set()),
    ("raise ValueError(f'{a - b}')", 'sign', set())])
def test_operators_by_hand(line, operator, expected):
    found = {changed(line, change) for change in changes(line) if change.operator == operator}
    assert found == expected


def test_numbers_and_switches_of_a_recipe():
    source = "model = dict(lr=0.1, layers=3, on=True, name='x')"
    found = {changed(source, change) for change in changes(source, recipe=True)}
    assert {text.removeprefix('model = ') for text in found} == {
        "dict(lr=0.09000000000000001, layers=3, on=True, name='x')",
        "dict(lr=0.1, layers=4, on=True, name='x')", "dict(lr=0.1, layers=3, on=False, name='x')"}


@pytest.mark.parametrize(('file', 'test'), [
    ('projects/sparsebev/detection_losses.py', 'tests/sparsebev/test_training_parts.py'),
    ('projects/sparse3d/ops/ball_query.py', 'tests/sparse3d/ops/test_neighbor_lists.py'),
    ('projects/voxelkp/augment_people.py', 'tests/voxelkp/test_augment_people.py'),
    ('projects/voxelkp/augment_people.py', 'tests/voxelkp/test_golden.py'),
    ('configs/_base_/schedules/onecycle_80e.py', 'tests/test_released_recipes.py')])
def test_tests_of_a_file(file, test):
    assert test in suite_of(file)
