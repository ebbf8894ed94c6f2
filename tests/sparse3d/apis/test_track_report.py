"""The tracking page: numbers, and a picture of each switch at its frame."""
from __future__ import annotations

import pytest

from sparse3d.apis.predicted_frames import frames_with_detections
from sparse3d.apis.track_report import write_tracking
from sparse3d.visualization.html_report import HtmlReport
from tracked_drive import drive_config, tracks_with_a_swap, write_drive


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    """The drive, and tracks of it."""
    root = write_drive(tmp_path_factory.mktemp('drive') / 'kitti')
    return root, tracks_with_a_swap(root, root.parent / 'tracks')


def test_switches_are_drawn_at_their_frame(drive, tmp_path):
    root, tracks = drive
    report = HtmlReport('title')
    scores = write_tracking(report, drive_config(root), 'test', tracks, tmp_path)
    assert [(one.frame, one.name) for one in scores.switches] == [(3, 'Car')] * 2
    assert scores.identities - scores.survived == 2
    assert sorted(path.name for path in tmp_path.glob('switch_*.png')) == [
        'switch_01_0000_000003.png', 'switch_02_0000_000003.png']
    text = report.write(tmp_path / 'r.html').read_text()
    assert 'The 2 worst identity switches' in text and 'goes on as' in text
    assert 'not the numbers of a benchmark' in text


def test_detections_without_ids_have_no_such_page(drive, tmp_path):
    root, tracks = drive
    bare = tmp_path / 'bare'
    bare.mkdir()
    lines = (tracks / '0000.txt').read_text().splitlines()
    (bare / '0000.txt').write_text(''.join(
        ' '.join([words[0], '-1', *words[2:]]) + '\n' for words in map(str.split, lines)))
    report = HtmlReport('title')
    assert write_tracking(report, drive_config(root), 'test', bare, tmp_path) is None
    assert 'Tracking' not in report.write(tmp_path / 'r.html').read_text()


def test_frames_have_tails_of_tracks_that_are_drawn(drive):
    root, tracks = drive
    frames = list(frames_with_detections(drive_config(root), None, None, 0.0, results=tracks))
    assert not frames[0].trails  # nobody was there before
    last = frames[4]
    assert set(last.trail_ids) <= {str(one) for one in last.detections.track_ids}
    longest = max(last.trails, key=lambda trail: len(trail[1]))
    assert len(longest[1]) == 5
    row = [str(one) for one in last.detections.track_ids].index(last.trail_ids[0])
    ends = last.trails[0][1][-1]
    assert abs(ends - last.detections.boxes[row, :3]).max() < 1e-4
