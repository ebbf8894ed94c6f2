"""The command line: light help, its own words for how it was started, errors of one sentence."""
from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from sparse3d.plugins import data_sets
from sparse3d_cli import VERBS, main
from sparse3d_cli.own_package import foreign_package

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {'torch', 'mmdet3d', 'mmdet', 'mmcv', 'mmengine', 'open3d', 'cv2'}
HELP = """
import json, sys, time
from sparse3d_cli import main
start = time.process_time()
try:
    main({words!r}, {command!r})
except SystemExit as ended:
    assert not ended.code
print(json.dumps([time.process_time() - start, sorted({heavy!r} & set(sys.modules))]))
"""


def help_of(*words: str, command: str = 'sparse3d') -> tuple[str, float, list[str]]:
    """What help prints, its seconds of this process, and what heavy packages it imported."""
    code = HELP.format(words=[*words, '--help'], command=command, heavy=HEAVY)
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *text, last = done.stdout.splitlines()
    return '\n'.join(text), *json.loads(last)


@pytest.mark.parametrize('verb', VERBS)
def test_help_is_light_and_has_examples(verb):
    text, seconds, heavy = help_of(verb)
    assert heavy == [] and seconds < 1
    assert f'usage: sparse3d {verb}' in text and f'\n  sparse3d {verb}' in text
    assert 'python tools/' not in text


DATA_SETS = data_sets()
SUB_COMMANDS = [
    *(('create-data', name) for name, owner in DATA_SETS.items() if owner.prepare),
    *(('create-data', name) for name in ('anchors', 'config', 'crops', 'recording', 'upgrade')),
    ('simulate', 'mcap'),
    *(('simulate', name) for name, owner in DATA_SETS.items() if owner.simulate)]


@pytest.mark.parametrize('words', SUB_COMMANDS)
def test_help_of_a_sub_command_is_light_and_has_examples(words):
    text, seconds, heavy = help_of(*words)
    command = ' '.join(('sparse3d', *words))
    assert heavy == [] and seconds < 1 and text.startswith(f'usage: {command}')
    assert re.search(rf'\n  {command} .*data/', text)


def parsed_example(line: str) -> None:
    from sparse3d_cli.start import parser_of
    _, verb, *rest = shlex.split(line, comments=True)
    parser_of(import_module(f'sparse3d_cli.{verb.replace("-", "_")}'), verb, 'sparse3d {verb}'
              ).parse_args(rest)


@pytest.mark.parametrize('line', [line for owner in DATA_SETS.values() for line in owner.examples])
def test_an_example_of_a_data_set_is_a_command(line):
    parsed_example(line)


@pytest.mark.parametrize('verb', VERBS)
def test_the_examples_of_a_verb_are_commands(verb):
    module = import_module(f'sparse3d_cli.{verb.replace("-", "_")}')
    lines = module.examples() if hasattr(module, 'examples') else module.EXAMPLES.splitlines()
    commands = [line for line in lines if line.strip().startswith('sparse3d')]
    for line in commands:
        parsed_example(line)
    assert commands


SLIP = 'centerpoint_simulated_wamyo'


@pytest.mark.parametrize('words', [
    ['train', SLIP], ['test', SLIP, 'a.pth'],
    ['detect', SLIP, 'a.pth', 'a.bin'],
    ['visualize', SLIP], ['view', SLIP],
    ['analyze', SLIP, 'a.pth'],
    ['export', SLIP],
    ['compare', f'fused={SLIP}@other', '--out', 'a.json'],
    ['convert-checkpoint', 'some', 'a.pth', 'b.pth', '--config', SLIP]])
def test_a_slip_in_the_name_of_a_config_is_told_before_the_stack_is_imported(words):
    code = (f'import sys\nfrom sparse3d_cli import main\ncode = main({words!r})\n'
            f'print(code, sorted({HEAVY!r} & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ['2 []'], done.stderr
    assert done.stderr.startswith(f"error: there is no config '{SLIP}'; did you mean "
                                  'centerpoint_simulated_waymo')
    assert len(done.stderr.splitlines()) == 1


def test_help_names_the_command_as_it_was_started():
    text, *_ = help_of('train', command='python -m sparse3d')
    assert 'usage: python -m sparse3d train' in text
    assert '\n  python -m sparse3d train CONFIG' in text
    done = subprocess.run([sys.executable, 'tools/convert_checkpoint.py', '--help'], cwd=ROOT,
                          capture_output=True, text=True)
    assert '\n  python tools/convert_checkpoint.py focalsconv' in done.stdout


@pytest.mark.parametrize(('command', 'launched'), [
    ('sparse3d {verb}', '-m sparse3d train CONFIG'),
    ('python -m sparse3d {verb}', '-m sparse3d train CONFIG'),
    ('python tools/{file}.py', 'tools/train.py CONFIG')])
def test_the_example_of_a_launcher_names_what_it_can_start(command, launched):
    from sparse3d_cli import train
    from sparse3d_cli.start import parser_of
    assert (f'\n  torchrun --nproc-per-node 4 {launched} --launcher'
            in parser_of(train, 'train', command).format_help())


def test_every_verb_has_a_tool_and_a_summary(capsys):
    assert main(['--help']) == 0
    printed = capsys.readouterr().out
    for verb, summary in VERBS.items():
        assert f'  {verb} ' in printed and summary in printed
        assert (ROOT / 'tools' / f'{verb.replace("-", "_")}.py').is_file()


def test_an_unknown_verb_is_answered_with_the_near_one(capsys):
    assert main(['trian']) == 2
    assert capsys.readouterr().err.startswith(
        "error: there is no verb 'trian'; did you mean 'train'?")


@pytest.fixture
def other_sparse3d(tmp_path) -> Path:
    """A folder with a package of the same name that is not ours."""
    (tmp_path / 'sparse3d').mkdir()
    (tmp_path / 'sparse3d' / '__init__.py').write_text('raise RuntimeError("imported")\n')
    return tmp_path


def test_another_package_of_the_name_is_told_in_one_sentence(other_sparse3d):
    code = (f'import sys; sys.path.insert(0, {str(other_sparse3d)!r})\n'
            'from sparse3d_cli import main\nsys.exit(main(["train", "x"]))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert 'is an unrelated one of the same name' in done.stderr
    assert str(other_sparse3d) in done.stderr and 'sparse3d-perception' in done.stderr


def test_the_doctor_lists_another_package_of_the_name(other_sparse3d):
    code = (f'import sys; sys.path.insert(0, {str(other_sparse3d)!r})\n'
            'from sparse3d_cli import main\nsys.exit(main(["doctor"]))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == ''
    assert done.stdout.startswith('BROKEN  sparse3d')
    assert 'unrelated' in done.stdout and '-> run "pip uninstall sparse3d"' in done.stdout


@pytest.mark.parametrize('plug_in', [path.parent.name for path in ROOT.glob('projects/*/plugin.py')
                                     if not path.parent.name.startswith('sparse3d')])
def test_a_plug_in_says_that_another_package_has_the_name(plug_in, other_sparse3d):
    code = (f'import sys; sys.path.insert(0, {str(other_sparse3d)!r})\n'
            f'import importlib\nimportlib.import_module({plug_in!r})')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    *_, last = done.stderr.splitlines()
    assert last.startswith("ImportError: the package 'sparse3d' that Python imports, ")
    assert str(other_sparse3d) in last and 'sparse3d-perception' in last


def test_ours_is_known(monkeypatch):
    assert foreign_package() is None
    monkeypatch.setattr('sparse3d_cli.own_package.find_spec', lambda name: None)
    assert "no package 'sparse3d'" in foreign_package()


def test_the_numbers_in_help_are_the_defaults():
    import argparse

    from sparse3d.datasets.nuscenes.arguments import add_arguments
    from sparse3d.datasets.nuscenes.prepare.frames import NuScenesPreparation
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parsed, default = parser.parse_args(['root']), NuScenesPreparation()
    assert (parsed.lidar_sweeps, parsed.camera_sweeps) == (default.lidar_sweeps,
                                                           default.camera_sweeps)
