"""KITTI's tracking scores beside TrackEval on written files; damaged files."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparse3d.datasets.kitti.evaluate.tracking import (
    box_ious,
    evaluate_kitti_tracking,
    read_kitti_tracks,
)
from sparse3d.errors import DataError

REST = '1.5 1.6 4.0 1 1 10 0.1'


def write_sequences(root: Path, seed: int, length: int = 30) -> dict[str, int]:
    """Folders as the benchmark has them: labels, tracks of 'ours', and the list of sequences."""
    rng = np.random.default_rng(seed)
    labels, tracks = root / 'gt/label_02', root / 'trackers/ours/data'
    labels.mkdir(parents=True)
    tracks.mkdir(parents=True)
    lengths = {}
    for number in range(3):
        gt, pred = [], []
        size = 8
        start = rng.uniform([0, 100], [1100, 250], (size, 2))
        speed, extent = rng.normal(0, 8, (size, 2)), rng.uniform([30, 20], [150, 110], (size, 2))
        kinds = rng.choice(['Car', 'Van', 'Pedestrian', 'Person', 'Truck'], size)
        ids = np.arange(size)
        for frame in range(length):
            if rng.random() < .2:
                ids[:2] = ids[1::-1]
            for row in range(size):
                if rng.random() < .15:
                    continue
                box = np.concatenate([start[row], start[row] + extent[row]]) + frame * np.tile(
                    speed[row], 2)
                hidden, cut = rng.choice([0, 1, 2, 3], p=[.6, .2, .1, .1]), int(rng.random() < .1)
                gt.append(f'{frame} {row} {kinds[row]} {cut} {hidden} 0 '
                          f'{" ".join(map(str, box.round(2)))} {REST}')
                if rng.random() < .8:
                    noisy = box + rng.normal(0, 5, 4)
                    guess = 'Car' if kinds[row] in ('Car', 'Van') else 'Pedestrian'
                    pred.append(f'{frame} {ids[row]} {guess} -1 -1 0 '
                                f'{" ".join(map(str, noisy.round(2)))} {REST} 0.8')
            for _ in range(rng.integers(0, 3)):
                corner = rng.uniform([0, 100], [1100, 250])
                box = np.concatenate([corner, corner + rng.uniform(15, 60, 2)])
                pred.append(f'{frame} {100 + len(pred)} Car -1 -1 0 '
                            f'{" ".join(map(str, box.round(2)))} {REST} 0.3')
            gt.append(f'{frame} -1 DontCare -1 -1 -10 0 100 400 180 -1 -1 -1 -1000 -1000 -1000 -10')
        (labels / f'{number:04d}.txt').write_text('\n'.join(gt))
        (tracks / f'{number:04d}.txt').write_text('\n'.join(pred))
        lengths[f'{number:04d}'] = length
    (root / 'gt/evaluate_tracking.seqmap.training').write_text(
        ''.join(f'{name} empty 000000 {count:06d}\n' for name, count in lengths.items()))
    return lengths


def ours(root: Path, lengths: dict[str, int]) -> dict:
    pred, gt = ({name: read_kitti_tracks(root / folder / f'{name}.txt') for name in lengths}
                for folder in ('trackers/ours/data', 'gt/label_02'))
    return evaluate_kitti_tracking(pred, gt, lengths)


def test_equals_trackeval(tmp_path, capsys):
    trackeval = pytest.importorskip('trackeval', reason='the judge pins other versions of '
                                    'numpy: pip install --no-deps trackeval tabulate')
    lengths = write_sequences(tmp_path, 0)
    data = trackeval.datasets.Kitti2DBox(dict(
        GT_FOLDER=str(tmp_path / 'gt'), TRACKERS_FOLDER=str(tmp_path / 'trackers'),
        SPLIT_TO_EVAL='training', PRINT_CONFIG=False))
    result = ours(tmp_path, lengths)
    judges = trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(dict(PRINT_CONFIG=False))
    for kind, mine in result.items():
        theirs = {}
        for judge in judges:
            parts = {}
            for name in lengths:
                raw = data.get_raw_seq_data('ours', name)
                parts[name] = judge.eval_sequence(data.get_preprocessed_seq_data(raw, kind))
            theirs |= judge.combine_sequences(parts)
        for name, value in mine.items():
            assert value == pytest.approx(np.mean(theirs[name]), abs=1e-12), (kind, name)
        assert mine['IDSW'] > 0 and mine['CLR_FP'] > 0 and .1 < mine['HOTA'] < 1


def test_perfect_tracks_and_what_does_not_count(tmp_path):
    def line(track: int, kind: str, hidden: int, x: int, score: str = '') -> str:
        return f'0 {track} {kind} 0 {hidden} 0 {x} 0 {x + 50} 50 {REST} {score}'

    (tmp_path / 'gt.txt').write_text('\n'.join([
        line(0, 'Car', 0, 0), line(1, 'Car', 3, 100), line(2, 'Van', 0, 200),
        line(-1, 'DontCare', -1, 300)]))
    (tmp_path / 'pred.txt').write_text('\n'.join([
        *(line(row, 'Car', -1, 100 * row, '0.5') for row in range(4)),
        f'0 9 Car 0 0 0 600 0 650 20 {REST} 0.5']))  # small
    files = [{'a': read_kitti_tracks(tmp_path / name)} for name in ('pred.txt', 'gt.txt')]
    scores = evaluate_kitti_tracking(*files, {'a': 1})['car']
    assert (scores['HOTA'], scores['MOTA'], scores['CLR_TP'], scores['CLR_FP']) == (1, 1, 1, 0)


@pytest.mark.parametrize(('text', 'words'), [
    ('0 1 Car 0 0', 'line 1 of .* has 5 columns'),
    (f'0 1 Car 0 0 x 0 0 9 9 {REST}', "line 1 of .*: could not convert string to float: 'x'"),
    (f'0.5 1 Car 0 0 0 0 0 9 9 {REST}', 'has the frame 0.5 and the id 1'),
    (f'0 1 Car 0 0 nan 0 0 9 9 {REST}', 'finite ones behind')])
def test_damaged_files(tmp_path, text, words):
    (tmp_path / 'a.txt').write_text(text)
    with pytest.raises(DataError, match=words):
        read_kitti_tracks(tmp_path / 'a.txt')


def test_sequences_that_do_not_go_together(tmp_path):
    (tmp_path / 'a.txt').write_text(f'7 1 Car 0 0 0 0 0 9 90 {REST}\n\n')
    tracks = read_kitti_tracks(tmp_path / 'a.txt')
    with pytest.raises(DataError, match='sequence a has no tracks; KITTI scores all of a'):
        evaluate_kitti_tracking({}, {'a': tracks}, {'a': 9})
    with pytest.raises(DataError, match='the tracks of sequence a have the frame 7; it has 5'):
        evaluate_kitti_tracking({'a': tracks}, {'a': tracks}, {'a': 5})
    twice = tracks.select(np.array([0, 0]))
    with pytest.raises(DataError, match='frame 7 has the track 1 twice'):
        evaluate_kitti_tracking({'a': twice}, {'a': tracks}, {'a': 9})


def test_ious_in_a_picture():
    boxes = np.array([[0, 0, 10, 10.]]), np.array([[5, 0, 10, 10.], [20, 0, 30, 10]])
    assert box_ious(*boxes).tolist() == [[.5, 0]]
    assert box_ious(*boxes, of_second=True).tolist() == [[1, 0]]
