"""What loan officers write: clauses with fields in braces, from which notes are composed.

`{me.…}` is the applicant, `{she.…}` a third person, another one in every theme; what they stand for
is planted as personal data. `{….title}` and fields without a person (amounts, months, ratios) are
not planted, and must survive redaction. No choice of clauses makes a note shorter than 20 words or
longer than 80; a test counts.
"""

OPENINGS = (
    "Met with {me.name} at the branch in {month} to go over the application.",
    "Spoke to {me.title} {me.last} by phone about the file.",
    "Applicant {me.last}, {me.first} came in without an appointment.",
    "Call with {me.first} ({me.phone}) regarding missing pages of the tax return.",
    "{me.name} e-mailed from {me.email} to ask where the application stands.",
    "File of {me.initial} {me.last} reviewed a second time in {month}.",
    "{me.upper} - purchase, owner occupied, {years} years fixed.",
    "Received the signed disclosure from {me.title} {me.last} this morning.",
    "Customer {me.lower} wants to lock the rate before {month}.",
    "Pre-approval interview with {me.name}; identification was checked against SSN {me.ssn}.",
    "Second visit. {me.name}, of {me.street}, brought the pay stubs we asked for.",
    "Voicemail left for {me.first} {me.last} at {me.dotted}, no answer so far.",
    "Walk-in: {me.name} asks to borrow ${price} over {years} years.",
    "Underwriting returned the {me.last} file with {count} open conditions.",
    "{me.first} called again; prefers to be reached at {me.phone}.",
    "Application taken by phone from {me.title} {me.name} on a busy {month} morning.",
)
INCOME = (
    "Income of ${income} a month was confirmed by {she.name} in payroll, {she.phone}.",
    "Has worked in the same trade for {years} years and changed employer once.",
    "Self-employed; two years of returns show a falling profit.",
    "Employer reference from {she.name} <{she.email}> is on file.",
    "Obligations come to {percent} percent of income, above our guideline of 36 percent.",
    "Overtime of ${amount} was not counted because {she.title} {she.last} could not confirm it.",
    "Base pay is ${income}; the bonus has been paid for {count} years.",
    "Supervisor {she.first} {she.last} expects the contract to be renewed in {month}.",
    "Rental income of ${income} is documented by the lease and {count} bank statements.",
)
OTHERS = (
    "The spouse, {she.name}, will not be on the note.",
    "Gift letter over ${amount} signed by {she.title} {she.last}, a relative.",
    "Reference: {she.last}, {she.first}, colleague since {month}.",
    "Co-signer {she.title} {she.last} can be reached under {she.phone} after {count} pm.",
    "Seller's agent {she.name} called twice to ask for a decision.",
    "Attorney {she.name} ({she.email}) holds the deposit in escrow.",
    "Brother-in-law {she.name} lends ${amount} for closing costs, repayable in {years} years.",
    "Power of attorney for {she.name} was shown; copy is in the file.",
    "Notary {she.name}, {she.phone}, will witness the signature in {month}.",
    "Joint owner until now is {she.first} {she.last}, who moves out before {month}.",
)
HISTORY = (
    "Landlord {she.name} reports {count} late payments in {years} years.",
    "Old collection of ${amount} was paid off {years} years ago according to the report.",
    "Asked for letters about {count} inquiries during the last quarter.",
    "Bankruptcy was discharged {years} years ago; credit has been clean since then.",
    "Reserves cover {count} months of housing expense after closing.",
    "Savings statement shows ${amount} deposited in {month} without a paper trail.",
    "Dispute over a card balance of ${amount} is settled, says {she.name} at collections.",
    "Previous lender, contact {she.name}, <{she.email}>, confirms payments on time.",
    "No late payment in {years} years; {count} open lines, all in good standing.",
)
PROPERTY = (
    "Appraisal came in {percent} percent under the purchase price of ${price}.",
    "Down payment of {percent} percent comes from the sale of a condo.",
    "Property is a two-family house; rent for the second unit is ${income}.",
    "Inspection by {she.name} found the roof {years} years old.",
    "Seller {she.title} {she.last} grants a credit of ${amount} at closing.",
    "Flood zone certificate is outstanding; the surveyor promised it for {month}.",
    "Condo fee of ${amount} a quarter was not in the first statement.",
    "Title search by {she.name} ({she.phone}) shows one lien to be released.",
    "Mortgage insurance was sought because the loan covers {percent} percent of value.",
)
CLOSINGS = (
    "Please send the decision to {me.street}, {me.city}.",
    "Will follow up with {me.first} next week.",
    "{me.title} {me.last} asked for a call back at {me.phone}.",
    "Account ending {me.last4} is to be debited for the appraisal fee.",
    "Recommend approval subject to verification of assets.",
    "Passed to underwriting; contact is {me.email}.",
    "Mailing address changed to {me.street}.",
    "No further conditions at this time.",
    "Waiting for {me.first}'s employer to return the form.",
    "Explained the appraisal fee; {me.last} agreed.",
    "Left word with {me.nickname} that {count} documents are missing.",
    "Copy of the estimate went to {me.email} today.",
    "Account {me.account} was verified over the counter.",
    "Not convinced by the explanation; suggest a second look.",
)
THEMES = (INCOME, OTHERS, HISTORY, PROPERTY)
