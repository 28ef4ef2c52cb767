from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from nmfre import errors
from nmfre.core.files import file_path, replaced


def write(path, text):
    with replaced(path) as new:
        new.write_text(text)


def test_a_file_is_replaced_by_a_finished_file_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    write(path, "old")

    def fail():
        with replaced(path) as new:
            new.write_text("a part")
            assert path.read_text() == "old"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    write(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    (tmp_path / "there").mkdir()
    path, link = tmp_path / "there" / "a.txt", tmp_path / "link.txt"
    link.symlink_to(path)
    write(link, "old")
    path.chmod(0o640)
    write(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_permissions_of_a_new_file_are_those_of_any_other(tmp_path):
    write(tmp_path / "a.txt", "")
    (tmp_path / "b.txt").touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_a_read_only_file_is_not_replaced(tmp_path, monkeypatch):
    write(tmp_path / "a.txt", "old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write to any file
    with pytest.raises(PermissionError, match=r"read-only: .*a\.txt"):
        write(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_pipe_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write(path, "text")
    assert os.read(reading, 100) == b"text"
    os.close(reading)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_folder_that_is_not_there_is_told_by_the_name_of_the_file(tmp_path):
    path = tmp_path / "none" / "a.txt"
    with pytest.raises(FileNotFoundError) as error:
        write(path, "")
    assert error.value.filename == str(path)
    assert error.value.errno == errno.ENOENT


@pytest.mark.parametrize("value", [None, 3, True, b"a.txt", "a\0b", "\ud800", ["a"], np.float64(1)])
def test_what_is_no_path(value):
    with pytest.raises(errors.InvalidArgumentError, match="the path of a file"):
        file_path("fname", value)


def test_paths():
    assert file_path("fname", "a/b") == file_path("fname", Path("a", "b")) == Path("a", "b")
