"""The benchmark of growth: which models have more of what, its rows, one model measured."""
from __future__ import annotations

import pytest

from sparse3d.engine.load_config import load_config
from sparse3d.engine.trial_step import trial_names
from sparse3d_benchmarks import growth
from sparse3d_benchmarks.growth import COSTS, Growth, axes_of, measure_growth, rows_of


@pytest.mark.parametrize(('name', 'axes'), [
    ('dsvt_simulated_waymo', ['points', 'voxels']),
    ('transfusion_l_simulated_nuscenes', ['points', 'voxels', 'queries']),
    ('sparsefusion_simulated_nuscenes', ['points', 'voxels', 'queries', 'cameras']),
    ('sparsebev_simulated_nuscenes', ['queries', 'frames', 'cameras']),
    ('sparse4d_simulated_nuscenes', ['queries', 'cameras'])])
def test_what_a_model_can_have_more_of(name, axes):
    assert axes_of(load_config(name)) == axes
    assert name in (*trial_names(), *growth.MORE)


def test_rows_have_exponents_and_costs():
    costs = {cost: (1.0, 2.0, 4.0) for cost in COSTS} | {'training step': (1.0, 4.0, 16.0)}
    rows = list(rows_of(Growth('model', 'queries', (100, 200, 400), costs)))
    assert [row['value'] for row in rows] == pytest.approx([1, 2, 1])
    assert rows[1]['name'] == 'model, queries: exponent of training step'
    assert rows[1]['note'].startswith('100: 1 s, 200: 4 s, 400: 16 s; one thread')
    assert ['faster than linear' in row['note'] for row in rows] == [False, True, False]


def test_a_model_that_fails_is_a_row(monkeypatch):
    monkeypatch.setattr(growth, 'axes_of', lambda config: ['points'])
    monkeypatch.setattr(growth, 'measure_growth', lambda *_: 1 / 0)
    row, = growth.run(models=['dsvt_simulated_waymo'])
    assert row['name'] == 'dsvt_simulated_waymo, points: failed'
    assert row['note'] == 'ZeroDivisionError: division by zero'


def test_each_model_has_a_row_for_its_memory(monkeypatch):
    monkeypatch.setattr(growth, 'axes_of', lambda config: ['points', 'voxels'])
    monkeypatch.setattr(growth, 'measure_growth', lambda name, axis, repeats: Growth(
        name, axis, (10, 20), {cost: (3.0, 6.0) for cost in COSTS}))
    *exponents, memory = growth.run(models=['dsvt_simulated_waymo'])
    assert len(exponents) == 2 * len(COSTS) and memory['value'] == 3 and memory['unit'] == 'MiB'
    assert memory['name'] == 'dsvt_simulated_waymo: memory of a training step'


@pytest.mark.slow
@pytest.mark.parametrize(('name', 'axis'), [
    ('pointpillars_simulated_kitti_car', 'voxels'), ('sparse4d_simulated_nuscenes', 'cameras')])
def test_a_model_is_measured(name, axis):
    found = measure_growth(name, axis, factors=(1, 2))
    assert found.sizes[1] == 2 * found.sizes[0]
    assert all(value > 0 for values in found.costs.values() for value in values)
    memory = found.costs['memory of a training step']
    assert memory[1] > memory[0]
