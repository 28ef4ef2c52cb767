"""Standard errors, tests and intervals for Theta, in the paper's symbols. NumPy and SciPy only."""
