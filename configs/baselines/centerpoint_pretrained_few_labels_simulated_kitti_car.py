# Few labeled frames for a detector whose encoder has seen the whole drive without labels:
#   sparse3d pretrain centerpoint_simulated_kitti_car --epochs 3 --work-dir work_dirs/pretraining
# An encoder elsewhere: SPARSE3D_ENCODER=encoder.pth sparse3d train ...
_base_ = ['centerpoint_few_labels_simulated_kitti_car.py']

pretrained_encoder = '{{$SPARSE3D_ENCODER:work_dirs/pretraining/encoder.pth}}'
