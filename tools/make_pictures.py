"""Draw the pictures of the README and of the plug-ins' READMEs anew, each by the commands of users.

The drive is one of the nuScenes simulator, with its labels, and with detections where a checkpoint
is given. The demo's pictures, and those of Focals Conv, come from work_dirs/demo, where "make
demo" has run before. The other plug-ins are trained for a few epochs on small simulated drives,
minutes each on a CPU, where work_dirs/pictures has no checkpoint of theirs yet; DSVT's windows and
sets do not depend on weights, so that it is not trained. The pictures of cost against range and of
precision against labels are those of stored runs.
"""
from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

EXAMPLES = """\
  python tools/make_pictures.py                                # make pictures
  python tools/make_pictures.py --only dsvt sparsebev
  python tools/make_pictures.py --checkpoint epoch_12.pth      # detections on the drive too
"""
DRIVE_CONFIG = 'transfusion_l_simulated_nuscenes'
DEMO_CONFIG = 'focalsconv_centerpoint_simulated_kitti_car'
WIDTH = 960     # pixels of the drive
WIDE = 1280     # pixels of the other pictures
LARGEST = 300_000   # bytes of one


@dataclass(frozen=True)
class PluginPicture:
    """How a picture of a plug-in is made.

    Attributes:
        config: bare name.
        words: of ``visualize``.
        endings: of the files that go into the picture, row by row.
        epochs: of training; 0 for none, None where the demo has trained.
        frame: of the test split.
        drive: that it is trained on and drawn from.
        across: how many files stand side by side.
        name: of the picture's file; default: that of the plug-in.
    """

    config: str
    words: list[str]
    endings: list[str]
    epochs: int | None
    frame: int = 0
    drive: str = ''
    across: int = 1
    name: str = ''


PLUGINS = {
    'focalsconv': [PluginPicture(DEMO_CONFIG, ['--pictures', 'importance'],
                                 ['importance_camera', 'importance'], None, 10)],
    'sparsebev': [PluginPicture('sparsebev_simulated_nuscenes', [
        '--pictures', 'sampling_points', '--score-threshold', '0.01'],
        ['sampling_0', 'sampling_1'], 4, 10, 'nuscenes')],
    'sparsefusion': [
        PluginPicture('sparsefusion_simulated_nuscenes', [
            '--pictures', 'sensors', '--score-threshold', '0.15'], ['sensors'], 6, 10, 'nuscenes'),
        PluginPicture('sparsefusion_simulated_nuscenes', [
            '--pictures', 'stages', '--score-threshold', '0.15'],
            ['lidar', 'camera_lifted', 'camera_transformed', 'fused'], 6, 10, 'nuscenes', 2,
            'sparsefusion_stages')],
    'dsvt': [PluginPicture('dsvt_simulated_waymo', ['--pictures', 'sets'], ['sets'], 0, 5,
                           'crowd')],
    'voxelkp': [PluginPicture('voxelkp_simulated_waymo', [
        '--keypoints', '--score-threshold', '0.6'], ['people'], 4, 5, 'crowd')],
}
NAMES = ('drive', 'demo', 'range', 'growth', 'few_labels', *PLUGINS)
FEW_LABELS = (20, 100)  # labeled frames of the stored trainings


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f'examples:\n{EXAMPLES}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', nargs='+', choices=NAMES, default=NAMES, metavar='NAME',
                        help=f'which ones, of {", ".join(NAMES)} (default: all)')
    parser.add_argument('--config', default=DRIVE_CONFIG,
                        help='of the drive (default: %(default)s)')
    parser.add_argument('--checkpoint', help='whose detections are drawn on the drive')
    parser.add_argument('--data', default='data/pictures_nuscenes', metavar='FOLDER',
                        help='where the drive is simulated (default: %(default)s)')
    parser.add_argument('--crowd', default='data/pictures_crowd', metavar='FOLDER',
                        help='where a drive through people is simulated (default: %(default)s)')
    parser.add_argument('--seconds', type=int, default=10,
                        help='of the drive (default: %(default)s)')
    parser.add_argument('--demo', default='work_dirs/demo', metavar='FOLDER',
                        help='what the demo wrote (default: %(default)s)')
    parser.add_argument('--range-run', default='results/range.json', metavar='FILE',
                        help='stored run of the benchmark range (default: %(default)s)')
    parser.add_argument('--growth-run', default='results/growth.json', metavar='FILE',
                        help='stored run of the benchmark growth (default: %(default)s)')
    parser.add_argument('--few-labels', default='results/pretraining_{}_labels.json',
                        metavar='FILE', help='stored trainings, {} for the number of labeled '
                        'frames (default: %(default)s)')
    parser.add_argument('--work-dirs', default='work_dirs/pictures', metavar='FOLDER',
                        help='where plug-ins are trained (default: %(default)s)')
    parser.add_argument('--out', default='docs/images', metavar='FOLDER',
                        help='where the pictures go (default: %(default)s)')
    return parser.parse_args()


def sparse3d(*words: object) -> None:
    """Run a command of a user, and say which."""
    from sparse3d_cli import main
    line = [str(word) for word in words]
    print('sparse3d', *line, flush=True)
    if main(line):
        raise SystemExit(f'{line[0]} has failed')


def simulate_nuscenes(folder: str, seconds: int = 10) -> None:
    """A drive of three scenes, two to train on, if it is not there."""
    if not Path(folder, 'nuscenes_infos_val.pkl').is_file():
        sparse3d('simulate', 'nuscenes', folder, '--scenes', '3', '--seconds', str(seconds))
        sparse3d('create-data', 'nuscenes', folder)
    os.environ['SPARSE3D_SIMULATED_NUSCENES'] = folder


def simulate_crowd(folder: str) -> None:
    """A drive of four segments past people, three to train on, if it is not there."""
    made = Path(folder, 'kitti_format')
    if not (made / 'waymo_infos_val.pkl').is_file():
        sparse3d('simulate', 'waymo', folder, '--segments', '4', '--seconds', '10', '--frame-rate',
                 '2', '--image-width', '0', '--people', '5')
        sparse3d('create-data', 'waymo', folder, '--keep-no-label-zones')
    os.environ['SPARSE3D_SIMULATED_WAYMO'] = str(made)


def draw_drive(arguments: argparse.Namespace) -> Path:
    """The simulated drive as an animated picture below 3 MB."""
    from sparse3d.apis.predicted_frames import frames_with_detections
    from sparse3d.engine.checkpoint_config import open_with_config
    from sparse3d.errors import BackendUnavailable
    from sparse3d.visualization import SceneRenderer, compose
    from sparse3d.visualization.drive_animation import write_animation
    simulate_nuscenes(arguments.data, arguments.seconds)
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
    """The 3D view and the camera of one held-out frame of the demo."""
    checkpoint = demo_checkpoint(arguments)
    if checkpoint is None:
        return []
    folder = Path(arguments.demo) / 'pictures'
    sparse3d('visualize', DEMO_CONFIG, checkpoint, '--out', folder, '--indices',
             PLUGINS['focalsconv'][0].frame)
    made = newest(folder, '3d'), newest(folder, 'camera')
    return [join([path], Path(arguments.out) / f'demo_{view}.webp')
            for path, view in zip(made, ('3d', 'camera'), strict=True) if path is not None]


def draw_range(arguments: argparse.Namespace) -> Path:
    """CPU time and memory against range, of the stored run."""
    from sparse3d_benchmarks import range_plot
    path = Path(arguments.out) / 'range.webp'
    range_plot.draw_range(arguments.range_run, path)
    return path


def draw_growth(arguments: argparse.Namespace) -> list[Path]:
    """Costs of every model against sizes, of the stored run; nothing where there is none."""
    from sparse3d_benchmarks import growth_plot
    if not Path(arguments.growth_run).is_file():
        print(f'{arguments.growth_run} is not there; "sparse3d benchmark growth --out '
              f'{arguments.growth_run}" makes it')
        return []
    path = Path(arguments.out) / 'growth.webp'
    growth_plot.draw_growth(arguments.growth_run, path)
    return [path]


def draw_few_labels(arguments: argparse.Namespace) -> list[Path]:
    """Precision against labeled frames, of the stored trainings; nothing where there are none."""
    from sparse3d_benchmarks import label_curves
    files = {frames: Path(arguments.few_labels.format(frames)) for frames in FEW_LABELS}
    absent = [str(file) for file in files.values() if not file.is_file()]
    if absent:
        print(f'{absent[0]} is not there; docs/sparsity.md has the command that makes it')
        return []
    path = Path(arguments.out) / 'few_labels.webp'
    label_curves.draw_label_curves(files, path)
    return [path]


def demo_checkpoint(arguments: argparse.Namespace) -> Path | None:
    """The last one that the demo has trained; also says where its data are."""
    checkpoints = sorted(Path(arguments.demo).glob('*.pth'), key=lambda path: path.stat().st_mtime)
    if not checkpoints:
        print(f'not drawn: {arguments.demo} has no checkpoint; "make demo" trains one')
        return None
    os.environ.setdefault('SPARSE3D_SIMULATED_KITTI', 'data/demo')
    return checkpoints[-1]


def draw_plugin(name: str, arguments: argparse.Namespace) -> list[Path]:
    """The pictures of a plug-in, ``<name>.webp`` and others."""
    paths = []
    for made in PLUGINS[name]:
        if made.drive == 'nuscenes':
            simulate_nuscenes(arguments.data, arguments.seconds)
        elif made.drive:
            simulate_crowd(arguments.crowd)
        folder = Path(arguments.work_dirs) / name
        checkpoint = demo_checkpoint(arguments) if made.epochs is None else trained(made, folder)
        if checkpoint is None:
            continue
        out = folder / 'pictures'
        sparse3d('visualize', made.config, checkpoint, '--out', out, '--indices', made.frame,
                 *made.words)
        files = [file for file in (newest(out, ending) for ending in made.endings) if file]
        if files:
            paths.append(join(files, Path(arguments.out) / f'{made.name or name}.webp',
                              made.across))
    return paths


def trained(made: PluginPicture, folder: Path) -> Path:
    """A checkpoint of a plug-in, trained if there is none; of drawn weights for no epochs."""
    checkpoints = sorted(folder.glob('*.pth'), key=lambda path: path.stat().st_mtime)
    if checkpoints:
        return checkpoints[-1]
    if made.epochs:
        sparse3d('train', made.config, '--epochs', made.epochs, '--seed', '0', '--work-dir', folder)
        return trained(made, folder)
    import torch

    from sparse3d.apis import load_config
    from sparse3d.atomic_files import atomic_file, make_folder
    from sparse3d.engine.build_model import build_model
    make_folder(folder)
    torch.manual_seed(0)
    model = build_model(load_config(made.config), None, 'cpu')
    with atomic_file(folder / 'drawn.pth') as stream:
        torch.save(dict(state_dict=model.state_dict(), meta={}), stream)
    return folder / 'drawn.pth'


def newest(folder: Path, ending: str) -> Path | None:
    """The picture of an ending that was written last."""
    files = sorted(folder.glob(f'*_{ending}.png'), key=lambda path: path.stat().st_mtime)
    return files[-1] if files else None


def join(files: list[Path], path: Path, across: int = 1) -> Path:
    """Pictures row by row, as wide as each other, in a .webp of at most 300 kB.

    Args:
        across: how many stand side by side.
    """
    from PIL import Image

    from sparse3d.atomic_files import make_folder, write_bytes_atomically
    images = [Image.open(file).convert('RGB') for file in files]
    width = WIDE // across
    images = [image.resize((width, round(image.height * width / image.width)),
                           Image.Resampling.LANCZOS) for image in images]
    rows = [images[start:start + across] for start in range(0, len(images), across)]
    heights = [max(image.height for image in row) for row in rows]
    together = Image.new('RGB', (width * across, sum(heights)))
    for place, row in enumerate(rows):
        for column, image in enumerate(row):
            together.paste(image, (column * width, sum(heights[:place])))
    for quality in (85, 70, 55, 40):
        stream = BytesIO()
        together.save(stream, format='webp', quality=quality, method=6)
        if len(stream.getvalue()) <= LARGEST:
            break
    make_folder(path.parent)
    write_bytes_atomically(path, stream.getvalue())
    return path


def draw(arguments: argparse.Namespace) -> list[Path]:
    """All that are wanted."""
    made: list[Path] = []
    for name in arguments.only:
        if name == 'drive':
            made.append(draw_drive(arguments))
        elif name == 'range':
            made.append(draw_range(arguments))
        elif name == 'growth':
            made += draw_growth(arguments)
        elif name == 'few_labels':
            made += draw_few_labels(arguments)
        else:
            made += draw_demo(arguments) if name == 'demo' else draw_plugin(name, arguments)
    return made


if __name__ == '__main__':
    from sparse3d.apis.command_line import run_command
    given = parse()
    sys.exit(run_command(lambda: print(*draw(given), sep='\n')))
