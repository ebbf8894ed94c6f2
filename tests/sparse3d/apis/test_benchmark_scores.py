from __future__ import annotations

import math

from mmengine.config import Config

from sparse3d.apis.benchmark_scores import BenchmarkEvaluation, BenchmarkScores

NAMES = ('car', 'car_wash')


def test_classes_are_rows_and_the_headline_comes_first():
    scores = BenchmarkScores({'n/NDS': 0.23451, 'n/car_AP': 0.5, 'n/car_AP_0.5': 0.4,
                              'n/car_wash_AP': 0.25, 'n/car_wash_ATE': math.nan}, ('AP', 'ATE'))
    head, rows = scores.tables(NAMES)
    assert head == ['', 'AP', 'ATE']
    assert [row[:2] for row in rows] == [['car', 0.5], ['car_wash', 0.25]]
    assert scores.of_all['NDS'] == 0.23451 and scores.text(0.23451) == '0.2345'
    assert BenchmarkScores({'k/Car_3D': 51.2}).text(0.5) == 0.5      # percent


def test_a_config_without_evaluator_says_so():
    made = BenchmarkEvaluation(Config(), 'test', {})
    assert made.rules(NAMES) == () and 'no test_evaluator' in made.scores(3, 3).note
