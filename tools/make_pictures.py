"""Draw the pictures of the README anew, from simulated drives and the demo's own output.

The drive is one of the nuScenes simulator, with its labels, and with detections where a checkpoint
is given. The demo's pictures come from work_dirs/demo, where `make demo` has run before.
"""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

EXAMPLES = """\
  python tools/make_pictures.py                                # make pictures
  python tools/make_pictures.py --checkpoint epoch_12.pth      # detections on the drive too
"""
DRIVE_CONFIG = 'transfusion_l_simulated_nuscenes'
DEMO_CONFIG = 'focalsconv_centerpoint_simulated_kitti_car'
WIDTH = 960     # pixels


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f'examples:\n{EXAMPLES}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default=DRIVE_CONFIG,
                        help='of the drive (default: %(default)s)')
    parser.add_argument('--checkpoint', help='whose detections are drawn on the drive')
    parser.add_argument('--data', default='data/pictures_nuscenes', metavar='FOLDER',
                        help='where the drive is simulated (default: %(default)s)')
    parser.add_argument('--seconds', type=int, default=10,
                        help='of the drive (default: %(default)s)')
    parser.add_argument('--demo', default='work_dirs/demo', metavar='FOLDER',
                        help='what the demo wrote (default: %(default)s)')
    parser.add_argument('--out', default='docs/images', metavar='FOLDER',
                        help='where the pictures go (default: %(default)s)')
    return parser.parse_args()


def draw_drive(arguments: argparse.Namespace) -> Path:
    """The simulated drive as an animated picture below 3 MB."""
    from sparse3d.apis.predicted_frames import frames_with_detections
    from sparse3d.engine.checkpoint_config import open_with_config
    from sparse3d.errors import BackendUnavailable
    from sparse3d.visualization import SceneRenderer, compose
    from sparse3d.visualization.drive_animation import write_animation
    from sparse3d_cli import main
    if not Path(arguments.data, 'nuscenes_infos_val.pkl').is_file():
        for words in (['simulate', 'nuscenes', arguments.data, '--scenes', '2', '--seconds',
                       str(arguments.seconds)], ['create-data', 'nuscenes', arguments.data]):
            if main(words):
                raise SystemExit(f'{words[0]} has failed')
    os.environ['SPARSE3D_SIMULATED_NUSCENES'] = arguments.data
    config, opened = open_with_config(arguments.config, arguments.checkpoint, None)
    try:
        renderer = SceneRenderer()
    except BackendUnavailable as error:
        print(f'without 3D views: {error}')
        renderer = None
    count = 2 * arguments.seconds       # key frames come twice a second
    images = [compose(frame, renderer, width=WIDTH) for frame in
              frames_with_detections(config, opened, count, 0.3, 'val', title='drive')]
    path = Path(arguments.out) / 'drive.webp'
    write_animation([image[:min(map(len, images))] for image in images], path, 2)
    return path


def draw_demo(arguments: argparse.Namespace) -> list[Path]:
    """All of one held-out frame of the demo in one picture."""
    from PIL import Image

    from sparse3d.apis import visualize
    checkpoints = sorted(Path(arguments.demo).glob('*.pth'), key=lambda path: path.stat().st_mtime)
    if not checkpoints:
        print(f'no pictures of the demo: {arguments.demo} has no checkpoint; "make demo" trains '
              f'one')
        return []
    os.environ.setdefault('SPARSE3D_SIMULATED_KITTI', 'data/demo')
    written = visualize(DEMO_CONFIG, checkpoints[-1], Path(arguments.demo) / 'pictures', frames=1)
    together = next(path for path in written if path.stem.endswith('_all'))
    path = Path(arguments.out) / 'demo_all.jpg'
    image = Image.open(together).convert('RGB')
    image.resize((1280, round(image.height * 1280 / image.width))).save(path, quality=82)
    return [path]


if __name__ == '__main__':
    from sparse3d.apis.command_line import run_command
    given = parse()
    sys.exit(run_command(lambda: print(*[draw_drive(given), *draw_demo(given)], sep='\n')))
