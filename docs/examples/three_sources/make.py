"""Make the example's three sources in a folder: `python make.py incoming`.

A CSV file as a German bank writes it, a Parquet file and a database of SQLite; people are invented.
"""

import random
import sqlite3
import sys
from pathlib import Path

ROWS = 600


def main(folder: Path) -> None:
    """Write `applications.csv`, `bureau.parquet` and `accounts.db`."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(7)  # invented data, the same every time
    head = "Kundennr;Vorname;Nachname;geboren;Monatseinkommen;Geschlecht;bezahlt\n"
    lines = []
    for number in range(ROWS):
        income = draw.gauss(3000, 700)
        is_paid = income + draw.gauss(0, 500) > 2300
        amount = f"{income:,.2f}".translate(str.maketrans(",.", ".,"))
        born = f"{draw.randint(1, 28):02}.{draw.randint(1, 12):02}.{draw.randint(1950, 2005)}"
        lines.append(
            f"{number:06};Jörg{number};Müller{number};{born};{amount};"
            f"{draw.choice('mw')};{'ja' if is_paid else 'nein'}\n"
        )
    (folder / "applications.csv").write_text(head + "".join(lines), encoding="cp1252")

    keys = [f"{number:06}" for number in range(ROWS)]
    scores = [round(draw.gauss(600, 80), 1) for _ in keys]
    parquet.write_table(pa.table({"Kundennr": keys, "score": scores}), folder / "bureau.parquet")

    (folder / "accounts.db").unlink(missing_ok=True)
    with sqlite3.connect(folder / "accounts.db") as database:
        database.execute("CREATE TABLE balances (Kundennr TEXT, day TEXT, balance REAL)")
        rows = [
            (key, day, round(draw.gauss(1500, 900), 2))
            for key in keys
            for day in ("2026-01-31T23:30:00-05:00", "2026-02-01T01:00:00+01:00")
        ]
        database.executemany("INSERT INTO balances VALUES (?, ?, ?)", rows)
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
