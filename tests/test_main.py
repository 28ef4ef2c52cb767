from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from forms import long_model

import nmfre
from nmfre import errors
from nmfre.__main__ import main

CALL = ["distance ~ sex", "data.csv", "--rank", "1", "--unit", "subject", "--occasion", "age"]


@pytest.fixture
def folder(tmp_path, monkeypatch, orthodont):
    orthodont.to_csv(tmp_path / "data.csv", index=False)
    orthodont.iloc[:0].to_csv(tmp_path / "header.csv", index=False)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "symbolic.csv").symlink_to("data.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "data.csv")
    (tmp_path / "sheet.csv").write_bytes(b"PK\x03\x04\xff")
    (tmp_path / "binary.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    for kind in ("zip", "gz", "xz", "bz2", "zst", "tar"):
        (tmp_path / f"fake.csv.{kind}").write_text("distance,sex\n1,2\n")
    whole = gzip.compress((tmp_path / "data.csv").read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_arguments_it_prints_the_example(capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert "90.501" in out
    assert err == ""


def test_a_formula_over_a_file(folder, capsys, model):
    assert main([*CALL, "--df-cap", "0.21", "--seed", "3", "--output", "coef.csv"]) == 0
    assert str(model.fit(df_cap=0.21, seed=3).summary()) in capsys.readouterr().out
    table = pd.read_csv(folder / "coef.csv", index_col=[0, 1])
    assert table.loc[("comp1", "sex[T.Male]"), "coef"] == pytest.approx(9.42944, abs=1e-5)
    assert list(table.columns[-2:]) == ["2.5 %", "97.5 %"]


def test_maximum_likelihood_has_no_cap_unless_it_is_given(folder, capsys, model):
    assert main([*CALL, "--method", "ml", "--signed"]) == 0
    out, err = capsys.readouterr()
    assert str(model.fit("ml", signed=True).summary()) in out
    assert err == ""
    assert main([*CALL, "--method", "ml", "--df-cap", "0.5"]) == 0
    assert str(model.fit("ml", df_cap=0.5).summary()) in capsys.readouterr().out


def test_forms_of_covariances(folder, capsys, model):
    options = {"cov_resid": "diagonal", "cov_re": "diagonal"}
    assert main([*CALL, "--method", "ml", "--cov-resid", "diagonal", "--cov-re", "diagonal"]) == 0
    assert str(model.fit("ml", **options).summary()) in capsys.readouterr().out
    for arguments, match in (
        (["--method", "ml", "--cov-resid", "full"], "cov_resid='full' is invalid"),
        (["--cov-re", "diagonal"], "with df-cap"),
    ):
        with pytest.raises(SystemExit):
            main([*CALL, *arguments])
        assert match in capsys.readouterr().err


def test_the_smallest_free_cap(folder, capsys, model):
    assert main([*CALL, "--df-cap", "auto"]) == 0
    assert str(model.fit(df_cap="auto").summary()) in capsys.readouterr().out


def test_options_of_inference_and_advice(folder, capsys, model):
    arguments = ["--method", "ml", "--n-starts", "2", "--cov-type", "sandwich", "--n-boot", "30"]
    assert main([*CALL, *arguments, "--alpha", "0.1", "--check", "--output", "coef.csv"]) == 0
    res = model.fit("ml", n_starts=2, cov_type="sandwich", n_boot=30)
    assert capsys.readouterr().out == f"{res.summary(0.1)}\n\n{res.check()}\n"
    assert list(pd.read_csv("coef.csv").columns[-2:]) == ["5 %", "95 %"]


def test_a_cap_above_one_is_in_degrees_of_freedom(folder, capsys, model):
    assert main([*CALL, "--df-cap", "3"]) == 0
    out, err = capsys.readouterr()
    assert str(model.fit(df_cap=nmfre.Cap(absolute=3.0)).summary()) in out
    assert err.startswith("nmfre: --df-cap 3 is a cap of 3 degrees of freedom; rates lie in (0, 1]")


@pytest.mark.parametrize(
    ("form", "options", "hint"),
    [
        ({"sep": ";"}, ["--sep", ";"], "use --sep ';'"),
        ({"sep": "\t"}, ["--sep", "tab"], "use --sep tab"),
        ({"decimal": ","}, ["--decimal", ","], "decimal commas, such as '26,0': use --decimal ,"),
        ({"encoding": "utf-16"}, ["--encoding", "utf-16"], "as in --encoding utf-16"),
        (
            {"sep": ";", "decimal": ",", "encoding": "latin-1"},
            ["--sep", ";", "--decimal", ",", "--encoding", "latin-1"],
            "--encoding",
        ),
    ],
)
def test_files_of_other_forms(folder, capsys, orthodont, form, options, hint):
    renamed = orthodont.rename(columns={"sex": "größe"})
    renamed.to_csv("data.csv", index=False)
    call = ["distance ~ größe", *CALL[1:]]
    assert main(call) == 0
    expected = capsys.readouterr()
    renamed.to_csv("data.csv", index=False, **form)
    with pytest.raises(SystemExit):
        main(call)
    assert hint in capsys.readouterr().err
    assert main([*call, *options]) == 0
    assert capsys.readouterr() == expected


def test_the_script_calls_itself_by_its_name(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/nmfre", "--nothing"])
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main()
    assert "(see nmfre --help)" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert "usage: nmfre [FORMULA DATA --rank N [options]]" in out
    assert max(map(len, out.splitlines())) <= 80
    with pytest.raises(SystemExit):
        main(["paper", "nothing"])
    assert "(see nmfre paper --help)" in capsys.readouterr().err


def test_help_needs_neither_the_package_nor_statsmodels():
    code = """
import runpy, sys
sys.argv[1:] = ["--help"]
try:
    runpy.run_module("nmfre", run_name="__main__")
except SystemExit:
    print(*sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "usage: nmfre" in shown.stdout
    assert not {"nmfre.model", "numpy", "statsmodels"} & set(shown.stdout.split())


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"{nmfre.__version__}\n"


def test_empty_fields_are_missing_responses(folder, capsys, orthodont):
    holed = orthodont.assign(distance=orthodont["distance"].mask(orthodont.index == 5))
    holed.to_csv(folder / "data.csv", index=False)
    assert main([*CALL, "--method", "ml"]) == 0
    assert str(long_model(holed).fit("ml").summary()) in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(CALL)
    assert "first response 10 of unit 'M02': df-cap needs all" in capsys.readouterr().err


def test_warnings_are_a_line_each(folder, capsys):
    assert main([*CALL, "--df-cap", "off"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("nmfre: ConvergenceWarning: Stopped early: ")
    assert err.count("\n") == 1
    assert "comp1" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["distance ~ sex"], "a formula needs a CSV file and --rank"),
        (["distance ~ sex", "data.csv"], "a formula needs a CSV file and --rank"),
        (["distance ~ sx", *CALL[1:]], "name 'sx' is not defined"),
        ([*CALL[:2], "--rank", "9", *CALL[4:]], "rank=9 must be a whole number"),
        ([*CALL[:2], "--rank", "x"], "argument --rank: invalid int value"),
        (["distance ~ sex", "none.csv", "--rank", "1"], "none.csv: No such file"),
        ([*CALL[:1], "sheet.csv", *CALL[2:]], "It looks like a spreadsheet: save it as CSV first"),
        ([*CALL, "--df-cap", "-2"], "df_cap=-2.0"),
        (
            [*CALL, "--df-cap", "much"],
            "argument --df-cap: 'much' is not a rate in (0, 1], a number of degrees of freedom",
        ),
        ([*CALL, "--method", "em"], "method='em' is invalid"),
        ([*CALL, "--output", "none/coef.csv"], "--output: there is no folder none"),
        ([*CALL, "--ran", "1"], "unrecognized arguments: --ran 1"),
        (["--rank", "1"], "--rank goes with a formula"),
        (["--check"], "--check goes with a formula"),
        (["--sep", ";"], "--sep goes with a formula"),
        (["data.csv", *CALL[:1], *CALL[2:]], "the formula comes before the file: 'distance ~ sex'"),
        ([*CALL, "--sep", ";;"], "argument --sep: ';;' is not one character, or 'tab'"),
        ([*CALL, "--encoding", "utf-99"], "--encoding: 'utf-99' is not an encoding"),
        ([*CALL, "--decimal", ".."], "argument --decimal: invalid choice: '..'"),
        ([*CALL, "--sep", ";"], "data.csv has one column, 'subject,sex,age,distance': use --sep ,"),
        ([*CALL, "--alpha", "2"], "alpha=2.0"),
        ([*CALL, "--n-boot", "1"], "n_boot=1"),
        ([*CALL, "--cov-type", "hc3"], "cov_type='hc3'"),
        ([*CALL[:1], "binary.csv", *CALL[2:]], "Name its encoding, as in --encoding latin-1"),
        (["--unit", "subject"], "--unit goes with a formula"),
        (["--occasion", "age"], "--occasion goes with a formula"),
        (["--method", "df-cap"], "--method goes with a formula"),
        (["--seed", "0"], "--seed goes with a formula"),
        (["--signed"], "--signed goes with a formula"),
        (["--df-cap", "off"], "--df-cap goes with a formula"),
        ([*CALL, "--output", "."], "--output: . is a folder: name a file"),
        (["distance ~ sex", "empty.csv", "--rank", "1"], "empty.csv is empty: it needs a header"),
        (["distance ~ sex", "header.csv", "--rank", "1"], "the data have no rows"),
        (["distance ~ sex", "binary.csv", "--rank", "1"], "binary.csv cannot be read as CSV"),
        (["distance ~ sex", "fake.csv.zip", "--rank", "1"], "fake.csv.zip cannot be read as CSV"),
        (["distance ~ sex", "fake.csv.gz", "--rank", "1"], "Not a gzipped file"),
        (["distance ~ sex", "cut.csv.gz", "--rank", "1"], "cut.csv.gz cannot be read as CSV"),
        (["distance ~ sex", "fake.csv.xz", "--rank", "1"], "fake.csv.xz cannot be read as CSV"),
        (["distance ~ sex", "fake.csv.bz2", "--rank", "1"], "Invalid data stream"),
        (["distance ~ sex", "fake.csv.zst", "--rank", "1"], "fake.csv.zst cannot be read as CSV"),
        (["distance ~ sex", "fake.csv.tar", "--rank", "1"], "fake.csv.tar cannot be read as CSV"),
        (["distance ~ sex", 300 * "d", "--rank", "1"], "File name too long"),
        ([*CALL, "--output", 300 * "c" + "/coef.csv"], "File name too long"),
        ([*CALL, "--output", "data.csv"], "data.csv is the file of the data: name another one"),
        ([*CALL, "--output", "./data.csv"], "is the file of the data"),
        ([*CALL, "--output", "symbolic.csv"], "symbolic.csv is the file of the data"),
        ([*CALL, "--output", "hard.csv"], "hard.csv is the file of the data"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(folder, capsys, arguments, message):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nmfre: ")
    assert message in err
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_output_that_cannot_be_written_is_one_line(folder, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*CALL, "--output", "/dev/full"])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert "comp1" in out
    assert err.startswith("nmfre: --output: ")
    assert err.count("\n") == 1


def test_output_that_fails_leaves_the_file_that_was_there(folder, capsys, monkeypatch):
    def write_a_part(frame, path, **options):
        Path(path).write_text("comp1,Inter")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", write_a_part)
    (folder / "coef.csv").write_text("old")
    before = set(folder.iterdir())
    with pytest.raises(SystemExit) as stop:
        main([*CALL, "--output", "coef.csv"])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert "sex[T.Male]" in out
    assert err.startswith("nmfre: --output: disk full (see ")
    assert (folder / "coef.csv").read_text() == "old"
    assert set(folder.iterdir()) == before


def test_output_in_the_form_that_its_name_says(folder):
    assert main([*CALL, "--output", "coef.csv.gz"]) == 0
    with gzip.open("coef.csv.gz", "rt") as file:
        assert "sex[T.Male]" in file.read()


def test_what_the_terminal_cannot_show_is_replaced(folder, monkeypatch, orthodont):
    orthodont.rename(columns={"sex": "größe"}).to_csv("data.csv", index=False)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["distance ~ größe", *CALL[1:], "--output", "coef.csv"]) == 0
    assert b"gr??e[T.Male]" in terminal.buffer.getvalue()
    assert "größe[T.Male]" in Path("coef.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_pipe_is_quiet_and_loses_nothing(folder, capsys, monkeypatch, name):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, name, pipe)
        assert main([*CALL, "--df-cap", "off", "--output", "coef.csv"]) == 0
        print("not an error at exit", file=pipe, flush=True)
    out, err = capsys.readouterr()
    assert "Warning" in out + err or "sex[T.Male]" in out + err
    assert "Traceback" not in out + err
    assert "sex[T.Male]" in Path("coef.csv").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_output_that_cannot_be_printed_is_one_line(folder, capsys, monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as stop:
            main([*CALL, "--output", "coef.csv"])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("nmfre: the output cannot be printed: ")
    assert err.count("\n") == 1
    assert Path("coef.csv").exists()


@pytest.mark.parametrize(
    "interrupt",
    [
        KeyboardInterrupt(),
        errors.InterruptedTasksError(
            description="starts", count=1, total=5, cause="interrupted", finished={}
        ),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("arguments", [[*CALL, "--output", "coef.csv"], ["paper", "orthodont"]])
def test_control_c_is_one_line_and_exit_code_130(folder, capsys, monkeypatch, interrupt, arguments):
    def fit(*args, **kwargs):
        raise interrupt

    monkeypatch.setattr(nmfre.NMFRE, "fit", fit)
    before = set(folder.iterdir())
    assert main(arguments) == 130
    assert capsys.readouterr() == ("", "nmfre: interrupted\n")
    assert set(folder.iterdir()) == before


def test_as_a_module_whose_reader_leaves():
    with subprocess.Popen(
        [sys.executable, "-m", "nmfre"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "nmfre", "--help"], capture_output=True, text=True, check=True
    )
    assert "--occasion" in done.stdout
    assert "usage: python -m nmfre" in done.stdout


def test_the_import_leaves_filters_of_warnings_alone():
    code = (
        "import warnings as w, nmfre; w.simplefilter('ignore'); nmfre.NMFRE; print(w.filters[0][0])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "ignore\n"
