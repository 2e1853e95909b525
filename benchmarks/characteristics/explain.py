"""False alarms and power of the gate `explain`.

    python -m benchmarks.characteristics.explain 200 1        # replicates, seed

Each replicate draws people afresh, measures them by the gate's own functions, and lets its judge
say which checks do not pass, by the limits of the shipped cases. What a check is not about is as it
should be. Refits are real ones: `train` makes them, of a portfolio that is drawn, too.
"""

import sys
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pandas as pd
from scipy.stats import norm

from benchmarks.characteristics.row import Row
from tasks.adverse_action.params import BackgroundParams
from tasks.adverse_action.people import choose_people
from tasks.config.case_files import CaseFile
from tasks.config.cases import Columns
from tasks.gates import Outcome
from tasks.gates.check import CheckId
from tasks.learning.params import TrainParams
from tasks.learning.training import train
from tasks.model import Composites, Contract, DecisionModel, Input, ReasonGroup, ReasonMap, Scorer
from tasks.model.contract import judged_columns
from tasks.model.families import Logistic, Matrix
from tasks.model.loading import code_sha256
from tasks.model.reasons import MOST_REASONS, NamedReasons, Side, name_reasons
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.explain.explaining import ExplainReport
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.explain.params import ExplainLimits, ExplainParams, ProxyParams
from tasks.stages.explain.proxies import measure_joint_proxies
from tasks.stages.explain.soundness import Soundness, measure_cohesion, measure_soundness
from tasks.stages.explain.stability import Overlap, count_approvals, measure_overlap
from tasks.stages.train.completing import complete_model

GATE = "explain"
REPLICATES = 10  # of a full run by `python -m benchmarks.characteristics`
LIMITS = ExplainLimits(
    additivity_error=1e-4,
    proxy_strength=0.05,
    joint_inputs_auc=0.9,
    joint_contributions_auc=0.8,
    reason_cohesion=0.3,
    top_reasons_overlap=0.9,
    least_reason_share=0.1,
    weakest_reason_fidelity=0.9,
    untold_ratio=0.01,
    flipped_ratio=0.25,
)
BACKGROUND = BackgroundParams(people="near_cutoff", rows=100, smallest_group=10, seed=1)
PARAMS = ExplainParams(
    reasons=CaseFile(path="configs/x/reasons.yaml", sha256="0" * 64),
    background=BACKGROUND,
    proxies=ProxyParams(people=2000, smallest_group=250, folds=3, permutations=1),
    explain_rows=1000,
    stability_rows=400,
    stability_draws=2,
    perturbation=0.02,
    seed=1,
)
FEATURES = tuple(f"x{position:02d}" for position in range(12))
JOINT = (ExplainCheck.JOINT_PROXY_INPUTS, ExplainCheck.JOINT_PROXY_CONTRIBUTIONS)
EIGHT_AUC = 0.958
# So far apart that each of eight columns tells little, and all of them as much.
APART = float(norm.ppf(EIGHT_AUC) * np.sqrt(2 / 8))
FITS_OF_REPLICATES = 10  # a replicate that trains takes the time of so many others
COLUMNS = Columns.model_validate(
    {
        **{name: {"role": "feature", "source": "a"} for name in FEATURES[:6]},
        "group": {"role": "protected", "source": "a", "kind": "category"},
        "good": {"role": "target", "source": "a", "kind": "flag"},
    }
)
GOOD = ExplainReport(
    explained_rows=1000,
    declined_rows=100,
    composite_rows=300,
    people_behind_each_value=10,
    composite_margin=0.0,
    composite_standard_error=0.1,
    reason_map_version="1",
    additivity_error=0.0,
    shap_share={},
    proxies=(),
    unranked_attributes=(),
    joint_proxies=(),
    unmeasured_groups=(),
    reason_proxies=(),
    cohesion={},
    reasons={},
    declined_without_reason=0,
    soundness=Soundness(
        told=100, smallest_share=0.5, unraised=0, untrue=0, untold=0, fidelity=1.0, drivers={}
    ),
    top_reasons_overlap=Overlap(people_behind=1, backgrounds=1, refits=1, perturbations=1),
    refits=3,
    flipped_ratio=0.0,
    flipped_rows=0,
)


def reason_map(features: tuple[str, ...] = FEATURES, **side_of: Side) -> ReasonMap:
    """Return a reason for each feature, told of those below, if nothing else is declared."""
    groups = tuple(
        ReasonGroup(
            code=name.upper(), features={name: side_of.get(name, "below")}, text="The figure is low"
        )
        for name in features
    )
    return ReasonMap(
        version="1", language="en", least_share=LIMITS.least_reason_share, reasons=groups
    )


TWELVE = reason_map()


def linear_model(weights: Matrix, reasons: ReasonMap) -> DecisionModel:
    """Return a model that adds up weighted columns, compared with standard normal people."""
    inputs = tuple(Input(name) for name in FEATURES[: len(weights)])
    booster = Logistic(weights, 0.0, np.zeros(len(weights)), np.ones(len(weights)))
    scorer = Scorer("logistic", inputs, booster, 0.3)
    rows = np.random.default_rng(0).normal(size=(300, len(weights)))
    return DecisionModel(
        scorer=scorer,
        contract=Contract.of(scorer, pd.DataFrame(rows, columns=scorer.features), code_sha256()),
        reasons=reasons,
        composites=Composites(
            compared_with="near_cutoff",
            people_behind_each_value=10,
            inputs=tuple(column.name for column in inputs),
            rows=tuple(map(tuple, rows.tolist())),
        ),
    )


@cache
def _twelve_model() -> DecisionModel:
    return linear_model(np.linspace(1.2, 0.4, len(FEATURES)), TWELVE)


def named(rows: int, seed: int = 0) -> NamedReasons:
    """Return the reasons of `rows` declined people, of a model of twelve columns."""
    model = _twelve_model()
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(8 * rows + 8, len(FEATURES)))
    matrix = matrix[model.scorer.booster.margin(matrix) < np.log(0.3 / 0.7)][:rows]
    is_known = np.ones(matrix.shape, dtype=bool)
    return name_reasons(model.explainer, model.scorer.inputs, model.reasons, matrix, is_known)


def randomly_named(result: NamedReasons, kept: int, seed: int) -> np.ndarray:
    """Return four reasons each: the first `kept` that are told, and others drawn by lot."""
    rng = np.random.default_rng(seed)
    tops = []
    for row in result.top:
        first = [int(index) for index in row[:kept] if index >= 0]
        others = np.setdiff1d(np.arange(result.grouped.shape[1]), first)
        tops.append([*first, *rng.permutation(others)[: MOST_REASONS - len(first)]])
    return np.array(tops)


def failing(report: ExplainReport, limits: ExplainLimits = LIMITS) -> frozenset[CheckId]:
    """Return the checks that do not pass, of a report that is as it should be elsewhere."""
    checks = judge_explanation(report, limits)
    return frozenset(
        ExplainCheck(check.id) for check in checks if check.outcome is not Outcome.PASS
    )


# What tells a group. Each returns columns, shape (people, columns), and the shares of SHAP mass.


def independent(is_member: np.ndarray, rng: np.random.Generator) -> tuple[Matrix, list[float]]:
    """Return columns that have nothing to do with the group, three of them codes."""
    columns = rng.normal(size=(len(is_member), 12))
    columns[:, :3] = rng.integers(0, 20, (len(is_member), 3))
    return columns, [1 / 12] * 12


def apart(
    is_member: np.ndarray, rng: np.random.Generator, *, auc: float, columns: int, share: float
) -> tuple[Matrix, list[float]]:
    """Return columns that together tell the group with `auc`, and the others that tell nothing."""
    values = rng.normal(size=(len(is_member), 12))
    shift = float(norm.ppf(auc) * np.sqrt(2 / columns))
    values[:, :columns] += shift * is_member[:, None]
    shares = [share / columns] * columns + [(1 - share) / (12 - columns)] * (12 - columns)
    return values, shares


def interleaved(is_member: np.ndarray, rng: np.random.Generator) -> tuple[Matrix, list[float]]:
    """Return a code of sixty values of which every second is the group's, a tenth of SHAP mass."""
    values = rng.normal(size=(len(is_member), 12))
    values[:, 0] = 2 * rng.integers(0, 30, len(is_member)) + is_member
    return values, [0.1] + [0.9 / 11] * 11


Drawing = Callable[[np.ndarray, np.random.Generator], tuple[Matrix, list[float]]]


def proxies(drawing: Drawing, people: int, rng: np.random.Generator) -> ExplainReport:
    """Return a report about `people` of whom three in ten are in a group."""
    is_member = rng.random(people) < 0.3
    columns, shares = drawing(is_member, rng)
    model = _twelve_model()
    group = pd.DataFrame({"group": pd.array(np.where(is_member, "x", "y"), dtype="str")})
    params = PARAMS.model_copy(update={"seed": int(rng.integers(2**31))})
    persons = pd.Series(np.arange(people))
    joint, by_reason, unmeasured = measure_joint_proxies(
        columns,
        model,
        dict(zip(FEATURES, shares, strict=True)),
        persons,
        group,
        params,
        LIMITS.proxy_strength,
    )
    return GOOD.model_copy(
        update={
            "joint_proxies": joint,
            "reason_proxies": by_reason,
            "unmeasured_groups": unmeasured,
        }
    )


def reasons(kept: int | None, rng: np.random.Generator) -> ExplainReport:
    """Return a report about reasons as they are named, or all but the first `kept` by lot."""
    result = named(100, seed=int(rng.integers(2**31)))
    top = result.top if kept is None else randomly_named(result, kept, int(rng.integers(2**31)))
    return GOOD.model_copy(update={"soundness": measure_soundness(result, TWELVE, top)})


def wrong_way(share: float, rng: np.random.Generator) -> ExplainReport:
    """Return a report about a model that holds against people what the map calls too little."""
    weights = np.linspace(1.2, 0.4, len(FEATURES))
    weights[0] = -share
    model = linear_model(weights, TWELVE)
    matrix = rng.normal(size=(1000, len(FEATURES)))
    declined = matrix[model.scorer.booster.margin(matrix) < np.log(0.3 / 0.7)]
    result = name_reasons(
        model.explainer, model.scorer.inputs, TWELVE, declined, np.ones(declined.shape, dtype=bool)
    )
    soundness = measure_soundness(result, TWELVE, result.top)
    return GOOD.model_copy(update={"soundness": soundness, "declined_rows": len(declined)})


def bucket(correlation: float, rng: np.random.Generator) -> ExplainReport:
    """Return a report about a reason of three features that go together as much, 1,000 rows."""
    shared = rng.normal(size=(1000, 1))
    own = rng.normal(size=(1000, 3))
    matrix = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    group = ReasonGroup(
        code="A", features=dict.fromkeys(FEATURES[:3], "below"), text="Some are low"
    )
    loose = ReasonMap(version="1", language="en", least_share=0.1, reasons=(group,))
    return GOOD.model_copy(update={"cohesion": measure_cohesion(matrix, FEATURES[:3], loose)})


def refitted(signal: float, people: int, rng: np.random.Generator) -> ExplainReport:
    """Return a report about bootstrap refits of a portfolio whose labels follow `signal`."""
    frame = pd.DataFrame(rng.normal(size=(people, 6)), columns=list(FEATURES[:6]))
    margin = signal * frame.to_numpy() @ np.array([1.6, 1.2, 0.8, 0.4, 0.0, 0.0])
    frame = frame.assign(
        subject=[f"{number:032x}" for number in range(people)],
        person=np.arange(people),
        group=pd.array(rng.choice(["x", "y"], people), dtype="str"),
        good=(margin + rng.logistic(size=people) > -1).astype(int),
    )
    trained = train(frame, COLUMNS, _train_params(int(rng.integers(2**31))))
    matrix = trained.scorer.matrix(frame)
    judged = judged_columns(trained.scorer.inputs, frame)
    model = complete_model(matrix, judged, trained, reason_map(FEATURES[:6]), BACKGROUND)

    decisions = model.decide(frame)
    has_learnt = trained.predictions["part"].to_numpy() == "train"
    subjects = frame["subject"].to_numpy()

    def choose(by: Scorer, draw: int) -> Matrix:
        scores = by.score(frame)
        positions = choose_people(scores, subjects, has_learnt, by.cutoff, BACKGROUND, draw=draw)
        chosen: Matrix = matrix[positions]
        return chosen

    approving = count_approvals(matrix, trained.refits, decisions)
    return GOOD.model_copy(
        update={
            "top_reasons_overlap": measure_overlap(
                matrix,
                model.scorer.is_known(frame),
                model,
                trained.refits,
                decisions,
                choose,
                PARAMS,
            ),
            "flipped_ratio": float(approving.mean() / len(trained.refits)),
        }
    )


def _train_params(seed: int) -> TrainParams:
    return TrainParams.model_validate(
        {
            "champion": "none yet",
            "family": "lightgbm",
            "seed": seed,
            "favourable": 1,
            "validation_ratio": 0.2,
            "test_ratio": 0.2,
            "folds": 3,
            "refits": 3,
            "cutoff": {"rule": "approval_rate", "rate": 0.8},
            "mitigation": "none",
            "rounds": 60,
            "parameters": {"num_leaves": 4, "learning_rate": 0.1, "min_child_samples": 40},
        }
    )


Situation = Callable[[np.random.Generator], ExplainReport]


def measure(replicates: int, seed: int) -> list[Row]:
    """Return how often each check does not pass, in each situation."""
    rows: list[Row] = []

    def add(
        situation: str,
        people: int,
        draw: Situation,
        expected: dict[ExplainCheck, tuple[float, float]],
        times: int = replicates,
        limits: ExplainLimits = LIMITS,
    ) -> None:
        streams = np.random.SeedSequence([seed, len(rows)]).spawn(times)
        failures = [failing(draw(np.random.default_rng(stream)), limits) for stream in streams]
        for check, (low, high) in expected.items():
            rate = float(np.mean([check in failed for failed in failures]))
            rows.append(Row(GATE, check, situation, people, rate, times, low, high))

    # Joint proxies. Good data first: no check of a proxy may alarm.
    never = (0.0, 0.05)
    always = (0.95, 1.0)
    quiet = dict.fromkeys((*JOINT, ExplainCheck.PROXY_REASON), never)
    add("inputs independent of the group", 2000, partial(proxies, independent, 2000), quiet)
    # By a limit at chance itself, where only the interval keeps the alarm quiet.
    add(
        "inputs independent of the group, judged by a limit of AUC 0.501",
        2000,
        partial(proxies, independent, 2000),
        dict.fromkeys(JOINT, (0.0, 0.1)),
        limits=LIMITS.model_copy(
            update={"joint_inputs_auc": 0.501, "joint_contributions_auc": 0.501}
        ),
    )
    ordinary = partial(apart, auc=0.7, columns=8, share=0.5)
    add("inputs that differ as incomes do, AUC 0.70", 2000, partial(proxies, ordinary, 2000), quiet)
    at_limit = partial(apart, auc=0.9, columns=8, share=0.25)
    add(
        "inputs at the limit, AUC 0.90",
        2000,
        partial(proxies, at_limit, 2000),
        {ExplainCheck.JOINT_PROXY_INPUTS: never},
    )
    eight = partial(apart, auc=EIGHT_AUC, columns=8, share=0.25)
    add(
        "eight weak proxies, joint AUC 0.958, a quarter of SHAP mass",
        2000,
        partial(proxies, eight, 2000),
        dict.fromkeys(JOINT, always),
    )
    add(
        "a code of sixty values, every second the group's, a tenth of SHAP mass",
        2000,
        partial(proxies, interleaved, 2000),
        {ExplainCheck.JOINT_PROXY_INPUTS: always, ExplainCheck.PROXY_REASON: always},
    )

    # Reasons.
    sound = (
        ExplainCheck.WEAKEST_REASON_FIDELITY,
        ExplainCheck.LEAST_REASON_SHARE,
        ExplainCheck.UNRAISED_REASONS,
        ExplainCheck.UNTRUE_REASONS,
        ExplainCheck.UNTOLD_RATIO,
    )
    add("reasons as they are named", 100, partial(reasons, None), dict.fromkeys(sound, (0.0, 0.0)))
    for kept in range(MOST_REASONS):
        add(
            f"{MOST_REASONS - kept} of four reasons drawn by lot",
            100,
            partial(reasons, kept),
            dict.fromkeys(sound[:3], always),
        )
    for weight in (0.05, 0.8):
        add(
            f"a factor of weight {weight} held against people the wrong way",
            1000,
            partial(wrong_way, weight),
            {ExplainCheck.UNTOLD_RATIO: never if weight < 0.1 else always},
        )
    for correlation, band in ((0.0, always), (0.15, always), (0.5, never)):
        add(
            f"a reason of three features, correlation {correlation}",
            1000,
            partial(bucket, correlation),
            {ExplainCheck.REASON_COHESION: band},
        )

    # Refits, which are trained.
    stability = (ExplainCheck.REASONS_KEPT_BY_REFITS, ExplainCheck.FLIPPED_RATIO)
    fits = max(1, replicates // FITS_OF_REPLICATES)
    add(
        "refits of 4,000 people, labels that follow four figures",
        4000,
        partial(refitted, 1.0, 4000),
        dict.fromkeys(stability, (0.0, 0.2)),
        times=fits,
    )
    add(
        "refits of 1,000 people, labels that follow nothing",
        1000,
        partial(refitted, 0.0, 1000),
        dict.fromkeys(stability, (0.8, 1.0)),
        times=fits,
    )
    return rows


def main(replicates: int, seed: int) -> None:
    """Print the table."""
    for row in measure(replicates, seed):
        print(
            f"{row.rate:6.3f} [{row.expected_low:.2f}, {row.expected_high:.2f}] "
            f"{'' if row.is_in_band else 'OUTSIDE ':8}{row.check}: {row.situation}, "
            f"{row.rows:,} rows, {row.replicates} times"
        )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
