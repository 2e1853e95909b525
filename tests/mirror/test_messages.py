"""No message shows what a file, a query or a library supplied: `tasks.formats.shown` says the rule.

Two checks by the syntax tree. One holds the whole project to it that the text of somebody else's
exception goes nowhere. The other holds the rooms that see people's data to `messages.yaml`: every
expression in every message stands there with what it is, or cannot carry a name.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
INVENTORY = Path(__file__).with_name("messages.yaml")
ROOMS = (
    "tasks/disparity",
    "tasks/learning",
    "tasks/access", "tasks/engines", "tasks/erasure", "tasks/keystore", "tasks/redaction",
    "tasks/sealed", "tasks/stages", "flows/cli", "flows/drafting", "flows/erase.py",
    "flows/release.py", "flows/steps",
)  # fmt: skip
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for top in ("tasks", "flows")
    for path in (ROOT / top).rglob("*.py")
)
TREES = {module: ast.parse((ROOT / module).read_text(encoding="utf-8")) for module in MODULES}

# What an expression in a message may be. `messages.yaml` gives each expression one of these.
KINDS = {
    "declared": "a name that the configuration or the code declares: column, stage, source, gate",
    "figure": "a count, a position, a measured number, a type, an identifier that we made, a day",
    "digest": "a digest, or the id of a key",
    "setting": "where this installation or one of its services is, without credentials",
    "argument": "what the person at this terminal typed into this command",
    "own": "a text of ours, made of such expressions in its turn",
    "shared": "a value that at least ten rows share",
    "tool": "what Prefect's own command says about prefect.yaml",
    "asked": "what the command exists to print, to the person who asked for it",
}

# What makes a message, beside constructors of errors and functions that return one.
MESSAGES = {
    "About", "Check", "Refusal", "critical", "debug", "error", "exception", "info", "log", "print",
    "print_json", "print_result", "report_failure", "report_progress", "refuse", "say", "_say",
    "warn", "warning", "write",
}  # fmt: skip

# Functions that take outside text, and return what may be shown of it.
SAFE = {
    "count_of", "describe_fault", "float", "int", "kind_of_error", "len", "positions_of", "round",
    "shown_name", "sum",
}  # fmt: skip

# Functions that only make a text fit for a terminal.
SHOWING = {"one_line", "Text"}

# What may be done with a caught exception of others, apart from asking its class and its code.
USES = SAFE | {"is_absent", "isinstance", "type"}
CODES = {
    "__cause__", "__traceback__", "close", "code", "errno", "response", "returncode", "sqlstate",
}  # fmt: skip
PASSED_ON = {
    "_chain_of", "_describe_failure", "_describe_fault", "_does_not_answer", "_down", "_explain",
    "_is_disk_full", "_is_model_error", "describe_failure", "explain_machine", "explain_sqlite",
    "note_failure", "write_fault",
}  # fmt: skip
ALLOWED_TEXTS = {
    ("tasks/registry_server/tokens.py", "error.claim"): "the name of a claim, which is compared",
    ("tasks/anchoring/timestamp.py", "str(error)"): "the verifier of stamps reads a checkpoint "
    "and certificates, and no data",
    ("tasks/attestation/signing_keys.py", "str(error)"): "`tasks.formats.pem` words it",
    ("tasks/clearance/attest_stage.py", "str(error)"): "`tasks.gates` words it: of a verdict",
    ("tasks/clearance/policy.py", "str(error)"): "line and column in the policy's text; and the "
    "form of a policy server's answer",
    ("tasks/registry/client.py", "error.error_code"): "a code of MLflow's list, which is compared",
    (
        "tasks/registry/client.py",
        "error.message",
    ): "why the operator's registry refuses; `tasks.errors` words it on our server",
    ("tasks/keystore/custodians.py", "error"): "`tasks.formats.pem` words it",
    ("tasks/pipeline/runner.py", "str(error)"): "DVC's: commands and paths of dvc.yaml; "
    "it opens no source",
    ("tasks/attestation/predicates/reading.py", "str(error)"): "of a plain ValueError alone, which "
    "the predicates word themselves",
    ("tasks/anchoring/anchor_files.py", "error"): "read as an answer like any other: a witness's, "
    "of the form of a size",
    ("tasks/stages/process.py", "str(error)"): "of errors of `tasks.model` alone, which are ours",
    ("flows/drafting/sampling.py", "str(error)"): "searched for two numbers of columns",
    ("flows/serving/attending.py", "error.reason"): "why no server answers at an address",
    (
        "flows/serving/prefect_settings.py",
        "error.errors(include_input=False, include_context=False, include_url=False)",
    ): "Prefect's names of its settings, without a value",
    ("flows/serving/prefect_settings.py", "error.title"): "Prefect's name of a group of settings",
    ("tasks/stages/ingest/reading/file.py", "str(error)"): "searched for numbers and names, of "
    "which declared ones are shown",
    ("tasks/stages/ingest/reading/quotes.py", "str(error)"): "asked which of two faults it is",
    ("tasks/system/machine_faults.py", "error"): "the chain of causes is looked at for numbers",
    ("tasks/audit_log/events.py", "str(error)"): "`tasks.formats` words it: of our own log",
    ("tasks/clearance/proposing.py", "str(error)"): "of a plain ValueError alone, which that "
    "module and the terms word themselves",
    ("tasks/formats/new_file.py", "error.strerror"): "the system's words for its own number",
    ("tasks/formats/regular_file.py", "str(error)"): "of its own errors alone",
    ("flows/use_cases/derived_files.py", "error"): "handed to `describe_unreadable`, likewise",
    ("flows/stack/identity.py", "error"): "handed to `describe_unreadable`, likewise",
    ("flows/cli/privacy/erase.py", "error"): "handed to `describe_unreadable`, likewise",
    ("flows/cli/proof/keys.py", "error"): "handed to `describe_unreadable`, likewise",
    ("flows/cli/registry/promote.py", "error"): "handed to `describe_unreadable`, likewise",
    ("tasks/attestation/signing_keys.py", "error"): "handed to `describe_unreadable`, likewise",
    ("tasks/clearance/attest_stage.py", "error"): "handed to `describe_unreadable`, likewise",
    ("tasks/clearance/policy.py", "error"): "handed to `describe_unreadable`, likewise",
    ("tasks/clearance/proposing.py", "error"): "handed to `describe_unreadable`, likewise",
    ("tasks/formats/archives.py", "error"): "handed to `describe_unreadable`, likewise",
    ("tasks/config/resolving.py", "error"): "handed to `describe_unreadable`, likewise",
    ("tasks/gates/holding.py", "str(error)"): "of a plain ValueError alone, which names a limit",
    ("tasks/formats/strict_json.py", "error"): "handed to `describe_unreadable`, which is followed",
    ("tasks/formats/strict_json.py", "error.lineno"): "a line's number",
    ("tasks/formats/strict_json.py", "str(error)"): "of its own errors alone",
    ("tasks/service/launcher.py", "error"): "it starts processes, and opens no data",
    (
        "tasks/service/service_config.py",
        "error.errors(include_input=False, include_url=False)",
    ): "pydantic's messages about a configuration, without what was written there",
    (
        "tasks/registry_server/configuring.py",
        "error.errors(include_input=False, include_url=False)",
    ): "likewise, about the configuration of the registry's server",
    (
        "tasks/registry_store/configuring.py",
        "error.errors(include_input=False, include_url=False)",
    ): "likewise, about the configuration of the registry's server",
    (
        "tasks/supply_chain/declaring.py",
        "error.errors(include_input=False, include_url=False)",
    ): "asked for the field and the kind of the first fault",
    ("tasks/supply_chain/locked.py", "error"): "handed to `describe_unreadable`, which is followed",
    ("tasks/agreements/register.py", "error.errors(include_input=False)"): "asked for the place of "
    "the first fault in a file of the register, whose keys are ours",
    ("tasks/dossier/governance.py", "error.errors(include_input=False)"): "asked for the place of "
    "the first fault in a file of ours alone",
    (
        "tasks/secrets/declaring.py",
        "error.errors(include_input=False, include_url=False)",
    ): "likewise, about where secrets come from",
    ("tasks/secrets/provider.py", "error"): "handed to `describe_unreadable`; or ours, of OpenBao",
    ("tasks/secrets/setting_up.py", "error"): "handed to `describe_unreadable`, likewise",
    ("tasks/system/bao.py", "error"): "closed, and asked for its status alone",
    ("tasks/service/service_config.py", "str(error)"): "where the service's own TOML is no TOML",
    ("tasks/formats/yaml_file.py", "error"): "asked for the line alone",
    ("tasks/formats/shown.py", "error"): "for `PORTCULLIS_DEBUG=1`, and asked for its code",
    ("tasks/config/cases.py", "error"): "handed to `config_faults`, likewise",
    ("tasks/config/wording.py", "error.errors(include_url=False)"): "of what people wrote into a "
    "use case; keys, types and words of our own lists are shown, and no value",
    (
        "tasks/learning/params.py",
        "error.errors(include_input=False, include_url=False)",
    ): "pydantic's messages about a configuration, without what was written there",
    ("tasks/model/scorer.py", "error.name"): "the name of the library that is not installed",
    ("tasks/erasure/queue.py", "error"): "asked for its code, and so is what caused it",
    ("tasks/erasure/queue.py", "str(error)"): "of a PortcullisError alone, which is ours",
    ("flows/cli/base/declaring.py", "error"): "handed to `explain_usage`, likewise",
    ("flows/cli/base/declaring.py", "end.exit_code"): "a number of ours",
    ("flows/cli/base/usage.py", "error"): "typer's, asked for names of options and commands alone",
    ("tasks/system/sqlite_file.py", "error"): "asked for its code alone",
    ("tasks/erasure/sinks/database.py", "error.orig"): "asked for its class alone",
}


def own_classes() -> set[str]:
    """Return the names of the project's own exception classes."""
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    own: set[str] = set()
    roots = {"Exception", "ValueError", "ModelError", "PortcullisError", "RuntimeError"}
    while more := {name for name, names in bases.items() if names & (own | roots)} - own:
        own |= more
    return own


OWN = own_classes()

Assigned = dict[str, list[ast.expr]]  # variable -> what is assigned to it


def makers() -> set[str]:
    """Return the names of functions that return an error, a refusal or a check."""
    kinds = OWN | {"Refusal", "Check"}
    return {
        node.name
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns).strip("'\"") in kinds
        and node.name != "from_dict"
    }


SINKS = OWN | MESSAGES | makers()


def name_of(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


# The texts of exceptions


def foreign_errors(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield where an exception that need not be ours has a name: handlers, and functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for argument in (*node.args.args, *node.args.kwonlyargs):
                kind = ast.unparse(argument.annotation) if argument.annotation else ""
                if kind.endswith(("Exception", "Error")) and kind not in OWN:
                    yield node, argument.arg
        if isinstance(node, ast.ExceptHandler) and node.name and node.type is not None:
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if not {ast.unparse(kind).rpartition(".")[2] for kind in caught} <= OWN:
                yield node, node.name


def uses_of(block: ast.AST, name: str) -> Iterator[str]:
    """Yield how a block uses its exception, where that is not known to be harmless."""
    parents = {child: node for node in ast.walk(block) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(block):
        if not (isinstance(node, ast.Name) and node.id == name):
            continue
        parent = parents[node]
        if isinstance(parent, ast.Raise):
            continue
        if isinstance(parent, ast.Attribute):
            outer = parents[parent]
            is_call = isinstance(outer, ast.Call) and outer.func is parent
            if parent.attr not in CODES:
                yield ast.unparse(outer if is_call else parent)
            continue
        if isinstance(parent, ast.Call):
            # What is handed to a function of this module is followed there.
            called = name_of(parent)
            if called not in USES and called not in PASSED_ON:
                yield ast.unparse(parent) if called == "str" else ast.unparse(node)
            continue
        yield ast.unparse(node)


def test_no_text_of_a_foreign_exception_goes_anywhere() -> None:
    uses = {
        (module, use)
        for module, tree in TREES.items()
        for block, name in foreign_errors(tree)
        for use in uses_of(block, name)
    }
    assert uses - set(ALLOWED_TEXTS) == set(), "show `kind_of_error(error)`, or say why not here"
    assert set(ALLOWED_TEXTS) - uses == set(), "no longer there"


# The inventory of messages


def is_in_rooms(module: str) -> bool:
    return any(module == room or module.startswith(f"{room}/") for room in ROOMS)


def holes_of(node: ast.expr, assigned: Assigned | None = None) -> Iterator[str]:
    """Yield the expressions whose text a message would show, but for those that cannot hold a name.

    A number's format (`:,`, `:d`, `:.1%`) refuses text when it runs; a name in capitals is a
    constant of ours, and `__name__` that of a class. A variable is what was assigned to it.
    """
    assigned = assigned or {}
    match node:
        case ast.Constant() | ast.Compare() | ast.UnaryOp():
            return
        case ast.JoinedStr(values=parts):
            for part in parts:
                if isinstance(part, ast.FormattedValue) and not has_number_format(part):
                    yield from holes_of(part.value, assigned)
        case ast.BinOp(left=left, right=right):
            yield from holes_of(left, assigned)
            yield from holes_of(right, assigned)
        case ast.IfExp(body=body, orelse=otherwise):
            yield from holes_of(body, assigned)
            yield from holes_of(otherwise, assigned)
        case ast.BoolOp(values=values):
            for value in values:
                yield from holes_of(value, assigned)
        case ast.Starred(value=value) | ast.GeneratorExp(elt=value) | ast.ListComp(elt=value):
            yield from holes_of(value, assigned)
        case ast.Tuple(elts=values) | ast.List(elts=values):
            for value in values:
                yield from holes_of(value, assigned)
        case ast.Dict(values=values):
            for value in values:
                yield from holes_of(value, assigned)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name.isupper() or name == "__name__":
            return
        case ast.Name(id=name) if name in assigned:
            others = {other: values for other, values in assigned.items() if other != name}
            for value in assigned[name]:
                yield from holes_of(value, others)
        case ast.Call() if name_of(node) in SAFE | SINKS:
            return
        # Fit for a terminal, and as much about people as before.
        case ast.Call(args=[value]) if name_of(node) in SHOWING:
            yield from holes_of(value, assigned)
        case _:
            yield ast.unparse(node)


def has_number_format(part: ast.FormattedValue) -> bool:
    if not isinstance(part.format_spec, ast.JoinedStr):
        return False
    return ast.unparse(part.format_spec).rstrip("'\"")[-1:] in {*",d%efgx"}


def functions_of(module: str) -> Iterator[tuple[str, ast.AST, list[ast.AST]]]:
    """Yield each function's name, the function, and its nodes without those of functions in it."""
    waiting: list[tuple[str, ast.AST]] = [("module", TREES[module])]
    while waiting:
        name, function = waiting.pop()
        nodes: list[ast.AST] = []
        inside = list(ast.iter_child_nodes(function))
        while inside:
            node = inside.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                waiting.append((node.name, node))
                continue
            nodes.append(node)
            inside += ast.iter_child_nodes(node)
        yield name, function, nodes


def assigned_in(nodes: list[ast.AST]) -> Assigned:
    """Return what is assigned to each variable."""
    assigned: Assigned = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                assigned.setdefault(name, []).append(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                assigned.setdefault(name, []).append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                assigned.setdefault(name, []).append(value)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                assigned.setdefault(name, []).append(value)
    return assigned


def holes_in(module: str) -> dict[str, set[str]]:
    """Return function -> the expressions in its messages, and in texts that it returns for them."""
    parts = list(functions_of(module))
    holes: dict[str, set[str]] = {}
    called: set[str] = set()
    for name, _, nodes in parts:
        for call in nodes:
            if isinstance(call, ast.Call) and name_of(call) in SINKS:
                values = (*call.args, *(keyword.value for keyword in call.keywords))
                add_holes(holes, name, values, nodes)

    # A text that another function of the module makes for a message: its messages are that text.
    while True:
        wanted = {
            call.partition("(")[0].rpartition(".")[2]
            for function_holes in holes.values()
            for call in function_holes
            if call.endswith(")")
        } - called
        if not wanted:
            return holes
        called |= wanted
        for name, _, nodes in parts:
            if name in wanted:
                texts = [
                    node.value for node in nodes if isinstance(node, ast.Return) and node.value
                ]
                add_holes(holes, name, texts, nodes)


def add_holes(
    holes: dict[str, set[str]], name: str, values: Iterable[ast.expr], nodes: list[ast.AST]
) -> None:
    assigned = assigned_in(nodes)
    if more := {hole for value in values for hole in holes_of(value, assigned)}:
        holes.setdefault(name, set()).update(more)


LISTED: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(INVENTORY.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", [module for module in MODULES if is_in_rooms(module)])
def test_every_expression_in_a_message_is_listed_with_what_it_is(module: str) -> None:
    holes = {(name, hole) for name, found in holes_in(module).items() for hole in found}
    listed = {
        (name, hole): kind
        for name, kinds in LISTED.get(module, {}).items()
        for hole, kind in kinds.items()
    }
    assert holes - set(listed) == set(), "pass it through tasks.formats.shown, or list what it is"
    assert set(listed) - holes == set(), "no longer there"
    assert set(listed.values()) <= set(KINDS)


def test_the_inventory_lists_existing_modules_alone() -> None:
    assert set(LISTED) <= {module for module in MODULES if is_in_rooms(module)}


@pytest.mark.parametrize(
    "message",
    [
        'SourceError(where, found=f"undeclared: {names}", remedy="")',
        'self.error("x", ", ".join(undeclared), "y")',
        'logger.info("row %s", row)',
        "print(frame.head())",
        'warnings.warn(f"{value} is odd")',
        'raise DataError(f"{value!r}", expected="", found="", remedy="")',
    ],
)
def test_a_raw_value_in_any_kind_of_message_is_noticed(message: str) -> None:
    calls = [node for node in ast.walk(ast.parse(message)) if isinstance(node, ast.Call)]
    values = [
        value
        for call in calls
        if name_of(call) in SINKS
        for value in (*call.args, *(keyword.value for keyword in call.keywords))
    ]
    assert [hole for value in values for hole in holes_of(value) if hole != "where"]


@pytest.mark.parametrize(
    "use", ["str(error)", "f'{error}'", "error.args", "repr(error)", "log(error)"]
)
def test_a_foreign_text_in_any_use_is_noticed(use: str) -> None:
    tree = ast.parse(f"try:\n    x()\nexcept ValueError as error:\n    found = {use}\n")
    assert [use for block, name in foreign_errors(tree) for use in uses_of(block, name)]


@pytest.mark.parametrize("use", ["kind_of_error(error)", "type(error).__name__", "error.code"])
def test_the_class_and_the_code_of_a_foreign_error_may_be_shown(use: str) -> None:
    tree = ast.parse(f"try:\n    x()\nexcept ValueError as error:\n    found = {use}\n")
    assert not [use for block, name in foreign_errors(tree) for use in uses_of(block, name)]
