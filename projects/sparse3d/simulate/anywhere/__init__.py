"""Places and sensors of any kind: domain-randomized sweeps for detectors that work anywhere.

A place (`place`) is a street, a parking lot or an open square with vehicles of lofted bodies
(`bodies`, `large_vehicles`), plants of single leaves (`plants`) and clutter (`clutter`) on uneven
ground (`ground`). A sensor is drawn at random (`sensors`) and listens to it (`sweep`). Each
ingredient can be left out by name (`ingredients`). Nothing of it touches the streets of the other
simulated drives.
"""
