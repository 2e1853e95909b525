"""Whether the evidence that lies with a run clears a model, by what is pinned on this server.

The rules, in their order; the first that does not hold refuses:

1. The name belongs to a use case of a log (configuration).
2. Every byte of the archive verifies up to that log's root key, which no archive brings along.
3. It is the whole log, as long as the log is small enough for `publish` to send it whole.
4. It is about this model and this use case, every link holds, and nothing later is against it.
5. The latest decision of `register` is the one that the archive is named by; it is for this name,
   by a key, a policy and in a mode that are pinned; and, for a new version, of a moment ago.
6. What people have signed for it is in force now, and so is what the log says is in force.
7. The policy is asked again, here (`asking`).

An alias that serves has an archive of its own, as of the promotion. It has to say besides that the
alias is this model's, by a decision that counts: cleared, compared, and approved by a second person
(`tasks.verifier.served`).
"""

import time
from dataclasses import dataclass
from pathlib import Path

from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.clearance.bundle_writer import COMPLETE_UP_TO
from tasks.errors import EvidenceError
from tasks.registry_store.asking import ask_policy
from tasks.registry_store.configuring import StoreConfig, TrustedLog
from tasks.verifier.answer import Answer, find_lapsed_consents, judge
from tasks.verifier.bundle import Verified, verify_bundle
from tasks.verifier.expiry import epoch
from tasks.verifier.in_force.objections import is_mode_enough, mode_of, read_law
from tasks.verifier.lineage import Chain, latest_decision
from tasks.verifier.log_reader import Log
from tasks.verifier.served.timeline import read_timeline
from tasks.verifier.statement_index import Signed


@dataclass(frozen=True)
class Cleared:
    """What the evidence says, once it holds."""

    trusted: TrustedLog
    log: Log
    chain: Chain
    decision: Signed[VerificationSummary]


def verify_clearance(
    archive: Path,
    entry: int,
    name: str,
    config: StoreConfig,
    *,
    model_sha256: str | None = None,
    is_new: bool,
    serving_alias: str = "",
) -> Cleared:
    """Verify the log's archive that was published with a run.

    Args:
        archive: A private copy of it.
        entry: The entry of the decision that it is named by: of a registration, or of a promotion.
        name: The registered model's name.
        config: What is pinned.
        model_sha256: The digest of the bytes that lie there; None where they are not asked about.
        is_new: Whether a version is to be made by it, so that the decision has to be recent.
        serving_alias: The alias by which it is to decide about people; empty where it is not.

    Raises:
        EvidenceError: A rule does not hold.
        ServiceError, ConfigError: The policy was not asked, or did not answer.
    """
    trusted = require_trusted(name, config)
    verified = verify_bundle(archive, trusted.root_key)
    _require_log(verified, trusted)
    _require_chain(verified, trusted, name, model_sha256)

    decision = latest_decision(verified.chain, "register")
    assert decision is not None  # else it were not cleared
    if serving_alias:
        _require_promoted(verified, entry, name, serving_alias)
    # A promotion's archive is named by the promotion; the decision is of the registration before.
    named_entry = decision.index if serving_alias else entry
    _require_decision(decision, named_entry, name, trusted, config)
    if is_new:
        _require_recent(decision, config)
    _require_in_force(verified)
    ask_policy(verified.log, verified.chain, decision, config)
    return Cleared(trusted, verified.log, verified.chain, decision)


def require_trusted(name: str, config: StoreConfig) -> TrustedLog:
    """Return the log that a name belongs to.

    Raises:
        EvidenceError: It belongs to none.
    """
    trusted = config.log_of(name)
    if trusted is None:
        raise _refused("name", "a registered model's name that is pinned on this server", "another")
    return trusted


def _require_log(verified: Verified, trusted: TrustedLog) -> None:
    head = verified.log.head
    if head.origin != trusted.origin:
        raise _refused("log", "the log that the name belongs to", "another")
    if not verified.is_complete and head.size <= COMPLETE_UP_TO:
        raise _refused("log", "the whole log", "a part: a later verdict may have been left out")


def _require_chain(
    verified: Verified, trusted: TrustedLog, name: str, model_sha256: str | None
) -> None:
    chain = verified.chain
    if chain.case != trusted.names[name]:
        raise _refused("use case", "the one that the name belongs to", "another")
    if model_sha256 is not None and chain.model_sha256 != model_sha256:
        raise _refused("model", "evidence about the bytes that lie there", "about others")
    answer = judge(verified.log, chain)
    if answer.answer is not Answer.CLEARED:
        raise _refused("clearance", "a model that is cleared", answer.reasons[0].text)


def _require_decision(
    decision: Signed[VerificationSummary],
    entry: int,
    name: str,
    trusted: TrustedLog,
    config: StoreConfig,
) -> None:
    summary = decision.predicate

    # Of the newest decision alone: an older one may have been taken back since.
    if decision.index != entry:
        raise _refused("decision", f"entry {entry} as the latest", f"entry {decision.index}")

    # The registered name is signed, so that no model is cleared under another's name.
    if summary.registry_name != name:
        raise _refused("decision", "one for this name", "one for another")

    if decision.key.public.keyid not in trusted.decision_keys:
        raise _refused("decision", "a key that is pinned on this server", "another")

    if summary.policy_sha256 not in config.policies:
        raise _refused("decision", "a policy that is pinned on this server", "another")

    if not is_mode_enough(mode_of(summary), config.least_mode):
        raise _refused("decision", f"mode `{config.least_mode}`", f"mode `{mode_of(summary)}`")


def _require_promoted(verified: Verified, entry: int, name: str, alias: str) -> None:
    """Refuse an alias that the log does not give to this model by the decision of an entry."""
    present = read_timeline(verified.log, verified.chain.case).present(name, alias)
    if present is None:
        raise _refused("promotion", "a decision about the alias", "none that counts")
    if (present.decision, present.model_sha256) != (entry, verified.chain.model_sha256):
        found = f"entry {present.decision}"
        raise _refused("promotion", f"entry {entry} as the latest, about this model", found)


def _require_recent(decision: Signed[VerificationSummary], config: StoreConfig) -> None:
    """Refuse a decision of some time ago: what was found out since is in a later archive."""
    age = int(time.time()) - epoch(decision.predicate.finished)
    if not -config.clock_skew_seconds <= age <= config.decision_seconds:
        found = f"one of {age} s ago" if age > 0 else "one of a time to come"
        raise _refused("decision", f"one of the last {config.decision_seconds} s", found)


def _require_in_force(verified: Verified) -> None:
    if lapsed := find_lapsed_consents(verified.log, verified.chain):
        raise _refused("consent", "what people have signed, in force today", lapsed[0])
    reading = read_law(verified.log, verified.chain)
    if reading.objections_today:
        raise _refused("in force", "what is in force today", reading.objections_today[0].text)


def _refused(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        f"evidence, {where}",
        expected=expected,
        found=found,
        remedy="Nothing was changed: release the model again; `./portcullis verify` says why.",
    )
