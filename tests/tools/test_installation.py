"""The parts of the installer that need no network."""
from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

import matrix  # noqa: E402
from installation import locks, mmcv_build  # noqa: E402
from installation.steps import Step, StepFailed, run_logged  # noqa: E402
from sparse3d.apis import system_packages  # noqa: E402


def fake_mmcv(folder: Path) -> Path:
    """A source tree with the names that matter to the grouping."""
    sources = folder / 'mmcv/ops/csrc/pytorch'
    (sources / 'cpu').mkdir(parents=True)
    for name in (*mmcv_build.SAME_NAMES, *mmcv_build.LAST, 'nms.cpp', 'roi_align.cpp',
                 'cpu/nms.cpp', 'cpu/voxelization.cpp', 'focal_loss.cpp'):
        (sources / name).write_text(f'// {name}\n')
    return sources


def test_every_source_is_in_exactly_one_group(tmp_path):
    sources = fake_mmcv(tmp_path)
    before = {str(path.relative_to(sources)) for path in sources.rglob('*.cpp')}
    mmcv_build.group_sources(tmp_path)
    groups = [path.read_text().splitlines() for path in sorted(sources.glob('group_*.cpp'))]
    assert len(groups) == mmcv_build.GROUPS
    included = [line.split('"')[1].removeprefix('grouped/') for lines in groups for line in lines]
    assert sorted(included) == sorted(before)
    assert all((sources / 'grouped' / name).exists() for name in included)
    assert sorted(path.name for path in sources.glob('*.cpp')) == [
        f'group_{i}.cpp' for i in range(mmcv_build.GROUPS)]


def test_colliding_sources_are_kept_apart_and_macros_come_last(tmp_path):
    sources = fake_mmcv(tmp_path)
    mmcv_build.group_sources(tmp_path)
    texts = [path.read_text() for path in sorted(sources.glob('group_*.cpp'))]
    for name in mmcv_build.SAME_NAMES:
        holders = [text for text in texts if f'/{name}"' in text]
        assert len(holders) == 1
        assert not any(f'/{other}"' in holders[0] for other in mmcv_build.SAME_NAMES
                       if other != name)
    assert texts[-1].rstrip().endswith('psamask.cpp"')


def test_a_cpu_build_hides_the_gpu_and_a_cuda_build_asks_for_it(monkeypatch):
    monkeypatch.setenv('FORCE_CUDA', '1')
    cpu = mmcv_build.build_environment(cuda=False, quick=True, jobs=2)
    assert 'FORCE_CUDA' not in cpu and cpu['CUDA_VISIBLE_DEVICES'] == ''
    assert cpu['MMCV_WITH_OPS'] == '1' and cpu['MAX_JOBS'] == '2'
    assert mmcv_build.build_environment(cuda=True, quick=False, jobs=1)['FORCE_CUDA'] == '1'


def test_a_setup_that_reads_names_from_exec_runs_on_every_python(tmp_path):
    """As mmcv's does; from Python 3.13 on it would end in a KeyError."""
    (tmp_path / 'setup.py').write_text("def version():\n    exec('number = 2.1')\n"
                                       "    return locals()['number']\n\n\n"
                                       "exec('more = 1')\nexec('less = 3', spaces := {})\n"
                                       "print(version() + more + spaces['less'])\n")
    environment = mmcv_build.with_exec_as_before(tmp_path, dict(os.environ, PYTHONPATH='/mine'))
    assert environment['PYTHONPATH'] == f'{tmp_path}{os.pathsep}/mine'
    done = subprocess.run([sys.executable, str(tmp_path / 'setup.py')], env=environment,
                          capture_output=True, text=True)
    assert done.stdout == '6.1\n', done.stderr


def test_wheels_of_different_torch_builds_are_kept_apart(tmp_path):
    folders = {mmcv_build.wheel_folder(tmp_path, 'cp311', version, cuda)
               for version in ('2.13.0+cpu', '2.13.0', '2.12.0') for cuda in (True, False)}
    assert len(folders) == 6


def test_a_step_that_failed_is_run_again_and_one_that_ended_is_not(tmp_path):
    runs = []

    def action(log: Path) -> None:
        runs.append(log)
        if len(runs) == 1:
            raise StepFailed('no network')

    step = Step('torch: something', 'pins 1', action)
    with pytest.raises(StepFailed):
        step.run(tmp_path)
    assert not step.done(tmp_path)
    step.run(tmp_path)
    assert step.done(tmp_path)
    assert not Step('torch: something', 'pins 2', action).done(tmp_path)


def test_a_failing_command_names_its_log_and_shows_its_end(tmp_path, capsys):
    log = tmp_path / 'step.log'
    command = [sys.executable, '-c', 'print("the reason"); raise SystemExit(3)']
    with pytest.raises(StepFailed, match=r'compile failed \(exit status 3\).*step.log'):
        run_logged(command, log, 'compile')
    assert 'the reason' in capsys.readouterr().out


def test_missing_system_packages_are_named_in_one_line(monkeypatch):
    gone = [system_packages.SystemPackage('libgl1', 'open3d', lambda: False, True),
            system_packages.SystemPackage('libvulkan1', 'pictures', lambda: False, False)]
    here = system_packages.SystemPackage('make', 'commands', lambda: True, True)
    monkeypatch.setattr(system_packages, '_packages', lambda: [*gone, here])
    assert system_packages.missing_packages() == gone
    monkeypatch.setattr(system_packages.os, 'geteuid', lambda: 1000)
    assert system_packages.install_line(gone) == (
        'sudo apt-get update && sudo apt-get install -y libgl1 libvulkan1')


def test_install_names_the_python_it_needs():
    done = subprocess.run([sys.executable, 'tools/install.py', '--help'], cwd=ROOT,
                          capture_output=True, text=True, check=True)
    assert 'example:' in done.stdout and '--venv' in done.stdout


def needs() -> list[str]:
    """What setup.cfg asks for, with the extras that make install takes."""
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / 'setup.cfg')
    extras = metadata['options.extras_require']
    texts = [metadata['options']['install_requires'], *(extras[name] for name in (
        'cpu', 'test', 'dev'))]
    return [line for text in texts for line in text.split('\n')
            if line.strip() and not line.startswith('#')]


def test_with_numpy_2_the_devkit_is_left_out_and_mmdet3d_brings_nothing():
    assert any(name.startswith('nuscenes-devkit') for name in needs())
    assert locks.requirements_for(needs(), numpy_2=False) == needs()
    found = locks.requirements_for(needs(), numpy_2=True)
    assert not [name for name in found if 'mmdet3d' in name or 'nuscenes' in name]
    assert {'mmdet==3.2.0', 'numba', 'lyft-dataset-sdk'} < set(found)
    left = {name for name in needs() if 'mmdet3d' in name or 'nuscenes' in name}
    assert set(needs()) - set(found) == left and len(left) == 2


@pytest.mark.parametrize('row', locks.ROWS, ids=lambda row: row.name)
def test_the_lock_of_a_row(row):
    if not row.path.is_file():
        pytest.skip(f'{row.lock} is not there: the row was never installed')
    text = row.path.read_text()
    pins = locks.pins_of(text)
    assert locks.is_numpy_2(text) == (row.name != 'main')
    assert ('nuscenes-devkit' in pins) == (row.name == 'main')
    assert pins['torch'] == row.torch and pins['mmdet3d'] == '1.4.0' and len(pins) > 100
    assert '/' not in text.replace('tools/', '') or row.name == 'main'  # no paths, no addresses


def test_each_interpreter_has_its_lock(tmp_path, monkeypatch):
    assert locks.default_lock((3, 10)) == locks.default_lock((3, 11)) == locks.MAIN
    monkeypatch.setattr(locks, 'ROOT', tmp_path)
    (tmp_path / 'locks').mkdir()
    for name in ('constraints.txt', 'locks/py312-numpy2.txt'):
        (tmp_path / name).touch()
    newest = tmp_path / 'locks/py312-numpy2.txt'
    assert locks.default_lock((3, 12)) == newest
    assert locks.default_lock((3, 13)) == newest  # its own row was never installed
    assert locks.default_lock((3, 11)) == tmp_path / 'constraints.txt'


def test_a_lock_pins_by_name():
    pins = locks.pins_of('# A\nnumpy==2.4.6\nlyft_dataset_SDK==0.0.8 ; python_version == "3.11"\n')
    assert pins == {'numpy': '2.4.6', 'lyft-dataset-sdk': '0.0.8'}


def test_a_lock_that_is_not_there():
    done = subprocess.run([sys.executable, 'tools/install.py', '--lock', 'locks/none.txt',
                           '--venv', '/nowhere'], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and 'locks/none.txt does not exist; there are constraints.txt' in \
        done.stderr


def test_lines_of_the_matrix_are_renewed_row_by_row():
    page = f'before\n{matrix.BEGIN}\n{matrix.END}\nafter\n'
    main, second = locks.ROWS[:2]
    once = matrix.with_lines(page, {second.name: matrix.line_of(second, '9 passed', '2026-01-01')})
    twice = matrix.with_lines(once, {main.name: matrix.line_of(main, '8 passed', '2026-01-02')})
    third = matrix.line_of(second, '7 failed', '2026-01-03')
    again = matrix.with_lines(twice, {second.name: third})
    assert again.startswith('before\n') and again.endswith('\nafter\n')
    assert '9 passed' not in again and again.index('8 passed') < again.index('7 failed')
    assert '| main | 3.11 | 1.26.4 | 2.13.0 | 8 passed | 2026-01-02 |' in again


def test_the_pages_show_one_table():
    tables = [page.read_text().split(matrix.BEGIN)[1].split(matrix.END)[0] for page in matrix.PAGES]
    assert len(tables) == 2 and tables[0] == tables[1]
    assert all(f'| {row.name} | {row.python} |' in tables[0] for row in locks.ROWS)


def test_what_pytest_said():
    assert matrix.summary_of('...\n2 failed, 30 passed, 1 skipped, 5 warnings in 3.2s') == \
        '2 failed, 30 passed, 1 skipped'
    assert matrix.summary_of('Segmentation fault') == 'the tests did not end'


def test_the_interpreter_that_runs_is_one_of_those_found(monkeypatch):
    monkeypatch.setattr(matrix.shutil, 'which', lambda name: None)
    monkeypatch.setenv('PYENV_ROOT', '/nowhere')
    own = '.'.join(map(str, sys.version_info[:2]))
    assert matrix.find_python(own) == sys.executable


def test_an_interpreter_that_is_not_there(monkeypatch):
    assert matrix.find_python('3.99') is None
    row = locks.Row('never', '3.99', 'constraints.txt', '2', 'numpy')
    assert matrix.run_row(row, Path('/nowhere'), 1) == (False, 'not run: no Python 3.99 here')
