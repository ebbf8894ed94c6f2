"""Checkpoints with names that were changed since: refused with the command, rewritten whole."""
from __future__ import annotations

import json
from collections import OrderedDict

import pytest
import torch

from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.checkpoints.renames import refuse_old_names_in, renamed
from sparse3d.checkpoints.rewrite import rewrite_checkpoint
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError, ConfigError

OPTIONS = {'model.head.published_alignment': True, 'model.head.inner.old_key': 2}
CONFIG = """
model = dict(type='Detector', head=dict(type='OldHead', old_option=3, kept=[dict(old_key=1)],
                                        inner=dict(old_key=(1, 2))))
other = 5
"""


CONTRACT = """
from sparse3d.plugins import Plugin, RenamedNames
plugin = Plugin(name={name!r}, modules=({module!r},), renames=RenamedNames({tables}))
"""
TABLES = """
    parameters={'head.old.': 'head.new.', 'head.layers.*.old.': 'head.layers.*.new.'},
    types={'OldHead': 'NewHead'}, options_of_types={('NewHead', 'old_option'): 'new_option'},
    options={'inner.old_key': 'new_key'}, configs={'old_config': 'new_config'}
"""


@pytest.fixture(autouse=True)
def plug_in(distributions):
    """A plug-in of another distribution whose contract has old names."""
    distributions('zz-old', 'zz_old', CONTRACT.format(name='zz', module='zz_old', tables=TABLES))
    return distributions


@pytest.fixture
def old(tmp_path):
    state = OrderedDict({'head.old.weight': torch.ones(2), 'head.layers.3.old.bias': torch.zeros(1),
                         'head.older.weight': torch.ones(3)})
    state._metadata = OrderedDict({'': {'version': 1}, 'head.old': {'version': 2}})
    path = tmp_path / 'old.pth'
    torch.save(dict(state_dict=state, optimizer={'state': {}}, meta=dict(
        epoch=3, cfg=CONFIG, config='configs/x/old_config.py', config_options=OPTIONS)), path)
    return path


def test_an_old_one_is_refused_with_the_command(old):
    with pytest.raises(CheckpointError) as refused:
        open_checkpoint(old)
    assert f'sparse3d convert-checkpoint renames {old} NEW.pth' in str(refused.value)
    assert 'head.old. -> head.new.' in str(refused.value) and '\n' not in str(refused.value)


def test_an_old_name_in_the_stored_config_alone_is_refused(tmp_path):
    torch.save(dict(state_dict={'x': torch.ones(1)}, meta=dict(cfg=CONFIG)), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='OldHead -> NewHead.*renames'):
        open_checkpoint(tmp_path / 'a.pth')


def test_rewriting_takes_weights_options_and_config(old, tmp_path):
    changes = rewrite_checkpoint(old, tmp_path / 'new.pth')
    assert {'head.old. -> head.new.', 'OldHead -> NewHead', 'NewHead.old_option -> new_option',
            'inner.old_key -> new_key', 'old_config -> new_config'} <= set(changes)
    content = torch.load(tmp_path / 'new.pth')
    assert list(content['state_dict']) == ['head.new.weight', 'head.layers.3.new.bias',
                                           'head.older.weight']
    assert content['state_dict']._metadata['head.new'] == {'version': 2}
    meta = content['meta']
    assert meta['config_options'] == {'model.head.published_alignment': True,
                                      'model.head.inner.new_key': 2}
    assert meta['config'] == 'configs/x/new_config.py' and meta['epoch'] == 3
    config: dict = {}
    exec(meta['cfg'], config)
    assert config['model'] == dict(type='Detector', head=dict(
        type='NewHead', new_option=3, kept=[dict(old_key=1)], inner=dict(new_key=(1, 2))))
    assert renamed(content)[1] == []


def test_options_go_into_the_groups_that_they_are_in_now(tmp_path):
    """A config of before is refused with the command, and gives the same model rewritten."""
    text = ("custom_imports = dict(imports=['sparsebev.register'])\n"
            "model = dict(bbox_head=dict(type='SparseBEVHead', num_queries=4, num_frames=2,\n"
            "    limits=[0, 1], point_cloud_range=[0, 0], detections=dict(max_detections=5)))\n"
            "train = [dict(type='GroundTruthSampling', data_root='d', columns=5, paste_images=True,"
            " groups=dict(Car=2))]\n")
    torch.save(dict(state_dict={'x': torch.ones(1)}, meta=dict(cfg=text)), tmp_path / 'old.pth')
    with pytest.raises(CheckpointError, match=r'SparseBEVHead.num_frames -> decoder.num_frames and '
                       r'\d+ more\); rewrite it with "sparse3d convert-checkpoint renames'):
        open_checkpoint(tmp_path / 'old.pth')
    rewrite_checkpoint(tmp_path / 'old.pth', tmp_path / 'new.pth')
    config: dict = {}
    exec(open_checkpoint(tmp_path / 'new.pth').meta['cfg'], config)
    assert config['model']['bbox_head'] == dict(
        type='SparseBEVHead', num_queries=4, decoder=dict(num_frames=2), point_cloud_range=[0, 0],
        detections=dict(limits=[0, 1], max_detections=5))
    assert config['train'] == [dict(
        type='GroundTruthSampling', database=dict(data_root='d', columns=5),
        images=dict(paste=True), groups=dict(Car=2))]


def test_quirks_of_before_the_sets_move_past_the_groups():
    """They are looked for where they stood then."""
    text = ("custom_imports = dict(imports=['sparsefusion'])\nmodel = dict(type='SparseFusion', "
            "bbox_head=dict(type='SparseFusionHead', channels=16, suppression=dict(\n"
            "    radii=[1], published_squared_radius=True)))\n")
    new = renamed(dict(state_dict={}, meta=dict(cfg=text)))[0]['meta']['cfg']
    config: dict = {}
    exec(new, config)
    assert config['model'] == dict(
        type='SparseFusion', published=dict(squared_radius=True), bbox_head=dict(
            type='SparseFusionHead', candidates=dict(channels=16),
            detections=dict(suppression=dict(radii=[1]))))


def test_a_config_of_a_user_with_a_name_of_before_is_refused(tmp_path):
    (tmp_path / 'mine.py').write_text(
        "_base_ = ['sparse3d::sparsebev/sparsebev_simulated_nuscenes.py']\n"
        'model = dict(bbox_head=dict(num_points=2))\n')
    with pytest.raises(ConfigError, match='names that were changed since: SparseBEVHead.num_points '
                       '-> decoder.num_points; write the present ones') as refused:
        load_config(tmp_path / 'mine.py')
    assert '\n' not in str(refused.value)
    config = load_config('sparsebev_simulated_nuscenes', {
        'model.bbox_head.detections.max_detections': 7, 'model.bbox_head.decoder.num_points': 2})
    assert config.model.bbox_head.detections == dict(max_detections=7)
    with pytest.raises(ConfigError, match="no key 'model.bbox_head.num_points'; did you mean "
                       "'model.bbox_head.decoder.num_points'"):
        load_config('sparsebev_simulated_nuscenes', {'model.bbox_head.num_points': 2})
    with pytest.raises(ConfigError, match="no key 'model.bbox_head.detections.max_boxes'"):
        load_config('sparsebev_simulated_nuscenes', {'model.bbox_head.detections.max_boxes': 2})


def test_present_names_and_no_checkpoints_are_left_alone(tmp_path):
    torch.save(dict(state_dict={'head.new.weight': torch.ones(2)}, meta=dict(cfg='import os')),
               tmp_path / 'new.pth')
    assert open_checkpoint(tmp_path / 'new.pth').weights.keys() == {'head.new.weight'}
    with pytest.raises(CheckpointError, match='present names already'):
        rewrite_checkpoint(tmp_path / 'new.pth', tmp_path / 'newer.pth')
    assert not (tmp_path / 'newer.pth').exists()
    assert renamed([1, 2]) == ([1, 2], [])


def test_a_plain_state_dict_is_one_too(tmp_path):
    """Averaged and stripped weights stand without a wrapper; safetensors has none at all."""
    state = OrderedDict({'head.old.weight': torch.ones(2), 'head.kept': torch.zeros(1)})
    state._metadata = OrderedDict({'head.old': {'version': 2}})
    torch.save(state, tmp_path / 'plain.pth')
    header = json.dumps({'head.old.weight': dict(dtype='F32', shape=[1], data_offsets=[0, 4])})
    (tmp_path / 'plain.safetensors').write_bytes(
        len(header).to_bytes(8, 'little') + header.encode() + b'\0\0\x80\x3f')
    for name in ('plain.pth', 'plain.safetensors'):
        with pytest.raises(CheckpointError, match=f'{name} was written before .*renames'):
            open_checkpoint(tmp_path / name)
        assert rewrite_checkpoint(tmp_path / name, tmp_path / 'new.pth') == [
            'head.old. -> head.new.']
        assert 'head.new.weight' in open_checkpoint(tmp_path / 'new.pth').weights
    with pytest.raises(CheckpointError, match='b.safetensors would be written by torch.save'):
        rewrite_checkpoint(tmp_path / 'plain.pth', tmp_path / 'b.safetensors')


@pytest.mark.parametrize('content', [dict(a=3), dict(state_dict={}), [torch.ones(1)]])
def test_what_holds_no_weights_is_not_called_up_to_date(tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='a.pth holds no weights'):
        rewrite_checkpoint(tmp_path / 'a.pth', tmp_path / 'b.pth')


def test_names_of_one_plug_in_are_free_for_another(plug_in, tmp_path):
    """A checkpoint whose config imports another plug-in may use what the first one has left."""
    plug_in('zz-other', 'zz_other', CONTRACT.format(name='other', module='zz_other', tables=''),
            name='other')
    for imported, refused in (('zz_other', []), ('zz_old', ['head.old. -> head.new.'])):
        config = f"custom_imports = dict(imports=['{imported}'])\nother = 5\n"
        content = dict(state_dict={'head.old.weight': torch.ones(1)}, meta=dict(cfg=config))
        assert renamed(content)[1] == refused


@pytest.mark.parametrize('name, weight, options, expected', [
    ('focalsconv', 'roi_head.change.0.weight', {}, 'roi_head.change. -> roi_head.box_delta.'),
    ('dsvt', 'x', {'model.middle_encoder.heads': 8}, 'middle_encoder.heads -> num_heads'),
    ('sparsebev', 'x', {'model.bbox_head.max_boxes': 8}, 'bbox_head.max_boxes -> max_detections'),
])
def test_the_plug_ins_of_here_have_theirs(name, weight, options, expected):
    content = dict(state_dict={weight: torch.ones(1)}, meta=dict(
        cfg=f"custom_imports = dict(imports=['{name}'])\n", config_options=options))
    assert renamed(content)[1] == [expected]


def test_an_old_name_of_a_number_is_the_present_one_of_a_part():
    head = dict(type='TransFusionHead', queries=dict(type='learned'))
    refuse_old_names_in(dict(model=dict(bbox_head=head)))
    with pytest.raises(ConfigError, match='TransFusionHead.queries -> num_queries'):
        refuse_old_names_in(dict(model=dict(bbox_head=dict(head, queries=200))))
