"""`sparse3d train` of a source tree; see projects/sparse3d_cli/train.py."""
import sys

from sparse3d_cli import tool

if __name__ == '__main__':
    sys.exit(tool('train'))
