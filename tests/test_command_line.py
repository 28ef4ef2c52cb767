"""The examples of the paper, from the command line."""

from __future__ import annotations

import pytest

from nmfre.__main__ import main


def test_command_line_prints_the_tables(capsys, monkeypatch):
    monkeypatch.delenv("NMFRE_DATA", raising=False)
    assert main(["paper", "orthodont"]) == 0
    out = capsys.readouterr().out
    for part in ("90.501", "Linear mixed model", "-215.587", "df-cap and ml: The effect of sex"):
        assert part in out
    with pytest.raises(SystemExit) as stop:
        main(["paper", "od-flow"])
    assert stop.value.code == 2
    assert "000040170612" in capsys.readouterr().err


def test_command_line_draws_the_figures(tmp_path, capsys):
    assert main(["paper", "orthodont", "--figures", str(tmp_path)]) == 0
    assert (tmp_path / "orthodont.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit):
        main(["paper", "orthodont", "--figures", str(tmp_path / "nowhere")])
    assert "there is no folder" in capsys.readouterr().err


def test_command_line_says_which_examples_lack_their_data(capsys, monkeypatch):
    monkeypatch.delenv("NMFRE_DATA", raising=False)
    assert main(["paper"]) == 0
    out = capsys.readouterr().out
    assert out.count("left out.") == 2
    assert "2.420" in out
