"""What Argoverse 2 can do here; text only, so that reading it is light."""
from sparse3d.plugins import DataSet

ROOM = 'sparse3d.datasets.argoverse2'

data_set = DataSet(
    name='argoverse2',
    summary='Argoverse 2 sensor data set, feather files',
    modules=(f'{ROOM}.config_statements', f'{ROOM}.dataset', f'{ROOM}.evaluate.metric',
             f'{ROOM}.load_points', f'{ROOM}.results', f'{ROOM}.tracks'),
    info_files=('argoverse2_infos_*.pkl',),
    arguments=f'{ROOM}.arguments:add_arguments',
    prepare=f'{ROOM}.arguments:prepare',
    check=f'{ROOM}.check:check_argoverse2',
    simulate_arguments=f'{ROOM}.simulate.arguments:add_arguments',
    simulate=f'{ROOM}.simulate.arguments:simulate',
    labeled_frames=f'{ROOM}.labeled_frames:labeled_frames',
    examples=(
        'sparse3d create-data argoverse2 data/argoverse2 --workers 4',
        'sparse3d create-data argoverse2 /read/only/argoverse2 --out data/argoverse2',
        'sparse3d create-data argoverse2 data/argoverse2 --shard 1/8  # on the first of 8 machines',
        'sparse3d create-data argoverse2 data/argoverse2 --merge      # when all are done',
        'sparse3d simulate argoverse2 data/simulated_argoverse2 --logs 8 --workers 2',
        'sparse3d simulate argoverse2 data/long_range --logs 8 --reach 200 --azimuths 1800',
        'sparse3d check data/argoverse2',
    ),
    docs='docs/argoverse2.md')
