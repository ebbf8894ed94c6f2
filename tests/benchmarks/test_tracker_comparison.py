"""The comparison of trackers: damage of labels, its table, and files that it cannot take."""
from __future__ import annotations

import json

import numpy as np
import pytest

from sparse3d.engine.result_tables import fill_tables
from sparse3d.structures.track_files import labeled_tracks
from sparse3d.transforms.info_files import write_info_file
from sparse3d_benchmarks import tracker_comparison
from tracked_entries import entries


@pytest.fixture
def infos(tmp_path):
    made = entries('kitti', 8)
    for entry in made:
        entry['instances'][0].update(bbox=[500, 150, 700, 300], occluded=0)
    path = tmp_path / 'infos.pkl'
    write_info_file(path, dict(dataset='kitti', stamp=dict(format_version=1)), made)
    return path


def test_what_is_behind_another_is_hidden():
    boxes = np.array([[10, 0, 0, 1, 2, 2, 0], [20, 0, 0, 1, 2, 2, 0], [20, 8, 0, 1, 2, 2, 0.]])
    shares = tracker_comparison.hidden_shares(boxes)
    assert shares[0] == 0 and shares[1] == 1 and shares[2] == 0
    assert tracker_comparison.hidden_shares(np.zeros((0, 7))).tolist() == []


def test_damage_is_that_of_its_seed_and_none_without_any():
    labels = labeled_tracks([[10, 0, 0, 4, 2, 1.5, 0]], ['car'], ['1'], ('car',))
    none = tracker_comparison.Damage(noise=0, misses=0, false=0)
    found = tracker_comparison.damaged(labels, np.zeros((1, 2)), none, np.random.default_rng(0))
    np.testing.assert_allclose(found.boxes_3d[0, :7], labels.boxes_3d[0, :7])
    again = [tracker_comparison.damaged(labels, np.zeros((1, 2)), tracker_comparison.Damage(),
                                        np.random.default_rng(4)).boxes_3d for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_the_table_has_a_row_for_each_tracker(infos, capsys):
    tracker_comparison.main([str(infos), '--seeds', '2', '--noise', '0.05', '--misses', '0',
                             '--false', '0'])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 + len(tracker_comparison.TRACKERS)
    cells = [cell.strip() for cell in rows[3].split('|')]
    assert cells[1:5] == ['two_stage', '1', '1.0 ± 0.0', '0.0 ± 0.0']
    tracker_comparison.main([str(infos), '--seeds', '1', '--pictures', '--misses', '0',
                             '--false', '0'])
    assert 'IoU, 3 levels' in capsys.readouterr().out


def test_files_without_identities_are_refused(tmp_path, capsys):
    made = entries('waymo')
    for entry in made:
        del entry['instances'][0]['track_id']
    write_info_file(tmp_path / 'i.pkl', dict(dataset='waymo', stamp=dict(format_version=1)), made)
    for more, words in (([], 'has no identities'), (['--pictures'], 'no boxes in pictures')):
        with pytest.raises(SystemExit):
            tracker_comparison.main([str(tmp_path / 'i.pkl'), *more])
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(('options', 'words'), [
    (['--interval', '0'], 'interval is 0; it has to lie between 1'),
    (['--seeds', '0'], 'seeds is 0; one draw'), (['--misses', 'nan'], 'misses is nan'),
    (['--false', '-1'], 'false is -1.0'), (['--noise', '-.1'], 'noise is -0.1')])
def test_damage_that_is_none(options, words, capsys):
    with pytest.raises(SystemExit):
        tracker_comparison.main(['none.pkl', *options])
    assert f'error: {words}' in capsys.readouterr().err


def test_a_file_of_results_for_tables(infos, tmp_path, capsys):
    out = tmp_path / 'results' / 'trackers.json'
    tracker_comparison.main([str(infos), '--seeds', '2', '--out', str(out)])
    printed = capsys.readouterr().out
    content = json.loads(out.read_text())
    assert [run['name'] for run in content['runs']] == [
        name for name in tracker_comparison.TRACKERS for _ in range(2)]
    assert content['data'].endswith(f'--out {out}')
    table = fill_tables('<!-- table: trackers.json | HOTA -->\n<!-- end of table -->', out.parent)
    for name in tracker_comparison.TRACKERS:
        here, = (line for line in table.splitlines() if line.startswith(f'| {name} |'))
        there, = (line for line in printed.splitlines() if line.startswith(f'| {name} |'))
        assert here.split('|')[2].split('±')[0].strip() in there


def test_trackers_on_the_detections_of_a_comparison(tmp_path, capsys):
    runs = [dict(name=name, seed=seed, metrics={
        'nuscenes/NDS': 0.3, 'nuscenes/query_identity/car_AMOTA': 0.2 + seed,
        'nuscenes/greedy/car_AMOTA': 0.1}) for name in ('Sparse4D', 'other') for seed in (0, 1)]
    path, out = tmp_path / 'compared.json', tmp_path / 'trackers.json'
    path.write_text(json.dumps(dict(data='made so', runs=runs)))
    tracker_comparison.main([str(path), '--row', 'Sparse4D', '--out', str(out)])
    content = json.loads(out.read_text())
    assert [(run['name'], run['seed'], run['metrics']) for run in content['runs']] == [
        ('greedy', 0, {'car_AMOTA': 0.1}), ('greedy', 1, {'car_AMOTA': 0.1}),
        ('query_identity', 0, {'car_AMOTA': 0.2}), ('query_identity', 1, {'car_AMOTA': 1.2})]
    assert content['data'] == 'made so'
    with pytest.raises(SystemExit):
        tracker_comparison.main([str(path), '--row', 'none'])
    assert "no scores of trackers for 'none'; its rows: Sparse4D, other" in capsys.readouterr().err
