"""Detect objects in point clouds of your own, or in a recorded drive.

Clouds alone are looked at with the weights that come with Sparse3D ("anywhere": cars, pedestrians,
cyclists and large vehicles for any rotating LiDAR). A checkpoint of Sparse3D alone stands for its
config as well. A recording (.mcap, or a ROS 2 bag) gives another recording with the boxes on its
time line; exit status 1 when anything was left out.
"""
from __future__ import annotations

import argparse
import sys

from sparse3d.parallel.executors import add_executor
from sparse3d_cli.track import pair

EXAMPLES = """\
  sparse3d detect sweep.bin                                   # weights that come with it
  sparse3d detect CONFIG CHECKPOINT sweep.bin
  sparse3d detect CONFIG CHECKPOINT folder --out found --formats json txt
  sparse3d detect CONFIG CHECKPOINT scan.pcd scan.ply --score-threshold 0.5 --formats png svg
  sparse3d detect hf://organization/name folder      # weights and config from a hub
  sparse3d detect CHECKPOINT drive.mcap --out boxes.mcap --track
  sparse3d detect CONFIG CHECKPOINT bag --out boxes.mcap --points /lidar_top/points --rate 2
"""
TRACKERS = ('two_stage', 'greedy', 'depth_cascade', 'query_identity')
CHECKPOINTS, HUB = ('.pth', '.pt', '.ckpt', '.safetensors'), 'hf://'
CLOUDS = ('.bin', '.npy', '.pcd', '.ply', '.las', '.laz', '.feather', '.mcap')
SHIPPED = 'anywhere'
SCORE_THRESHOLD = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name; may be left out where the '
                        f'checkpoint holds it; or {SHIPPED}, which may be left out too')
    parser.add_argument('checkpoint', nargs='?', help='weights, ours or converted')
    parser.add_argument('clouds', nargs='*',
                        help='.bin, .npy, .pcd, .ply, .las, .laz or .feather files, or folders of '
                        'them; or one recording')
    parser.add_argument('--out', metavar='PATH',
                        help='where the results go (default: folder detections; of a recording '
                        '<its name>_boxes.mcap)')
    parser.add_argument('--formats', nargs='+', default=['json'],
                        choices=['json', 'csv', 'txt', 'npz', 'png', 'svg', 'pdf'],
                        help='json, csv (both are labels again), npz; txt: KITTI; png: 3D view; '
                        'svg, pdf: in BEV '
                        '(default: json)')
    parser.add_argument('--score-threshold', type=float,
                        help='leave out detections below this score (default: what weights that '
                        f'come with Sparse3D recommend, else {SCORE_THRESHOLD})')
    parser.add_argument('--intensity-scale', type=float, default=1.0, metavar='FACTOR',
                        help="multiply intensities to the units of the training's")
    parser.add_argument('--sensor-height', type=float, metavar='METERS',
                        help="height of your LiDAR above the ground, if not the training's: z is "
                        'shifted for the model, results are in your frame')
    parser.add_argument('--track', nargs='?', const='two_stage', default='', metavar='TRACKER',
                        choices=['', *TRACKERS],
                        help='tracks with ids too, from file to file (times of frames.json) or '
                        f'along a recording; {", ".join(TRACKERS)} (without: two_stage)')
    parser.add_argument('--track-options', nargs='+', metavar='KEY=VALUE',
                        help='options of the tracker, max_lost=2')
    parser.add_argument('--like', nargs='+', metavar='NAME=CLASS', default=[], type=pair,
                        help='what classes of your own move like, forklift=car; for --track')
    parser.add_argument('--frame-rate', type=float, metavar='HZ',
                        help='for --track, of files without frames.json, in order of their names')
    parser.add_argument('--device', help='cpu or cuda; default: the GPU if there is one')
    add_executor(parser, workers=None)
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')
    _add_recording(parser.add_argument_group('of a recording'))


def _add_recording(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--points', nargs='+', default=[], metavar='TOPIC',
                       help='LiDARs, the leading one first (default: all, the fullest leads)')
    group.add_argument('--images', nargs='+', default=[], metavar='CAMERA=TOPIC',
                       help="pictures of the model's cameras (default: by their names)")
    group.add_argument('--odometry', default='', metavar='TOPIC',
                       help='how the vehicle moves, where /tf does not say it')
    group.add_argument('--frame', default='', help='of points and boxes (default: that of the '
                       'leading LiDAR)')
    group.add_argument('--fixed-frame', default='', metavar='FRAME',
                       help='that stands still (default: odom, else the highest)')
    group.add_argument('--rate', type=float, default=0.0, metavar='HZ',
                       help='detect at most so often (default: at every cloud)')
    group.add_argument('--interval', type=float, default=0.5, metavar='SECONDS',
                       help='between the frames of a model of several camera frames '
                       '(default: %(default)s)')
    group.add_argument('--clock', choices=['aligned', 'stamps', 'log'], default='aligned',
                       help="stamps brought to the leading sensor's clock, as they are, or the "
                       'times of recording (default: %(default)s)')
    group.add_argument('--deskew', action='store_true',
                       help='move points from the time at which each was measured')
    group.add_argument('--with-input', action='store_true',
                       help='write the messages of the recording too')


def configs(arguments: argparse.Namespace) -> list[str]:
    """The config, whose name is checked before anything is imported."""
    _sort(arguments)
    return [arguments.config] if arguments.checkpoint else []


def _following(arguments: argparse.Namespace) -> object:
    from sparse3d.apis.followed_files import Following
    if not arguments.track:
        return None
    return Following(arguments.track, _tracker_options(arguments), arguments.frame_rate)


def _tracker_options(arguments: argparse.Namespace) -> dict:
    """Options of the tracker by name."""
    from sparse3d.engine.config_options import parse_options
    from sparse3d.tracking.choose import with_motions
    return dict(with_motions(parse_options(arguments.track_options, '--track-options') or {},
                             dict(arguments.like)))


def run(arguments: argparse.Namespace) -> int:
    from sparse3d.engine.allocator import set_allocator
    from sparse3d.recordings.reading import is_recording
    set_allocator()
    recording = any(map(is_recording, arguments.clouds))
    _refuse_useless(arguments, recording)
    return _recording(arguments) if recording else _clouds(arguments)


def _refuse_useless(arguments: argparse.Namespace, recording: bool) -> None:
    """An option that would be passed over is a misunderstanding."""
    from sparse3d.errors import ConfigError
    useless = dict(formats=['json'], frame_rate=None, workers=None,
                   retry_failed=False) if recording else dict(
        points=[], images=[], odometry='', frame='', fixed_frame='', rate=0.0,
        interval=0.5, clock='aligned', deskew=False, with_input=False)
    for name, default in dict(frame_rate=None, track_options=None, like=[]).items():
        if not arguments.track and getattr(arguments, name) != default:
            raise ConfigError(f'--{name.replace("_", "-")} is for --track; give both or none')
    for name, default in useless.items():
        if getattr(arguments, name) != default:
            raise ConfigError(f'--{name.replace("_", "-")} is for '
                              f'{"clouds" if recording else "a recording (.mcap, ROS 2 bag)"}, and '
                              f'{arguments.clouds[0]} is none; leave it out')


def _sort(arguments: argparse.Namespace) -> None:
    """Of ``detect CHECKPOINT drive.mcap`` and ``detect hf://one/car CLOUDS`` the first is the
    checkpoint; the config is in it."""
    from sparse3d.errors import ConfigError
    given = [arguments.config, *filter(None, [arguments.checkpoint]), *arguments.clouds]
    if _is_cloud(given[0]):
        given.insert(0, SHIPPED)
    if given[0] == SHIPPED and len(given) > 1:
        arguments.config, arguments.checkpoint, arguments.clouds = SHIPPED, None, given[1:]
        return
    if arguments.checkpoint is None:
        raise ConfigError(f'{arguments.config} is given alone; give a model and what to detect in: '
                          f'CHECKPOINT drive.mcap, or CONFIG CHECKPOINT CLOUDS; or clouds alone '
                          f'({", ".join(CLOUDS)}, or a folder)')
    if _stands_alone(arguments.config) and not _stands_alone(arguments.checkpoint):
        arguments.clouds = [arguments.checkpoint, *arguments.clouds]
        arguments.checkpoint = None
    elif not arguments.clouds:
        raise ConfigError(
            f'{arguments.config} and {arguments.checkpoint} are given, and no '
            f'cloud to detect in; give CONFIG CHECKPOINT CLOUDS, or a checkpoint that holds '
            f'its config and CLOUDS')


def _stands_alone(name: str) -> bool:
    """Whether a name is that of weights, which may hold their config."""
    return name.lower().endswith(CHECKPOINTS) or name.startswith(HUB)


def _is_cloud(path: str) -> bool:
    """Whether the first thing given is to be detected in: a cloud, a recording or a folder."""
    from pathlib import Path
    return path.lower().endswith(CLOUDS) or Path(path).is_dir()


def _score_threshold(arguments: argparse.Namespace) -> float:
    if arguments.score_threshold is not None:
        return arguments.score_threshold
    if arguments.config != SHIPPED:
        return SCORE_THRESHOLD
    from sparse3d.checkpoints.shipped import recommended_threshold
    return recommended_threshold(SHIPPED, SCORE_THRESHOLD)


def _clouds(arguments: argparse.Namespace) -> int:
    from sparse3d.apis.detect_files import detect_files
    from sparse3d.engine.config_options import parse_options
    out = arguments.out or 'detections'
    done = detect_files(arguments.config, arguments.checkpoint, arguments.clouds, out,
                        arguments.formats, _score_threshold(arguments), arguments.device,
                        parse_options(arguments.cfg_options), arguments.intensity_scale,
                        arguments.sensor_height, _following(arguments), arguments.workers,
                        arguments.retry_failed)
    print(f'{len(done)} clouds, {sum(map(len, done.values()))} detections; '
          f'results in {out}')
    for error in done.damaged.values():
        print(f'left out: {error}', file=sys.stderr)
    if done.damaged:
        print(f'{len(done.damaged)} of {len(done) + len(done.damaged)} clouds could not be read: '
              f'{", ".join(path.name for path in done.damaged)}', file=sys.stderr)
    return 1 if done.damaged else 0


def _recording(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from sparse3d.apis.detect_recording import TopicNames, detect_recording
    from sparse3d.engine.config_options import parse_options
    from sparse3d.errors import ConfigError
    from sparse3d.recordings.arguments import pairs
    from sparse3d.recordings.frame_assembler import AssemblyOptions
    from sparse3d.recordings.message_detector import DetectionOptions
    if len(arguments.clouds) != 1:
        raise ConfigError(f'{len(arguments.clouds)} things are given to detect in, a recording '
                          f'among them; give one recording at a time')
    recording, = arguments.clouds
    done = detect_recording(
        arguments.config, arguments.checkpoint, recording,
        arguments.out or f'{Path(recording).stem}_boxes.mcap',
        TopicNames(arguments.points, pairs(arguments.images, '--images'), arguments.odometry),
        DetectionOptions(_score_threshold(arguments), arguments.track, _tracker_options(arguments),
                         arguments.interval),
        AssemblyOptions(arguments.frame, arguments.fixed_frame, arguments.clock, arguments.deskew,
                        arguments.rate),
        arguments.with_input, arguments.device, parse_options(arguments.cfg_options),
        arguments.intensity_scale, arguments.sensor_height)
    print(done)
    for line in done.left_out:
        print(f'left out: {line}', file=sys.stderr)
    return 1 if done.left_out else 0
