"""Commands of validators and auditors: keys, approvals, acceptances, proofs, bundles."""
