# A small VoxelKP that learns the joints of simulated people on a CPU.
_base_ = [
    '../_base_/datasets/simulated_waymo_people.py',
    '../_base_/models/voxelkp_small.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['voxelkp'])

# The whole of it, twice, would cost the training minutes.
default_hooks = dict(validate_first=dict(max_batches=2))
