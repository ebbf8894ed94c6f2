"""`sparse3d gpu-check` of a source tree; see projects/sparse3d_cli/gpu_check.py."""
import sys

from sparse3d_cli import tool

if __name__ == '__main__':
    sys.exit(tool('gpu-check'))
