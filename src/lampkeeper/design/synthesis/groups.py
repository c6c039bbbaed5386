"""The smallest set of groups that a governed space needs."""

from __future__ import annotations

from lampkeeper.model.groups import ALL_FAMILIES, Group, GroupSpec


def minimal_groups() -> tuple[GroupSpec, ...]:
    """Return one group that sees everything masked, and one that sees everything raw."""
    return (
        GroupSpec(
            group=Group(name="compliance_officers", description="Read sensitive columns raw and see rows under investigation"),
            clearance=(ALL_FAMILIES,),
        ),
        GroupSpec(group=Group(name="data_analysts", description="Ask questions; sensitive columns are masked")),
    )
