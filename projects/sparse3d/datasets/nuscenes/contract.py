"""What nuScenes can do here; text only, so that reading it is light."""
from sparse3d.plugins import DataSet

ROOM = 'sparse3d.datasets.nuscenes'

data_set = DataSet(
    name='nuscenes',
    summary='nuScenes v1.0-trainval, -mini or -test',
    modules=(f'{ROOM}.config_statements', f'{ROOM}.dataset', f'{ROOM}.evaluate.metric',
             f'{ROOM}.objects', f'{ROOM}.results', f'{ROOM}.tracks',
             'sparse3d.tracking.nuscenes_metric'),
    info_files=('nuscenes_infos_*.pkl',),
    arguments=f'{ROOM}.arguments:add_arguments',
    prepare=f'{ROOM}.arguments:prepare',
    check=f'{ROOM}.check:check_nuscenes',
    upgrade=f'{ROOM}.prepare.upgrade:upgrade',
    simulate_arguments=f'{ROOM}.simulate.arguments:add_arguments',
    simulate=f'{ROOM}.simulate.arguments:simulate',
    crops=f'{ROOM}.prepare.crops:cut_crops',
    labeled_frames=f'{ROOM}.labeled_frames:labeled_frames',
    examples=(
        'sparse3d create-data nuscenes data/nuscenes --workers 4',
        'sparse3d create-data nuscenes data/nuscenes --version v1.0-mini',
        'sparse3d simulate nuscenes data/simulated_nuscenes --scenes 10 --seconds 20 --workers 2',
        'sparse3d simulate nuscenes data/foggy_night --scenes 2 --weather fog --night',
        'sparse3d check data/nuscenes',
    ),
    docs='data/README.md')
