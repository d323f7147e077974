"""What every room may use: scikit-learn's private names, messages, files, randomness."""
