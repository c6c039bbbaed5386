"""Deliberately broken masks: a checklist that passes one of them would miss real errors."""

from __future__ import annotations

from lampkeeper.design.knowledge.library import LibraryFunction, parse_library_file
from lampkeeper.model.masks import FunctionRole

_SWAPS = (
    ("WHEN value IS NULL THEN NULL", "WHEN value IS NULL THEN 'none'"),
    ("ELSE '[REDACTED]'", "ELSE value"),
    ("ELSE '[REDACTED]'", "ELSE right(value, 4)"),
    ("ELSE '***'", "ELSE value"),
    ("unhex('{{hash_key.inner}}')", "CAST('' AS BINARY)"),
    *((f", {n}))", f", {n + 3}))") for n in (1, 2, 3, 4)),
)
"""More visible, the other end visible, NULL lost, the rest unmasked, one pad of the key left out."""

SAMPLE = ("mask_tfn", "mask_aadhaar", "mask_iban", "mask_phone", "mask_npwp", "mask_card_last4", "mask_ssn")
"""Masks of the library whose mutants are tested."""


def mutants(function: LibraryFunction) -> list[LibraryFunction]:
    """Return the function broken in each applicable way, without examples."""
    found = []
    for index, (old, new) in enumerate(_SWAPS):
        if old not in function.function.body or function.function.returns.upper() != "STRING":
            continue
        name = f"mutant_{index}_{function.name}"
        examples = "\n".join(f"-- example: {e.arguments[0]} -> NULL" for e in function.function.examples)
        header = f"-- {name}(value STRING) RETURNS STRING\n-- class: {function.label}\n-- reveals: x\n{examples}\n"
        text = header + function.function.body.replace(old, new)
        found.append(parse_library_file(text, FunctionRole.MASK, location="mutant.sql"))
    return found
