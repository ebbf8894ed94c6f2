"""A checkpoint switches published quirks and nothing else."""

from __future__ import annotations

from importlib import import_module

import pytest

from sparse3d.checkpoints.options import check_published_options
from sparse3d.errors import CheckpointError


def declared():
    """Every set of quirks that a converter of ours can write."""
    focalsconv = import_module('focalsconv.published_checkpoint')
    dsvt, voxelkp = (import_module(f'{name}.published_checkpoint') for name in ('dsvt', 'voxelkp'))
    sparsefusion = import_module('sparsefusion.published_checkpoint')
    sparsebev = import_module('sparsebev.published_checkpoint')
    for system in ('centerpoint', 'voxel_rcnn', 'pv_rcnn'):
        for images in (False, True):
            yield focalsconv._quirks_of(system, images)
    yield from dsvt.QUIRKS.values()
    yield voxelkp.QUIRKS
    yield sparsefusion.QUIRKS
    yield from import_module('focalsconv.one_stage_baselines').QUIRKS.values()
    import torch

    weights = {sparsebev.CODE_WEIGHTS: torch.arange(10.0)}
    for layout in sparsebev.CONFIGS:
        yield sparsebev._quirks(weights, layout)


def test_what_our_converters_write_is_taken():
    sets = list(declared())
    assert len(sets) > 12 and all(sets)
    for quirks in sets:
        assert check_published_options({'model.published': quirks}, 'a.pth') == {
            'model.published': quirks}
        flat = {f'model.published.{name}': value for name, value in quirks.items()}
        assert check_published_options(flat, 'a.pth') == {'model.published': quirks}


CALL = {'type': 'os.system', 'command': 'true'}


@pytest.mark.parametrize(
    'options',
    [
        {'model.backbone': {'_delete_': True, 'type': 'subprocess.getoutput', 'cmd': 'true'}},
        {'model.backbone.type': 'os.system'},
        {'model': CALL},
        {'model.published': CALL},
        {'model.published': dict(corners=CALL)},
        {'model.published': dict(corners=[CALL])},
        {'model.published.corners.type': 'os.system'},
        {'model.published.radii': [[1, CALL]]},
        {'model.published': dict(corners=True, type='subprocess.Popen')},
        {'model.published': dict(corners=True, view_choice=True)},  # of two plug-ins
        {'model.published': 'os.system'},
        {'model.published_a': CALL},
        {'model.bbox_head.anchor_generator.ranges': [[0, 1]]},
        {'model.bbox_head.anchor_generator.type': 'os.system'},
        {'model.middle_encoder.image_fusion': dict(published_a=1, type='subprocess.Popen')},
        {'model.middle_encoder.image_fusion': 'os.system'},
        {'model.bbox_head.code_weights': CALL},
        {'code_weights': [1.0]},
        {'published_a': True},
        {'custom_imports': ['this']},
        {'custom_imports.published_a': 'x'},
        {'load_from': 'http://a'},
        {'default_hooks.published_a': True},
        {'test_evaluator.published_a': 1},
        {'test_dataloader.dataset.type': 'os.system'},
        {'test_dataloader.dataset.pipeline.published_a': CALL},
        {'test_dataloader.dataset.data_root': '/'},
        {'model.published.corners\n': True},
        {3: True},
        {'model.published.corners': None},
        {'model.published.corners': b'x'},
        ['model.published'],
        'text',
        3,
    ],
)
def test_all_else_is_refused_in_one_sentence(options):
    with pytest.raises(CheckpointError, match='a.pth (sets|has) ') as caught:
        check_published_options(options, 'a.pth')
    assert '\n' not in str(caught.value)
