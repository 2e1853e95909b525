"""What people read about a model in the registry: what it decides, on what, and how to load it."""

from dataclasses import dataclass

from tasks.config.words import NO_WORDS, Words
from tasks.model import DecisionModel
from tasks.model.reasons import MOST_REASONS
from tasks.plain_text import one_line

MOST_CHARACTERS = 4900
# MLflow keeps 5,000 characters of a description; a line for each of the latest attempts has to fit.
MOST_LINE_CHARACTERS = 500

COMPARED_WITH = {
    "near_cutoff": "those decided “{favourable}” with the lowest scores",
    "all": "everybody",
}


@dataclass(frozen=True)
class ModelCard:
    """The short card of a model: what it is for, who let it in, and what each gate came to.

    `gates` are (gate, outcome, counts of checks). `dossier` says how much of it is answered, and
    its digest; empty where none was written.
    """

    title: str
    purpose: str
    decided_by: str
    gates: tuple[tuple[str, str, str], ...]
    dossier: str = ""

    def lines(self) -> tuple[str, ...]:
        """Return it as lines of Markdown."""
        head = f"**Registered**, let in by {_code(self.decided_by)}. {_code(self.title)}"
        purpose = (f"For: {_code(self.purpose[:MOST_LINE_CHARACTERS])}",) if self.purpose else ()

        return (
            head,
            "",
            *purpose,
            "",
            "| gate | outcome | checks |",
            "|---|---|---|",
            *(f"| {gate} | {outcome} | {counts} |" for gate, outcome, counts in self.gates),
            "",
            "The page of the release: `report/index.html` among the artifacts of the run.",
            *self._dossier_lines(),
            "",
        )

    def _dossier_lines(self) -> tuple[str, ...]:
        if not self.dossier:
            return ()
        where = "`dossier/dossier.zip` beside it, with the whole model card and all evidence"
        return ("", f"The dossier: {where}. {_code(self.dossier)}")


def describe_version(
    model: DecisionModel,
    name: str,
    alias: str,
    attempts: tuple[str, ...] = (),
    card: ModelCard | None = None,
    words: Words = NO_WORDS,
) -> str:
    """Return the description of one version, as Markdown. No value about a person is in it.

    Args:
        model: The model.
        name: Under which it is registered.
        alias: That will name this version.
        attempts: What is noted of the attempts on the same data, a line each.
        card: What comes first.
        words: Labels of columns, and what the outcomes are called.
    """
    beginning = "\n".join(card.lines()) + "\n" if card else ""
    scorer = model.scorer
    columns = model.contract.columns
    names = {column.name: _code(words.name_of(column.name)) for column in columns}
    optional = [names[column.name] for column in columns if column.may_be_missing]
    categorical = [names[column.name] for column in columns if column.kind == "category"]
    composites = model.composites
    reason_map = _code(model.reasons.version)
    favourable = _code(words.favourable)
    compared_with = COMPARED_WITH[composites.compared_with].format(favourable=words.favourable)
    text = f"""\
{scorer.family}, {len(scorer.features)} columns. Decides {favourable} from a score of \
{scorer.cutoff:.6g} on; its answer is `approved` then, whatever that is called.

```python
model = mlflow.pyfunc.load_model("models:/{name}@{alias}")
model.predict(rows)   # score, decision, reason_1 … reason_{MOST_REASONS} with their texts
```

- Loads with MLflow and `requirements.txt` alone; it brings its own code.
- Reasons by map {reason_map}, compared with {_code(compared_with)}: \
{len(composites.rows)} composite rows that are nobody's, each value from at least \
{composites.people_behind_each_value} people.
- May be missing: {", ".join(optional) or "none"}. Categories: {", ".join(categorical) or "none"}.
- Columns beyond these are ignored. An absent column, an unknown category, a missing value \
elsewhere: an error that names the column.
"""
    noted = "".join(f"- {_code(line[:MOST_LINE_CHARACTERS])}\n" for line in attempts)
    # Where it does not fit, the latest attempts are what is left out: the page has them.
    return (beginning + text + noted)[:MOST_CHARACTERS]


def _code(text: str) -> str:
    """Return text that people wrote as a code span, in which Markdown and HTML mean nothing.

    A code span ends at a backtick, and MLflow's page shows `&` in it as it stands.
    """
    plain = one_line(text).replace("`", "'").strip()
    return f"`{plain or '?'}`"
