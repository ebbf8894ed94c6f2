"""Draw points, ground truth and detections: 3D view, bird's-eye view, cameras, all in one."""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d visualize CONFIG                                    # the data alone
  sparse3d visualize CONFIG work_dirs/mine/epoch_80.pth --out pictures --frames 8
  sparse3d visualize CONFIG CHECKPOINT --indices 0 17 --score-threshold 0.5 --show
  sparse3d visualize CONFIG --results results_nusc.json          # of another tool
  sparse3d visualize CONFIG CHECKPOINT --frames 40 --keypoints --video drive.mp4
  sparse3d visualize CONFIG CHECKPOINT --html scene.html          # to turn in a browser
  sparse3d visualize CONFIG CHECKPOINT --theme light --view fit --size 1920x1080
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint file; without it no detections')
    parser.add_argument('--results', metavar='FILE',
                        help='draw the detections of another tool: results JSON of nuScenes, a '
                             'folder of KITTI results, a Waymo .bin, an Argoverse 2 .feather, or '
                             'what "detect" writes (.json, .csv, .npz, or a folder of them)')
    parser.add_argument('--out', default='pictures', metavar='FOLDER',
                        help='where the pictures go (default: %(default)s)')
    parser.add_argument('--frames', type=int, default=4, metavar='N',
                        help='number of frames, spread over the split (default: %(default)s)')
    parser.add_argument('--indices', type=int, nargs='+', metavar='I',
                        help='draw these frames of the split instead')
    parser.add_argument('--score-threshold', type=float, default=0.3,
                        help='leave out detections below this score (default: %(default)s)')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='test',
                        help='whose data to draw (default: %(default)s)')
    parser.add_argument('--color-by', default='height',
                        choices=['height', 'intensity', 'time', 'class', 'importance'],
                        help='color of the points; importance with --pictures importance '
                             '(default: %(default)s)')
    parser.add_argument('--theme', choices=['dark', 'light'], default='dark',
                        help='colors of the pictures (default: %(default)s)')
    parser.add_argument('--view', choices=['behind', 'front', 'top', 'follow', 'fit'],
                        default='behind',
                        help='where the 3D view is seen from; front looks back from ahead, fit '
                             'takes in all boxes and points (default: %(default)s)')
    parser.add_argument('--size', metavar='WxH',
                        help='pixels of the 3D view; the view from above has this height too '
                             '(default: 1600x900)')
    parser.add_argument('--point-size', type=float, default=2.2, metavar='PIXELS',
                        help='of the points (default: %(default)s)')
    parser.add_argument('--zoom', type=float, default=1.0, metavar='FACTOR',
                        help='2 shows half as much, twice as large (default: %(default)s)')
    parser.add_argument('--keypoints', action='store_true',
                        help='draw skeletons, and a close picture of each person')
    parser.add_argument('--pictures', nargs='+', default=[], metavar='NAME',
                        help='also draw these pictures of the plug-in; "list pictures" names them')
    parser.add_argument('--video', metavar='FILE',
                        help='also join the pictures of all into a video, .mp4 (H.264) or .webm '
                             '(VP9); see --indices, e.g. 0 1 2 3')
    parser.add_argument('--fps', type=float, default=5.0,
                        help='frames per second of the video (default: %(default)s)')
    parser.add_argument('--recording', metavar='FILE.rrd',
                        help='also record everything for the rerun viewer (desktop or browser)')
    parser.add_argument('--html', metavar='FILE.html',
                        help='also write the frames as one page to turn in a browser')
    parser.add_argument('--show', action='store_true',
                        help='then open a window: slider, keys, layers, picking')
    parser.add_argument('--device', help='cpu or cuda; default: the GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')
    parser.add_argument('--allow-partial', action='store_true',
                        help='take a checkpoint of which only a part fits the model')


def run(arguments: argparse.Namespace) -> None:
    import logging

    from sparse3d.apis import visualize
    from sparse3d.engine.config_options import parse_options
    from sparse3d.visualization import Style
    logging.basicConfig(format='%(message)s')
    logging.getLogger('sparse3d').setLevel(logging.INFO)
    paths = visualize(
        arguments.config, arguments.checkpoint, arguments.out,
        frames=arguments.indices or arguments.frames, score_threshold=arguments.score_threshold,
        show=arguments.show, split=arguments.split, device=arguments.device,
        cfg_options=parse_options(arguments.cfg_options),
        allow_partial=arguments.allow_partial, html=arguments.html,
        keypoints=arguments.keypoints, video=arguments.video, frames_per_second=arguments.fps,
        recording=arguments.recording, pictures=arguments.pictures, results=arguments.results,
        style=Style.named(arguments.theme, arguments.size, view=arguments.view,
                          point_size=arguments.point_size, zoom=arguments.zoom,
                          color_by=arguments.color_by))
    print('\n'.join(map(str, paths)))
    print(f'{len(paths)} files written to {arguments.out}')
