"""What the Waymo Open Dataset can do here; text only, so that reading it is light."""
from sparse3d.datasets.waymo.renamed_names import RENAMES
from sparse3d.plugins import DataSet

ROOM = 'sparse3d.datasets.waymo'

data_set = DataSet(
    name='waymo',
    summary='Waymo Open Dataset, TFRecord (v1) or Parquet (v2)',
    modules=(f'{ROOM}.config_statements', f'{ROOM}.dataset', f'{ROOM}.evaluate.metric',
             f'{ROOM}.keypoints.dataset', f'{ROOM}.keypoints.metric', f'{ROOM}.load_points',
             f'{ROOM}.results', f'{ROOM}.tracks'),
    info_files=('waymo_infos_*.pkl', 'kitti_format/waymo_infos_*.pkl'),
    arguments=f'{ROOM}.arguments:add_arguments',
    prepare=f'{ROOM}.arguments:prepare',
    check=f'{ROOM}.check:check_waymo',
    upgrade=f'{ROOM}.prepare.upgrade:upgrade',
    simulate_arguments=f'{ROOM}.simulate.arguments:add_arguments',
    simulate=f'{ROOM}.simulate.arguments:simulate',
    examples=(
        'sparse3d create-data waymo data/waymo --workers 4',
        'sparse3d create-data waymo data/waymo --shard 1/8    # on the first of 8 machines',
        'sparse3d create-data waymo data/waymo --merge        # when all are done',
        'sparse3d simulate waymo data/simulated_waymo --segments 4 --seconds 10 --workers 2',
        'sparse3d check data/waymo/kitti_format',
    ),
    renames=RENAMES,
    docs='data/README.md')
