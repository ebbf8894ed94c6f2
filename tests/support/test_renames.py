"""Names of before and of now find each other."""
from __future__ import annotations

import pytest

from renames import Renames


def of(kind: str, *pairs: tuple[str, str]) -> Renames:
    return Renames({kind: list(pairs)})


def same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def test_a_parameter_is_renamed_by_whole_parts_from_its_start():
    renames = of('parameter', ('head.box', 'head.boxes'))
    assert renames.new('parameter', 'head.box.weight') == 'head.boxes.weight'
    assert renames.new('parameter', 'head.boxed.weight') == 'head.boxed.weight'
    assert renames.new('parameter', 'roi.head.box.weight') == 'roi.head.box.weight'
    assert renames.original('parameter', 'head.boxes.weight') == 'head.box.weight'


def test_a_star_renames_anywhere_and_the_longest_pair_comes_first():
    renames = of('parameter', ('*.ask', '*.query'), ('head.ask.norm', 'head.query.layer_norm'))
    assert renames.new('parameter', 'a.ask.b.ask.w') == 'a.query.b.query.w'
    assert renames.new('parameter', 'head.ask.norm.w') == 'head.query.layer_norm.w'


def test_renames_follow_each_other():
    renames = of('parameter', ('a', 'b'), ('b', 'c'))
    assert renames.new('parameter', 'a.w') == 'c.w'
    assert renames.original('parameter', 'c.w') == 'a.w'


@pytest.mark.parametrize('before', [
    same('a.w'),       # recorded before any renaming
    {'b.w': 'a.w'},    # recorded between two renamings, of which the file then keeps one
])
def test_names_match_whenever_they_were_recorded(before):
    renames = of('parameter', ('a', 'c'))
    assert renames.match('parameter', before, ['c.w']) == {next(iter(before)): 'c.w'}


def test_a_name_that_another_model_renames_still_matches_itself():
    renames = of('parameter', ('box', 'layer'))
    assert renames.match('parameter', same('layer.w', 'norm'), ['layer.w', 'norm']) == same(
        'layer.w', 'norm')
    assert renames.match('parameter', same('gone'), ['new']) == {}


def test_configs_match_by_path_or_by_bare_name():
    renames = of('config', ('old_one', 'new_one'), ('a/x', 'b/y'))
    assert renames.match('config', same('a/old_one', 'a/x', 'a/z'), [
        'a/new_one', 'b/y', 'a/z']) == {'a/old_one': 'a/new_one', 'a/x': 'b/y', 'a/z': 'a/z'}


def test_the_file_may_name_configs_as_files(tmp_path):
    path = tmp_path / 'renames.csv'
    path.write_text('kind,old,new\nconfig,configs/a/x.py,configs/b/y.py\nloss,loss_a,loss_b\n')
    renames = Renames.read(path)
    assert renames.new('config', 'a/x') == 'b/y'
    assert renames.new('loss', 'loss_a') == 'loss_b'
    assert Renames.read(tmp_path / 'none.csv') == Renames()


def test_a_file_without_its_columns_is_refused(tmp_path):
    path = tmp_path / 'renames.csv'
    path.write_text('before,after\na,b\n')
    with pytest.raises(ValueError, match='kind, new, old'):
        Renames.read(path)
