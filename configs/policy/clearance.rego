# What must hold before a model is trained (purpose "train") and before it is registered
# (purpose "register").
#
# Python finds the facts: it verifies every signature, walks the lineage by sha256 and names what
# does not hold in `input.broken`. This policy judges them. It answers with an object, always; no
# answer refuses. Times are epoch seconds. Each refusal has a kind, which programs match, and a text,
# which people read: a rule of your own takes a kind of its own, `word.word`, in small letters.
# Kept to what OPA and rego-cpp both read (rego-cpp 1.5 cannot evaluate `with`, so the tests are
# cases: cases.yaml).
package portcullis.clearance

import rego.v1

purposes := {"train", "register"}

# Which gates there are is a fact: Python reads it from the table of stages. A gate that is added
# there is required from then on. One that this policy asks checks of cannot be taken away there.
gates contains gate if some gate in input.required_gates

# Each gate has to have made these checks, by id, at least once. Where a use case has nothing to
# measure, its gate says so under the same id: `not_measured`, with the reason that is declared.
required_checks := {
	"redact": {"redact.surviving_identifiers", "redact.leak_ratio_own_person"},
	"validate": {
		"validate.suite",
		"validate.drift",
		"validate.column_agreement",
		"validate.label_agreement",
		"validate.join_agreement",
		"validate.joint_drift",
		"validate.label_rate",
		"validate.group_label_rate",
		"validate.beyond_support",
		"validate.repeated_people_ratio",
		"validate.exact_duplicate_ratio",
		"validate.near_duplicate_ratio",
		"validate.rarest_label_share",
		"validate.rows_without_label",
	},
	"train": {
		"train.auc_lower_end",
		"train.auc_ceiling",
		"train.feature_auc",
		"train.slice_purity",
		"train.overfit_gap",
		"train.calibration_beyond_chance",
		"train.group_calibration",
		"train.gain_over_majority",
		"train.auc_lost_to_champion",
		"train.auc_lost_to_challenger",
		"train.registered_auc_lost",
		"train.registered_calibration",
		"train.registered_approval_rate",
	},
	"explain": {
		"explain.additivity_error",
		"explain.declined_without_reason",
		"explain.reasons_kept_by_people_behind",
		"explain.reasons_kept_by_backgrounds",
		"explain.reasons_kept_by_refits",
		"explain.reasons_kept_by_perturbations",
	},
	"fairness": {"fairness.attribute_covered", "fairness.theil_index"} | checks_of_each_attribute,
	"subgroups": {
		"subgroups.false_decline_difference",
		"subgroups.disparate_impact",
		"subgroups.underrated_by",
		"subgroups.multicalibration_error",
	},
	"alternatives": {
		"alternatives.decline_ratio_reduction",
		"alternatives.detectable_reduction",
	},
	"packages": {"packages.vulnerabilities", "packages.licences"},
}

# What has to have been judged of every protected column, and of every declared combination.
checks_of_each_attribute := {
	"fairness.disparate_impact_ratio",
	"fairness.disparate_impact_ratio_over_cutoffs",
	"fairness.decline_ratio",
	"fairness.decline_ratio_over_cutoffs",
	"fairness.odds_ratio",
	"fairness.standardised_mean_difference",
	"fairness.equal_opportunity_difference",
	"fairness.average_abs_odds_difference",
	"fairness.underrated_by",
}

# Outcomes of a check that do not block by themselves. Whatever else a check may say is a failure,
# but for `undecided`, which a validator may accept.
unblocking := {"pass", "not_measured"}

# Whether a model may be registered from a tree that differs from its commit. Shipped as true: the
# first release of a new use case is made before its configuration is committed. A bank sets it to
# false.
dirty_tree_allowed := true

decision := {"allow": count(refusals) == 0, "refusals": refusals}

refusals contains refusal("policy.unknown_purpose", "policy: no such purpose") if {
	not input.purpose in purposes
}

refusals contains refusal("policy.no_gates", "policy: no gate is required, so nothing is cleared") if {
	count(gates) == 0
}

refusals contains refusal("policy.gate_dropped", sprintf("%s: no stage of the path is this gate", [gate])) if {
	input.purpose == "register"
	some gate, _ in required_checks
	not gate in gates
}

refusals contains broken if some broken in input.broken

refusals contains refusal("verdict.unsigned", sprintf("%s: no signed verdict", [gate])) if {
	some gate in gates
	not input.gates[gate]
}

refusals contains refusal("verdict.unreadable", text) if {
	some gate in gates
	verdict := input.gates[gate]
	not verdict.checks
	text := sprintf(
		"%s: entry %d was signed before checks had ids; run the stage again",
		[gate, verdict.index],
	)
}

refusals contains refusal_of_check("check.failed", text, gate, check.key) if {
	some gate in gates
	verdict := input.gates[gate]
	some check in verdict.checks
	not check.outcome in unblocking
	check.outcome != "undecided"
	text := sprintf("%s: %s: failed, says entry %d", [gate, check.measure, verdict.index])
}

refusals contains refusal_of_check("check.undecided", text, gate, check.key) if {
	some gate in gates
	verdict := input.gates[gate]
	some check in verdict.checks
	check.outcome == "undecided"
	not accepted(gate, verdict, check)
	text := sprintf(
		"%s: %s: undecided, says entry %d, and nobody accepted `%s`",
		[gate, check.measure, verdict.index, check.key],
	)
}

# Its outcome is no pass, though none of its checks says why.
refusals contains refusal("verdict.not_passed", text) if {
	some gate in gates
	verdict := input.gates[gate]
	verdict.outcome != "pass"
	blocking := [check | some check in verdict.checks; not check.outcome in unblocking]
	count(blocking) == 0
	text := sprintf("%s: the verdict of entry %d is no pass", [gate, verdict.index])
}

# Or it is worse than undecided, though its checks are undecided at most: what a validator accepts
# are checks, and they do not say what this outcome rests on.
refusals contains refusal("verdict.not_passed", text) if {
	some gate in gates
	verdict := input.gates[gate]
	not verdict.outcome in {"pass", "undecided"}
	failing := [check |
		some check in verdict.checks
		not check.outcome in unblocking
		check.outcome != "undecided"
	]
	count(failing) == 0
	text := sprintf("%s: the verdict of entry %d is no pass", [gate, verdict.index])
}

refusals contains refusal_of_check("check.missing", text, gate, id) if {
	some gate in gates
	verdict := input.gates[gate]
	some id in required_checks[gate]
	not id in {check.id | some check in verdict.checks}
	text := sprintf("%s: check `%s` was not made, says entry %d", [gate, id, verdict.index])
}

# Every column whose role is `protected`, whatever the gate was told to judge.
refusals contains refusal("check.attribute_missing", text) if {
	some gate in gates
	gate == "fairness"
	verdict := input.gates[gate]
	some attribute in input.attributes
	not is_excused(verdict, attribute)
	not is_judged(verdict, attribute)
	text := sprintf(
		"fairness: `%s` was not judged by every check of a group, says entry %d",
		[attribute, verdict.index],
	)
}

refusals contains refusal("configuration.changed", text) if {
	some gate in gates
	verdict := input.gates[gate]
	some name, digest in verdict.current
	object.get(verdict.configuration, name, "") != digest
	text := sprintf(
		"%s: entry %d was judged by another %s than the one in force",
		[gate, verdict.index, name],
	)
}

refusals contains refusal("configuration.missing", text) if {
	some gate in gates
	count(object.get(input.gates[gate], "current", {})) == 0
	text := sprintf("%s: nothing is in force that it could be judged by", [gate])
}

refusals contains refusal("decision.missing", "decide: no signed decision about this model") if {
	input.purpose == "register"
	not input.decision.result
}

# Each reason of the decision stands for itself: an acceptance answers the one that names its check,
# and no other.
refusals contains refusal_of_check("decision.against", text, gate, check) if {
	input.purpose == "register"
	some reason in decision_reasons
	not answered(reason)
	gate := object.get(reason, "gate", "")
	check := object.get(reason, "check", "")
	text := sprintf(
		"decide: entry %d decided against this model: %s",
		[input.decision.index, reason.text],
	)
}

refusals contains refusal("decision.against", text) if {
	input.purpose == "register"
	input.decision.result != "PASSED"
	count(decision_reasons) == 0
	text := sprintf(
		"decide: entry %d decided against this model: without a reason",
		[input.decision.index],
	)
}

# A result that nobody knows is no pass, whatever has been accepted.
refusals contains refusal("decision.against", text) if {
	input.purpose == "register"
	not input.decision.result in {"PASSED", "FAILED"}
	text := sprintf(
		"decide: entry %d decided against this model: its result is neither PASSED nor FAILED",
		[input.decision.index],
	)
}

# A drill moves the day by which agreements and terms are judged. What was made, judged, decided or
# asked under it is for practice.
refusals contains refusal("drill.clock", text) if {
	object.get(input, "drill", "") != ""
	text := sprintf(
		"%s: asked under PORTCULLIS_TODAY=%s; drills clear nothing",
		[input.purpose, input.drill],
	)
}

refusals contains refusal("drill.clock", text) if {
	some step in input.steps
	object.get(step, "drill", "") != ""
	text := drill_text(step.stage, step)
}

refusals contains refusal("drill.clock", text) if {
	some gate in gates
	object.get(input.gates[gate], "drill", "") != ""
	text := drill_text(gate, input.gates[gate])
}

refusals contains refusal("drill.clock", text) if {
	input.purpose == "register"
	object.get(input.decision, "drill", "") != ""
	text := sprintf(
		"decide: entry %d ran under PORTCULLIS_TODAY=%s; drills clear nothing",
		[input.decision.index, input.decision.drill],
	)
}

# Filled where evidence is enforced: on a person's own machine anybody may call themselves anything.
refusals contains refusal("actor.unknown", text) if {
	some actor in object.get(input, "unknown_actors", [])
	text := sprintf(
		"people: %s, and no key entry says who that is; enrol them with `./portcullis keys enrol`",
		[actor],
	)
}

refusals contains refusal("tree.dirty", text) if {
	not dirty_tree_allowed
	some step in input.steps
	some path in step.dirty
	text := sprintf("%s: made from a tree that differs from its commit: %s", [step.stage, path])
}

refusals contains approval_refusal if {
	input.purpose == "register"
	input.approval.required
	count(approvals) == 0
	some approval_refusal in approval_refusals
}

# An approval counts if it is for this model, in force, and its giver did not make the run.
approvals contains given.index if {
	some given in input.approval.given
	counts(given)
}

approval_refusals contains refusal("approval.missing", text) if {
	count(input.approval.given) == 0
	text := "approval: nobody has approved this model; `./portcullis approve` says how"
}

approval_refusals contains refusal("approval.expired", text) if {
	some given in input.approval.given
	not in_force(given)
	text := sprintf("approval: that of entry %d has expired", [given.index])
}

approval_refusals contains refusal("approval.by_author", text) if {
	some given in input.approval.given
	given.by_author
	text := sprintf("approval: entry %d is by %s, who made this run", [given.index, given.person])
}

approval_refusals contains refusal("approval.unidentified", text) if {
	some given in input.approval.given
	object.get(given, "unidentified", false)
	text := sprintf(
		"approval: entry %d is by %s, of whom no login is enrolled",
		[given.index, given.person],
	)
}

# A validator may accept an undecided check, by its key, of exactly this verdict, until a date.
accepted(gate, verdict, check) if {
	some given in input.acceptances
	given.gate == gate
	given.verdict == verdict.report
	check.key in given.tests
	counts(given)
}

# A reason of the decision is answered if it is about an undecided check alone, of the verdict that
# counts, and a validator has accepted exactly that check of exactly that verdict.
answered(reason) if {
	reason.kind == "check.undecided"
	some gate in gates
	reason.gate == gate
	verdict := input.gates[gate]
	reason.report == verdict.report
	some check in verdict.checks
	check.key == reason.check
	check.outcome == "undecided"
	accepted(gate, verdict, check)
}

decision_reasons := object.get(input.decision, "refusals", [])

# Of a person, in force, and the giver surely did not make the run.
counts(given) if {
	in_force(given)
	not given.by_author
	not object.get(given, "unidentified", false)
}

in_force(given) if given.expires > input.now

drill_text(stage, run) := sprintf(
	"%s: entry %d ran under PORTCULLIS_TODAY=%s; drills clear nothing",
	[stage, run.index, run.drill],
)

# A group that is absent has a check, too, which judges nothing: only the required ones count.
is_judged(verdict, attribute) if {
	made := {check.id | some check in verdict.checks; check.about.attribute == attribute}
	count(checks_of_each_attribute - made) == 0
}

# By a person, with a reason and a date in the use case, and said so in the verdict. A bank that
# excuses nothing takes this rule away.
is_excused(verdict, attribute) if {
	excuse := input.excused[attribute]
	every field in {"reason", "by", "date"} {
		trim_space(object.get(excuse, field, "")) != ""
	}
	some check in verdict.checks
	check.id == "fairness.attribute_covered"
	check.outcome == "not_measured"
	check.about.attribute == attribute
}

refusal(kind, text) := {"kind": kind, "text": text}

# By gate and check programs know that what a gate says and what is said here are one reason.
refusal_of_check(kind, text, gate, check) := {
	"kind": kind,
	"text": text,
	"gate": gate,
	"check": check,
}

# Code. Every step and every gate says in which environment it was made (interpreter, standard
# library, locked distributions), what else could be imported there, and by which files of ours.
# All of it has to be what lies here: this is who reads the statement, and who answers for the code.
makers contains maker if {
	some step in input.steps
	maker := {"name": step.stage, "index": step.index, "code": object.get(step, "code", {})}
}

makers contains maker if {
	some gate in gates
	verdict := input.gates[gate]
	maker := {"name": gate, "index": verdict.index, "code": object.get(verdict, "code", {})}
}

refusals contains refusal("code.unknown", text) if {
	some maker in makers
	not maker.code.environment
	text := sprintf(
		"%s: entry %d does not say by which code it was made; run the stage again",
		[maker.name, maker.index],
	)
}

refusals contains refusal("code.unknown", "code: it was not measured what can be imported here") if {
	not input.current_code.environment
}

refusals contains refusal("code.changed", text) if {
	some maker in makers
	maker.code.environment != input.current_code.environment
	text := sprintf(
		"%s: entry %d was made by another interpreter or other libraries than are here",
		[maker.name, maker.index],
	)
}

refusals contains refusal("code.foreign", text) if {
	some maker in makers
	some name in maker.code.foreign
	text := sprintf(
		"%s: entry %d was made where `%s` could be imported, which no lock names",
		[maker.name, maker.index, name],
	)
}

refusals contains refusal("code.foreign", text) if {
	some name in input.current_code.foreign
	text := sprintf(
		"code: `%s` can be imported here, and no lock names it: remove it, or .venv with it",
		[name],
	)
}

refusals contains refusal("code.outdated", text) if {
	some maker in makers
	some name, digest in maker.code.current
	object.get(maker.code.materials, name, "") != digest
	text := sprintf(
		"%s: entry %d was made by another %s than lies here; run the stage again",
		[maker.name, maker.index, name],
	)
}
