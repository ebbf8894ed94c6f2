"""Command lines: quick help with an example, one-sentence errors, exit codes."""
from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'centerpoint_simulated_waymo'
TOOLS = ['train', 'test', 'visualize', 'benchmark', 'convert_checkpoint', 'detect', 'analyze',
         'export', 'list', 'recording']


def run(tool, *arguments):
    return subprocess.run([sys.executable, f'tools/{tool}.py', *map(str, arguments)], cwd=ROOT,
                          capture_output=True, text=True)


@pytest.mark.parametrize('tool', TOOLS)
def test_help_has_examples_and_does_not_wait_for_pytorch(tool):
    done = subprocess.run([sys.executable, '-X', 'importtime', f'tools/{tool}.py', '--help'],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and f'python tools/{tool}.py' in done.stdout
    imported = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
    assert 'argparse' in imported and 'torch' not in imported


@pytest.mark.parametrize('command', [
    *(f'tools/{path.name}' for path in sorted(ROOT.glob('tools/*.py')) if path.stem not in TOOLS),
    '-m sparse_dense_fusion.initial_weights', '-m sparsefusion.initial_weights'])
def test_help_of_the_others_has_an_example(command):
    done = subprocess.run([sys.executable, *command.split(), '--help'], cwd=ROOT,
                          capture_output=True, text=True)
    example = rf'^ +python[\d.]* {re.escape(command)}'
    assert done.returncode == 0 and re.search(example, done.stdout, re.MULTILINE)


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_scripts_without_arguments_tell_their_usage(script):
    done = subprocess.run(['bash', f'tools/{script}.sh'], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and f'tools/{script}.sh' in done.stderr


def test_an_error_is_one_sentence_without_traceback(tiny_config, tmp_path):
    done = run('train', tiny_config, '--work-dir', tmp_path,
               '--cfg-options', 'optim_wraper.optimizer.lr=1')
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert "did you mean 'optim_wrapper.optimizer.lr'" in done.stderr


def test_a_missing_checkpoint(tiny_config, tmp_path):
    done = run('test', tiny_config, tmp_path / 'absent.pth', '--work-dir', tmp_path)
    assert done.returncode == 2 and 'absent.pth does not exist' in done.stderr


@pytest.mark.parametrize(('tool', 'arguments', 'sentence'), [
    ('train', ['absent.py'], 'config file absent.py does not exist'),
    ('test', [CONFIG, 'absent.pth'], 'absent.pth does not exist'),
    ('visualize', ['absent.py'], 'config file absent.py does not exist'),
    ('analyze', [CONFIG, 'absent.pth'], 'absent.pth does not exist'),
    ('detect', [CONFIG, 'absent.pth', 'absent.bin'], 'absent.pth does not exist'),
    ('detect', ['absent', 'absent.pth', 'absent.bin'], "there is no config 'absent'"),
    ('convert_checkpoint', ['dsvtt', 'absent.pth', 'out.pth'], "did you mean 'dsvt'"),
    ('convert_checkpoint', ['dsvt', 'absent.pth', 'out.pth'], 'absent.pth does not exist'),
    ('export', ['absent.py'], 'config file absent.py does not exist'),
    ('benchmark', ['dsvtt'], "did you mean 'dsvt'"),
    ('benchmark', ['dsvtt', '--list'], "did you mean 'dsvt'"),
    ('simulate', ['kitti', 'drive', '--frames', '0'], 'at least 1 frame'),
    ('create_data', ['waymo', 'absent'], 'absent'),
    ('check', ['absent'], 'absent holds no info file'),
    ('compare', ['absent.py', '--out', 'runs.json'], 'config file absent.py does not exist'),
    ('search_sparsity', ['absent.py', 'absent.pth', '--limits', '0', '1', '--out', 'a.json'],
     'config file absent.py does not exist'),
    ('update_tables', ['absent.md'], 'absent.md does not exist'),
    ('make_weights', ['--without', 'snow'], "no ingredient 'snow'"),
    ('make_weights', ['--frames', '8'], 'of 8 sweeps'),
    ('make_weights', ['--name', '.', '--folder', '.'], 'is there already; name another folder'),
    ('zero_shot', ['--hold-out', '000000'], '--hold-out is for --as-custom'),
    ('zero_shot', ['--choose-threshold', '-1', '--custom', '.'], '-1 false boxes a frame'),
    ('zero_shot', ['--min-points', '-3', '--custom', '.'], 'min_points -3'),
    ('detect', ['sweep.xyz'], 'or clouds alone (.bin, .npy'),
    ('demo', ['--config', 'absent.py', '--data-root', 'data', '--out', 'out'], 'absent.py'),
])
def test_what_a_user_can_mend_is_one_sentence_and_status_2(
        tool, arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('sys.argv', [f'{tool}.py', *arguments])
    monkeypatch.delenv('SPARSE3D_SIMULATED_KITTI', raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / f'tools/{tool}.py'), run_name='__main__')
    printed = capsys.readouterr().err
    assert ended.value.code == 2 and 'error: ' in printed and sentence in printed
    assert len(printed.strip().splitlines()[-1]) < 600 and 'Traceback' not in printed


NOWHERE = '/sys/kernel/sparse3d'  # not even root can write there


@pytest.mark.skipif(not Path('/sys/kernel').is_dir(), reason='no file system that nobody writes to')
@pytest.mark.parametrize('command', [
    'train CONFIG --work-dir OUT', 'train CONFIG --work-dir OUT --dry-run',
    'visualize CONFIG --out OUT', 'simulate kitti OUT --frames 1',
    'convert-checkpoint renames OLD OUT/a.pth', 'create-data config OWN --out OUT/a.py',
    'create-data upgrade OLD --out OUT/a.pkl', 'test CONFIG OLD --work-dir OUT'])
def test_a_place_that_nobody_can_write_to_is_one_sentence(command, tiny_config, tmp_path, capsys):
    words = [dict(CONFIG=str(tiny_config), OLD=str(tmp_path / 'old.pth'),
                  OWN=str(tmp_path)).get(word, word.replace('OUT', NOWHERE))
             for word in command.split()]
    torch = pytest.importorskip('torch')
    torch.save(dict(meta={}, state_dict={'hidden.weight': torch.zeros(8, 4)}), tmp_path / 'old.pth')
    from sparse3d_cli import main
    status = main(words)
    said = capsys.readouterr().err.strip().splitlines()
    assert status == 2 and said[-1].startswith('error: '), said
    assert not any('Traceback' in line for line in said)
