"""One way to choose a backend, and one error."""
from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
import torch

from sparse3d import ops
from sparse3d.errors import BackendUnavailable
from sparse3d.ops.backends import choose_backend

SOME = {'quick': 'needs the quick package', 'fast': None, 'reference': None}


@pytest.mark.parametrize('wanted, chosen', [
    ('auto', 'fast'), ('fast', 'fast'), ('reference', 'reference')])
def test_the_first_that_can_run_is_chosen(wanted, chosen):
    assert choose_backend('blur', wanted, SOME) == chosen


@pytest.mark.parametrize('wanted, backends, sentence', [
    ('cuda', SOME,
     "blur has no backend 'cuda'; choose one of 'auto', 'quick', 'fast', 'reference'"),
    ('quick', SOME, "blur: 'quick' needs the quick package; use 'auto'"),
    ('auto', {'fast': 'works on a CPU', 'quick': 'needs luck'},
     "blur: 'fast' works on a CPU; 'quick' needs luck"),
    ('fast', {'fast': 'works on a CPU'}, "blur: 'fast' works on a CPU")])
def test_what_cannot_run_is_one_sentence(wanted, backends, sentence):
    with pytest.raises(BackendUnavailable) as error:
        choose_backend('blur', wanted, backends)
    assert str(error.value) == sentence


def _operators() -> list:
    names = [module.name for module in pkgutil.iter_modules(ops.__path__, f'{ops.__name__}.')
             if module.name.rpartition('.')[2] != 'sample_views_triton']
    return [function for name in names
            for _, function in inspect.getmembers(importlib.import_module(name),
                                                  inspect.isfunction)
            if function.__module__ == name and 'backend' in inspect.signature(function).parameters]


def test_every_operator_chooses_here():
    operators = _operators()
    assert len(operators) > 12
    for operator in operators:
        parameter = inspect.signature(operator).parameters['backend']
        source = inspect.getsource(operator)
        assert parameter.default == 'auto', operator
        assert 'choose_backend(' in source or 'read_views(' in source, operator


def test_a_third_device_runs_what_every_device_runs():
    """Tables by device have a value for those that they do not name."""
    from sparse3d.ops import gaussian_heatmap, points_in_boxes, rotated_iou, rotated_nms
    meta = torch.zeros(3, 5, device='meta')
    assert rotated_iou.intersection_area(meta, meta).shape == (3,)
    for table in (rotated_iou.TEMPORARY, rotated_iou.WHOLE_TABLE, rotated_nms.ROUNDS_AT_ONCE,
                  points_in_boxes.PAIRS_AT_ONCE, gaussian_heatmap._VALUES_AT_ONCE):
        assert set(table) == {'cpu'}
