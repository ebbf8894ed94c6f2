"""List the topics of a recorded drive, and what of it cannot be read.

The whole recording is read once. Exit status 1 when anything cannot be read.
"""
from __future__ import annotations

import argparse
import sys

EXAMPLES = """\
  sparse3d recording drive.mcap
  sparse3d recording rosbag2_folder        # sqlite3 or MCAP storage
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('recording', help='.mcap file, .db3 file, or folder of a ROS 2 bag')


def run(arguments: argparse.Namespace) -> int:
    from sparse3d.apis.recording import list_recording
    report = list_recording(arguments.recording)
    print(report)
    for line in report.left_out:
        print(f'cannot be read: {line}', file=sys.stderr)
    return 1 if report.left_out else 0
