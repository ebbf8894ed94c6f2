"""Puts one box into each frame: a stand-in for labels. Usage: label_recorded_frames.py ROOT"""
import sys
from pathlib import Path

root = Path(sys.argv[1])
(root / 'boxes').mkdir()
for cloud in sorted((root / 'points').iterdir()):
    (root / 'boxes' / f'{cloud.stem}.csv').write_text(
        'class,x,y,z_bottom,dx,dy,dz,yaw\nCar,12.4,-3.1,0.0,4.2,1.8,1.5,0.03\n')
