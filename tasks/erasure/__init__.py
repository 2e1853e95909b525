"""Erase a person: from every version of every dataset, from everything that learnt or quoted, with a receipt."""
