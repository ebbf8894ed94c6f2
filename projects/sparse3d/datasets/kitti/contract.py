"""What KITTI can do here; text only, so that reading it is light."""
from sparse3d.plugins import DataSet

ROOM = 'sparse3d.datasets.kitti'

data_set = DataSet(
    name='kitti',
    summary='KITTI object detection or tracking, official layouts',
    modules=(f'{ROOM}.dataset', f'{ROOM}.evaluate.metric', f'{ROOM}.load_image',
             f'{ROOM}.results', f'{ROOM}.tracks'),
    info_files=('kitti_infos_*.pkl', 'kitti_tracking_infos_*.pkl'),
    arguments=f'{ROOM}.arguments:add_arguments',
    prepare=f'{ROOM}.arguments:prepare',
    check=f'{ROOM}.check:check_kitti',
    upgrade=f'{ROOM}.prepare.upgrade:upgrade',
    simulate_arguments=f'{ROOM}.simulate.arguments:add_arguments',
    simulate=f'{ROOM}.simulate.arguments:simulate',
    crops=f'{ROOM}.prepare.crops:cut_crops',
    labeled_frames=f'{ROOM}.labeled_frames:labeled_frames',
    examples=(
        'sparse3d create-data kitti data/kitti --workers 4',
        'sparse3d create-data kitti /read/only/kitti --out data/kitti --all-frames',
        'sparse3d simulate kitti data/simulated_kitti --frames 200 --seed 0 --workers 2',
        'sparse3d simulate kitti data/simulated_drives --tracking --frames 200 --people 5',
        'sparse3d check data/kitti',
    ),
    docs='data/README.md')
