"""Everything with a fit but the baselines, and what the classifiers share."""
