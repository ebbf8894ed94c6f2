"""The page of recipes is what its command writes, and its last column does what it says."""
from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from sparse3d.engine.config_options import has_place, parse_options
from sparse3d.engine.load_config import load_config
from sparse3d.published import set_of

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = json.loads((ROOT / 'docs/recipes/released.json').read_text())
DIFFERENT = [(name, key) for name, system in SYSTEMS.items() for key in system.get('restore', {})
             if key in system['stored']]


@pytest.fixture(scope='module')
def command() -> dict:
    """What the command is made of."""
    return runpy.run_path(str(ROOT / 'docs/recipes/write_page.py'))


@pytest.fixture(params=SYSTEMS)
def name(request) -> str:
    return request.param


def test_the_page_is_what_the_command_writes(command, name):
    """Every difference has its option there: the command fails at one without."""
    written = '\n'.join(command['_section'](name, SYSTEMS[name]))
    page = (ROOT / 'docs/recipes.md').read_text()
    assert written in page
    assert page.count('\n## ') == len(SYSTEMS) and command['HEAD'] in page


def test_the_released_column_is_what_the_release_has_stored(command, name, request):
    here = SYSTEMS[name]['folder'].startswith('tests/')
    goldens = ROOT if here else request.getfixturevalue('golden_dir')
    folder = command['stored_folder'](SYSTEMS[name]['folder'], goldens)
    stored = command['stored_facts'](folder)
    assert json.loads(json.dumps(stored)) == SYSTEMS[name]['stored']
    page = (folder.parent if here else folder) / 'README.md'
    assert SYSTEMS[name]['commit'][:7] in page.read_text()


@pytest.mark.parametrize('name, key', DIFFERENT)
def test_the_option_restores_the_release(command, name, key):
    system = SYSTEMS[name]
    stored = system['stored']
    for options, same in (({}, False), (parse_options([system['restore'][key]]), True)):
        ours = command['our_facts'](system['config'], stored, system['on_meta'], options)
        shown = [command['as_text'](key, facts[key]) for facts in (ours, stored)]
        assert (shown[0] == shown[1]) == same


def test_published_options_are_there_and_change_the_model(command, name):
    system = SYSTEMS[name]
    options = command['published_options'](system)
    assert options and set_of(load_config(system['config']).model) is None
    changed = load_config(system['config'], options)
    assert {f'model.published.{key}' for key in set_of(changed.model).on()} == set(options)
    command['build_model'](changed, system['on_meta'])


@pytest.mark.parametrize('name', [name for name, system in SYSTEMS.items()
                                  if 'begins from' in system.get('restore', {})])
def test_the_option_of_a_pretrained_file_is_there(name):
    options = parse_options(SYSTEMS[name]['restore']['begins from'].split())
    plain = load_config(SYSTEMS[name]['config']).to_dict()
    assert options and all(has_place(plain, key) for key in options)
