"""What a command calls a place, so that what it lists can be compared with what is stored."""

from tests.flows.canaries.people import GONE, people
from tests.flows.workspace import CASE

EVERYBODY = people()
# What the files of a place are called by, behind the name of the place.
PLACE_NAMES = {
    "checkout/data/": "data: ",
    "checkout/.dvc/tmp/": ".dvc/tmp: ",
    "scratch/": "scratch: ",
    "home/mlartifacts/": "MLflow's artifacts: ",
    "home/prefect/": "Prefect's files: ",
}
DATABASE_NAMES = {
    "home/mlflow.db": "MLflow's database",
    "home/prefect/prefect.db": "Prefect's database",
}


def name_file(place: str) -> str | None:
    """Return what a command calls a file of a place that may be rewritten."""
    for folder, name in PLACE_NAMES.items():
        if place.startswith(folder):
            return name + place.removeprefix(folder)
    return None


def is_named(place: str, lines: tuple[str, ...]) -> bool:
    """Say whether a line of the receipt is about this place; names in it are masked there."""
    for number in GONE:
        for value in (EVERYBODY[number].name, EVERYBODY[number].email, EVERYBODY[number].customer):
            place = place.replace(value, "[erased]")

    if place.startswith("rows of "):
        # Mentions in other people's sealed texts, by dataset: ADR 77 says why they stay.
        return any(f"{CASE}/ingest/rows" in line for line in lines)
    if place.startswith("mirror.git"):
        return any(line.startswith("git remote origin") for line in lines)
    if " object " in place:
        object_id = place.rpartition(" ")[2]
        return any(object_id[:12] in line for line in lines)
    if " block_document " in place:
        return any("blocks hold an identifier of theirs" in line for line in lines)
    if place.startswith("cell "):
        _, _, table, _, column = place.split(" ")
        return any(f"table {table}, column {column}" in line for line in lines)
    *_, folder, name = place.split("/")
    return any(f"{folder}/{name}" in line or f": {name} " in line for line in lines)
