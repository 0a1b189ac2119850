"""Rows of a run's table of metrics."""

from pathlib import Path

import pytest

from gan_lab.errors import UserError
from gan_lab.io.metrics_table import read_rows


def test_rows_without_a_round_and_fields_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    table = tmp_path / "metrics.csv"
    assert list(read_rows(table)) == []
    table.write_text("round,d/loss,g/loss\n1,0.5,\n2,many,0.7\n,1,1\n-3,1,1\n4,1,2,9\n12345678901234567890,1,1\n5")
    assert list(read_rows(table)) == [
        (1, {"round": 1.0, "d/loss": 0.5}),
        (2, {"round": 2.0, "g/loss": 0.7}),
        (4, {"round": 4.0, "d/loss": 1.0, "g/loss": 2.0}),
        (5, {"round": 5.0}),
    ]


@pytest.mark.parametrize("text", ["d/loss\n1\n", "round\n" + "1" * 200_000], ids=["no rounds", "a huge field"])
def test_what_is_no_table_of_rounds_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(UserError, match="is not a table of rounds"):
        list(read_rows(tmp_path / "metrics.csv"))
