"""What reasons for a decline stand on: whom an applicant is compared with, and the words they get.

`people` chooses whom, `composing` makes rows of them that are nobody's, `reason_map` reads the
words. `train` seals both into the model, and `explain` questions them. Writes nothing.

May import: `tasks.errors`, `tasks.config`, `tasks.model`.
"""
