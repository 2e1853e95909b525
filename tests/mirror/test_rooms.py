"""Rooms say what they may import, and keep to it; names mean one thing each."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(
    path.parent
    for top in ("tasks", "flows")
    for path in (ROOT / top).rglob("__init__.py")
    if path.parent != ROOT / top
)
MOST_MODULES = 12  # about ten, and what a room of one subject may need; more is two subjects
LINE = re.compile(r"May import: (.+?)\.(?=\s|$)", re.DOTALL)
GLOSSARY = ROOT / "docs" / "glossary.md"


def name_of(package: Path) -> str:
    return ".".join(package.relative_to(ROOT).parts)


def docstring_of(package: Path) -> str:
    return ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""


def allowed_by(package: Path) -> set[str]:
    """Return the rooms that a package's docstring lets it import."""
    line = LINE.search(docstring_of(package))
    assert line, f"{name_of(package)}: its docstring has no sentence `May import: …`"
    names = set(re.findall(r"`([\w.]+)`", line[1]))
    assert names or line[1] == "nothing of this project", name_of(package)
    return names


def imported_by(package: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, what it imports) for the modules that lie in a package itself."""
    for path in sorted(package.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            yield from (
                (path.name, name) for name in names if name.startswith(("tasks.", "flows."))
            )


def lies_in(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_room_says_what_it_may_import_and_imports_nothing_else(package: Path) -> None:
    allowed = {*allowed_by(package), name_of(package)}
    surprises = {
        f"{module} imports {name}"
        for module, name in imported_by(package)
        if not any(lies_in(name, room) for room in allowed)
    }
    assert surprises == set()


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_room_may_import_nothing_that_does_not_exist_or_that_it_does_not_use(
    package: Path,
) -> None:
    imported = {name for _, name in imported_by(package)}
    unused = {room for room in allowed_by(package) if not any(lies_in(n, room) for n in imported)}
    assert unused == set()


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_room_is_small_enough_to_be_about_one_thing(package: Path) -> None:
    modules = [path.name for path in package.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES, modules


def test_no_two_rooms_may_import_each_other_however_far_round() -> None:
    arrows: dict[str, set[str]] = {}
    for package in PACKAGES:
        room = room_of(name_of(package))
        targets = {room_of(name) for _, name in imported_by(package)}
        arrows.setdefault(room, set()).update(targets - {room})

    # Take away rooms that import no remaining one until none is left: what stays is a circle.
    while free := {room for room in arrows if not arrows[room] & set(arrows)}:
        for room in free:
            del arrows[room]
    assert arrows == {}


def room_of(module: str) -> str:
    """Return the room of a module: a folder of `tasks`, a stage, or `flows` as a whole."""
    parts = module.split(".")
    if parts[0] == "flows":
        return "flows"
    depth = 3 if parts[1] == "stages" and (ROOT / "/".join(parts[:3])).is_dir() else 2
    return ".".join(parts[:depth])


def definitions() -> Iterator[tuple[str, str, str]]:
    """Yield (kind, name, file) of every module, class and function of the project."""
    for top in ("tasks", "flows"):
        for path in sorted((ROOT / top).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            yield "module", path.stem, file
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    yield "class", node.name, file
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield "function", node.name, file


def test_a_class_name_is_used_once() -> None:
    counted = Counter(name for kind, name, _ in definitions() if kind == "class")
    assert {name: count for name, count in counted.items() if count > 1} == {}


def glossary_rows() -> list[list[str]]:
    """Return (term, meaning, words that are not used for it) of each row, without the heading."""
    lines = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_glossary_is_sorted_and_explains_every_term() -> None:
    terms = [term for term, _, _ in glossary_rows()]
    assert terms == sorted(terms, key=str.lower)
    assert len(terms) >= 30
    assert all(meaning for _, meaning, _ in glossary_rows())


def words_of(name: str) -> set[str]:
    """Return the words of a name in snake or camel case, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_no_name_uses_a_word_that_the_glossary_replaces() -> None:
    replaced = {
        word for _, _, words in glossary_rows() for word in re.split(r",\s*", words) if word
    }
    single = {word for word in replaced if " " not in word}
    used = {
        f"{file}: {kind} {name}"
        for kind, name, file in definitions()
        if kind != "function" or not name.startswith("_")
        if words_of(name) & (single - {"root"})
    }
    assert used == set()


VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert {
        file for kind, name, file in definitions() if kind == "module" and name in VAGUE
    } == set()
