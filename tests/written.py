"""Files of data as users have them."""

from __future__ import annotations


def write(path, lines):
    """Write lines of cells as the suffix says."""
    if path.suffix == ".csv":
        path.write_text("\n".join(",".join(line) for line in lines) + "\n", encoding="utf-8")
    else:
        import openpyxl

        book = openpyxl.Workbook()
        for line in lines:
            book.active.append(line)
        book.create_sheet("another").append(["1"])
        book.save(path)
    return path


def edited(lines, line, column, value):
    """Lines with one cell changed; counted from 1, as in the messages."""
    lines[line - 1][column - 1] = value
    return lines
