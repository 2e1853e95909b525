"""Which clauses an agreement needs, by the role of the other party.

By the text of the law, in words of ours. They are code and no configuration: who could edit the
list of what is asked for would need to edit no agreement.
"""

# What Art. 28(3) asks of a contract with a processor: its subject, and what the processor commits
# itself to.
PROCESSOR_CLAUSES = {
    "GDPR 28(3)": "subject, duration, nature and purpose; kinds of data and of people",
    "GDPR 28(3)(a)": "processes on documented instructions only",
    "GDPR 28(3)(b)": "people are bound to confidentiality",
    "GDPR 28(3)(c)": "security of processing",
    "GDPR 28(3)(d)": "sub-processors by permission only",
    "GDPR 28(3)(e)": "helps with the rights of people",
    "GDPR 28(3)(f)": "helps with security, breaches and impact assessments",
    "GDPR 28(3)(g)": "deletes or returns everything at the end",
    "GDPR 28(3)(h)": "proves all this, and allows audits",
}
JOINT_CLAUSES = {
    "GDPR 26(1)": "who answers for which duty, and the contact for people concerned",
    "GDPR 26(2)": "how the essence of it is made available to people concerned",
}
# No article lists clauses between independent controllers. These are what a recipient needs in
# order to show a legal basis (Art. 6), to name the source (Art. 14) and to correct data (Art. 19).
INDEPENDENT_CLAUSES = {
    "GDPR 5(1)(b)": "the purposes for which the data may be used",
    "GDPR 14": "who tells people concerned where their data came from",
    "GDPR 19": "corrections and erasures are passed on",
}
# 45 CFR 164.314(a)(2)(i): the contract with a business associate.
ASSOCIATE_CLAUSES = {
    "HIPAA 164.314(a)(2)(i)(A)": "complies with the security rule",
    "HIPAA 164.314(a)(2)(i)(B)": "subcontractors agree to the same",
    "HIPAA 164.314(a)(2)(i)(C)": "reports security incidents and breaches",
}
# A role that is not here cannot be declared (`DataAgreement.role`): none is let off all clauses.
BY_ROLE: dict[str, dict[str, str]] = {
    "controller": {},  # its own data, by its own record of processing
    "joint_controller": JOINT_CLAUSES,
    "independent_controller": INDEPENDENT_CLAUSES,
    "processor": PROCESSOR_CLAUSES,
}


def required_clauses(role: str, *, is_business_associate: bool) -> dict[str, str]:
    """Return the clauses that an agreement needs, each with what it says."""
    associate = ASSOCIATE_CLAUSES if is_business_associate else {}
    return {**BY_ROLE[role], **associate}
