"""The comparison of trackers: damage of labels, its table, and files that it cannot take."""
from __future__ import annotations

import numpy as np
import pytest

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
