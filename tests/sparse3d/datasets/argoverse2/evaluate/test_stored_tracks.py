"""Stored tracks of a log are scored beside its labels, from the command line too."""
from __future__ import annotations

import shutil

import numpy as np
import pytest

from argoverse2_logs import LOG, rewrite, time_of, write_log
from sparse3d.apis.track import score_stored_tracks, track
from sparse3d.datasets.argoverse2.evaluate.stored_tracks import sweeps_of_file
from sparse3d.datasets.argoverse2.feather_files import read_feather, write_feather
from sparse3d.datasets.argoverse2.prepare import prepare_argoverse2
from sparse3d.datasets.argoverse2.results import read_argoverse2_submission
from sparse3d.datasets.argoverse2.tracks import track_frame
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.info_files import read_info_file
from sparse3d_cli import main


@pytest.fixture
def case(tmp_path):
    """A log, and its labels as detections."""
    log = write_log(tmp_path, sweeps=6)
    prepare_argoverse2(tmp_path)
    names = ('tx_m', 'ty_m', 'tz_m', 'length_m', 'width_m', 'height_m', 'qw', 'qx', 'qy', 'qz',
             'timestamp_ns', 'category', 'track_uuid')
    given = read_feather(log / 'annotations.feather', names)
    count = len(given['qw'])
    given |= dict(score=np.linspace(.9, .5, count), log_id=np.full(count, LOG, object))
    path = tmp_path / 'tracks.feather'
    write_feather(path, given)
    return dict(root=tmp_path, log=log, tracks=path, infos=tmp_path / 'argoverse2_infos_val.pkl')


def row(table, name):
    return next(line for line in table.splitlines() if line.startswith(name)).split()


def test_perfect_tracks_from_the_command_line(case, capsys):
    code = main(['track', str(case['tracks']), '--infos', str(case['infos']), '--only-evaluate',
                 str(case['root'])])
    table = capsys.readouterr().out
    # Mean over ten scores, the best of them takes all.
    assert code == 0 and row(table, 'REGULAR_VEHICLE')[2] == '1.000'
    assert row(table, 'PEDESTRIAN')[2] == row(table, 'PEDESTRIAN')[5] == '1.000'
    assert 'note: 24 of 26 classes' in table
    assert not list(case['root'].glob('tracks'))


def test_objects_lie_where_the_tracks_do(case):
    frames = [track_frame(entry) for entry in read_info_file(case['infos'], 'argoverse2')[
        'data_list']]
    sweeps = sweeps_of_file(case['tracks'], case['root'], frames)
    assert len(sweeps) == 6
    for one in sweeps:
        np.testing.assert_allclose(one.gt.xy, one.pred.xy, atol=1e-9)
        np.testing.assert_allclose(one.gt.xy[0], [1030, 512], atol=1e-6)   # stands in the city
    near = sweeps_of_file(case['tracks'], case['root'], frames, region_of_interest=True)
    assert not any(len(one.gt.ids) or len(one.pred.ids) for one in near)   # beside the road


def test_tracking_and_scoring_at_once(case, capsys):
    out = case['root'] / 'made.feather'
    report = track(case['tracks'], case['infos'], out, options=dict(min_hits=1),
                   evaluate=case['root'], score_options=dict(max_range=100))
    assert 'within 100 m' in report.scores and float(row(report.scores, 'REGULAR_VEHICLE')[2]) > .5
    assert 'track_uuid' in read_argoverse2_submission(out)
    assert main(['track', str(out), '--infos', str(case['infos']), '--only-evaluate',
                 str(case['root']), '--score-options', 'max_range=100']) == 0
    assert capsys.readouterr().out.strip() == report.scores


@pytest.mark.parametrize(('change', 'error', 'words'), [
    (dict(score_options=dict(range=3)), ConfigError,
     "argoverse2 have no option 'range'; they have max_range, region_of_interest"),
    (dict(score_options=dict(max_range=-1)), DataError, 'max_range .* is -1'),
    (dict(score_options=dict(max_range='far')), ConfigError, "max_range .* is 'far'; give meters"),
    (dict(score_options=dict(max_range=float('nan'))), ConfigError, 'max_range .* is nan'),
    (dict(score_options=dict(region_of_interest='no')), ConfigError, "is 'no'; give True or False"),
    (dict(infos=None), ConfigError, 'give the info file'),
])
def test_what_is_refused(case, change, error, words):
    given = dict(source=case['tracks'], infos=case['infos'], evaluate=case['root']) | change
    with pytest.raises(error, match=words):
        score_stored_tracks(**given)


def test_files_that_do_not_go_together(case):
    def score():
        return score_stored_tracks(case['tracks'], case['infos'], case['root'])
    kept = case['root'] / 'kept.feather'
    shutil.copy(case['tracks'], kept)
    rewrite(case['tracks'], lambda columns: dict(columns, log_id=np.full(12, 'other', object)))
    with pytest.raises(DataError, match='tracks of 6 sweeps that are not scored here, first of '
                                        f'the log other at {time_of(0)}'):
        score()
    shutil.copy(kept, case['tracks'])
    rewrite(case['tracks'], lambda columns: {name: values for name, values in columns.items()
                                             if name != 'track_uuid'})
    with pytest.raises(DataError, match='detections without identities: it lacks the column'):
        score()
    shutil.copy(kept, case['tracks'])
    (case['log'] / 'annotations.feather').unlink()
    with pytest.raises(DataError, match='those of the test split only the benchmark has'):
        score()


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--only-evaluate', '{root}', '--out', 'x.feather'], 'without CHECKPOINT, --out'),
    (['--out', 'x.feather', '--score-options', 'max_range=3'], 'go with --evaluate'),
    ([], '--out is missing'),
])
def test_arguments_that_do_not_go_together(case, arguments, words, capsys):
    given = [one.format(root=case['root']) for one in arguments]
    assert main(['track', str(case['tracks']), '--infos', str(case['infos']), *given]) != 0
    assert words in capsys.readouterr().err
