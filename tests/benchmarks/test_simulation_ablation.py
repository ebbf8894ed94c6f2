"""Rows of the ablation of the simulation, their figures, and runs that go on."""
from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from sparse3d.apis.weights_recipe import note_recipe
from sparse3d.apis.zero_shot import Judgement
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.zero_shot import FrameScore
from sparse3d_benchmarks import simulation_ablation
from sparse3d_benchmarks.simulation_ablation import (
    INGREDIENTS,
    ROWS,
    Ablation,
    main,
    metrics_of,
    rows,
    run,
    run_row,
)


def scores(found, false=()):
    return FrameScore({.5: np.array(found, float), .3: np.array(found, float)},
                      np.array(false, float))


@pytest.fixture
def judged():
    none = [scores([]), scores([])]
    return Judgement([], [], {
        'simulated': dict(Car=[scores([.9, .2], [.5]), scores([.6, -1])], Pedestrian=none,
                          Cyclist=none),
        'KITTI': dict(Car=[scores([.9], [.8])], Pedestrian=none, Cyclist=none),
        'nuScenes': dict(Car=[scores([.3]), scores([])], Pedestrian=none, Cyclist=none)}, .3)


def test_each_ingredient_once_and_the_whole_with_all_seeds():
    assert rows(('whole', 'glass', 'ego'), (28, 30)) == [('whole', 28), ('glass', 28), ('ego', 28),
                                               ('whole', 30)]
    assert len(rows(ROWS, (28,))) == 14
    without = [Ablation().recipe(name, 28).without for name in ('whole', 'glass', 'plain')]
    assert without == [(), ('glass',), INGREDIENTS]
    with pytest.raises(DataError, match="no ingredient 'snow'"):
        rows(('snow',), (28,))


def test_figures_of_a_row(judged):
    metrics = metrics_of(judged, .4)
    assert metrics['simulated/Car recall at 0.5'] == .5  # two of four
    assert metrics['simulated/Car false per frame'] == .5
    assert metrics['real/cars'] == 2 and metrics['real/cars found at 0.5'] == 1
    assert metrics['real/false cars per frame'] == pytest.approx(1 / 3)


def test_a_row_that_is_there_is_not_run_again(tmp_path, monkeypatch, judged):
    made = []
    monkeypatch.setattr(simulation_ablation, 'judged_sweeps', lambda folder, ablation: folder)
    monkeypatch.setattr(simulation_ablation, 'run_row',
                        lambda name, seed, *others: made.append((name, seed)))
    monkeypatch.setattr('sparse3d.apis.zero_shot.zero_shot', lambda *given: judged)
    wanted = rows(('whole', 'glass'), (28,))
    for given in (wanted[:1], wanted):
        run(tmp_path / 'rows.json', Ablation(), given, tmp_path, tmp_path, {})
    assert made == [('whole', 28), ('glass', 28)]
    stored = json.loads((tmp_path / 'rows.json').read_text())['runs']
    assert [row['name'] for row in stored] == ['whole', 'without glass']
    # One false car in two frames: below the one that is allowed in each.
    assert stored[0]['metrics']['threshold'] == .05
    with pytest.raises(DataError, match='made with .*480.*not .*100'):
        run(tmp_path / 'rows.json', Ablation(frames=100), wanted, tmp_path, tmp_path, {})


def test_rows_that_cannot_be_made_are_refused_before_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(simulation_ablation, 'judged_sweeps', lambda *_: pytest.fail('simulated'))
    for ablation, seed, sentence in ((Ablation(), 29, 'seed 29 is that of the sweeps that judge'),
                                     (Ablation(frames=4), 28, 'of 4 sweeps'),
                                     (Ablation(epochs=0), 28, 'epochs is 0')):
        with pytest.raises(DataError, match=sentence):
            run(tmp_path / 'rows.json', ablation, [('whole', 28), ('whole', seed)], tmp_path,
                tmp_path, {})
    (tmp_path / 'rows.json').write_text('[1]')
    with pytest.raises(DataError, match='was made with None'):
        run(tmp_path / 'rows.json', Ablation(), [('whole', 28)], tmp_path, tmp_path, {})


def test_all_rows_begin_with_weights_that_saw_no_ingredient(tmp_path, monkeypatch):
    made = []

    def make(work, data, recipe, own, folder):
        made.append((own, recipe.without, recipe.load_from))
        (folder / own).mkdir(parents=True)
        (work).mkdir(parents=True)
        note_recipe(work, recipe)

    monkeypatch.setattr('sparse3d.apis.make_weights.make_weights', make)
    for name in ('whole', 'glass'):
        run_row(name, 28, Ablation(), tmp_path, tmp_path / 'data')
    start = str(tmp_path / 'start' / 'epoch_4.pth')
    assert made == [('start', INGREDIENTS, ''), ('whole', (), start), ('glass', ('glass',), start)]


def test_two_runs_fill_one_file(tmp_path, monkeypatch, judged):
    """What another process wrote while a row was made stays."""
    out = tmp_path / 'rows.json'
    monkeypatch.setattr(simulation_ablation, 'judged_sweeps', lambda folder, ablation: folder)

    def row(name, *others):
        if name == 'whole':
            run(out, Ablation(), [('glass', 28)], tmp_path, tmp_path, {})

    monkeypatch.setattr(simulation_ablation, 'run_row', row)
    monkeypatch.setattr('sparse3d.apis.zero_shot.zero_shot', lambda *given: judged)
    made = run(out, Ablation(), [('whole', 28)], tmp_path, tmp_path, {})
    assert [one['name'] for one in made] == ['without glass', 'whole']


def test_weights_of_other_sizes_are_not_judged(tmp_path):
    for folder in ('weights/glass', 'glass', 'weights/start', 'start'):
        (tmp_path / folder).mkdir(parents=True)
    start = str(tmp_path / 'start' / 'epoch_4.pth')
    note_recipe(tmp_path / 'start', Ablation().start())
    note_recipe(tmp_path / 'glass', Ablation(frames=100).recipe('glass', 28, start))
    with pytest.raises(ConfigError, match='frames is 100, not 480'):
        run_row('glass', 28, Ablation(), tmp_path, tmp_path)
    assert run_row('glass', 28, Ablation(frames=100), tmp_path, tmp_path).name == 'epoch_2.pth'


def test_the_command_line_changes_what_it_names(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(simulation_ablation, 'run', lambda *words: given.append(words))
    main(['--out', str(tmp_path / 'a.json'), '--frames', '40', '--epochs', '3',
          '--judged-frames', '20', '--only', 'plain', '--seeds', '3', '4'])
    (_, ablation, wanted, *_), = given
    assert ablation == Ablation(frames=40, epochs=3, judged_frames=20)
    assert wanted == [('plain', 3), ('whole', 4)]


def test_a_folder_without_real_frames_is_refused(tmp_path, capsys):
    assert main(['--out', str(tmp_path / 'rows.json'), '--real', str(tmp_path)]) != 0
    assert 'has none of kitti' in capsys.readouterr().err


@pytest.mark.slow
def test_small_rows_are_made_and_judged(tmp_path, monkeypatch):
    monkeypatch.setenv('SPARSE3D_SIMULATED_ANYWHERE', 'changed by the run')
    wanted = rows(('whole', 'large_vehicles'), (28,))
    made = run(tmp_path / 'rows.json', Ablation(8, 1, 8, 1, judged_frames=8, val_fraction=.5),
               wanted, tmp_path / 'work', tmp_path / 'data', {})
    assert [row['name'] for row in made] == ['whole', 'without large_vehicles']
    assert all(0 <= row['metrics']['simulated/Car recall at 0.3'] <= 1 for row in made)
    assert json.loads((tmp_path / 'rows.json').read_text())['runs'] == made


def test_help_does_not_wait_for_pytorch():
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', '-m', 'sparse3d_benchmarks.simulation_ablation',
         '--help'], capture_output=True, text=True)
    assert done.returncode == 0 and '-m sparse3d_benchmarks.simulation_ablation' in done.stdout
    assert 'torch' not in {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
