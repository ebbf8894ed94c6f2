# The fused detector, tested on a drive at night (sparse3d simulate nuscenes --night).
# Data elsewhere: SPARSE3D_SIMULATED_NUSCENES_NIGHT=/data/night sparse3d test ...
_base_ = ['sparsefusion_simulated_nuscenes.py']

night_root = '{{$SPARSE3D_SIMULATED_NUSCENES_NIGHT:data/simulated_nuscenes_night}}'
test_dataloader = dict(dataset=dict(data_root=night_root))
test_evaluator = dict(data_root=night_root, ann_file=night_root + '/nuscenes_infos_val.pkl')
