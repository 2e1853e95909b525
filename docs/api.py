"""Write docs/api.md from the docstrings of the packages: `.venv/bin/python docs/api.py`.

Public is what a package lists in `__all__`; all else may change on any day. The code is read and
not run, by griffe, so that the page is the same wherever it is made.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

WORKSPACE = Path(__file__).resolve().parents[1]
PAGE = WORKSPACE / "docs" / "api.md"
PACKAGES = ("tasks", "flows")
COLUMNS = 100
HEAD = """\
# API

Made from the docstrings by `docs/api.py`; a test holds the two together. Public is what a package
lists in `__all__`. The rest is the house's own, and may change on any day.

"""


def main(arguments: list[str]) -> int:
    """Write the page; with `--check` write nothing, and say whether it is up to date."""
    text = api_page()
    if arguments == ["--check"]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else 2
    PAGE.write_text(text, encoding="utf-8")
    return 0


def api_page() -> str:
    """Return the whole page: every package in a table, then what each of them offers."""
    packages = [package for name in PACKAGES for package in _packages(_loaded(name))]
    offering = [package for package in packages if package.exports]
    lines = [HEAD + "| package | what it holds |", "|---|---|"]
    for package in packages:
        name = f"`{package.path}`"
        linked = f"[{name}](#{_anchor(package.path)})" if package in offering else name
        lines.append(f"| {linked} | {_summary(package)} |")
    parts = ["\n".join(lines), *(_package_section(package) for package in offering)]
    return "\n\n".join(parts) + "\n"


def _loaded(name: str) -> griffe.Module:
    loaded = griffe.load(
        name,
        search_paths=[WORKSPACE],
        docstring_parser=griffe.Parser.google,
        allow_inspection=False,  # read, never imported
    )
    if not isinstance(loaded, griffe.Module):
        raise TypeError(f"{name} is no package")
    return loaded


def _packages(module: griffe.Module) -> Iterator[griffe.Module]:
    """Yield a package and all below it, by name."""
    yield module
    for name in sorted(module.modules):
        member = module.modules[name]
        if member.is_init_module:
            yield from _packages(member)


def _package_section(package: griffe.Module) -> str:
    parts = [f"## `{package.path}`", _docstring(package)]
    for name in sorted(str(name) for name in package.exports or ()):
        member = package.members[name]
        target = member.final_target if isinstance(member, griffe.Alias) else member
        parts += _member_section(f"{package.path}.{name}", target)
    return "\n\n".join(part for part in parts if part)


def _member_section(path: str, member: griffe.Object) -> list[str]:
    if isinstance(member, griffe.Function):
        code = _signature(member)
    elif isinstance(member, griffe.Class):
        code = _class_head(member)
    elif isinstance(member, griffe.Attribute):
        annotation = f": {member.annotation}" if member.annotation else ""
        code = f"{member.name}{annotation} = {member.value}"
    else:
        raise TypeError(f"{path}: no function, class or value")
    parts = [f"### `{path}`", f"```python\n{code}\n```", _docstring(member)]
    if isinstance(member, griffe.Class):
        for method in _methods(member):
            parts += [f"```python\n{_signature(method)}\n```", _docstring(method)]
    return parts


def _class_head(member: griffe.Class) -> str:
    """Return a class with its bases and its public fields, in their order."""
    bases = ", ".join(str(base) for base in member.bases)
    lines = [f"class {member.name}({bases}):" if bases else f"class {member.name}:"]
    for field in member.attributes.values():
        is_field = field.annotation is not None and "property" not in field.labels
        if is_field and not field.name.startswith("_"):
            default = f" = {field.value}" if field.value is not None else ""
            lines.append(f"    {field.name}: {field.annotation}{default}")
    return "\n".join(lines) if len(lines) > 1 else f"{lines[0]} ..."


def _methods(member: griffe.Class) -> list[griffe.Function]:
    """Return what is public of a class's own methods, those without a docstring left out."""
    return [
        method
        for name, method in member.functions.items()
        if not name.startswith("_") and method.docstring and not method.is_alias
    ]


def _signature(function: griffe.Function) -> str:
    """Return `def name(…) -> type`, on one line where it fits."""
    shown: list[str] = []
    previous: griffe.ParameterKind | None = None
    for parameter in function.parameters:
        kind = parameter.kind
        is_first_keyword = kind is griffe.ParameterKind.keyword_only and previous not in (
            griffe.ParameterKind.keyword_only,
            griffe.ParameterKind.var_positional,
        )
        if is_first_keyword:
            shown.append("*")
        shown.append(_parameter(parameter))
        previous = kind
    decorator = "@classmethod\n" if "classmethod" in function.labels else ""
    returns = f" -> {function.returns}" if function.returns else ""
    line = f"def {function.name}({', '.join(shown)}){returns}"
    if len(line) > COLUMNS:
        inner = "".join(f"    {part},\n" for part in shown)
        line = f"def {function.name}(\n{inner}){returns}"
    return decorator + line


def _parameter(parameter: griffe.Parameter) -> str:
    stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
    text = f"{stars.get(parameter.kind, '') if parameter.kind else ''}{parameter.name}"
    if parameter.annotation is not None:
        text += f": {parameter.annotation}"
    if parameter.default is not None and parameter.kind not in stars:
        equals = " = " if parameter.annotation is not None else "="
        text += f"{equals}{parameter.default}"
    return text


def _summary(member: griffe.Object) -> str:
    """Return the first paragraph of a docstring, on one line."""
    if member.docstring is None:
        raise TypeError(f"{member.path}: no docstring")
    return " ".join(member.docstring.value.partition("\n\n")[0].split()).replace("|", "\\|")


def _docstring(member: griffe.Object) -> str:
    """Return a docstring as Markdown: its text, then its sections as lists."""
    if member.docstring is None:
        return ""
    parts = []
    for section in member.docstring.parse(griffe.Parser.google, warnings=False):
        match section:
            case griffe.DocstringSectionText():
                parts.append(section.value.strip())
            case griffe.DocstringSectionParameters():
                parts.append(
                    _listed("Arguments", [(f"`{e.name}`", e.description) for e in section.value])
                )
            case griffe.DocstringSectionAttributes():
                parts.append(
                    _listed("Attributes", [(f"`{e.name}`", e.description) for e in section.value])
                )
            case griffe.DocstringSectionRaises():
                parts.append(
                    _listed("Raises", [(f"`{e.annotation}`", e.description) for e in section.value])
                )
            case griffe.DocstringSectionReturns() | griffe.DocstringSectionYields():
                parts.append(_listed("Returns", [("", e.description) for e in section.value]))
            case _:
                raise TypeError(f"{member.path}: a section that docs/api.py cannot show")
    return "\n\n".join(parts)


def _listed(title: str, entries: list[tuple[str, str]]) -> str:
    lines = [f"{title}:", ""]
    for name, description in entries:
        text = " ".join(description.split())
        lines.append(f"- {name}: {text}" if name else f"- {text}")
    return "\n".join(lines)


def _anchor(path: str) -> str:
    return path.replace(".", "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
