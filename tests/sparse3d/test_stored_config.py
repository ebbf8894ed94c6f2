"""Config texts from elsewhere give data and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from sparse3d.apis import load_config
from sparse3d.errors import ConfigError
from sparse3d.stored_config import (
    check_data_config,
    is_plug_in,
    leave_out_programs,
    read_literals,
    stored_config,
)

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [
    path for path in sorted((ROOT / 'configs').glob('*/*.py')) if path.parent.name != '_base_'
]
SMALL = """
custom_imports = dict(imports=['sparse3d.register'], allow_failed_imports=False)
default_scope = 'mmdet3d'
class_names = ['Car']
load_from = 'https://example.org/a.pth'
custom_hooks = [dict(type='EMAHook')]
model = dict(
    type='VoxelNet', backbone=dict(
        type='SECOND', depth=-1, init_cfg=dict(type='Pretrained', checkpoint='a.pth')),
    test_cfg={'nms': dict(type='nms', iou_thr=0.1), 3: (1.5, None, inf)})
test_dataloader = dict(dataset=dict(
    type='KittiDataset', data_root='/home', pipeline=[dict(type='Pack3DDetInputs')]))
"""


def test_model_pipeline_and_classes_are_taken_without_files_and_hooks():
    taken = stored_config(SMALL)
    assert taken == dict(
        custom_imports=dict(imports=['sparse3d.register'], allow_failed_imports=False),
        default_scope='mmdet3d',
        class_names=['Car'],
        model=dict(
            type='VoxelNet',
            backbone=dict(type='SECOND', depth=-1),
            test_cfg={'nms': dict(type='nms', iou_thr=0.1), 3: (1.5, None, float('inf'))},
        ),
        test_pipeline=[dict(type='Pack3DDetInputs')],
    )


@pytest.mark.parametrize('path', CONFIGS[::6], ids=lambda path: path.stem)
def test_our_own_configs_pass_and_come_back(path):
    config = load_config(path)
    check_data_config(config.to_dict(), path.name)
    text = config.pretty_text
    assert read_literals(text)['model'].keys() == config.model.keys()
    holder = dict(meta=dict(cfg=text))
    assert leave_out_programs(holder)['meta']['cfg'] == text


CALL = "dict(type='os.system', command='touch {touched}')"
DEEP = "model = dict(type='VoxelNet', a=dict(b=[dict(c=(" + CALL + ',))]))'


@pytest.mark.parametrize(
    'text, words',
    [
        (f'model = {CALL}', "model.type='os.system'"),
        (DEEP, "model.a.b.0.c.0.type='os.system'"),
        ("model = dict(type='subprocess.Popen', args='touch {touched}')", 'subprocess.Popen'),
        ("model = dict(_delete_=True, type='subprocess.getoutput')", 'subprocess.getoutput'),
        ("model = dict(type='os.SECOND')", 'os.SECOND'),  # the last name is registered
        ("model = dict(type='getoutput')", 'getoutput'),
        ("model = dict(type=['os.system'])", 'os.system'),
        ("model = dict(a=dict(_scope_='os', type='SECOND'))", "_scope_='os'"),
        ("default_scope = 'evil'", "default_scope='evil'"),
        (
            "model = dict(test_cfg=dict(nms=dict(type='__import__(\\'os\\').system(\\'true\\')')))",
            'import',
        ),
        (
            "test_pipeline = [dict(type='LoadAnnotations3D', seg_3d_dtype='__import__(1)')]",
            'seg_3d_dtype',
        ),
        ("custom_imports = dict(imports=['this'])", "imports 'this'"),
        ("custom_imports = dict(imports=['sparse3d.register', 'antigravity'])", 'antigravity'),
        ("custom_imports = 'os.path'", 'os.path'),
        ("custom_imports = dict(imports=[['os']])", "['os']"),
        ("import os\nmodel = dict(type='SECOND')", "'import os' in line 1"),
        ("model = __import__('os').system('touch {touched}')", 'more than data'),
        ("model = dict(a=open('{touched}', 'w'))", 'more than data'),
        ('model = dict(**globals())', 'more than data'),
        ('model = {{**globals()}}', 'more than data'),
        ('a = [x for x in (1,)]', 'more than data'),
        ("_base_ = ['{touched}.py']", '_base_'),
        ('a = dict([(1, 2)])', 'more than data'),
        ('a.b = 1', 'more than data'),
        ('a = b = 1', 'more than data'),
        ('a = f"{{1}}"', 'more than data'),
        ('a = (lambda: 1)()', 'more than data'),
        ('a = ', 'no config text'),
        ('\0', 'no config text'),
        ('a = ' + '(' * 5000, 'no config text'),
    ],
)
def test_more_than_data_is_refused_and_does_nothing(tmp_path, text, words):
    text = (
        text.replace('{touched}', str(tmp_path / 'touched')).replace('{{', '{').replace('}}', '}')
    )
    with pytest.raises(ConfigError) as caught:
        stored_config(text)
    assert words in str(caught.value) and '\n' not in str(caught.value)
    content = dict(
        meta=dict(cfg=text, config=text + ' '), message_hub=dict(runtime_info=dict(cfg=text))
    )
    leave_out_programs(content)
    for left in (*content['meta'].values(), content['message_hub']['runtime_info']['cfg']):
        assert left.startswith('# left out: ') and left.count('\n') == 1
        Config.fromstring(left, file_format='.py')  # what mmengine does with it
    assert not (tmp_path / 'touched').exists()


LEFT_OUT = '# left out: the config in the checkpoint is a template\n'
BREAKS_OUT = r'x = "{{$NOWHERE:A|\\\"+str(open(\'TOUCHED\',\'w\'))#}}"'
IN_A_KEY = r"model = {'{{$A:B|\\nopen(\'TOUCHED\',\'w\')#}}': {'type': 'os.system'}}"


@pytest.mark.parametrize('text', [BREAKS_OUT, IN_A_KEY])
def test_a_template_does_not_become_a_program(tmp_path, text):
    text = text.replace('TOUCHED', str(tmp_path / 'touched'))
    read_literals(text)  # which sees a text and nothing else
    left = leave_out_programs(dict(meta=dict(cfg=text)))['meta']['cfg']
    Config.fromstring(left, file_format='.py')
    assert left == LEFT_OUT and not (tmp_path / 'touched').exists()


def test_no_reason_for_leaving_out_is_a_template():
    text = 'f("{{$A:B}}")'.replace('{{', '{') .replace('{', '{ {')
    left = leave_out_programs(dict(meta=dict(cfg=text)))['meta']['cfg']
    assert left.startswith('# left out: ') and '{' not in left


@pytest.mark.parametrize('text, words', [
    ('test_dataloader = 5', 'test_dataloader=5'),
    ('test_dataloader = dict(dataset=[1])', 'dataset='),
    ('test_dataloader = dict(dataset=dict(metainfo=[1]))', 'metainfo='),
    ('custom_imports = 5', 'imports 5'), ('a = {[1]: 2}', 'more than data'),
    ('a = {{}, 1}', 'more than data'), ('a = ' + '-' * 20000 + '1', 'no config text: '),
])
def test_values_of_another_kind_are_one_sentence(text, words):
    with pytest.raises(ConfigError, match='in the checkpoint') as caught:
        stored_config(text)
    assert words in str(caught.value)
    leave_out_programs(dict(meta=dict(cfg=text)))


def test_no_imports_are_none():
    assert stored_config('custom_imports = dict(imports=None)')


@pytest.mark.parametrize('part, words', [
    (dict(type='KnowledgeDistillationSingleStageDetector', teacher_config='a.py'), 'a program'),
    (dict(type='WaymoMetric', waymo_bin_file='a; touch b'), 'the shell'),
    (dict(type='WaymoMetric', pklfile_prefix='$(touch b)'), 'the shell'),
])
def test_arguments_that_the_stack_runs_are_refused(part, words):
    with pytest.raises(ConfigError, match=words):
        check_data_config(dict(a=part), 'a.yaml')


def test_a_teacher_may_be_written_out():
    check_data_config(dict(teacher_config=dict(model=dict(type='SECOND')), a=dict(
        type='WaymoMetric', waymo_bin_file='data/waymo/gt_1-2.bin')), 'a.yaml')


def test_a_config_that_unfolds_without_end_is_refused():
    node = ['x']
    for _ in range(60):
        node = [node, node]
    with pytest.raises(ConfigError, match='more than 1,000,000 values'):
        check_data_config(dict(a=node), 'a.yaml')


def test_plug_ins_are_those_beside_the_core():
    assert is_plug_in('sparse3d.register')
    packages = [path.parent.name for path in (ROOT / 'projects').glob('*/register.py')
                if path.parent.name != 'sparse3d']
    assert len(packages) >= 5 and all(is_plug_in(f'{name}.register') for name in packages)
    assert not any(map(is_plug_in, ('os', 'subprocess', 'sparse3d.apis', 'mmdet3d', '', '../x')))


def test_the_path_of_a_config_stays():
    content = dict(meta=dict(config='configs/dsvt/dsvt_pillar_waymo_1frame_24e.py'))
    assert leave_out_programs(content)['meta']['config'].endswith('24e.py')
