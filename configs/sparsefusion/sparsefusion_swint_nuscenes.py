# Stage 2 of SparseFusion, Swin-T: as with ResNet-50, but for the image backbone and its training.
_base_ = ['sparsefusion_r50_nuscenes.py']

learning_rate = 6e-4  # at its highest, for 4 GPUs with 3 samples each

model = dict(
    image_backbone=dict(
        _delete_=True,  # another network
        type='mmdet.SwinTransformer',
        embed_dims=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        mlp_ratio=4,
        drop_path_rate=0.2,
        out_indices=(0, 1, 2, 3),
        with_cp=True,
        convert_weights=False),
    image_neck=dict(in_channels=[96, 192, 384, 768]))

optim_wrapper = dict(
    optimizer=dict(lr=learning_rate),
    paramwise_cfg=dict(
        custom_keys={
            'image_backbone': dict(lr_mult=0.1, decay_mult=5),
            'absolute_pos_embed': dict(decay_mult=0.0),
            'relative_position_bias_table': dict(decay_mult=0.0),
            'norm': dict(decay_mult=0.0),
            # Norms that are called so in the release, and one that is not.
            'view_transformation.projection.1': dict(decay_mult=0.0),
            'lidar_projection.1': dict(decay_mult=0.0),
            'camera_projection.1': dict(decay_mult=0.0),
            'view_transformation.gate.norm': dict(decay_mult=1.0),
        }))
train_dataloader = dict(batch_size=3)
auto_scale_lr = dict(base_batch_size=12)
