"""Estimators of X, Theta, U and the variances, in the paper's symbols. NumPy and SciPy only."""
