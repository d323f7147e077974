"""From checked rows to trained networks: what `training` is given, and what is made of it."""
