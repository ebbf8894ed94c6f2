"""What custom data can do here; text only, so that reading it is light."""
from sparse3d.datasets.custom.renamed_names import RENAMES
from sparse3d.plugins import DataSet

ROOM = 'sparse3d.datasets.custom'

data_set = DataSet(
    name='custom',
    summary='a custom data set; see docs/custom_data.md',
    modules=(f'{ROOM}.dataset', f'{ROOM}.evaluate.metric', f'{ROOM}.tracks'),
    info_files=('own_infos_*.pkl',),
    arguments=f'{ROOM}.arguments:add_arguments',
    prepare=f'{ROOM}.arguments:prepare',
    propose=f'{ROOM}.propose.config_file:propose_config',
    check=f'{ROOM}.check:check_custom',
    simulate_arguments=f'{ROOM}.simulate.arguments:add_arguments',
    simulate=f'{ROOM}.simulate.arguments:simulate',
    labeled_frames=f'{ROOM}.labeled_frames:labeled_frames',
    examples=(
        'sparse3d create-data custom data/mine                # docs/custom_data.md',
        'sparse3d simulate custom data/anywhere --frames 200 --seed 0',
        'sparse3d simulate custom data/no_plants --frames 200 --without plants',
        'sparse3d check data/mine',
    ),
    renames=RENAMES,
    docs='docs/custom_data.md')
