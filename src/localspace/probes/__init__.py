"""Probes of the conformance ledger: each shows one rule at any place that speaks Databricks SQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from localspace.probes import access, bindings, indirect, locations, masks, roles, unsupported, untagged
from localspace.probes.place import Answer, Probe, ProbeError, ProbeOutcome, ProbePlace, Stage

__all__ = ["PROBES", "Answer", "Probe", "ProbeError", "ProbeOutcome", "ProbePlace", "Stage", "run_probes"]

PROBES: tuple[Probe, ...] = (
    Probe(name="select_needs_grant", check=access.select_needs_grant),
    Probe(name="select_without_use", check=access.select_without_use),
    Probe(name="missing_table", check=access.missing_table),
    Probe(name="manage_is_not_select", check=access.manage_is_not_select),
    Probe(name="write_needs_modify", check=access.write_needs_modify),
    Probe(name="append_only_keeps_rows", check=access.append_only_keeps_rows),
    Probe(name="describe_needs_visibility", check=access.describe_needs_visibility),
    Probe(name="execute_needed", check=access.execute_needed),
    Probe(name="identity_functions", check=access.identity_functions),
    Probe(name="information_schema_is_the_platforms", check=access.information_schema_is_the_platforms),
    Probe(name="information_schema_filtered", check=access.information_schema_filtered),
    Probe(name="classification_hidden", check=access.classification_hidden),
    Probe(name="system_history_needs_grants", check=access.system_history_needs_grants),
    Probe(name="lineage_names_what_shows", check=access.lineage_names_what_shows),
    Probe(name="policies_hidden", check=access.policies_hidden),
    Probe(name="spark_connect_reads_as_the_token", check=masks.spark_connect_reads_as_the_token),
    Probe(name="mask_in_every_clause", check=masks.mask_in_every_clause),
    Probe(name="mask_cast", check=masks.mask_cast),
    Probe(name="filter_hides_rows", check=masks.filter_hides_rows),
    Probe(name="to_and_except", check=masks.to_and_except),
    Probe(name="nested_groups", check=masks.nested_groups),
    Probe(name="service_principal_by_application_id", check=masks.service_principal_by_application_id),
    Probe(name="no_bypass", check=masks.no_bypass),
    Probe(name="schema_scope", check=masks.schema_scope),
    Probe(name="when_inherits", check=masks.when_inherits),
    Probe(name="columns_do_not_inherit", check=masks.columns_do_not_inherit),
    Probe(name="values_are_case_sensitive", check=masks.values_are_case_sensitive),
    Probe(name="alias_on_many_columns", check=masks.alias_on_many_columns),
    Probe(name="ambiguous_using", check=masks.ambiguous_using),
    Probe(name="using_constants", check=masks.using_constants),
    Probe(name="two_row_filters", check=masks.two_row_filters),
    Probe(name="two_masks", check=masks.two_masks),
    Probe(name="masked_input", check=masks.masked_input),
    Probe(name="unknown_tag", check=masks.unknown_tag),
    Probe(name="function_gone", check=masks.function_gone),
    Probe(name="manual_controls", check=masks.manual_controls),
    Probe(name="view_owner_and_session_user", check=masks.view_owner_and_session_user),
    Probe(name="view_hides_rows_from_errors", check=masks.view_hides_rows_from_errors),
    Probe(name="views_change_hands_by_admins", check=access.views_change_hands_by_admins),
    Probe(name="replacing_is_owning", check=access.replacing_is_owning),
    Probe(name="bodies_show_to_executors", check=access.bodies_show_to_executors),
    Probe(name="binding_needs_execute", check=access.binding_needs_execute),
    Probe(name="statements_of_others_stay_hidden", check=access.statements_of_others_stay_hidden),
    Probe(name="defaults_read_nothing", check=unsupported.defaults_read_nothing),
    Probe(name="views_have_no_policies", check=masks.views_have_no_policies),
    Probe(name="function_reads_as_owner", check=masks.function_reads_as_owner),
    Probe(name="arguments_keep_their_meaning", check=masks.arguments_keep_their_meaning),
    Probe(name="copies_hold_what_was_seen", check=masks.copies_hold_what_was_seen),
    Probe(name="tags_take_effect", check=masks.tags_take_effect),
    Probe(name="time_travel", check=unsupported.time_travel),
    Probe(name="clones", check=unsupported.clones),
    Probe(name="paths_and_files", check=unsupported.paths_and_files),
    Probe(name="changes_under_policy", check=unsupported.changes_under_policy),
    Probe(name="overwrites_under_filter", check=unsupported.overwrites_under_filter),
    Probe(name="explain_shows_no_mask", check=unsupported.explain_shows_no_mask),
    Probe(name="errors_show_no_value", check=unsupported.errors_show_no_value),
    Probe(name="opaque_statements", check=unsupported.opaque_statements),
    Probe(name="governed_columns_stay", check=unsupported.governed_columns_stay),
    Probe(name="replaced_table_keeps_masks", check=unsupported.replaced_table_keeps_masks),
    Probe(name="hive_needs_grants", check=locations.hive_needs_grants),
    Probe(name="hive_takes_no_policies", check=locations.hive_takes_no_policies),
    Probe(name="locations_need_a_right", check=locations.locations_need_a_right),
    Probe(name="locations_do_not_overlap", check=locations.locations_do_not_overlap),
    Probe(name="external_rows_outlive_tables", check=locations.external_rows_outlive_tables),
    Probe(name="policies_bind_the_next_statement", check=roles.policies_bind_the_next_statement),
    Probe(name="owners_of_jobs_are_identities", check=roles.owners_of_jobs_are_identities),
    Probe(name="local_groups_carry_no_names", check=roles.local_groups_carry_no_names),
    Probe(name="names_left_behind_open_nothing", check=roles.names_left_behind_open_nothing),
    Probe(name="warehouse_levels", check=roles.warehouse_levels),
    Probe(name="folders_are_told_to_tasks", check=roles.folders_are_told_to_tasks),
    Probe(name="quotas_hide_what_hides", check=roles.quotas_hide_what_hides),
    Probe(name="tokens_belong_to_their_owner", check=roles.tokens_belong_to_their_owner),
    Probe(name="metastores_show_to_their_admins", check=roles.metastores_show_to_their_admins),
    Probe(name="other_metastores_are_not_found", check=roles.other_metastores_are_not_found),
    Probe(name="personas_do_not_deactivate", check=roles.personas_do_not_deactivate),
    Probe(name="unbound_catalogs_are_invisible", check=bindings.unbound_catalogs_are_invisible),
    Probe(name="read_only_bindings_refuse_writes", check=bindings.read_only_bindings_refuse_writes),
    Probe(name="genie_answers_as_who_asks", check=roles.genie_answers_as_who_asks),
    Probe(name="apps_show_to_their_users", check=roles.apps_show_to_their_users),
    Probe(name="grant_policies_give_by_tags", check=access.grant_policies_give_by_tags),
    Probe(name="names_put_together", check=indirect.names_put_together),
    Probe(name="inner_statements", check=indirect.inner_statements),
    Probe(name="literals_as_arguments", check=indirect.literals_as_arguments),
    Probe(name="temporary_views_read_anew", check=indirect.temporary_views_read_anew),
    Probe(name="spark_connect_joins_and_writes", check=indirect.spark_connect_joins_and_writes),
    Probe(name="samples_are_read_only", check=indirect.samples_are_read_only),
    Probe(name="untagged_tables", check=untagged.untagged_tables),
    Probe(name="tags_without_values", check=untagged.tags_without_values),
    Probe(name="untagged_columns", check=untagged.untagged_columns),
    Probe(name="tags_of_replaced_tables", check=untagged.tags_of_replaced_tables),
    Probe(name="tags_of_replaced_views", check=untagged.tags_of_replaced_views),
)


Progress = Callable[[str, int, int], None]
"""Told which probe comes, how many are done, how many there are."""


def run_probes(
    place: ProbePlace, sandbox: str, progress: Progress | None = None, probes: Sequence[Probe] | None = None
) -> list[ProbeOutcome]:
    """Run every probe, or these, in a schema that is made for it and removed; return what each found.

    `sandbox` is a catalog, or the full name of the schema to make. A set-up that fails raises ProbeError.
    """
    prefix = f"lampkeeper-probe-{secrets.token_hex(4)}"
    schema = sandbox if "." in sandbox else f"{sandbox}.{prefix.replace('-', '_')}"
    stage = Stage(place=place, schema=schema)
    outcomes: list[ProbeOutcome] = []
    probes = PROBES if probes is None else probes
    try:
        stage.open(prefix)
        for number, probe in enumerate(probes):
            if progress is not None:
                progress(probe.name, number, len(probes))
            try:
                probe.check(stage)
            except ProbeError as error:
                outcomes.append(ProbeOutcome(name=probe.name, passed=False, seen=str(error)))
            else:
                outcomes.append(ProbeOutcome(name=probe.name, passed=True))
    finally:
        stage.close()
    return outcomes
