"""The two contracts: who is found, what is listed with its error, what is refused by name."""
from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from sparse3d import plugins
from sparse3d.errors import PluginError

CONTRACT = ('from sparse3d.plugins import Plugin\n'
            "plugin = Plugin(name={name!r}, modules=({module!r},), configs={configs!r},\n"
            "                benchmarks={{{benchmark!r}: '{module}:measure'}})\n"
            'def measure(threads, repeats):\n    return [dict(name="x", value=1.0, unit="ms")]\n')


def contract(name: str, module: str, configs: str | None = None,
             benchmark: str = 'zz_speed') -> str:
    return CONTRACT.format(name=name, module=module, configs=configs, benchmark=benchmark)


def test_a_plug_in_of_another_distribution_is_found(distributions):
    distributions('zz-one', 'zz_one', contract('zz', 'zz_one'))
    assert plugins.plugin('zz').modules == ('zz_one',)
    assert plugins.load(plugins.offers('benchmarks')['zz_speed'])(1, 1)[0]['unit'] == 'ms'
    assert plugins.owner_of('benchmarks', 'zz_speed').name == 'zz'
    assert plugins.owner_of('benchmarks', 'none') is None
    assert [item.distribution for item in plugins.installed_plugins()
            if item.contract and item.contract.name == 'zz'] == ['zz-one 1.0']


def test_a_broken_plug_in_is_listed_and_disturbs_nobody(distributions):
    distributions('zz-one', 'zz_one', contract('zz', 'zz_one'))
    distributions('zz-broken', 'zz_broken', 'import zz_not_there\n', name='zz_broken')
    broken, = (item for item in plugins.installed_plugins() if item.name == 'zz_broken')
    assert broken.contract is None and 'zz_not_there' in broken.error
    assert 'zz' in plugins.plugins()
    with pytest.raises(PluginError, match='zz_broken is installed but cannot be imported.*zz_not'):
        plugins.plugin('zz_broken')


def test_something_else_under_the_group_is_listed_as_such(distributions):
    distributions('zz-text', 'zz_text', "plugin = 'text'\n")
    assert [item.error for item in plugins.installed_plugins() if item.distribution == 'zz-text 1.0'
            ] == ['zz_text:plugin is a str, not a Plugin']


def test_two_of_one_name_are_refused_by_both_names(distributions):
    distributions('zz-one', 'zz_one', contract('zz', 'zz_one'))
    distributions('zz-two', 'zz_two', contract('zz', 'zz_two'))
    with pytest.raises(PluginError, match='zz-one 1.0 and zz-two 1.0 both bring a plug-in'):
        plugins.plugins()


def test_two_offers_of_one_name_are_refused_by_both_names(distributions):
    distributions('zz-one', 'zz_one', contract('zz', 'zz_one'))
    distributions('zz-two', 'zz_two', contract('zzz', 'zz_two'))
    with pytest.raises(PluginError, match="plug-ins zz and zzz both offer 'zz_speed'"):
        plugins.offers('benchmarks')


def test_two_configs_of_one_name_are_refused_by_both_folders(distributions, tmp_path):
    for number in ('one', 'two'):
        package = tmp_path / f'zz_configs_{number}'
        package.mkdir()
        (package / '__init__.py').write_text('')
        (package / 'zz_detector.py').write_text('')
        distributions(f'zz-{number}', f'zz_{number}', contract(
            f'zz{number}', f'zz_{number}', package.name, benchmark=f'zz_{number}'))
    with pytest.raises(PluginError, match='zz_detector stands in .*zz_configs_one.*zz_configs_two'):
        plugins.config_files()


def test_an_unknown_name_is_answered_with_the_near_one(distributions):
    distributions('zz-one', 'zz_one', contract('zzdetector', 'zz_one'))
    with pytest.raises(PluginError, match="no plug-in 'zzdetecter'; did you mean 'zzdetector'"):
        plugins.plugin('zzdetecter')
    with pytest.raises(PluginError, match='zz_absent:thing cannot be loaded'):
        plugins.load('zz_absent:thing')


def test_registering_passes_a_plug_in_over_that_cannot_be_imported(distributions):
    distributions('zz-one', 'zz_one', "from sparse3d.plugins import Plugin\n"
                  "plugin = Plugin(name='zz', modules=('zz_absent',))\n")
    told = []
    done = plugins.register([plugins.plugin('zz')],
                            lambda name, error: told.append((name, type(error))))
    assert ('zz', ModuleNotFoundError) in told and 'zz' not in done


def test_the_contracts_import_no_heavy_package():
    source = ('import importlib.util, sys, types\n'
              f'spec = importlib.util.spec_from_file_location("p", {plugins.__file__!r})\n'
              'sys.modules["sparse3d"] = package = types.ModuleType("sparse3d")\n'
              f'package.__path__ = [{str(Path(plugins.__file__).parents[1])!r}]\n'
              'module = importlib.util.module_from_spec(spec)\n'
              'sys.modules["p"] = module\nspec.loader.exec_module(module)\n'
              'print({"torch", "numpy", "mmengine"} & set(sys.modules))\n')
    done = subprocess.run([sys.executable, '-c', source], capture_output=True, text=True)
    assert done.stdout == 'set()\n', done.stderr


def test_a_name_that_means_something_else_is_listed_as_such(distributions):
    distributions('zz-one', 'zz_one', contract('renames', 'zz_one'))
    assert [item.error for item in plugins.installed_plugins() if item.distribution == 'zz-one 1.0'
            ] == ["zz_one:plugin is called 'renames', which means something else to "
                  'convert-checkpoint']


def test_whatever_importing_a_reference_raises_is_one_error(distributions, tmp_path):
    distributions('zz-one', 'zz_one', contract('zz', 'zz_one'))
    (tmp_path / 'zz_raising.py').write_text('1 / 0\n')
    with pytest.raises(PluginError, match='zz_raising:run cannot be loaded: ZeroDivisionError'):
        plugins.load('zz_raising:run')


def test_configs_of_a_data_set_are_found(distributions, tmp_path):
    (tmp_path / 'zz_data_configs').mkdir()
    (tmp_path / 'zz_data_configs' / 'zz_baseline.py').write_text('')
    distributions('zz-data', 'zz_data', 'from sparse3d.plugins import DataSet\ndata_set = DataSet('
                  "name='zz', configs='zz_data_configs')\n", plugins.DATA_SET_GROUP)
    assert plugins.config_file('zz_baseline').parent.name == 'zz_data_configs'


@pytest.mark.parametrize('contract', [plugins.Plugin, plugins.DataSet])
def test_every_field_of_a_contract_is_asked_for_by_the_core(contract):
    """As an attribute, or by its name where several are asked for alike."""
    package = Path(plugins.__file__).parents[1]
    sources = [*package.rglob('*.py'), *(package.parent / 'sparse3d_cli').glob('*.py'),
               *(package.parent / 'sparse3d_benchmarks').glob('*.py')]
    asked = set()
    for path in sources:
        if path.name not in ('contract.py', 'plugin.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute):
                    asked.add(node.attr)
                elif isinstance(node, ast.Call):
                    asked.update(item.value for item in node.args
                                 if isinstance(item, ast.Constant))
    assert [field.name for field in fields(contract) if field.name not in asked] == []
