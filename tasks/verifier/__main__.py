"""The verifier for outsiders: `python -m tasks.verifier FILE.zip --root KEYID`.

The same is packed as one zipapp (`./portcullis bundle … --verifier FILE.pyz`).
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import ConfigError, EvidenceError, PortcullisError
from tasks.ledger.checkpoint import Cosigner
from tasks.plain_text import replace_unprintable
from tasks.verifier.answer import Answer, Gap, Reason, Verification, broken, judge
from tasks.verifier.bundle import (
    MOST_BYTES,
    Verified,
    require_model_sha256,
    require_root_keyid,
    verify_bundle,
)
from tasks.verifier.text_report import (
    lines_of,
    lines_of_explanation,
    printable,
    require_language,
)

EXIT_CODES = (
    "exit codes: 0 cleared; 2 the question cannot be answered (no such file, no key's id); "
    "3 refused: a link does not hold, or the model is not cleared; 5 not established: unpinned, "
    "partial or unwitnessed; 6 broken: altered, forged, or of another log"
)
ROOT_HELP = "the id of the root key you trust, from somewhere else"
UNPINNED_HELP = "accept that whose log it is, and how new, is not established"
PARTIAL_HELP = "accept that a later verdict or revocation may have been left out"
WITNESS_HELP = "with a bundle: a witness that has to have cosigned it; may be repeated"
MOST_HELP = (
    "with a bundle: how large it may be, in MiB; verifying may take four times that in memory"
)
LANGUAGE_HELP = (
    "with the proof of a decision: the language of its reasons, for example `en` "
    "(default: each that it has)"
)
MOST_MIB = MOST_BYTES >> 20


@dataclass(frozen=True)
class VerifierOptions:
    """What is asked of a verification: by `./portcullis verify`, or by the verifier for outsiders.

    That verifier runs on Python and `cryptography` alone, so its arguments are parsed by argparse.
    """

    root: str | None
    model: str | None
    unpinned: bool
    allow_partial: bool
    witness_key: tuple[str, ...]
    max_mib: int
    language: str | None
    json: bool


def main(arguments: list[str]) -> int:
    """Verify one bundle; the exit code is an `Answer`."""
    replace_unprintable(sys.stdout, sys.stderr)

    parser = argparse.ArgumentParser(
        prog="portcullis-verify", description=__doc__, epilog=EXIT_CODES
    )
    parser.add_argument("bundle", type=Path)
    _add_options(parser)
    values = vars(parser.parse_args(arguments))

    try:
        return answer_bundle(values.pop("bundle"), VerifierOptions(**values))
    except PortcullisError as error:
        print(f"portcullis-verify: {error}", file=sys.stderr)
        return error.exit_code


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", metavar="KEYID", help=ROOT_HELP)
    parser.add_argument(
        "--model", metavar="SHA256", help="the model (default: the one that the bundle is about)"
    )
    parser.add_argument("--unpinned", action="store_true", help=UNPINNED_HELP)
    parser.add_argument("--allow-partial", action="store_true", help=PARTIAL_HELP)
    parser.add_argument(
        "--witness-key",
        action="append",
        default=[],
        metavar="NAME+HASH+BASE64",
        help=WITNESS_HELP,
    )
    parser.add_argument("--max-mib", type=int, default=MOST_MIB, help=f"{MOST_HELP} ({MOST_MIB})")
    parser.add_argument("--language", metavar="TAG", help=LANGUAGE_HELP)
    parser.add_argument("--json", action="store_true", help="print the answer as one JSON object")


def answer_bundle(path: Path, options: VerifierOptions) -> int:
    """Verify a bundle and print what it says; return the answer as an exit code.

    Raises:
        ConfigError: There is no such file, it is too large, or a key is none.
    """
    # All that the caller gave is read before the archive is opened: a mistyped option is exit code
    # 2, and must not look like an answer about the bundle.
    root_keyid = read_root(options.root)
    model_sha256 = None if options.model is None else require_model_sha256(options.model)
    cosigners = [Cosigner.parse(text, "--witness-key") for text in options.witness_key]
    if options.max_mib < 1:
        raise ConfigError(
            "--max-mib", expected="at least 1", found=str(options.max_mib), remedy="Leave it out."
        )

    try:
        verified = verify_bundle(
            path, root_keyid, cosigners=cosigners, most_bytes=options.max_mib << 20
        )
    # What does not verify is an answer, with its exit code; what cannot be asked (a ConfigError)
    # goes up to the edge, which has another.
    except EvidenceError as error:
        return print_answer(broken(error), (), path.name, options)

    if verified.decision and options.language is not None:
        require_language(options.language, verified.decision.explanation.languages)
    gaps = _gaps_of(verified, root_keyid, cosigners)
    answer = judge(verified.log, verified.chain, gaps, allowed_gaps(options))
    # Asked after the bundle was judged, not given to it: which model a bundle is about is said by
    # its own report, and another one asked about must not make a valid bundle look altered.
    if model_sha256 is not None:
        answer = answer.about(model_sha256)
    lines = (*lines_of(verified.log, verified.chain), *_more_lines(verified, options.language))
    return print_answer(answer, lines, path.name, options)


def read_root(text: str | None) -> str | None:
    """Return the root key's id as it was given; None where it was not.

    Raises:
        ConfigError: It is no key's id. An empty one is not the same as none: a script whose
            variable is unset must not verify less.
    """
    return None if text is None else require_root_keyid(text.strip().lower())


def allowed_gaps(options: VerifierOptions) -> frozenset[Gap]:
    """Return what the caller has asked to overlook."""
    asked = {Gap.UNPINNED: options.unpinned, Gap.PARTIAL: options.allow_partial}
    return frozenset(gap for gap, is_allowed in asked.items() if is_allowed)


def print_answer(
    answer: Verification,
    lines: tuple[str, ...],
    name: str,
    options: VerifierOptions,
    subject: str = "every byte verifies, and the model",
) -> int:
    """Print an answer as it was asked for; return its exit code."""
    if options.json:
        print(answer.to_json())
        return int(answer.answer)

    for line in lines:
        print(printable(line))
    if answer.modes:
        print(printable(f"  mode    {', '.join(answer.modes)}"))
    for reason in answer.reasons:
        # A link that does not hold has its line among those about the chain.
        is_listed = any(reason.text in line for line in lines)
        if not is_listed and answer.answer is not Answer.BROKEN:
            print(printable(f"  {reason.kind}: {reason.text}"))

    # What cannot be read is an error, as with every command; what was read is a result.
    stream = sys.stderr if answer.answer is Answer.BROKEN else sys.stdout
    print(printable(f"{name}: {answer.sentence(subject)}"), file=stream)
    return int(answer.answer)


def _gaps_of(
    verified: Verified, root_keyid: str | None, cosigners: list[Cosigner]
) -> tuple[Reason, ...]:
    gaps: list[Reason] = []
    if root_keyid is None:
        # A bundle that somebody forged from end to end verifies against its own root key.
        text = (
            f"whose log it is: compare root key {verified.root_key} with what the bank publishes, "
            "or give that with --root"
        )
        gaps.append(Reason(Gap.UNPINNED, text))

    # Of part of a log, what is there verifies, whatever was left out: the latest verdict that is in
    # the archive need not be the latest of the log.
    if not verified.is_complete:
        text = (
            f"{len(verified.log.entries)} of {verified.log.head.size} entries are here: a later "
            "verdict or a revocation may have been left out; ask for the whole log"
        )
        gaps.append(Reason(Gap.PARTIAL, text))

    # A key that is given and finds no line is a gap, and not silence: a witness is what shows two
    # people one log (C2SP tlog-cosignature).
    for cosigner in cosigners:
        if cosigner.name not in verified.witnesses:
            text = f"no signature of witness {cosigner.name} is under the checkpoint"
            gaps.append(Reason(Gap.UNWITNESSED, text))

    return tuple(gaps)


def _more_lines(verified: Verified, language: str | None) -> Iterator[str]:
    """Yield what is said about the bundle itself: one decision, its extent, its witnesses."""
    if verified.decision:
        yield from lines_of_explanation(verified.decision.explanation, language)

    size = verified.log.head.size
    count = len(verified.log.entries)
    extent = "the whole log" if verified.is_complete else "a part of the log"
    yield f"  {extent}: {count} of {size} entries"
    for name in sorted(verified.witnesses):
        yield f"  cosigned by {name}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
