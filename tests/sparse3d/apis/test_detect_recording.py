"""The command line with recordings of every kind of badness: counted, said, exit status 1."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import FakeDetector, at, cloud, simple_drive, transform
from sparse3d.apis import detect_recording as module
from sparse3d.recordings.bag_writing import bag_folder
from sparse3d.recordings.detection_messages import Outgoing
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.message_types import type_store
from sparse3d.recordings.reading import read_messages
from sparse3d_cli import main

CONFIG = 'centerpoint_simulated_nuscenes'


@pytest.fixture
def detect(tmp_path, monkeypatch, capsys):
    """Runs the verb in an empty folder: exit status, what it printed, what it said on the side."""
    monkeypatch.chdir(tmp_path)
    detectors = [FakeDetector(sweeps=2, columns=('x', 'y', 'z', 'intensity', 'age'))]
    given = []

    def load(*arguments):
        given.append(arguments)
        return detectors[0]
    monkeypatch.setattr(module, 'load_detector', load)

    def run(drive, *options, detector=None, model=(CONFIG, 'w.pth')):
        if detector is not None:
            detectors[0] = detector
        path = drive if isinstance(drive, str) else str(drive.write(tmp_path / 'drive.mcap'))
        code = main(['detect', *model, path, *options])
        return code, *capsys.readouterr()
    run.given = given
    return run


def read(path, topic):
    left_out = LeftOut()
    found = [(raw.log_time, type_store().deserialize_cdr(raw.data, raw.channel.schema))
             for raw in read_messages(path, left_out) if raw.channel.topic == topic]
    assert not left_out
    return found


def test_a_recording_gives_one_with_boxes_and_tracks_on_its_time_line(detect, tmp_path):
    code, out, err = detect(simple_drive(), '--out', 'boxes.mcap', '--track', 'greedy')
    assert (code, err) == (0, '') and '5 boxes of 1 tracks in 5 moments' in out
    assert '  model ' in out and 'median' in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ['boxes.mcap', 'drive.mcap']
    boxes = read('boxes.mcap', '/sparse3d/detections')
    assert [time for time, _ in boxes] == [at(k / 10 + .02) for k in range(5)]
    tracks = read('boxes.mcap', '/sparse3d/tracks')
    assert len({each.id for _, one in tracks for each in one.detections}) == 1
    assert len(read('boxes.mcap', '/sparse3d/scene')) == 5
    assert len(read('boxes.mcap', '/tf')) > 10 and read('boxes.mcap', '/lidar/points') == []


def test_the_official_reader_and_its_ros_2_decoder_read_what_was_written(detect):
    detect(simple_drive(), '--out', 'boxes.mcap')
    support = pytest.importorskip('mcap_ros2.decoder', reason='mcap-ros2-support is not installed')
    from mcap.reader import make_reader
    with open('boxes.mcap', 'rb') as stream:
        reader = make_reader(stream, validate_crcs=True,
                             decoder_factories=[support.DecoderFactory()])
        counts = {reader.get_summary().channels[key].topic: value for key, value in
                  reader.get_summary().statistics.channel_message_counts.items()}
        assert counts['/sparse3d/detections'] == counts['/sparse3d/scene'] == 5
        found = [message for *_, message in reader.iter_decoded_messages('/sparse3d/scene')]
    assert [each.entities[0].cubes[0].size.x for each in found] == [4] * 5


def test_rerun_loads_what_was_written(detect, tmp_path):
    detect(simple_drive(), '--out', 'boxes.mcap')
    rerun = pytest.importorskip('rerun', reason='rerun-sdk is not installed')
    if tuple(map(int, rerun.__version__.split('.')[:2])) < (0, 25):
        pytest.skip(f'rerun {rerun.__version__} has no loader of MCAP; 0.25 is the first')
    recording = rerun.RecordingStream('boxes')
    recording.save(str(tmp_path / 'boxes.rrd'))
    recording.log_file_from_path('boxes.mcap')
    recording.flush()
    assert (tmp_path / 'boxes.rrd').stat().st_size > 5000


def test_all_of_the_recording_can_come_along(detect):
    detect(simple_drive(), '--out', 'all.mcap', '--with-input')
    assert len(read('all.mcap', '/lidar/points')) == len(read('all.mcap', '/sparse3d/scene')) == 5


def test_the_checkpoint_alone_and_a_name_of_its_own(detect, tmp_path):
    code, _, _ = detect(simple_drive(), model=('epoch_6.pth', ))
    assert code == 0 and (tmp_path / 'drive_boxes.mcap').is_file()
    assert detect.given[0][:2] == ('epoch_6.pth', None)


@pytest.mark.parametrize('storage', ['sqlite3', 'mcap'])
def test_a_bag_folder_of_ros_2_gives_the_same_boxes(storage, detect, tmp_path):
    drive = simple_drive()
    assert detect(drive, '--out', 'of_file.mcap')[0] == 0
    with bag_folder(tmp_path / 'bag', storage) as add:
        for topic, made, time in sorted(drive.messages, key=lambda one: one[2]):
            add(Outgoing(topic, made, time))
    assert detect('bag', '--out', 'of_bag.mcap', '--track')[0] == 0
    topic = '/sparse3d/detections'
    assert [(time, str(made)) for time, made in read('of_bag.mcap', topic)] == [
        (time, str(made)) for time, made in read('of_file.mcap', topic)]


def test_a_recording_alone_is_for_the_weights_that_come_with_it(detect, tmp_path):
    code, _, err = detect(simple_drive(), '--out', 'boxes.mcap', model=())
    assert code == 0, err
    assert detect.given[0][0] == 'anywhere' and (tmp_path / 'boxes.mcap').is_file()


def test_a_model_without_a_recording_is_told_what_is_missing(detect):
    code, _, err = detect('w.pth', '--out', 'boxes.mcap', model=())
    assert code == 2 and 'w.pth is given alone; give a model' in err and err.count('\n') == 1


def cut(path, share=.6):
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * share)])


def without(drive, topic):
    drive.messages = [one for one in drive.messages if one[0] != topic]
    return drive


def another_lidar(drive):
    return drive.add('/lidar/filtered', cloud([[1, 2, 3, 4]], 0), .01)


def jumping(drive):
    for number in range(3):
        drive.add('/lidar/points', cloud([[9, 9, 0, 0]], number / 10 - 50), .7 + number / 10)
    return drive


def foreign(drive):
    return drive.add_foreign('/radar', 'Targets', 'json', b'{}', .1)


BAD = {
    'missing_tf': (lambda drive: without(without(drive, '/tf'), '/tf_static'),
                   'nothing says how lidar moves (/tf or odometry) (5 times)', 5),
    'two_of_one_type': (another_lidar, 'of the same LiDAR as /lidar/points', 5),
    'jump': (jumping, 'jumps of the clock of /lidar/points: sweeps, transforms and tracks', 8),
    'empty': (lambda drive: drive.add('/lidar/points', cloud(np.zeros((0, 4)), .5), .52),
              'clouds of /lidar/points: empty (once)', 5),
    'nan': (lambda drive: drive.add('/lidar/points', cloud([[np.nan] * 4, [9, 0, 0, 0]], .5), .52),
            'points of /lidar/points: NaN or infinity', 6),
    'unknown_schema': (foreign, "messages of /radar: Targets in the encoding 'json' is not", 5),
    'damaged_message': (lambda drive: drive.add_foreign(
        '/lidar/points', 'sensor_msgs/msg/PointCloud2', 'cdr', b'\0\1\0\0abc', .45),
        'messages of /lidar/points: they are damaged', 5),
    'late': (lambda drive: drive.add('/lidar/points', cloud([[1, 2, 3, 4]], .35), .45),
             'they are older than the one before (once)', 5)}


@pytest.mark.parametrize('kind', BAD)
def test_what_is_left_out_is_counted_said_and_exit_status_1(kind, detect):
    change, words, moments = BAD[kind]
    code, out, err = detect(change(simple_drive()), '--out', 'boxes.mcap')
    assert code == 1 and words in err, err
    assert all(line.startswith('left out: ') for line in err.strip().splitlines())
    assert f' in {moments} moments' in out
    assert len(read('boxes.mcap', '/sparse3d/detections')) == moments


def test_a_truncated_recording_is_used_up_to_its_last_whole_chunk(detect, tmp_path):
    path = simple_drive(20).write(tmp_path / 'cut.mcap')
    cut(path)
    code, out, err = detect(str(path), '--out', 'boxes.mcap')
    assert code == 1 and err == ('left out: cut.mcap: the file is truncated; it was read up to its '
                                 'last whole chunk (once)\n')
    assert 3 < len(read('boxes.mcap', '/sparse3d/detections')) < 20


def test_a_codec_that_is_absent_is_said_and_nothing_is_written(detect, tmp_path, monkeypatch):
    import mcap.stream_reader
    path = str(simple_drive().write(tmp_path / 'drive.mcap'))
    monkeypatch.setattr(mcap.stream_reader, 'zstandard', None)
    code, out, err = detect(path, '--out', 'boxes.mcap')
    assert code == 2 and not (tmp_path / 'boxes.mcap').exists() and err.count('\n') == 1


@pytest.mark.parametrize('options, words', [
    (['--out', 'boxes.json'], 'the boxes of a recording are written as .mcap'),
    (['--out', 'drive.mcap'], 'is the file that is read'),
    (['--formats', 'txt'], '--formats is for clouds'),
    (['--points', '/absent'], "has no topic '/absent'"),
    (['--images', 'FRONT'], "--images has 'FRONT'; give NAME=TOPIC"),
    (['--rate', '-1'], 'neither may be negative'),
    (['--score-threshold', '7'], 'score_threshold is 7.0'),
    (['--frame', 'absent'], 'no moment of')])
def test_options_that_cannot_be_are_refused_and_leave_nothing(options, words, detect, tmp_path):
    code, _, err = detect(simple_drive(), *options)
    assert code == 2 and words in err and err.count('\n') == 1
    assert [path.name for path in tmp_path.iterdir()] == ['drive.mcap']


def test_options_of_a_recording_are_refused_for_clouds(detect, tmp_path):
    np.save(tmp_path / 'cloud.npy', np.zeros((3, 4), np.float32))
    for options, words in ((['--deskew'], '--deskew is for a recording'),
                           (['--rate', '2'], '--rate is for a recording')):
        code, _, err = detect('cloud.npy', *options)
        assert code == 2 and words in err
    code, _, err = detect(simple_drive(), '--track', '--frame-rate', '2')
    assert code == 2 and '--frame-rate is for clouds' in err


def test_what_is_no_recording_is_refused(detect, tmp_path):
    (tmp_path / 'text.mcap').write_text('no recording, but long enough to be one')
    code, _, err = detect('text.mcap')
    assert code == 2 and 'text.mcap is no MCAP file' in err
    assert detect('absent.mcap')[2] == 'error: absent.mcap does not exist\n'
    code, _, err = detect('text.mcap', 'other.mcap')
    assert code == 2 and 'give one recording at a time' in err


def test_a_topic_with_control_characters_is_shown_as_text(detect):
    drive = simple_drive(topic='/lidar\x1b[2J/points')
    drive.add('/tf_static', transform('a', 'b'), 0)
    code, out, err = detect(drive, '--out', 'boxes.mcap')
    assert code == 0 and '\x1b' not in out + err and '/lidar\\x1b[2J/points' in out


def test_the_files_of_a_bag_are_not_written_over(detect, tmp_path):
    with bag_folder(tmp_path / 'bag', 'mcap') as add:
        for topic, made, time in sorted(simple_drive().messages, key=lambda one: one[2]):
            add(Outgoing(topic, made, time))
    before = {path.name: path.read_bytes() for path in (tmp_path / 'bag').iterdir()}
    for name in ('bag.mcap', 'new.mcap'):
        code, _, err = detect('bag', '--out', f'bag/{name}')
        assert code == 2 and 'lies in bag, the bag that is read' in err
    assert {path.name: path.read_bytes() for path in (tmp_path / 'bag').iterdir()} == before


def test_boxes_of_an_earlier_run_do_not_stand_beside_new_ones(detect):
    detect(simple_drive(), '--out', 'first.mcap', '--with-input')
    code, _, err = detect('first.mcap', '--out', 'second.mcap', '--with-input')
    assert code == 1 and 'messages of /sparse3d/scene: boxes of an earlier run; new ones' in err
    assert len(read('second.mcap', '/sparse3d/scene')) == 5


def test_a_lidar_that_begins_late_is_said(detect):
    drive = simple_drive(110).add('/late', cloud([[1, 2, 3, 4]], 10.8, 'lidar'), 10.8)
    code, _, err = detect(drive, '--out', 'boxes.mcap')
    assert code == 1 and err.startswith('left out: messages of /late: they begin after the first')
