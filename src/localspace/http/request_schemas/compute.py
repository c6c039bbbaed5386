"""Fields of requests about compute (source: SDK 0.156, service.compute)."""

from __future__ import annotations

from localspace.http.request_schemas.types import OBJECT, TEXT, WHOLE, FieldType, ListOf, fields

POLICY = fields(
    name=TEXT,
    definition=TEXT,
    description=TEXT,
    libraries=ListOf(fields(whl=TEXT, jar=TEXT, egg=TEXT, requirements=TEXT, pypi=OBJECT, maven=OBJECT, cran=OBJECT)),
    max_clusters_per_user=WHOLE,
    policy_family_id=TEXT,
    policy_family_definition_overrides=TEXT,
)

SCHEMAS: dict[str, FieldType] = {
    "POST /api/2.0/policies/clusters/create": POLICY,
    "POST /api/2.0/policies/clusters/edit": POLICY.plus(policy_id=TEXT),
    "POST /api/2.0/policies/clusters/delete": fields(policy_id=TEXT),
}
