"""What the parking lots can do in Sparse3D; text only, so that reading it is light."""
from sparse3d.plugins import DataSet

data_set = DataSet(
    name='parking_lot',
    summary='parking lots under one LiDAR',
    modules=('parking_lot.dataset', 'parking_lot.metric', 'parking_lot.box_files'),
    configs='parking_lot.configs',
    info_files=('parking_lot_infos_*.pkl',),
    arguments='parking_lot.prepare:add_arguments',
    prepare='parking_lot.prepare:prepare',
    check='parking_lot.check:check',
    simulate_arguments='parking_lot.simulate:add_arguments',
    simulate='parking_lot.simulate:simulate',
    examples=(
        'sparse3d create-data parking_lot data/parking_lot',
        'sparse3d simulate parking_lot data/parking_lot --frames 40',
        'sparse3d check data/parking_lot',
    ),
    docs='https://example.org/parking-lots')
