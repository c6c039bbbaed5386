"""Faults of scope and time: hooks that reach too far, effects that come late, deletions by halves, replays, lax types."""

# A table: one row a fault reads better than wrapped rows.
# ruff: noqa: E501

from __future__ import annotations

from partnercert.reference_partner.fault import Fault, error

#: How a look-alike of the test domain is taken for it; mutants.loosely_test_domain holds each rule.
LOOSE = {
    "pattern_dot": "the dot of a pattern matches any character",
    "start": "any domain that starts with the test domain",
    "top_level": "any top-level domain",
    "demo_suffix": "any domain that ends with databricks-demo.com",
    "hyphen": "hyphens are not compared",
}

_LOOKALIKES = (
    *(Fault(name=f"lookalike_{name}_accepted", about=f"delete-account: {about}", cases="P405") for name, about in LOOSE.items()),
    Fault(name="lookalike_cyrillic_accepted", about="delete-account takes a Cyrillic letter for a Latin one", cases="P405"),
    Fault(name="blank_domain_accepted", about="delete-account answers 200 to a blank domain", cases="P405"),
    Fault(name="expire_lookalike_suffix_accepted", about="expire-account takes evil-databricks-test.com", cases="P501", checks="EXPIRY"),
    Fault(name="expire_lookalike_substring_accepted", about="expire-account takes databricks-test.com.evil.com", cases="P501", checks="EXPIRY"),
    *(Fault(name=f"expire_lookalike_{name}_accepted", about=f"expire-account: {about}", cases="P501", checks="EXPIRY")
      for name, about in LOOSE.items()),
    Fault(name="expire_any_domain", about="expire-account ends the trials of real customers", cases="P501", checks="EXPIRY"),
    Fault(name="expire_address_searched", about="expire-account looks for the test domain anywhere in the address", cases="P501", checks="EXPIRY"),
    Fault(name="expire_trimmed", about="expire-account takes blanks and a trailing dot", cases="P501", checks="EXPIRY"),
    Fault(name="expire_refused_all_the_same", about="expire-account answers 400 and ends the trial", cases="P501", checks="EXPIRY"),
    Fault(name="expire_refusal_says_404", about="expire-account answers 404 for a customer", cases="P501", checks="EXPIRY",
          when="expire refused", **error(404, "account_not_found")),
    Fault(name="expire_by_user_id", about="expire-account finds users by id and ignores the address", cases="P501", checks="EXPIRY"),
)  # fmt: skip

_EXPIRY_SCOPE = (
    Fault(name="expiry_hits_every_account", about="one trial's end ends all trials", cases="P501 P502", checks="REPLAY"),
    Fault(name="expiry_hits_test_accounts", about="one trial's end ends those of all test accounts", cases="P501 P502"),
    Fault(name="expiry_ends_connections", about="the end of a trial deletes the account's connections", cases="P501 P502", checks="REPLAY"),
    Fault(name="expiry_ends_other_connections", about="the end of a trial deletes other customers' connections", cases="P501 P502"),
    Fault(name="expiry_forgets_others", about="the end of a trial forgets other customers' users", cases="P501 P502"),
    Fault(name="expiry_revived_by_repeat", about="ending a trial twice revives it", cases="P501", checks="REPLAY"),
    Fault(name="expire_again_refused", about="ending a trial twice answers 404", cases="P501", checks="REPLAY"),
)  # fmt: skip

_LATE = (
    Fault(name="expiry_comes_late", about="a trial ends only some calls later", cases="P500 P501 P502", checks="REPLAY"),
    Fault(name="expiry_seen_once", about="the end of a trial is forgotten after the first look", cases="P501 P502 P700"),
    Fault(name="refused_domain_deleted_later", about="delete-account answers 400 and deletes some calls later", cases="P405"),
    Fault(name="expire_refused_later", about="expire-account answers 400 and ends the trial some calls later", cases="P501", checks="EXPIRY"),
    Fault(name="delete_account_hits_others_later", about="delete-account ends others' connections some calls later", cases="P403 P405"),
    Fault(name="deletion_hits_others_later", about="deleting a connection ends others' some calls later", cases="P401 P403"),
    Fault(name="deleted_connection_returns", about="a deleted connection works again after some calls", cases="P401 P402 P801"),
)  # fmt: skip

_PARTIAL = (
    Fault(name="account_second_connection_kept", about="delete-account keeps the connections of the second user", cases="P404"),
    Fault(name="account_newest_connection_only", about="delete-account deletes the newest connection only", cases="P404"),
    Fault(name="account_second_user_kept", about="delete-account forgets the first user only", cases="P403"),
    Fault(name="account_trial_kept", about="the end of a trial survives the deletion of its account", cases="P403"),
    Fault(name="deleted_for_creator_only", about="a deleted connection works on for colleagues", cases="P402"),
    Fault(name="delete_hits_the_one_before", about="deleting a connection deletes the one made before it", cases="P401 P600"),
    Fault(name="delete_account_hits_test_accounts", about="delete-account deletes every test account", cases="P403 P405"),
    Fault(name="delete_account_ends_other_trials", about="delete-account ends the trials of others", cases="P403", checks="REPLAY"),
)  # fmt: skip

_SEEN = "create known-user plain workspace-seen"
_REPLAYS = (
    Fault(name="replayed_user_new", about="the second sending of a create calls the user new", checks="REPLAY",
          when=_SEEN, put={"user_status": "new"}),
    Fault(name="replayed_account_new", about="the second sending calls a known user's account new", checks="REPLAY",
          when=_SEEN, unless="expired", put={"account_status": "new"}),
    Fault(name="replayed_account_expired", about="the second sending calls the account expired", checks="REPLAY",
          when=_SEEN, unless="expired", put={"account_status": "expired", "redirect_value": "create_trial"}),
    Fault(name="replayed_user_not_applicable", about="the second sending has no word on the user", checks="REPLAY",
          when=_SEEN, put={"user_status": "not_applicable"}),
    Fault(name="replayed_create_ends_trial", about="sending a create twice ends the trial", cases="P400", checks="REPLAY"),
    Fault(name="replayed_create_forgets_user", about="sending a create twice forgets the user", checks="REPLAY"),
    Fault(name="replayed_delete_account_500", about="deleting an account twice answers 500", checks="FUZZ REPLAY",
          when="delete-account unknown", **error(500, "general_error")),
    Fault(name="replayed_delete_account_restores", about="deleting an account twice brings its users back", checks="REPLAY"),
    Fault(name="replayed_deletion_ends_trial", about="deleting a connection twice ends the trial", cases="P401", checks="REPLAY"),
)  # fmt: skip

_TYPES = (
    Fault(name="numbers_in_quotes_accepted", about='connect takes "123" for 123', checks="FIELDS"),
    Fault(name="numbers_in_quotes_in_hooks", about='delete-connection takes "123" for 123', checks="FIELDS"),
    Fault(name="booleans_as_numbers", about="connect takes true for a number", checks="FIELDS"),
    Fault(name="numbers_as_booleans", about="connect takes 1 for true", checks="FIELDS"),
    Fault(name="fractions_cut", about="connect cuts 1.5 to 1", checks="FIELDS"),
    Fault(name="arrays_of_one_unwrapped", about='connect takes ["a"] for "a"', checks="FIELDS"),
)  # fmt: skip

_OWN_SCHEMA = (
    Fault(name="own_schema_empty", about="writes no row, into a schema of its own", cases="P200 P201", config="workspace"),
    Fault(name="own_schema_in_default_catalog", about="makes its own schema in the default catalog", cases="P200 P201", config="workspace"),
    Fault(name="own_schema_location_ignored", about="makes its own schema and ignores the location", cases="P201", config="workspace"),
)  # fmt: skip

SCOPE: tuple[Fault, ...] = (
    *_LOOKALIKES, *_EXPIRY_SCOPE, *_LATE, *_PARTIAL, *_REPLAYS, *_TYPES, *_OWN_SCHEMA,
)  # fmt: skip
