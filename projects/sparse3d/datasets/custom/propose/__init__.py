"""A first config for a custom data set, from what its frames hold."""
