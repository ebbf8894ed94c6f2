"""Write a folder that a hub takes: safetensors, config as data, SHA256SUMS, model card.

Upload it with "huggingface-cli upload ORGANIZATION/NAME FOLDER"; then
load_detector('hf://ORGANIZATION/NAME') detects with it anywhere.
"""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d publish CONFIG CHECKPOINT published --license apache-2.0 --data "simulated, 200 frames"
  sparse3d publish CONFIG CHECKPOINT published --license cc-by-nc-4.0 --results results/a.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', help='weights, ours or converted')
    parser.add_argument('folder', help='to make')
    parser.add_argument('--license', required=True,
                        help="of the weights, as the hub names it; the data's may bind it")
    parser.add_argument('--data', help='what the weights were trained on, in a sentence')
    parser.add_argument('--results', nargs='+', default=[], metavar='FILE.json',
                        help='results for the model card, of this config')
    parser.add_argument('--pictures', nargs='+', default=[], metavar='FILE',
                        help='pictures for the model card')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.publish import CardFacts, publish
    folder = publish(arguments.config, arguments.checkpoint, arguments.folder, CardFacts(
        arguments.license, arguments.data, arguments.results, arguments.pictures))
    for path in sorted(folder.iterdir()):
        print(f'{path.stat().st_size:12,d} bytes  {path}')
