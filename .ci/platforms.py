#!/usr/bin/env python3
"""Check that every platform and Python in configs/platforms.json can install the locks.

uv asks the package index: it resolves each lock for each combination, installs nothing, and names
the files that it would take. A dry run would not do: it does not compare hashes, so that a wheel
that was uploaded after the lock was made counts as installable.

Exit codes: 0 if every claim holds, 1 if one does not, 2 if nothing was checked, since the index did
not answer; CI fails then too.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PLATFORMS = ROOT / "configs" / "platforms.json"
INSTALLER = ROOT / "configs" / "installer.lock"
MODELS = ROOT / "configs" / "models.lock"
BUILD = ROOT / "configs" / "build.lock"
LOCKS = (
    ROOT / "requirements.lock",
    ROOT / "configs" / "print.lock",
    ROOT / "tests" / "requirements.lock",
)
LIMIT_SECONDS = 300  # with an empty cache uv asks the index for some 300 packages


class Combination(NamedTuple):
    """One platform, by uv's name for it, with one Python."""

    platform: str
    python: str
    what: str


class NotCheckedError(Exception):
    """Nothing is known, mostly since the index did not answer; that is no success."""

    def __init__(self, reason: str) -> None:
        is_unreachable = re.search("Failed to fetch|network was disabled|no answer within", reason)
        super().__init__(f"no index: {reason}" if is_unreachable else reason)


class MissingError(Exception):
    """The index answered, and a package cannot be had for this platform."""

    def __init__(self, package: str, reason: str) -> None:
        super().__init__(reason)
        self.package = package


def main() -> int:
    """Check every combination and print a line for each."""
    claimed = json.loads(PLATFORMS.read_text(encoding="utf-8"))
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            uv = installed_uv(Path(folder))
            lacking = check_claims(uv, claimed) + check_build(uv, Path(folder))
            explain_not_claimed(uv, claimed)
        except NotCheckedError as error:
            print(f"platforms: not checked: {error}")
            return 2

    seconds = round(time.monotonic() - start)
    outcome = f"{lacking} claims do not hold" if lacking else "every claim holds"
    print(f"platforms: {outcome} ({seconds} s)")
    return 1 if lacking else 0


def check_claims(uv: str, claimed: dict[str, Any]) -> int:
    """Print what each claimed combination lacks, and return how many lack something."""
    combinations = claimed_combinations(claimed)
    with ThreadPoolExecutor(2) as pool:
        lacks = list(pool.map(lambda combination: lacking_packages(uv, combination), combinations))
    for combination, lack in zip(combinations, lacks, strict=True):
        print(
            f"claimed      {combination.what:<42} {'MISSING ' + ', '.join(lack) if lack else 'ok'}"
        )
    return sum(bool(lack) for lack in lacks)


def explain_not_claimed(uv: str, claimed: dict[str, Any]) -> None:
    """Print why platforms that people ask for are not claimed.

    Once nothing is missing, the claim can be widened.
    """
    combinations = [Combination(**entry) for entry in claimed["not_claimed"]]
    with ThreadPoolExecutor(2) as pool:
        lacks = list(pool.map(lambda combination: lacking_packages(uv, combination), combinations))
    for combination, lack in zip(combinations, lacks, strict=True):
        why = f"no wheel of {', '.join(lack)}" if lack else "nothing is missing any more: claim it"
        print(f"not claimed  {combination.what:<42} {why}")


def claimed_combinations(claimed: dict[str, Any]) -> list[Combination]:
    """Return each claimed machine with each claimed Python, on the oldest claimed glibc.

    Newer versions of glibc take the files of older ones.
    """
    glibc = claimed["glibc"].replace(".", "_")
    return [
        Combination(
            f"{machine}-manylinux_{glibc}",
            python,
            f"{machine}, glibc {claimed['glibc']}, Python {python}",
        )
        for machine in claimed["machines"]
        for python in claimed["pythons"]
    ]


def lacking_packages(uv: str, combination: Combination) -> list[str]:
    """Return every package of every lock that has no file for a platform."""
    lacking: list[str] = []
    for locks in (LOCKS, (INSTALLER,)):
        lacking += lacking_of_lock(uv, "\n".join(lock.read_text() for lock in locks), combination)

    # Its metadata asks for Python 3.12, which the launcher tells pip to ignore: the wheel itself is
    # for any Python.
    newest = combination._replace(
        python=max(combination.python, "3.12", key=lambda python: int(python.split(".")[1]))
    )
    lacking += lacking_of_lock(uv, MODELS.read_text(), newest, suffix="-py3-none-any.whl")
    return lacking


def lacking_of_lock(uv: str, lock: str, combination: Combination, suffix: str = "") -> list[str]:
    """Return the packages of a lock that have no file with a locked hash for a platform."""
    lacking: list[str] = []
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    while True:
        try:
            packages = resolve(uv, lock, combination, closed=not lacking)
        except MissingError as error:
            # uv stops at the first: without its lines, the next round names the next one.
            lacking.append(error.package)
            shorter = re.sub(rf"(?m)^{re.escape(error.package)}==(.*\\\n)*.*\n", "", lock)
            if shorter == lock:
                return lacking
            lock = shorter
            continue
        return lacking + [
            package["name"] for package in packages if not is_locked(package, hashes, suffix)
        ]


def is_locked(package: dict[str, Any], hashes: set[str], suffix: str) -> bool:
    """Say whether one of the files that a platform can use is one whose hash the lock holds."""
    files = package.get("wheels") or [package["sdist"]]
    return any(
        file["hashes"]["sha256"] in hashes and file["url"].endswith(suffix) for file in files
    )


def resolve(uv: str, lock: str, combination: Combination, *, closed: bool) -> list[dict[str, Any]]:
    """Return the packages that uv takes for a platform with their files there.

    `closed` asks that the lock lists whatever its packages need: what it lacks is returned too, and
    has no locked hash.
    """
    command = [
        # This Python stands in for all, or uv would look for each version and try to download it.
        *(uv, "pip", "compile", "--quiet", "--python", sys.executable, "--system-certs"),
        *("--no-header", "--format", "pylock.toml"),
        *("--python-platform", combination.platform, "--python-version", combination.python),
        *("--build-constraints", str(BUILD), *(() if closed else ("--no-deps",)), "-"),
    ]
    result = run(command, lock)
    if result.returncode == 0:
        return list(tomllib.loads(result.stdout).get("packages", []))
    reason = cause(result)
    if "No solution found" not in reason or "network was disabled" in reason:
        raise NotCheckedError(reason)
    package = re.search(r"([a-z0-9-]+)(?:\{[^}]*\})?==\S+ has no", reason)
    raise MissingError(package[1] if package else reason, reason)


def check_build(uv: str, folder: Path) -> int:
    """Build what exists as source alone by the tools in configs/build.lock; return 0 if it can be.

    It runs without a cache, which may hold what something else built before. The option that
    demands a hash of everything that a build needs is experimental in uv: here it shows that the
    lock is whole, and the launcher does without it.
    """
    lock = "".join(path.read_text() for path in LOCKS)
    names = list(dict.fromkeys(re.findall(r"(?m)^--no-binary (\S+)", lock)))
    sources = re.findall(rf"(?m)^(?:{'|'.join(names)})==(?:.*\\\n)*.*\n", lock)
    command = [
        *(uv, "pip", "install", "--quiet", "--no-cache", "--no-deps"),
        *("--require-hashes", "--system-certs", "--require-build-hashes"),
        *("--preview-features", "build-dependency-hashes", "--build-constraints", str(BUILD)),
        *("--python", sys.executable, "--target", str(folder / "built"), "-r", "-"),
    ]
    result = run(command, "".join(sources))
    outcome = f"MISSING {cause(result)}" if result.returncode else "ok"
    print(f"built here   {', '.join(names):<42} {outcome}")
    return int(result.returncode != 0)


def installed_uv(folder: Path) -> str:
    """Return the uv of .venv, or install the locked one into a folder that goes away."""
    installed = ROOT / ".venv" / "bin" / "uv"
    if installed.exists():
        return str(installed)
    pip = (
        [sys.executable, "-m", "venv", str(folder / "venv")],
        [
            *(
                str(folder / "venv" / "bin" / "python"),
                "-m",
                "pip",
                "--disable-pip-version-check",
                "install",
                "--quiet",
            ),
            *("--require-hashes", "-r", str(INSTALLER)),
        ],
    )
    for command in pip:
        if (result := run(command, "")).returncode:
            raise NotCheckedError(cause(result))
    return str(folder / "venv" / "bin" / "uv")


def cause(result: subprocess.CompletedProcess[str]) -> str:
    """Return a program's error output on a single line, without the addresses of an index."""
    return re.sub(r"\S+://\S+", "<address>", " ".join(result.stderr.split()))


def run(command: list[str], text: str) -> subprocess.CompletedProcess[str]:
    """Run a command that asks the index, with an end to its patience."""
    try:
        return subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotCheckedError(f"no answer within {LIMIT_SECONDS} s") from error


if __name__ == "__main__":
    sys.exit(main())
