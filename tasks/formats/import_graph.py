"""Which files of this tree a module imports, read from its source without running it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def reached_files(workspace: Path, start: str, *, is_lazy_included: bool) -> tuple[str, ...]:
    """Return the files that importing `start` reaches, sorted, relative to `workspace`.

    Args:
        workspace: The folder in which the packages `tasks` and `flows` lie.
        start: A module, as `tasks.verifier.__main__`.
        is_lazy_included: Whether imports inside functions count, and those for type checkers:
            they name what a module looks up when somebody asks for it.
    """
    reached: set[str] = set()
    named: set[str] = set()
    files_at: dict[str, tuple[str, ...]] = {}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in named:
            continue
        named.add(module)
        for file in _files_of(workspace, module, files_at):
            # Modules may import each other: what was read once is not read again.
            if file in reached:
                continue
            reached.add(file)

            text = (workspace / file).read_text(encoding="utf-8")
            package = tuple(file.split("/")[:-1])
            waiting.extend(_imported_modules(text, package, is_lazy_included=is_lazy_included))
    return tuple(sorted(reached))


def _files_of(workspace: Path, module: str, files_at: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the file of a module and the `__init__.py` of every package around it.

    `files_at` remembers what lies at each path: most modules share their packages, and the standard
    library's lie nowhere here.
    """
    parts = module.split(".")
    # Importing `a.b.c` runs `a/__init__.py` and `a/b/__init__.py` first.
    for length in range(1, len(parts) + 1):
        path = "/".join(parts[:length])
        if path not in files_at:
            files = (f"{path}/__init__.py", f"{path}.py")
            files_at[path] = tuple(file for file in files if (workspace / file).is_file())
        yield from files_at[path]


# By the text, not the path: `dvc.yaml` asks once a stage, and parsing is most of what it costs.
@cache
def _imported_modules(
    text: str, package: tuple[str, ...], *, is_lazy_included: bool
) -> tuple[str, ...]:
    """Return the modules that a module of `package` imports; `from a import b` may mean `a.b`."""
    tree = ast.parse(text)
    nodes = ast.walk(tree) if is_lazy_included else _nodes_run_at_import(tree)
    modules: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # One dot is the module's own package, each dot more the one around it.
            around = package[: len(package) + 1 - node.level] if node.level else ()
            source = ".".join([*around, *filter(None, [node.module])])
            modules.append(source)
            modules += [f"{source}.{alias.name}" for alias in node.names]

    return tuple(modules)


def _nodes_run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _nodes_run_at_import(node)
