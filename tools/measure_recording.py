"""Measure memory and speed of detection in recordings of several lengths.

A simulated drive of ten seconds is repeated to recordings of several lengths, each time where
the last one ended. In each of them a process of its own detects; its time and peak memory are
printed beside those of a process that only reads.

examples:
  python tools/measure_recording.py CHECKPOINT
  python tools/measure_recording.py CHECKPOINT --minutes 1 10 --rate 0.5 --out measured.json
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sparse3d.atomic_files import check_place
from sparse3d.errors import DataError

SECONDS = 10  # of the drive that is repeated


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='of Sparse3D, that knows its config')
    parser.add_argument('--minutes', type=float, nargs='+', default=[1, 10],
                        help='lengths of the recordings (default: 1 10)')
    parser.add_argument('--rate', type=float, default=0.2,
                        help='detections per second; clouds in between are merged all the same '
                        '(default: %(default)s)')
    parser.add_argument('--azimuths', type=int, default=240,
                        help='LiDAR firings per turn (default: %(default)s)')
    parser.add_argument('--out', metavar='FILE.json', help='write the rows')
    arguments = parser.parse_args()
    try:  # before minutes of simulation
        if not Path(arguments.checkpoint).is_file():
            raise DataError(f'{arguments.checkpoint} does not exist')
        if arguments.out:
            check_place(arguments.out)
    except DataError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        rows = _measured(arguments, Path(folder))
    if arguments.out:
        from sparse3d.engine.result_record import write_result
        write_result(arguments.out, dict(rows=rows, rate=arguments.rate))
    return 0


def _measured(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    from sparse3d.recordings.simulated_drive import RecordingOptions, simulate_recording
    drive, rows = folder / 'drive.mcap', []
    simulate_recording(drive, 0, RecordingOptions(SECONDS, image_width=0,
                                                  azimuths=arguments.azimuths))
    for minutes in arguments.minutes:
        long = folder / f'{minutes:g}.mcap'
        repeat(drive, long, max(1, round(minutes * 60 / SECONDS)))
        reading = _run(['recording', long])
        detecting = _run(['detect', arguments.checkpoint, long, '--out', folder / 'boxes.mcap',
                          '--rate', arguments.rate, '--track', '--score-threshold', '0.1'])
        rows.append(dict(minutes=minutes, megabytes=long.stat().st_size / 1e6,
                         reading_seconds=reading[0], reading_peak_mb=reading[1],
                         detecting_seconds=detecting[0], detecting_peak_mb=detecting[1]))
        print(f'{minutes:g} minutes, {rows[-1]["megabytes"]:.0f} MB: reading alone '
              f'{reading[0]:.1f} s, peak {reading[1]:.0f} MB; detecting {detecting[0]:.1f} s, '
              f'peak {detecting[1]:.0f} MB', flush=True)
        long.unlink()
    return rows


def repeat(source: Path, target: Path, times: int) -> None:
    """Write a recording several times over, one after the other in time and place."""
    import numpy as np

    from sparse3d.atomic_files import atomic_file
    from sparse3d.recordings.detection_messages import Outgoing
    from sparse3d.recordings.left_out import LeftOut
    from sparse3d.recordings.message_types import TRANSFORMS, Decoder
    from sparse3d.recordings.reading import read_messages
    from sparse3d.recordings.simulated_messages import stamp_of
    from sparse3d.recordings.transform_tree import TransformTree, nanoseconds
    from sparse3d.recordings.writing import RecordingWriter
    decoder = Decoder(LeftOut())
    raws = [raw for raw in read_messages(source, LeftOut()) if raw.channel.topic != '/odometry']
    made = [(raw, decoder.decode(raw)) for raw in raws]
    poses = [(nanoseconds(each.transforms[0].header.stamp), each) for raw, each in made
             if raw.channel.topic == '/tf']
    tree = TransformTree()
    for _, each in poses:
        tree.add(each)
    first, last = poses[0][0], poses[-1][0]
    step = tree.lookup('odom', 'base_link', last) @ np.linalg.inv(
        tree.lookup('odom', 'base_link', first))
    period, moved = last - first + 10_000_000, np.eye(4)
    with atomic_file(target) as stream:
        writer = RecordingWriter(stream)
        for number in range(times):
            for raw, each in made:
                if raw.channel.topic == '/tf_static':
                    writer.copy(raw)
                    continue
                heads = [one.header for one in each.transforms] \
                    if each.__msgtype__ == TRANSFORMS else [each.header]
                before = [head.stamp for head in heads], each
                for head in heads:
                    head.stamp = stamp_of(nanoseconds(head.stamp) + number * period)
                original = _place(each, moved) if raw.channel.topic == '/tf' else None
                writer.write(Outgoing(raw.channel.topic, each, raw.log_time + number * period))
                for head, stamp in zip(heads, before[0], strict=True):
                    head.stamp = stamp
                if original is not None:
                    each.transforms[0].transform = original
            moved = step @ moved
        writer.finish()


def _place(each: Any, moved: Any) -> Any:
    """Put the transform of a message elsewhere; gives the one that it had."""
    import numpy as np

    from sparse3d.recordings.simulated_messages import transforms
    old = each.transforms[0].transform
    yaw = 2 * np.arctan2(old.rotation.z, old.rotation.w) + np.arctan2(moved[1, 0], moved[0, 0])
    place = moved @ [old.translation.x, old.translation.y, old.translation.z, 1]
    turn = (np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))
    each.transforms[0].transform = transforms(
        [('odom', 'base_link', place[:3], turn)], 0).transforms[0].transform
    return old


def _run(arguments: list[Any]) -> tuple[float, float]:
    """Seconds and peak memory [MB] of a verb in a process of its own."""
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, '-m', 'sparse3d', *map(str, arguments)],
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f'{arguments[0]} ended with {process.returncode}')
    return time.monotonic() - start, usage.ru_maxrss / 1024


if __name__ == '__main__':
    sys.exit(main())
