"""How often a training step waits for the GPU: no more than allowed, and not once an object."""
from __future__ import annotations

import json

import pytest

from sparse3d.plugins import plugins
from sparse3d_benchmarks.pretended_cuda.record import by_owner
from sparse3d_benchmarks.waits import BAR, count_in_process, count_waits, run

NAMES = [name for owner in plugins().values() for name in owner.trial_configs]


def per_line(waits):
    return {(wait.kind, wait.line, wait.innermost): count for wait, count in waits.items()
            if wait.owner == 'ours'}


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_waits_of_a_step(pretended_gpu, name):
    waits = count_waits(pretended_gpu, name)
    assert by_owner(waits)['ours'] <= BAR, waits.most_common(8)


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_no_line_waits_once_an_object(pretended_gpu, name):
    few, many = (per_line(count_waits(pretended_gpu, name, objects=count)) for count in (4, 16))
    growing = {where: (few.get(where, 0), count) for where, count in many.items()
               if count >= few.get(where, 0) + 12}
    assert growing == {}


@pytest.mark.slow
def test_the_benchmark_has_a_row_for_each_model(monkeypatch):
    name = 'transfusion_l_simulated_nuscenes'
    counted = count_in_process([name])
    monkeypatch.setattr('sparse3d_benchmarks.waits.count_in_process', lambda names: counted)
    row, = run()
    ours = sum(wait['count'] for wait in counted[name] if wait['owner'] == 'ours')
    assert row['value'] == ours > 0 and row['unit'] == 'waits'
    assert 'in kernels of spconv and mmcv' in row['note'] and '.py:' in row['note']
    assert json.dumps(row)


@pytest.mark.slow
def test_a_step_that_fails_is_named():
    with pytest.raises(RuntimeError, match='no training step on the pretended device'):
        count_in_process(['no_such_config'])
