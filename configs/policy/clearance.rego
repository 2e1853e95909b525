# What must hold before a model is trained (purpose "train") and before it is registered (purpose "register").
#
# Python finds the facts: it verifies every signature, walks the lineage by sha256 and names what does not hold in
# `input.broken`. This policy judges them. It answers with an object, always; no answer refuses. Times are epoch seconds.
# Kept to what OPA and rego-cpp both read (rego-cpp 1.5 cannot evaluate `with`, so the tests are cases: cases.yaml).
package portcullis.clearance

import rego.v1

required_gates := {
	"train": {"redact", "validate"},
	"register": {"redact", "validate", "train", "explain", "fairness"},
}

# Each gate has to have made these tests, by the beginning of their names (the rest names groups and columns). Where a use
# case has nothing to measure, its gate says so by another name: any one of a list will do.
required_tests := {
	"redact": {
		["identifiers of its own row that survive in a text"],
		["leak ratio, own person", "leakage against planted answers", "free text"],
	},
	"validate": {
		["expectations"],
		["largest drift of a column", "drift"],
		["exact duplicates across people"],
		["near duplicates across people"],
		["rarest label"],
		["rows without a label"],
	},
	"train": {["AUC, lower end"], ["calibration error"], ["balanced accuracy"], ["AUC against the champion", "AUC lost"]},
	"explain": {["additivity error"], ["declined applicants without a reason"], ["top reasons kept"]},
	"fairness": {
		["disparate impact ratio"],
		["equal opportunity difference"],
		["average absolute odds difference"],
		["Theil index"],
	},
}

# Whether a model may be registered from a tree that differs from its commit. Shipped as true: the first release of a new
# use case is made before its configuration is committed. A bank sets it to false.
dirty_tree_allowed := true

decision := {"allow": count(refusals) == 0, "refusals": refusals}

gates := required_gates[input.purpose]

refusals contains "policy: no such purpose" if not required_gates[input.purpose]

refusals contains line if some line in input.broken

refusals contains sprintf("%s: no signed verdict", [gate]) if {
	some gate in gates
	not input.gates[gate]
}

refusals contains sprintf("%s: %s: failed, says entry %d", [gate, test, verdict.index]) if {
	some gate in gates
	verdict := input.gates[gate]
	some test in verdict.failed
}

refusals contains sprintf("%s: %s: undecided, says entry %d, and nobody accepted it", [gate, test, verdict.index]) if {
	some gate in gates
	verdict := input.gates[gate]
	some test in verdict.undecided
	not accepted(gate, verdict, test)
}

refusals contains sprintf("%s: the verdict of entry %d is no pass", [gate, verdict.index]) if {
	some gate in gates
	verdict := input.gates[gate]
	verdict.outcome != "pass"
	count(verdict.failed) + count(verdict.undecided) == 0
}

refusals contains sprintf("%s: test `%s` was not made, says entry %d", [gate, names[0], verdict.index]) if {
	some gate in gates
	verdict := input.gates[gate]
	some names in required_tests[gate]
	not made(verdict, names)
}

refusals contains sprintf("fairness: no test about `%s` was made, says entry %d", [attribute, verdict.index]) if {
	some gate in gates
	gate == "fairness"
	verdict := input.gates[gate]
	some attribute in input.attributes
	not about_attribute(verdict, attribute)
}

refusals contains sprintf("%s: entry %d was judged by another %s than the one in force", [gate, verdict.index, name]) if {
	some gate in gates
	verdict := input.gates[gate]
	some name, digest in verdict.current
	object.get(verdict.configuration, name, "") != digest
}

refusals contains sprintf("%s: nothing is in force that it could be judged by", [gate]) if {
	some gate in gates
	count(object.get(input.gates[gate], "current", {})) == 0
}

refusals contains "decide: no signed decision about this model" if {
	input.purpose == "register"
	not input.decision.result
}

refusals contains sprintf("decide: entry %d decided against this model: %s", [input.decision.index, line]) if {
	input.purpose == "register"
	input.decision.result != "PASSED"
	count(accepted_gates) == 0
	some line in object.get(input.decision, "refusals", ["without a reason"])
}

refusals contains sprintf("%s: made from a tree that differs from its commit: %s", [step.stage, path]) if {
	not dirty_tree_allowed
	some step in input.steps
	some path in step.dirty
}

refusals contains line if {
	input.purpose == "register"
	input.approval.required
	count(approvals) == 0
	some line in approval_lines
}

# An approval counts if it is for this model, in force, and its giver did not make the run.
approvals contains given.index if {
	some given in input.approval.given
	in_force(given)
	not given.by_author
}

approval_lines contains "approval: nobody has approved this model; `./portcullis approve` says how" if {
	count(input.approval.given) == 0
}

approval_lines contains sprintf("approval: that of entry %d has expired", [given.index]) if {
	some given in input.approval.given
	not in_force(given)
}

approval_lines contains sprintf("approval: entry %d is by %s, who made this run", [given.index, given.person]) if {
	some given in input.approval.given
	given.by_author
}

# A validator may accept an undecided check, by name, of exactly this verdict, until a date.
accepted(gate, verdict, test) if {
	some given in input.acceptances
	given.gate == gate
	given.verdict == verdict.report
	test in given.tests
	in_force(given)
	not given.by_author
}

accepted_gates contains gate if {
	some gate in gates
	verdict := input.gates[gate]
	some test in verdict.undecided
	accepted(gate, verdict, test)
}

in_force(given) if given.expires > input.now

made(verdict, names) if {
	some test in array.concat(array.concat(verdict.passed, verdict.failed), verdict.undecided)
	some name in names
	startswith(test, name)
}

about_attribute(verdict, attribute) if {
	some name in array.concat(array.concat(verdict.passed, verdict.failed), verdict.undecided)
	contains(name, sprintf("(%s)", [attribute]))
}
