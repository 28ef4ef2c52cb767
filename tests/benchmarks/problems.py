"""
What the benchmarks measure: each problem prepares its data and returns the work to be timed.

The work returns a remark on its result, so that figures of different programs can be compared.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

import nmfre
from nmfre.estimation.alternating import fit_alternating
from nmfre.estimation.initial import nndsvd
from nmfre.paper.benchmarks import COVARIATES, FACTORS, TESTS, holzinger_swineford_data
from nmfre.simulation import BumpDesign

REFERENCE = Path(__file__).parents[1] / "reference"
Work = Callable[[], str]
ONE = {"cov_resid": "identity", "cov_re": "identity"}
"""The covariances of the paper."""


@dataclass(frozen=True)
class Problem:
    """A row of the table; ``needs`` are what must be installed: modules, or packages of R."""

    what: str
    prepare: Callable[[], Work]
    program: str = "nmfre"
    repeats: int = 3
    needs: tuple[str, ...] = ()
    long: bool = False


def report(res: nmfre.NMFREResults) -> str:
    """Log-likelihood, or objective, and how the fit ended."""
    value = f"log-likelihood {res.llf:.2f}" if res.method == "ml" else f"{res.n_iter} iterations"
    return f"{value}, stopped: {res.stop_reason}"


def holzinger(**options: Any) -> Callable[[], Work]:
    def prepare() -> Work:
        case = json.loads((REFERENCE / "holzinger_rank3.json").read_text())
        model = nmfre.NMFRE(np.array(case["Y"]).T, np.array(case["A"]).T, rank=3)
        return lambda: report(model.fit("ml", **options))

    return prepare


def refits() -> Work:
    case = json.loads((REFERENCE / "holzinger_rank3.json").read_text())
    model = nmfre.NMFRE(np.array(case["Y"]).T, np.array(case["A"]).T, rank=3)
    res = model.fit("ml", n_boot=0, **ONE)
    return lambda: f"{len(res.bootstrap(200, refit=True).replicates)} replicates"


def bumps(n_responses: int, rank: int, n_units: int, missing: float = 0.0) -> nmfre.NMFRE:
    design = BumpDesign(n_responses=n_responses, rank=rank, n_units=n_units)
    endog, exog = design.draw(np.random.default_rng(0))
    endog[np.random.default_rng(1).random(endog.shape) < missing] = np.nan
    return nmfre.NMFRE(endog, exog, rank=rank)


def one_start(shape: tuple[int, int, int], missing: float, **options: Any) -> Callable[[], Work]:
    def prepare() -> Work:
        model = bumps(*shape, missing)
        return lambda: report(model.fit("ml", n_starts=1, n_boot=0, **options))

    return prepare


def rank_selection(shape: tuple[int, int, int], missing: float, last: int) -> Callable[[], Work]:
    def prepare() -> Work:
        model = bumps(*shape, missing)
        ranks = range(1, last + 1)
        return lambda: f"chose {nmfre.select_rank(model, ranks, progress=False).best}"

    return prepare


def reconstruction(program: str) -> Callable[[], Work]:
    """1,000 x 500 of rank 10, with noise of a tenth of the mean."""

    def prepare() -> Work:
        rng = np.random.default_rng(0)
        mean = rng.gamma(0.5, size=(1_000, 10)) @ rng.gamma(0.5, size=(10, 500))
        Y = np.maximum(mean + 0.1 * mean.mean() * rng.normal(size=mean.shape), 0.0)

        def sklearn() -> str:
            from sklearn.decomposition import NMF

            nmf = NMF(10, tol=1e-6, max_iter=5_000, init="nndsvda", random_state=0)
            W = nmf.fit_transform(Y)
            return f"error {np.linalg.norm(Y - W @ nmf.components_):.3f}, {nmf.n_iter_} iterations"

        def own() -> str:
            options = {"n_starts": 1, "n_boot": 0, "uncertainty": "conditional", **ONE}
            res = nmfre.NMFRE(Y, rank=10).fit("ml", **options)
            error = np.linalg.norm(res.resid.to_numpy())
            return f"error {error:.3f}, {report(res)}"

        return own if program == "nmfre" else sklearn

    return prepare


def df_cap(maxiter: int, **shape: int) -> Callable[[], Work]:
    """Updates of six responses and 80 units under a cap that binds, without a tolerance."""

    def prepare() -> Work:
        rng = np.random.default_rng(0)
        rank, n_units = shape["rank"], shape["n_units"]
        A = np.vstack([np.ones(n_units), rng.random(n_units)])
        X = rng.random((6, rank)) ** 3
        scores = 20.0 * rng.random((rank, 2)) @ A + rng.normal(size=(rank, n_units))
        Y = np.maximum(X / X.sum(axis=0) @ scores + 0.3 * rng.normal(size=(6, n_units)), 0.0)
        start, ones = nndsvd(Y, rank, rng)[None], np.ones((1, rank, 2))
        cap = 0.05 * rank * n_units

        def work() -> str:
            (found,) = fit_alternating(
                Y[None], A[None], start, ones, cap=cap, tol=0.0, maxiter=maxiter
            )
            return f"{found.n_iter:,} iterations, the cap bound in {found.cap_hits:,}"

        return work

    return prepare


def df_cap_large() -> Work:
    """The data are 160 MB."""
    model = _large_model(1_000_000)
    return lambda: report(model.fit("df-cap", df_cap=0.1, maxiter=60))


def _large_model(n_units: int) -> nmfre.NMFRE:
    rng = np.random.default_rng(0)
    X = rng.random((3, 16)) ** 4
    endog, exog = np.empty((n_units, 16)), np.ones((n_units, 4))
    for start in range(0, n_units, 10_000):
        s = slice(start, min(start + 10_000, n_units))
        exog[s, 1:] = rng.random((s.stop - s.start, 3))
        scores = exog[s] @ np.arange(1.0, 13.0).reshape(4, 3)
        scores += rng.normal(size=scores.shape)
        endog[s] = np.abs(scores @ X + 0.5 * rng.normal(size=(s.stop - s.start, 16)))
    return nmfre.NMFRE(endog, exog, rank=3)


def ml_large() -> Work:
    model = _large_model(1_000_000)
    return lambda: report(model.fit("ml", n_starts=1))


def documents(n_documents: int, n_terms: int = 20_000, n_topics: int = 10) -> csr_array:
    """Counts of 102 words a document, of topics whose shares are drawn for every document."""
    rng = np.random.default_rng(0)
    topics = rng.gamma(0.3, size=(n_topics, n_terms))
    topics = 0.8 * topics / topics.sum(axis=1, keepdims=True) + 0.2 / n_terms
    edges = (np.cumsum(topics, axis=1) + np.arange(n_topics)[:, None]).ravel()
    weights = np.full((n_documents, n_topics), 0.2)
    weights[1::2, : n_topics // 2] = 0.6
    words = []
    for start in range(0, n_documents, 1_000):
        share = rng.gamma(weights[start : start + 1_000])
        upto = np.cumsum(share / share.sum(axis=1, keepdims=True), axis=1)[:, None, :-1]
        topic = (rng.random((len(share), 102, 1)) > upto).sum(axis=2)
        word = np.searchsorted(edges, topic + rng.random(topic.shape)) - n_terms * topic
        words.append(np.minimum(word, n_terms - 1).astype(np.int32))
    indices = np.concatenate(words).ravel()
    counts = csr_array(
        (np.ones(indices.size), indices, np.arange(0, indices.size + 1, 102, dtype=np.int32)),
        shape=(n_documents, n_terms),
    )
    counts.sum_duplicates()
    return counts


def sparse(program: str, n_documents: int, uncertainty: str = "conditional") -> Callable[[], Work]:
    def prepare() -> Work:
        counts = documents(n_documents)
        exog = np.column_stack([np.ones(n_documents), np.arange(n_documents) % 2])

        def own() -> str:
            model = nmfre.NMFRE(counts, exog, rank=10)
            n_boot = 0 if uncertainty == "conditional" else 500
            options = {"n_starts": 1, "n_boot": n_boot, "uncertainty": uncertainty, **ONE}
            return report(model.fit("ml", **options))

        def sklearn() -> str:
            from sklearn.decomposition import NMF

            nmf = NMF(10, tol=1e-6, max_iter=1_000, random_state=0).fit(counts)
            return f"{nmf.n_iter_} iterations"

        return own if program == "nmfre" else sklearn

    return prepare


def chunked() -> Work:
    """2,000,000 units in files of 100,000, which are read chunk by chunk."""
    import dask
    import dask.array as da

    folder = tempfile.TemporaryDirectory()
    rng = np.random.default_rng(0)
    X, paths = np.repeat(np.eye(3), 4, axis=0) + 0.1, []
    for number in range(20):
        exog = np.column_stack([np.ones(100_000), rng.random(100_000)])
        scores = exog @ [[8.0, 6.0, 4.0], [3.0, 0.0, 2.0]] + rng.normal(size=(100_000, 3))
        endog = np.abs(scores @ X.T + rng.normal(size=(100_000, 12)))
        paths.append(Path(folder.name) / f"{number}.npy")
        np.save(paths[-1], np.hstack([endog, exog]))

    def work() -> str:
        load = dask.delayed(np.load)
        parts = [da.from_delayed(load(path), (100_000, 14), float) for path in paths]
        both = da.concatenate(parts)
        with dask.config.set(scheduler="synchronous"):
            model = nmfre.NMFRE(both[:, :12], both[:, 12:], rank=3)
            res = model.fit("ml", n_starts=1, n_boot=0)
        folder.cleanup()
        return report(res)

    return work


def orthodont(method: str, **options: Any) -> Callable[[], Work]:
    def prepare() -> Work:
        model = nmfre.NMFRE.from_formula(
            "distance ~ sex",
            nmfre.datasets.load_orthodont(),
            rank=1,
            unit="subject",
            occasion="age",
        )
        return lambda: report(model.fit(method, **options))

    return prepare


def mixed_lm() -> Work:
    """A random intercept by child, with a mean for each age and a difference of the sexes."""
    import statsmodels.formula.api as smf

    model = smf.mixedlm(
        "distance ~ C(age) + sex", nmfre.datasets.load_orthodont(), groups="subject"
    )
    return lambda: f"log-likelihood {model.fit(reml=False).llf:.2f}"


def semopy_mimic() -> Work:
    import semopy

    data = holzinger_swineford_data()
    data = data / data.std()
    lines = [f"{factor} =~ {' + '.join(tests)}" for factor, tests in FACTORS.items()]
    lines += [f"{factor} ~ {' + '.join(COVARIATES)}" for factor in FACTORS]

    def work() -> str:
        model = semopy.Model("\n".join(lines))
        found = model.fit(data)
        return f"objective {found.fun:.4f}, with {len(model.inspect())} rows of estimates"

    return work


def own_mimic() -> Work:
    """The same factors, covariates and a full covariance of them."""
    data = holzinger_swineford_data()
    data = data / data.std()
    exog = data[COVARIATES].assign(Intercept=1.0)
    pattern = pd.DataFrame(
        {factor: [test in tests for test in TESTS] for factor, tests in FACTORS.items()}, TESTS
    )
    model = nmfre.NMFRE(data[TESTS], exog, basis_pattern=pattern)
    return lambda: report(
        model.fit("ml", signed=True, cov_resid="diagonal", cov_re="full", n_boot=0)
    )


R_TIMED = """
d <- read.csv('{path}'); {before}
seconds <- function() {{ t <- proc.time(); {work}; sum((proc.time() - t)[1:2]) }}
cat('seconds', min(replicate(3, seconds())), '\\n')
"""


def in_r(data: Callable[[], pd.DataFrame], before: str, work: str) -> Callable[[], Work]:
    """What R's own clock measures, without its start; the fastest of three."""

    def prepare() -> Work:
        with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
            data().to_csv(file, index=False)

        def run() -> str:
            code = R_TIMED.format(path=file.name, before=before, work=work)
            out = subprocess.run(
                ["Rscript", "-e", code], capture_output=True, text=True, check=True
            ).stdout
            Path(file.name).unlink()
            return next(line for line in out.splitlines() if line.startswith("seconds"))

        return run

    return prepare


def _scaled() -> pd.DataFrame:
    data = holzinger_swineford_data()
    return data / data.std()


def _reference() -> pd.DataFrame:
    case = json.loads((REFERENCE / "holzinger_rank3.json").read_text())
    return pd.DataFrame(np.vstack([case["Y"], case["A"]]).T)


MIMIC_IN_R = "; ".join(
    [f"{factor} =~ {' + '.join(tests)}" for factor, tests in FACTORS.items()]
    + [f"{factor} ~ {' + '.join(COVARIATES)}" for factor in FACTORS]
)
HS = "Holzinger-Swineford, rank 3, default starts, inference and 500 replicates"
PROBLEMS = {
    "holzinger": Problem(f"{HS}, effects not negative", holzinger(**ONE)),
    "holzinger-signed": Problem(f"{HS}, signed effects", holzinger(signed=True, **ONE)),
    "holzinger-diagonal": Problem(
        f"{HS}, diagonal covariances", holzinger(cov_resid="diagonal", cov_re="diagonal")
    ),
    "holzinger-nmfkc": Problem(
        "Holzinger-Swineford, rank 3, signed effects",
        in_r(_reference, "d <- t(as.matrix(d))", "nmfkc::nmfre(d[1:9, ], d[-(1:9), ], rank = 3)"),
        "nmfkc (R)",
        1,
        ("R:nmfkc",),
    ),
    "mimic": Problem("MIMIC model of Holzinger-Swineford, with standard errors", own_mimic),
    "mimic-semopy": Problem(
        "the same model, without a mean structure", semopy_mimic, "semopy", 3, ("semopy",)
    ),
    "mimic-lavaan": Problem(
        "the same model",
        in_r(
            _scaled,
            "suppressMessages(library(lavaan))",
            f"sem('{MIMIC_IN_R}', d, meanstructure = TRUE, estimator = 'MLR')",
        ),
        "lavaan (R)",
        1,
        ("R:lavaan",),
    ),
    "refits": Problem(
        "200 refits of Holzinger-Swineford, rank 3, effects not negative", refits, repeats=1
    ),
    "missing": Problem(
        "12 responses, 200 units, 20 % missing, rank 4, one start",
        one_start((12, 4, 200), 0.2, uncertainty="conditional", **ONE),
    ),
    "p100": Problem(
        "100 responses, 200 units, rank 5, one start, conditional inference",
        one_start((100, 5, 200), 0.0, uncertainty="conditional", **ONE),
    ),
    "p100-marginal": Problem(
        "the same, marginal inference", one_start((100, 5, 200), 0.0, **ONE), repeats=1
    ),
    "p300-marginal": Problem(
        "300 responses, 200 units, rank 5, one start, marginal inference",
        one_start((300, 5, 200), 0.0, **ONE),
        repeats=1,
    ),
    "reconstruction": Problem(
        "1,000 x 500, rank 10, one start", reconstruction("nmfre"), repeats=1
    ),
    "reconstruction-sklearn": Problem(
        "the same matrix, coordinate descent, tol=1e-6",
        reconstruction("scikit-learn"),
        "scikit-learn",
        1,
        ("sklearn",),
    ),
    "select-rank": Problem(
        "select_rank, 12 responses, 200 units, ranks 1 to 4",
        rank_selection((12, 3, 200), 0.0, 4),
        repeats=1,
    ),
    "select-rank-questionnaire": Problem(
        "select_rank, 25 responses, 500 units, 5 % missing, ranks 1 to 6",
        rank_selection((25, 4, 500), 0.05, 6),
        repeats=1,
    ),
    "orthodont": Problem(
        "Orthodont, rank 1, df-cap, 500 replicates", orthodont("df-cap", df_cap=0.21)
    ),
    "orthodont-ml": Problem("the same, ml", orthodont("ml", **ONE)),
    "orthodont-mixedlm": Problem(
        "random intercept by child, maximum likelihood", mixed_lm, "statsmodels MixedLM"
    ),
    "orthodont-lme4": Problem(
        "the same model",
        in_r(
            nmfre.datasets.load_orthodont,
            "suppressMessages(library(lme4))",
            "lmer(distance ~ factor(age) + sex + (1 | subject), d, REML = FALSE)",
        ),
        "lme4 (R)",
        1,
        ("R:lme4",),
    ),
    **{
        f"df-cap-rank{rank}": Problem(
            f"df-cap, 6 responses, 80 units, rank {rank}, 26,302 iterations",
            df_cap(26_302, rank=rank, n_units=80),
        )
        for rank in (1, 2, 3)
    },
    "df-cap-large": Problem(
        "df-cap, 1,000,000 units, 16 responses, 4 covariates (160 MB), rank 3, 60 iterations",
        df_cap_large,
        repeats=1,
    ),
    "ml-large": Problem("the same data, ml, one start", ml_large, repeats=1),
    "chunked": Problem(
        "2,000,000 units on disk, 12 responses, rank 3, one start",
        chunked,
        repeats=1,
        needs=("dask",),
    ),
    "sparse": Problem(
        "10,000 documents, 20,000 terms, rank 10, one start", sparse("nmfre", 10_000), repeats=1
    ),
    "sparse-sklearn": Problem(
        "the same matrix, tol=1e-6",
        sparse("scikit-learn", 10_000),
        "scikit-learn",
        1,
        ("sklearn",),
    ),
    "sparse-long": Problem(
        "100,000 documents, 20,000 terms, rank 10, one start, marginal inference",
        sparse("nmfre", 100_000, "marginal"),
        repeats=1,
        long=True,
    ),
    "sparse-long-sklearn": Problem(
        "the same matrix, tol=1e-6",
        sparse("scikit-learn", 100_000),
        "scikit-learn",
        1,
        ("sklearn",),
        long=True,
    ),
}
