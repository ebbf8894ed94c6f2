"""Steps of a pipeline are found by type, and the pipeline they come from stays as it is."""
from __future__ import annotations

import pytest
from mmengine.config import Config

from sparse3d.engine.pipeline_steps import changed, inserted_after, replaced
from sparse3d.errors import ConfigError

PIPELINE = [dict(type='Load', columns=4), dict(type='Turn', by=[1, 2], scale=3), dict(type='Pack')]


def test_arguments_change_wherever_the_step_stands():
    found = changed(PIPELINE, Turn=dict(by=[5], scale=None), Pack=dict(keys=['a']))
    assert found == [dict(type='Load', columns=4), dict(type='Turn', by=[5]),
                     dict(type='Pack', keys=['a'])]
    assert PIPELINE[1] == dict(type='Turn', by=[1, 2], scale=3)
    twice = changed([dict(type='Cut'), dict(type='Cut')], Cut=dict(at=1))
    assert twice == [dict(type='Cut', at=1)] * 2


def test_steps_are_replaced_left_out_and_added():
    assert replaced(PIPELINE, Turn=dict(type='Stay'))[1] == dict(type='Stay')
    assert [step['type'] for step in replaced(PIPELINE, Turn=[])] == ['Load', 'Pack']
    added = inserted_after(PIPELINE, Load=[dict(type='Look'), dict(type='Mark')])
    assert [step['type'] for step in added] == ['Load', 'Look', 'Mark', 'Turn', 'Pack']
    assert len(PIPELINE) == 3


@pytest.mark.parametrize('edit', [changed, replaced, inserted_after])
def test_a_step_that_is_not_there_is_named(edit):
    with pytest.raises(ConfigError, match='has no steps Turned; its steps are Load, Turn, Pack'):
        edit(PIPELINE, Turned=dict(type='x'))


def test_one_of_two_is_not_guessed():
    with pytest.raises(ConfigError, match='has 2 steps Load'):
        replaced([PIPELINE[0], *PIPELINE], Load=[])


def test_it_works_in_a_config_file(tmp_path):
    (tmp_path / 'base.py').write_text(f'pipeline = {PIPELINE}\n')
    (tmp_path / 'mine.py').write_text(
        "_base_ = ['base.py']\nfrom sparse3d.engine.pipeline_steps import changed\n"
        'pipeline = changed(_base_.pipeline, Turn=dict(scale=7))\n')
    config = Config.fromfile(tmp_path / 'mine.py')
    assert config.pipeline[1] == dict(type='Turn', by=[1, 2], scale=7)
    assert set(config) == {'pipeline'}


def test_of_an_argument_object_only_what_is_named_changes():
    pipeline = [dict(type='GroundTruthSampling', groups=dict(Car=1, Cyclist=2),
                     database=dict(columns=4, use=[0], min_points=dict(Car=5)))]
    (step, ) = changed(pipeline, GroundTruthSampling=dict(
        groups=dict(Car=3), images=dict(paste=True),
        database=dict(columns=5, use=None, min_points=dict(Cyclist=1))))
    assert step == dict(type='GroundTruthSampling', groups=dict(Car=3), images=dict(paste=True),
                        database=dict(columns=5, min_points=dict(Cyclist=1)))
    assert pipeline[0]['database']['columns'] == 4
