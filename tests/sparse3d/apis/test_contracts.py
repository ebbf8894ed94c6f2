"""The verbs ask the contracts: a data set and a plug-in of nobody here, without a change here."""
from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import sparse3d_cli
from sparse3d.apis.check import check_root
from sparse3d.apis.list import KINDS, list_lines
from sparse3d.apis.visualize import visualize
from sparse3d.checkpoints import convert_checkpoint
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.deploy.export import export
from sparse3d.engine.load_config import find_config
from sparse3d.errors import CheckpointError, ConfigError, PluginError
from sparse3d.plugins import DATA_SET_GROUP, data_sets, register
from sparse3d.stored_config import is_plug_in

DATA_SET = '''
from pathlib import Path
from sparse3d.plugins import DataSet

data_set = DataSet(
    name='zz_streets', summary='streets of nobody', info_files=('zz_infos_*.pkl',),
    arguments='zz_streets:arguments', prepare='zz_streets:prepare', check='zz_streets:check',
    upgrade='zz_streets:upgrade', simulate_arguments='zz_streets:arguments',
    simulate='zz_streets:simulate', crops='zz_streets:crops')

def arguments(parser):
    parser.add_argument('root', type=Path)
    parser.add_argument('--count', type=int, default=2)

def prepare(given):
    (given.root / 'zz_infos_train.pkl').write_bytes(b'')
    return f'{given.count} streets prepared'

def simulate(given):
    given.root.mkdir()
    return f'{given.count} streets simulated'

def check(root):
    from sparse3d.preparation.check_report import CheckReport
    report = CheckReport(f'streets at {root}')
    report.problem('a street is missing')
    return report

def upgrade(old, path):
    if 'zz' not in (old[0] if isinstance(old, list) else {}):
        return None
    return dict(dataset='zz_streets', stamp=dict()), [dict(sample_idx=0)], 'streets'

def crops(root, workers):
    return dict(objects=3, crops=workers)
'''
PLUG_IN = '''
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from sparse3d.plugins import Plugin
from sparse3d.published import PublishedSet, quirk

@dataclass(frozen=True)
class Quirks(PublishedSet):
    zz_quirk: int | None = quirk(None, 'another number', 'none')

plugin = Plugin(
    name='zz_method', modules=('zz_method',), configs='zz_method_configs',
    convert='zz_method:convert', published='zz_method:Quirks',
    exporters={'zz_text': 'zz_method:export'}, pictures={'zz_dots': 'zz_method:dots'})

def convert(published, config=None):
    from sparse3d.checkpoints import Conversion
    return Conversion(dict(published), config or 'zz_method_tiny', {'zz_quirk': 2})

def export(config, checkpoint, out, clouds, cfg_options):
    Path(out).write_text('exported')
    return SimpleNamespace(path=Path(out), sentences=lambda: ['as text'])

def dots(model, batch, frame, folder, score_threshold):
    return []
'''


@pytest.fixture
def streets(distributions):
    distributions('zz-streets', 'zz_streets', DATA_SET, DATA_SET_GROUP, 'zz_streets')


@pytest.fixture
def method(distributions, tmp_path):
    package = tmp_path / 'zz_method_configs'
    package.mkdir()
    (package / 'zz_method_tiny.py').write_text(
        "# A tiny one.\ncustom_imports = dict(imports=['zz_method'])\n")
    distributions('zz-method', 'zz_method', PLUG_IN, name='zz_method')
    return package


def test_a_data_set_of_another_distribution_is_simulated_prepared_checked(
        streets, tmp_path, capsys):
    root = tmp_path / 'drive'
    assert sparse3d_cli.main(['simulate', 'zz_streets', str(root), '--count', '5']) == 0
    assert sparse3d_cli.main(['create-data', 'zz_streets', str(root)]) == 0
    assert sparse3d_cli.main(['check', str(root)]) == 1
    crops = ['create-data', 'crops', 'zz_streets', str(root), '--workers', '4']
    assert sparse3d_cli.main(crops) == 0
    printed = capsys.readouterr().out
    for line in ('5 streets simulated', '2 streets prepared', 'a street is missing', '1 problems',
                 '4 crops of 3 objects'):
        assert line in printed


def test_an_old_info_file_finds_its_data_set(streets, tmp_path, capsys):
    (tmp_path / 'old.pkl').write_bytes(pickle.dumps([dict(zz=1, annos={})]))
    assert sparse3d_cli.main(['create-data', 'upgrade', str(tmp_path / 'old.pkl')]) == 0
    assert '1 samples, streets' in capsys.readouterr().out


def test_data_below_the_root_are_checked_where_they_lie(tmp_path, distributions):
    source = DATA_SET.replace("'zz_infos_*.pkl'", "'inner/zz_infos_*.pkl'")
    distributions('zz-streets', 'zz_streets', source, DATA_SET_GROUP, 'zz_streets')
    (tmp_path / 'inner').mkdir()
    (tmp_path / 'inner' / 'zz_infos_train.pkl').write_bytes(b'')
    report, = check_root(tmp_path)
    assert str(report).startswith(f'streets at {tmp_path / "inner"}')


def test_a_checkpoint_is_converted_with_the_options_that_the_contract_names(method, tmp_path):
    torch.save({'a': torch.ones(2)}, tmp_path / 'published.pth')
    convert_checkpoint('zz_method', tmp_path / 'published.pth', tmp_path / 'ours.pth')
    assert open_checkpoint(tmp_path / 'ours.pth').options == {'model.published': {'zz_quirk': 2}}
    content = torch.load(tmp_path / 'ours.pth')
    content['meta']['config_options'] = {'model.zz_other': 2}
    torch.save(content, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match="sets the config key 'model.zz_other'"):
        open_checkpoint(tmp_path / 'other.pth')


def test_its_config_is_found_by_name_and_exported_by_its_exporter(method, tmp_path):
    assert find_config('zz_method_tiny') == method / 'zz_method_tiny.py'
    assert export('zz_method_tiny', None, tmp_path / 'a.txt').path.read_text() == 'exported'
    assert export('zz_method_tiny', None, tmp_path / 'b.txt', exporter='zz_text').path.is_file()
    with pytest.raises(PluginError, match="no plug-in offers 'zz_test' .*did you mean 'zz_text'"):
        export('zz_method_tiny', None, tmp_path / 'c.txt', exporter='zz_test')
    with pytest.raises(ConfigError, match='voxelkp_waymo cannot be exported: the attention of its'):
        export('voxelkp_waymo', None, tmp_path / 'd')
    assert is_plug_in('zz_method')


def test_pictures_that_nobody_offers_are_refused_with_the_near_one(method):
    with pytest.raises(PluginError, match="no plug-in offers 'zz_dot' as one of its pictures; did"):
        visualize('zz_method_tiny', pictures=['zz_dot'])
    with pytest.raises(ConfigError, match='zz_dots are of a model: they need a checkpoint'):
        visualize('zz_method_tiny', pictures=['zz_dots'])


def test_every_kind_is_listed_and_what_is_broken_with_its_error(method, streets, distributions):
    distributions('zz-broken', 'zz_broken', 'import zz_not_there\n', name='zz_broken')
    wanted = dict(configs='A tiny one.', plugins='convert', datasets='zz-streets 1.0: prepare',
                  pictures='zz_method:dots', exporters='zz_method:export', benchmarks='',
                  modules='')
    assert set(wanted) == set(KINDS)
    for kind, text in wanted.items():
        lines = list_lines(kind)
        assert lines and all('\n' not in line for line in lines)
        assert any(line.split()[0].startswith('zz_') and text in line for line in lines) or not text
    broken, = (line for line in list_lines('plugins') if line.startswith('zz_broken'))
    assert 'zz-broken 1.0: cannot be used' in broken and 'zz_not_there' in broken


def test_types_of_a_data_set_are_listed(distributions, tmp_path):
    source = DATA_SET.replace("crops='zz_streets:crops'", "modules=('zz_types',)")
    (tmp_path / 'zz_types.py').write_text('from mmdet3d.registry import METRICS\n'
                                          "@METRICS.register_module(name='ZZStreetMetric')\n"
                                          'class StreetMetric:\n    pass\n')
    distributions('zz-streets', 'zz_streets', source, DATA_SET_GROUP, 'zz_streets')
    register(data_sets().values())
    assert [line.split() for line in list_lines('modules') if line.startswith('ZZStreet')] == [
        ['ZZStreetMetric', 'metric:', 'zz_types']]


def test_the_contracts_here_load_nothing_heavy_and_all_they_name_is_there():
    source = (
        'import json, sys\n'
        'from sparse3d import plugins\n'
        'items = [*plugins.installed_plugins(), *plugins.installed_data_sets()]\n'
        'heavy = sorted({"torch", "mmdet3d", "mmengine", "cv2", "numpy"} & set(sys.modules))\n'
        'print(json.dumps([heavy, [i.error for i in items], len(plugins.config_files())]))\n')
    done = subprocess.run([sys.executable, '-c', source], capture_output=True, text=True)
    heavy, errors, configs = json.loads(done.stdout)
    assert heavy == [] and set(errors) == {''} and len(errors) >= 10
    files = [path for path in (Path(__file__).resolve().parents[3] / 'configs').glob('*/*.py')
             if path.parent.name != '_base_']
    assert configs == len(files)  # names are unique
