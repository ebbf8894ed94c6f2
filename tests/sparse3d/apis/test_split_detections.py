"""Every data set's results to its own tracks and back, through the command that users type."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.apis.split_detections import of_checkpoint, of_file
from sparse3d.apis.track import track
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import Results
from sparse3d.structures.track_files import track_format
from sparse3d.transforms.info_files import write_info_file
from sparse3d_cli import main
from tracked_entries import CAR, NAMES, entries

OUT = dict(waymo='t.bin', argoverse2='t.feather', nuscenes='t.json', kitti='t', custom='t')
LIKE = ['--like', 'forklift=car']


@pytest.fixture(params=sorted(OUT))
def case(request, tmp_path):
    """An info file, and what ``detect`` would have written of its frames."""
    name, found = request.param, tmp_path / 'found'
    infos = tmp_path / 'infos.pkl'
    metainfo = dict(dataset=name, stamp=dict(format_version=1), categories={NAMES[name]: 0})
    write_info_file(infos, metainfo, entries(name))
    for entry in entries(name):
        frame = track_format(name).frame(entry)
        path = str(frame.info['lidar_path'])
        stem = frame.name if name == 'kitti' else path.rpartition('/')[2].rpartition('.')[0]
        Detections(np.array([CAR]), [.9], [0], (NAMES[name],)).save(found / f'{stem}.json')
    return name, found, infos, tmp_path


def test_detections_to_tracks_in_the_own_format_and_again(case, capsys):
    name, found, infos, folder = case
    out = folder / OUT[name]
    like = LIKE if name == 'custom' else []
    assert main(['track', str(found), '--infos', str(infos), '--out', str(out), *like]) == 0
    assert '4 boxes of 1 tracks in 4 frames of 1 scenes' in capsys.readouterr().out
    read = Results(out, [NAMES[name]], name)
    frames = [track_format(name).frame(entry) for entry in entries(name)]
    ids = [read.of_sample(frame.info, frame.name) for frame in frames]
    assert {str(one.track_ids[0]) for one in ids} == {'0'}
    # the filter learns the speed
    np.testing.assert_allclose(ids[3].boxes_3d[0, :7], CAR, atol=.4)
    again = folder / 'again' / OUT[name]
    assert main(['track', str(out), '--infos', str(infos), '--out', str(again), *like]) == 0


def test_a_folder_of_plain_files_is_written_where_it_is_wanted(case):
    name, found, infos, folder = case
    report = track(found, infos, folder / 'csv', form='csv', like=dict(forklift='car'))
    assert report.boxes == 4 and len(list((folder / 'csv').glob('*.csv'))) == 4


def test_scores_that_are_not_there_are_said_before_anything_is_written(case):
    name, found, infos, folder = case
    if name in ('nuscenes', 'kitti'):
        with pytest.raises(ConfigError, match='leave --format json out'):
            track(found, infos, folder / 'o', form='json', evaluate=folder)
        return
    words = dict(waymo='MOTA of Waymo waits', argoverse2='written as .feather').get(
        name, 'not scored here')
    with pytest.raises(DataError, match=words):
        track(found, infos, folder / 'o', evaluate=folder, like=dict(forklift='car'))
    assert not (folder / 'o').exists()


def test_wrong_endings_and_absent_files(case):
    name, found, infos, folder = case
    wrong = dict(waymo='t.json', argoverse2='t.csv', kitti='t.txt', custom='t.json',
                 nuscenes='t.txt')
    if name in wrong:
        with pytest.raises(DataError, match=r'written as \.|has to be a folder'):
            track(found, infos, folder / wrong[name], like=dict(forklift='car'))
    (folder / 'f').write_text('')
    with pytest.raises(DataError, match=r'written as \.|has to be a folder'):
        track(found, infos, folder / 'f', like=dict(forklift='car'))
    with pytest.raises(DataError, match='does not exist'):
        track(folder / 'none', infos, folder / 'o')
    with pytest.raises(ConfigError, match='give the info file of its split with --infos'):
        track(found, None, folder / 'o')


def test_classes_without_a_motion_name_the_way_out(case):
    name, found, infos, folder = case
    if name == 'custom':
        with pytest.raises(DataError, match='--like forklift=car'):
            track(found, infos, folder / 'o')
        with pytest.raises(ConfigError, match="forklift cannot move like 'boat'; there are car"):
            track(found, infos, folder / 'o', like=dict(forklift='boat'))
        assert not (folder / 'o').exists()


def test_frames_of_kittis_object_benchmark_are_no_drive(tmp_path):
    entry = entries('kitti', 1)[0]
    del entry['sequence']
    write_info_file(tmp_path / 'i.pkl', dict(dataset='kitti', stamp=dict(format_version=1)),
                    [entry])
    (tmp_path / 'found').mkdir()
    Detections(np.array([CAR]), [.9], [0], ('Car',)).save(tmp_path / 'found' / 'a.json')
    with pytest.raises(DataError, match="object benchmark, whose frames are no drives"):
        track(tmp_path / 'found', tmp_path / 'i.pkl', tmp_path / 'o')


def test_an_info_file_beside_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='--infos goes with stored detections'):
        of_checkpoint('centerpoint_kitti_car', tmp_path / 'i.pkl', 'c.pth', 'test', 0, None, None)
    with pytest.raises(DataError, match='does not exist|none.pkl'):
        of_file('results.json', tmp_path / 'none.pkl')


def test_results_of_other_classes_leave_nothing_written(tmp_path):
    found, infos = tmp_path / 'found', tmp_path / 'i.pkl'
    write_info_file(infos, dict(dataset='waymo', stamp=dict(format_version=1)), entries('waymo'))
    for entry in entries('waymo'):
        stem = entry['lidar_points']['lidar_path'].removesuffix('.bin')
        Detections(np.array([CAR]), [.9], [0], ('Boat',)).save(found / f'{stem}.json')
    with pytest.raises(DataError, match='none of the 4 detections .* they are Boat'):
        track(found, infos, tmp_path / 't.bin')
    assert not (tmp_path / 't.bin').exists()


def test_a_frame_that_fails_leaves_nothing_written(case):
    name, found, infos, folder = case
    sorted(found.glob('*.json'))[-1].unlink()
    with pytest.raises(DataError, match='has no entry for frame'):
        track(found, infos, folder / OUT[name], like=dict(forklift='car'))
    with pytest.raises(DataError, match='no velocity|has no entry'):
        track(found, infos, folder / OUT[name], 'greedy', like=dict(forklift='car'))
    assert not (folder / OUT[name]).exists()


def test_a_model_is_tracked_as_its_results_are(tmp_path, monkeypatch):
    import torch
    from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
    from mmengine.structures import InstanceData

    from sparse3d.apis import split_detections
    from sparse3d.apis.predicted_frames import PredictedFrame
    made = entries('kitti')[::-1]
    path = tmp_path / 'kitti_tracking_infos_val.pkl'
    write_info_file(path, dict(dataset='kitti', stamp=dict(format_version=1)), made)

    class Drive:
        ann_file, metainfo = str(path), dict(classes=('Car', 'Boat'))

        def choose_frames(self, given):
            return given[::2]

        def get_data_info(self, index):
            return dict(row=index)

    looked_at = []

    def predict(config, opened, frames, score, split, device, title):
        for index in range(2):
            looked_at.append(index)
            found = InstanceData(
                bboxes_3d=LiDARInstance3DBoxes(torch.tensor([CAR, CAR, CAR, [np.nan, *CAR[1:]]])),
                scores_3d=torch.tensor([.9, .8, .1, .9]), labels_3d=torch.tensor([0, 1, 0, 0]))
            sample = Det3DDataSample()
            sample.pred_instances_3d = found
            yield PredictedFrame(index, {}, sample, None)

    monkeypatch.setattr(split_detections, 'open_with_config', lambda *_: (None, None))
    monkeypatch.setattr(split_detections, 'predict_frames',
                        lambda *given, **more: (Drive(), predict(*given, **more)))
    (tmp_path / 'file').write_text('')
    for wrong, words in ((dict(out=tmp_path / 'file'), 'has to be a folder'),
                         (dict(out=tmp_path / 'o', evaluate=tmp_path / 'none'), 'is no folder'),
                         (dict(out=tmp_path / 'o', form='xml'), "not written as 'xml'")):
        with pytest.raises((ConfigError, DataError), match=words):
            track('config', checkpoint='c.pth', **wrong)
    assert not looked_at  # hours of detection are not lost
    report = track('config', None, tmp_path / 't', checkpoint='c.pth', split='val',
                   score_threshold=.5)
    assert (report.frames, report.boxes, report.identities) == (2, 2, 1)
    assert dict(report.left_out) == {'Boat': 2}
    lines = (tmp_path / 't' / '0003.txt').read_text().splitlines()
    assert [line.split()[:3] for line in lines] == [['1', '0', 'Car'], ['3', '0', 'Car']]
