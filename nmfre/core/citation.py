"""How to cite the method and the package."""

from nmfre._version import __version__

__citation__ = f"""\
@misc{{satoh2026wild,
  author = {{Satoh, Kenichi}},
  title = {{Wild Bootstrap Inference for Non-Negative Matrix Factorization with Random Effects}},
  year = {{2026}},
  eprint = {{2603.01468}},
  archivePrefix = {{arXiv}},
  url = {{https://arxiv.org/abs/2603.01468}}
}}
@software{{nmfre,
  author = {{{{The nmfre developers}}}},
  title = {{nmfre: non-negative matrix factorization with random effects}},
  year = {{2026}},
  version = {{{__version__}}}
}}
"""
"""BibTeX of the paper and of the package."""
