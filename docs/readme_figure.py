"""Draw the picture of the README: ``python docs/readme_figure.py``."""

from pathlib import Path

import matplotlib.pyplot as plt

import nmfre


def main() -> None:
    orthodont = nmfre.datasets.load_orthodont()
    model = nmfre.NMFRE.from_formula(
        "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    )
    res = model.fit(df_cap=0.21, n_boot=5000)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    res.plot_growth_curves(ax=left)
    left.set(xlabel="age (years)", ylabel="distance (mm)")
    left.set_title("27 children and the means of the groups", fontsize="medium")
    left.legend(title="sex", loc="upper left", frameon=False)
    res.plot_bootstrap(("comp1", "sex[T.Male]"), ax=right)
    right.set(xlabel="effect of sex on the growth component")
    figure.savefig(Path(__file__).parent / "images" / "orthodont.png", dpi=160)


if __name__ == "__main__":
    main()
