"""Draw the picture of the README: ``python docs/readme_figure.py``."""

from pathlib import Path

import matplotlib.pyplot as plt

import nmfre

COLOURS = {"Male": "#1f5fa8", "Female": "#c4572b"}
LINES = {"Male": "-", "Female": "--"}


def main() -> None:
    orthodont = nmfre.datasets.load_orthodont()
    model = nmfre.NMFRE.from_formula(
        "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    )
    res = model.fit(df_cap=0.21, n_boot=5000)
    sex = orthodont.groupby("subject", sort=False)["sex"].first()
    mean = res.predict().groupby(sex, sort=False).first()

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for subject, row in orthodont.groupby("subject", sort=False):
        colour = COLOURS[sex[subject]]
        left.plot(row["age"], row["distance"], color=colour, alpha=0.25, linewidth=1)
    for group, profile in mean.iterrows():
        left.plot(
            profile.index, profile, LINES[group], color=COLOURS[group], linewidth=3, label=group
        )
    left.set(xlabel="age (years)", ylabel="distance (mm)", xticks=[8, 10, 12, 14])
    left.set_title("27 children and the means of the groups", fontsize=11)
    left.legend(frameon=False, title="sex", loc="upper left")

    effect = ("comp1", "sex[T.Male]")
    draws = res.inference.bootstrap.replicates[:, res.params.index.get_loc(effect)]
    low, high = res.conf_int().loc[effect]
    right.hist(draws, bins=60, color="#9db4cc", edgecolor="white", linewidth=0.3)
    right.axvline(res.params[effect], color="#222222", linewidth=2)
    right.axvspan(low, high, color="#222222", alpha=0.08, zorder=0)
    right.set(xlabel="effect of sex on the growth component", ylabel="wild-bootstrap replicates")
    right.set_title(f"{res.params[effect]:.2f}, 95 % interval {low:.2f} to {high:.2f}", fontsize=11)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(Path(__file__).parent / "images" / "orthodont.png", dpi=160)


if __name__ == "__main__":
    main()
