"""Specs of objects: what a plan or state file holds of one reads back as the same object, and as nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.deploy.kinds import GENIE_SPACE, KINDS, POLICY
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.model.access import AccessModel
from lampkeeper.model.desired import Desired
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Policy
from support.access_models import access_models
from support.states import desired_states, spaces


def wanted(desired: Desired) -> Iterator[tuple[Kind[Any], Any]]:
    for kind in KINDS:
        yield from ((kind, spec) for spec in kind.desired(desired, "dev").values())


def again(kind: Kind[Any], spec: Any) -> Any:
    return kind.codec.read(json.loads(json.dumps(kind.codec.encode(spec))))


@given(desired_states.map(lambda d: replace(d, spaces=())))
def test_what_is_wanted_is_the_same_after_a_file(desired: Desired) -> None:
    for kind, spec in wanted(desired):
        read = again(kind, spec)
        assert kind.codec.encode(read) == kind.codec.encode(spec)
        assert kind.differences(spec, read) == kind.differences(read, spec) == ()
        assert isinstance(spec, Policy) or read == spec


@given(spaces, st.sampled_from([(), (TableName("main", "shop", "orders"),)]))
def test_a_space_is_the_same_after_a_file(space: GenieSpace, tables: tuple[TableName, ...]) -> None:
    for spec in GENIE_SPACE.desired(Desired(spaces=(replace(space, tables=tables),)), "dev").values():
        read = again(GENIE_SPACE, spec)
        assert GENIE_SPACE.codec.encode(read) == GENIE_SPACE.codec.encode(spec)
        assert GENIE_SPACE.differences(read, spec) == ()


@given(access_models())
def test_a_policy_is_the_same_noun_after_a_file_and_one_that_says_more_is_kept_whole(model: AccessModel) -> None:
    for policy in model.policies:
        assert again(POLICY, policy) == policy
        document = POLICY.codec.encode(policy) | {"of_tomorrow": True}
        read = POLICY.codec.read(document)
        assert not isinstance(read, Policy)
        assert POLICY.codec.encode(read) == document
