default_scope = 'mmdet3d'
custom_imports = dict(imports=['sparse3d.register'], allow_failed_imports=False)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # An interrupted training resumes with the same random numbers.
    seed_every_epoch=dict(type='SeedEveryEpochHook'),
    # A NaN stops the training before the weights learn from it.
    watch=dict(type='NonFiniteWatchHook'),
    # Numbers of the training's points go into checkpoints; detection compares its own with them.
    point_statistics=dict(type='PointStatisticsHook'),
    # An evaluation that cannot work fails before the first epoch.
    validate_first=dict(type='ValidateBeforeTrainingHook'),
    # A picture of losses, rates and metrics in the work folder.
    curves=dict(type='LearningCurvesHook'))

randomness = dict(seed=0)
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

log_processor = dict(type='ProgressLines', window_size=50, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
