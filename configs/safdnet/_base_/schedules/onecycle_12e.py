# HEDNet and SAFDNet: one cycle in 12 epochs, a tenth of it rising.
_base_ = ['onecycle_24e.py']
max_epochs = 12

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
