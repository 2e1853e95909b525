"""Nothing hidden: who may read the environment, and that no function finds a folder by itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

WORKSPACE = Path(__file__).parents[2]
MODULES = sorted(
    path.relative_to(WORKSPACE).as_posix()
    for folder in ("tasks", "flows")
    for path in (WORKSPACE / folder).rglob("*.py")
)

# Where a process starts: it opens its installation from the environment and the current folder.
EDGES = {
    "flows/__main__.py": "every command",
    "flows/installed.py": "the installed command, which asks whether it stands in a checkout",
    "flows/release.py": "a flow; Prefect's form is made of the index when the module is imported",
    "flows/alerts.py": "a flow",
    "flows/erase.py": "two flows",
    "flows/cli/base/completing.py": "a shell, which completes the use cases of this checkout",
    "flows/cli/attended_release.py": "the process of one release",
    "flows/cli/unchanged_release.py": "the process that looks whether a release has anything to do",
    "flows/serving/temporary_api.py": "the process of Prefect's API",
    "tasks/__main__.py": "the worker, which compares its code with that of the current folder",
    "tasks/registry_server/app.py": "the registry's server, which MLflow starts",
    "tasks/registry_store/store.py": "another, likewise",
    "tasks/secrets/tracking_store.py": "a store of MLflow's, which MLflow makes in each process",
    "tasks/service/workspace.py": "a session of the service, in the workspace of one commit",
    "tasks/stages/process.py": "the process of a stage's own code",
    "tasks/sealed/__main__.py": "a person who looks at sealed rows",
}
# Edges that open no installation: one looks for a launcher, one for names.
WITHOUT_ENVIRONMENT = {"flows/installed.py", "flows/cli/base/completing.py"}
# Edges that stand in a folder of their own making, or in none.
ELSEWHERE = {
    "tasks/registry_server/app.py",
    "tasks/registry_store/store.py",
    "tasks/secrets/tracking_store.py",
    "tasks/service/workspace.py",
}
# Where the current folder is compared with one that another process has named.
AT_A_DESCRIPTOR = {"tasks/service/launcher.py"}
# What stands around an edge, and is about an installation that cannot be opened, too.
AROUND = {"flows/steps/withholding.py": "whether the texts of errors are asked for"}
# Where an environment is handed on to another process, or set for a library that reads it: never
# read for ourselves.
HANDING_ON = {
    "flows/serving/environment.py": "settles what every process of a command inherits",
    "flows/cli/ui.py": "Prefect's server and worker",
    "flows/stack/server_process.py": "a server of the stack, which gets PATH alone",
    "flows/stack/identity.py": "npm, with where this person's packages come from",
    "flows/serving/attending.py": "the flow, with its API's address",
    "tasks/isolated.py": "OpenMP's patience",
    "tasks/pipeline/runner.py": "DVC, and by DVC the worker",
    "tasks/worker/launched_stage.py": "a stage's progress, by the descriptor of DVC's runner",
    "tasks/worker/starting.py": "the process of a stage, without the worker's credentials",
    "tasks/system/memory.py": "Arrow's allocator",
    "tasks/system/git.py": "git, without git's own variables",
    "tasks/secrets/opening.py": "Prefect, with its own secrets",
    "tasks/registry/client.py": "MLflow's patience",
    "tasks/stages/validate/expectations.py": "Great Expectations' telemetry",
}


def tree_of(module: str) -> ast.Module:
    return ast.parse((WORKSPACE / module).read_text(encoding="utf-8"))


def functions_of(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_current_folder(node: ast.AST) -> bool:
    return ast.unparse(node) in ("Path()", "Path('.')", "Path.cwd()", "os.getcwd()", "Path('')")


def reads_environment(module: str) -> bool:
    return any(
        ast.unparse(node) in ("os.environ", "os.getenv")
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Attribute)
    )


def test_only_edges_and_those_who_hand_it_on_touch_the_environment() -> None:
    touching = {module for module in MODULES if reads_environment(module)}
    assert touching == {*EDGES, *HANDING_ON, *AROUND} - WITHOUT_ENVIRONMENT


@pytest.mark.parametrize("module", sorted(HANDING_ON))
def test_who_hands_the_environment_on_reads_no_variable_of_ours(module: str) -> None:
    for node in ast.walk(tree_of(module)):
        match node:
            case (
                ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"),
                    args=[ast.Constant(value=str(name)), *_],
                )
                | ast.Subscript(
                    value=ast.Attribute(attr="environ"),
                    slice=ast.Constant(value=str(name)),
                    ctx=ast.Load(),
                )
            ):
                assert name == "PATH"


def test_only_edges_name_the_current_folder() -> None:
    naming = {
        module
        for module in MODULES
        if any(is_current_folder(node) for node in ast.walk(tree_of(module)))
    }
    assert naming == {*EDGES, *AT_A_DESCRIPTOR} - ELSEWHERE


@pytest.mark.parametrize("module", MODULES)
def test_no_function_has_a_folder_as_its_default_nor_a_parameter_called_root(module: str) -> None:
    for function in functions_of(module):
        arguments = function.args
        defaults = [*arguments.defaults, *(node for node in arguments.kw_defaults if node)]
        assert not any("Path(" in ast.unparse(node) for node in defaults), function.name

        parameters = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        assert "root" not in {parameter.arg for parameter in parameters}, function.name


def test_no_class_has_a_folder_as_its_default() -> None:
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and item.value is not None:
                        assert not is_current_folder(item.value), (module, node.name)
