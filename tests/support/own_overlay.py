"""An overlay of an environment's own, and the mask that it names."""

OVERLAY = """
code: XX
kind: country
name: Example
identifiers:
  - name: Branch mark
    class: person_ref
    subtype: branch_mark
    sensitivity: confidential
    names: [branch]
    masks: {STRING: mask_own}
"""
"""The file of the overlay; its code is XX."""

MASK = """-- mask_own(value STRING) RETURNS STRING
-- class: person_ref
-- reveals: nothing
-- example: 'a' -> 'hidden'
CASE WHEN value IS NULL THEN NULL ELSE 'hidden' END
"""
