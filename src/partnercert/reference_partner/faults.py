"""Named faults: how the reference partner can be broken, and which cases must then fail."""

# A table: one row a fault reads better than wrapped rows.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply of the reference partner before it is written to the wire."""

    status: int
    fields: dict[str, Any] | None = None
    raw: bytes | None = None
    content_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to be broken. `cases` and `checks` are exactly those that fail under the config named `config`.

    `when` holds words of the situation that must all be met (and `unless` words that must not); the other fields say
    what changes in the answer then. A fault without them is a switch that the partner's rules look at by name.
    """

    name: str
    about: str
    cases: str = ""
    checks: str = ""
    config: str = "auto_add"
    when: str = ""
    unless: str = ""
    status: int | None = None
    put: dict[str, Any] = field(default_factory=dict)
    drop: str = ""
    raw: bytes | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut: bool = False

    @property
    def changes_answers(self) -> bool:
        """Tell whether the fault works on answers (else it is a switch)."""
        return bool(self.when)

    def strikes(self, situation: frozenset[str]) -> bool:
        """Tell whether the fault strikes in this situation."""
        return self.changes_answers and set(self.when.split()) <= situation and not set(self.unless.split()) & situation

    def change(self, answer: Answer, address: str) -> Answer:
        """Return the broken answer."""
        dropped = set(self.drop.split())
        fields = {k: v for k, v in (answer.fields or {}).items() if k not in dropped}
        for key, value in self.put.items():
            fields[key] = value.replace("{address}", address) if isinstance(value, str) else value
        keeps = answer.fields is None and not self.put
        return replace(
            answer,
            status=self.status or answer.status,
            fields=None if keeps else fields,
            raw=self.raw if self.raw is not None else answer.raw,
            content_type=self.content_type or answer.content_type,
            headers={**answer.headers, **self.headers},
            delay=self.delay,
            drip=self.drip,
            cut=self.cut,
        )


def _error(status: int, reason: str) -> dict[str, Any]:
    return {"status": status, "put": {"error_reason": reason}, "drop": _CONNECTION}


_CONNECTION = (
    "redirect_uri redirect_value connection_id user_status account_status configured_resources resource_status test_results"
)
_HTML: dict[str, Any] = {"raw": b"<!doctype html><title>Welcome</title><p>Hello", "content_type": "text/html"}
_MISSING: dict[str, Any] = {"status": 404, **_HTML}
_FRESH = "create new-user new-account plain"

_CREATING = (
    Fault(name="new_user_called_existing", about="the first user of all is reported existing", cases="P100 P403",
          when=_FRESH, put={"user_status": "existing"}),
    Fault(name="new_account_called_active", about="a new account is reported active", cases="P100 P403",
          when=_FRESH, put={"account_status": "active"}),
    Fault(name="new_user_to_sign_in", about="a new user is sent to the sign-in page", cases="P100 P403",
          when=_FRESH, put={"redirect_value": "sign_in"}),
    Fault(name="create_answers_html", about="connect answers a page", cases="P100", when="create", **_HTML),
    Fault(name="create_wrong_content_type", about="connect answers JSON as text/plain", cases="P100 P400 P401 P403 P500 P600 P700",
          when="create", content_type="text/plain"),
    Fault(name="create_without_id", about="configured, but no connection_id", cases="P100", when="create", drop="connection_id"),
    Fault(name="create_empty_id", about="connection_id is empty", cases="P100", when="create", put={"connection_id": ""}),
    Fault(name="create_numeric_id", about="connection_id is a number", cases="P100", when="create", put={"connection_id": 7}),
    Fault(name="create_unknown_status", about="user_status is a word of the partner's own", cases="P100 P403",
          when=_FRESH, put={"user_status": "fresh"}),
    Fault(name="create_redirects", about="connect redirects to another host", cases="P100", when="create", status=307,
          headers={"location": "https://elsewhere.example/connect"}),
    Fault(name="connect_missing", about="connect is not there", cases="P100", when="create", **_MISSING),
    Fault(name="connect_down_500", about="connect always answers 500", cases="P100", when="create", **_error(500, "general_error")),
    Fault(name="redirect_off_list", about="the trial page is on a look-alike host", cases="P100 P403 P700",
          when="create new-user", unless="known-account", put={"redirect_uri": "https://127.0.0.1.evil.example/trial"}),
    Fault(name="redirect_user_info", about="the allowed host stands before the @", cases="P100 P403",
          when=_FRESH, put={"redirect_uri": "https://127.0.0.1@evil.example/trial"}),
    Fault(name="trial_page_without_location", about="the trial page answers 308 without a Location",
          cases="P100 P403 P700", when="page trial", status=308),
    Fault(name="trial_page_gone", about="the trial page answers 404", cases="P100 P403 P700", when="page trial", status=404),
    Fault(name="trial_page_leaves", about="the trial page leads on to itself for ever", cases="P100 P403 P700",
          when="page trial", status=302, headers={"location": "/trial"}),
    Fault(name="known_user_called_new", about="a known user is reported new in a second workspace", cases="P101",
          when="create known-user plain", unless="expired", put={"user_status": "new"}),
    Fault(name="known_user_to_contact_admin", about="a known user is told to ask an admin", cases="P101 P400 P401 P600",
          when="create known-user plain", unless="expired", put={"redirect_value": "contact_admin"}),
    Fault(name="known_user_account_new", about="a known user's account is reported new", cases="P101",
          when="create known-user plain", unless="expired", put={"account_status": "new"}),
)  # fmt: skip

_REUSING = (
    Fault(name="creator_called_new", about="the creator is reported new on reuse", cases="P300 P501",
          when="reuse creator", put={"user_status": "new"}),
    Fault(name="creator_to_trial", about="the creator is sent to a new trial on reuse", cases="P300",
          when="reuse creator", unless="expired", put={"redirect_value": "create_trial"}),
    Fault(name="reuse_returns_id", about="reuse answers with a connection_id", cases="P300 P301 P302 P501 P502 P600 P700",
          when="reuse", unless="dead", put={"connection_id": "again"}),
    Fault(name="reuse_configured", about="reuse says that resources were configured", cases="P300 P301 P302 P501 P502 P600 P700",
          when="reuse", unless="dead", put={"configured_resources": True}),
    Fault(name="reuse_201", about="reuse answers 201", cases="P300 P301 P302 P501 P502 P600 P700", when="reuse", unless="dead", status=201),
    Fault(name="sign_in_page_gone", about="the sign-in page answers 500", cases="P101 P300 P301 P302 P400 P401 P600 P700",
          when="page signin", status=500),
    Fault(name="colleague_called_new", about="another known user is reported new on reuse", cases="P301 P302",
          when="reuse not-creator known-user", put={"user_status": "new"}),
    Fault(name="colleague_refused", about="another known user is refused on reuse", cases="P301 P302",
          when="reuse not-creator known-user", **_error(404, "account_not_found")),
    Fault(name="colleague_to_admin", about="another known user is told to ask an admin", cases="P301 P302",
          when="reuse not-creator known-user", unless="expired", put={"redirect_value": "contact_admin"}),
    Fault(name="auto_added_user_forgotten", about="a user who was added is new again", cases="P302"),
    Fault(name="newcomer_called_existing", about="an unknown user is reported existing", cases="P302 P502",
          when="reuse new-user", put={"user_status": "existing"}),
    Fault(name="newcomer_refused", about="auto_add refuses unknown users", cases="P302 P502",
          when="reuse new-user", **_error(404, "account_not_found")),
    Fault(name="invited_called_new", about="an invited user is reported new", cases="P302 P502", config="invite",
          when="reuse new-user", put={"user_status": "new"}),
    Fault(name="invited_to_sign_in", about="an invited user is sent to sign in", cases="P302 P502", config="invite",
          when="reuse new-user", put={"redirect_value": "sign_in"}),
    Fault(name="unknown_user_wrong_reason", about="not_found blames the connection", cases="P302 P502", config="not_found",
          when="reuse new-user", **_error(404, "connection_not_found")),
    Fault(name="unknown_user_let_in", about="an unknown user is signed in although the action is error", cases="P302 P502",
          config="error", when="reuse new-user", status=200, drop="error_reason display_message debugging_message",
          put={"redirect_uri": "{address}/signin", "redirect_value": "sign_in", "user_status": "new",
               "account_status": "active", "configured_resources": False}),
    Fault(name="manual_signup_skipped", about="sign-up is manual, yet reuse lets everyone in", cases="P300 P301 P302 P501 P502 P600 P700",
          config="manual"),
)  # fmt: skip

_RECREATING = (
    Fault(name="old_id_returned", about="creating again returns the old id", cases="P400"),
    Fault(name="recreate_500", about="creating again in a known workspace answers 500", cases="P400 P600",
          when="create known-user plain workspace-seen", unless="expired", **_error(500, "general_error")),
    Fault(name="recreate_gets_dead_id", about="creating again returns an id that does not work", cases="P400 P600 P700"),
    Fault(name="known_user_unconfigured", about="a known user gets no connection", cases="P400 P401 P600",
          when="create known-user plain", unless="expired", drop="connection_id", put={"configured_resources": False}),
    Fault(name="deleted_connection_lives", about="resources_deleted, but the connection works on", cases="P401 P402 P801"),
    Fault(name="pending_for_ever", about="the deletion stays pending", cases="P401 P402 P801"),
    Fault(name="delete_missing", about="delete-connection is declared, not there", cases="P401 P402 P801",
          when="delete-connection", **_MISSING),
    Fault(name="delete_unknown_status", about="resource_status is a word of the partner's own", cases="P401 P402 P801",
          when="delete-connection alive", put={"resource_status": "gone"}),
    Fault(name="second_delete_500", about="deleting twice answers 500", cases="P401", checks="FUZZ REPLAY STATE",
          when="delete-connection dead", **_error(500, "general_error")),
    Fault(name="dead_id_blames_account", about="a deleted connection is answered account_not_found", cases="P402 P404",
          when="reuse dead", **_error(404, "account_not_found")),
    Fault(name="dead_id_500", about="a deleted connection is answered 500", cases="P401 P402 P404",
          when="reuse dead", **_error(500, "general_error")),
    Fault(name="dead_id_html", about="a deleted connection is answered with a page", cases="P402 P404", when="reuse dead", **_HTML),
)  # fmt: skip

_ACCOUNTS = (
    Fault(name="account_not_deleted", about="delete-account does nothing", cases="P403 P404"),
    Fault(name="account_users_kept", about="delete-account keeps the users", cases="P403"),
    Fault(name="delete_account_hits_others", about="delete-account deletes every account", cases="P403"),
    Fault(name="account_connections_kept", about="delete-account keeps the connections", cases="P404"),
    Fault(name="delete_account_missing", about="delete-account is declared, not there", cases="P403 P404 P405",
          when="delete-account", **_MISSING),
    Fault(name="any_domain_deleted", about="delete-account deletes real customers", cases="P405"),
    Fault(name="lookalike_suffix_accepted", about="delete-account takes evil-databricks-test.com", cases="P405"),
    Fault(name="lookalike_substring_accepted", about="delete-account takes databricks-test.com.evil.com", cases="P405"),
    Fault(name="domain_trimmed", about="delete-account takes blanks and a trailing dot", cases="P405"),
    Fault(name="domain_case_matters", about="delete-account refuses a test domain in capitals", cases="P405"),
    Fault(name="refused_domain_deleted_all_the_same", about="delete-account answers 400 and deletes", cases="P405"),
    Fault(name="refusal_says_404", about="a customer's domain is answered 404", cases="P405",
          when="delete-account refused", **_error(404, "account_not_found")),
)  # fmt: skip

_TRIALS = (
    Fault(name="create_ignores_expiry", about="creating after the trial does not see its end", cases="P500"),
    Fault(name="expired_create_configured", about="purchase_product together with a connection", cases="P500",
          when="create expired plain", put={"configured_resources": True, "connection_id": "made"}),
    Fault(name="expired_create_sign_in", about="creating after the trial leads to sign-in", cases="P500",
          when="create expired plain", put={"redirect_value": "sign_in"}),
    Fault(name="expiry_not_kept", about="expire-account does nothing", cases="P500 P501 P502"),
    Fault(name="expire_missing", about="expire-account is declared, not there", cases="P500 P501 P502", when="expire", **_MISSING),
    Fault(name="expiry_forgets_users", about="expiring forgets the users", cases="P501"),
    Fault(name="expired_reuse_sign_in", about="reuse after the trial leads to sign-in", cases="P501",
          when="reuse creator expired", put={"redirect_value": "sign_in"}),
    Fault(name="expired_reuse_active", about="reuse after the trial says active", cases="P501 P502",
          when="reuse creator expired", put={"account_status": "active"}),
    Fault(name="purchase_page_gone", about="the purchase page answers 404", cases="P500 P501 P502 P700", when="page purchase", status=404),
    Fault(name="expiry_scope_swapped", about="an account trial ends for one user only", cases="P502"),
    Fault(name="user_trial_ends_for_all", about="a user's trial ends for the whole account", cases="P502", config="trial_user"),
    Fault(name="newcomer_to_expired_active", about="a newcomer to an expired account is told active", cases="P502",
          when="reuse new-user expired", put={"account_status": "active"}),
)  # fmt: skip

_REST = (
    Fault(name="one_connection_per_user", about="a second workspace gets the first one's id", cases="P600"),
    Fault(name="new_workspace_drops_the_first", about="a second workspace ends the first connection", cases="P600"),
    Fault(name="clouds_confused", about="the same workspace id on two clouds is one connection", cases="P400 P600"),
    Fault(name="delete_by_workspace_id", about="deleting goes by workspace id across clouds", cases="P600"),
    Fault(name="delete_drops_users_connections", about="deleting one connection deletes the user's others", cases="P600"),
    Fault(name="demo_flag_ignored", about="demo is ignored for known users", cases="P700"),
    Fault(name="demo_again_existing", about="the second demo says existing", cases="P700",
          when="create demo known-user", put={"user_status": "existing"}),
    Fault(name="demo_known_account_active", about="a demo in a known account says active", cases="P700",
          when="create demo known-account", put={"account_status": "active"}),
    Fault(name="demo_clears_expiry", about="a demo revives an expired trial", cases="P700"),
    Fault(name="test_results_empty", about="test-connection tests nothing", cases="P800", when="test alive", put={"test_results": []}),
    Fault(name="test_result_unknown", about="a test ends UNKNOWN", cases="P800",
          when="test alive", put={"test_results": [{"test_name": "login", "status": "UNKNOWN", "message": "?"}]}),
    Fault(name="test_result_nameless", about="a test has no name", cases="P800",
          when="test alive", put={"test_results": [{"test_name": "", "status": "PASS", "message": "ok"}]}),
    Fault(name="test_missing", about="test-connection is declared, not there", cases="P800 P801", when="test", **_MISSING),
    Fault(name="test_accepts_dead", about="test-connection passes a deleted connection", cases="P801"),
    Fault(name="test_dead_500", about="test-connection answers 500 for a deleted connection", cases="P801",
          when="test dead", **_error(500, "general_error")),
    Fault(name="test_dead_blames_account", about="test-connection blames the account", cases="P801",
          when="test dead", **_error(404, "account_not_found")),
    Fault(name="connectors_missing", about="the connector list is declared, not there", cases="P900", when="connectors", **_MISSING),
    Fault(name="connectors_empty", about="the connector list is empty", cases="P900",
          when="connectors", put={"connectors": []}, drop="pagination_token"),
    Fault(name="connectors_twice", about="every page lists the same connector", cases="P900",
          when="connectors listed", put={"connectors": [{"identifier": "salesforce", "name": "Salesforce", "type": "source"}]}),
    Fault(name="connectors_endless", about="the last page points to the first", cases="P900",
          when="connectors listed", put={"pagination_token": "1"}),
    Fault(name="connectors_wrong_type", about="a connector is neither source nor target", cases="P900",
          when="connectors listed", put={"connectors": [{"identifier": "x", "name": "X", "type": "both"}]}),
    Fault(name="connectors_null_token", about="the last page says null instead of nothing", cases="P900",
          when="connectors listed", put={"pagination_token": None}),
    Fault(name="bad_token_accepted", about="an unknown pagination token is accepted", cases="P900"),
    Fault(name="connectors_open", about="the connector list needs no credentials", cases="P900", checks="AUTH"),
)  # fmt: skip

_CORE = (
    Fault(name="hook_missing", about="the hook of the core integration is not there", cases="P200 P201", config="workspace",
          when="hook", **_MISSING),
    Fault(name="hook_does_nothing", about="the core integration answers and does nothing", cases="P200 P201", config="workspace"),
    Fault(name="catalog_ignored", about="the core integration writes to the default catalog", cases="P200 P201", config="workspace"),
    Fault(name="destination_ignored", about="the chosen location is ignored", cases="P201", config="workspace"),
    Fault(name="destination_beside", about="the table lands beside the chosen location", cases="P201", config="workspace"),
    Fault(name="always_external", about="tables are external although nothing was chosen", cases="P201", config="workspace"),
    Fault(name="notebook_not_published", about="no notebook is published", cases="P200", config="notebook"),
    Fault(name="notebook_broken", about="the published notebook ends in an error", cases="P200", config="notebook"),
    Fault(name="empty_table", about="the core integration writes no row", cases="P200 P201", config="workspace"),
)  # fmt: skip

_BEYOND = (
    Fault(name="no_auth_on_connect", about="connect needs no credentials", checks="AUTH"),
    Fault(name="password_not_checked", about="any password will do", checks="AUTH"),
    Fault(name="user_agent_not_checked", about="any User-Agent will do", checks="HEADERS"),
    Fault(name="token_echoed", about="the reply repeats the access token", checks="ECHO"),
    Fault(name="ids_as_doubles", about="numbers are read as doubles", cases="P401 P402 P801", checks="FIELDS IDS STATE"),
    Fault(name="organization_not_compared", about="workspace_id may differ from the organization", checks="FIELDS"),
    Fault(name="missing_field_500", about="a missing field is answered 500", checks="FIELDS FUZZ"),
    Fault(name="wrong_type_accepted", about="wrong types are accepted", checks="FIELDS"),
    Fault(name="long_name_500", about="a long name is answered 500", checks="LIMITS"),
    Fault(name="any_workspace", about="a connection can be reused from another workspace"),
    Fault(name="unknown_field_refused", about="a field the partner does not know is refused", checks="FIELDS FUZZ"),
    Fault(name="third_connection_loses_first", about="the third connection of an account ends the first", checks="STATE"),
    Fault(name="ids_collide", about="creates at the same moment share an id", checks="PARALLEL"),
    Fault(name="busy_500", about="every other connect answers 500 and does nothing; a second try is served"),
    Fault(name="flaky_500", about="every other connect answers 500 after it took effect", cases="P100 P302 P403 P502", checks="AUTH STATE"),
    Fault(name="slow", about="answers come after 30 s", cases="P100", when="create", delay=30.0),
    Fault(name="dripping", about="answers drip one byte at a time", cases="P100", when="create", drip=0.5),
    Fault(name="closes_early", about="answers break off", cases="P100", when="create", cut=True),
    Fault(name="huge", about="answers have 10 MB", when="create", put={"padding": "x" * 10_000_000}),
    Fault(name="huge_page", about="connect answers a page of 10 MB", cases="P100", when="create", raw=b"<p>" * 3_400_000, content_type="text/html"),
)  # fmt: skip

FAULTS: tuple[Fault, ...] = (
    *_CREATING, *_REUSING, *_RECREATING, *_ACCOUNTS, *_TRIALS, *_REST, *_CORE, *_BEYOND,
)  # fmt: skip


def named(name: str) -> Fault:
    """Return a fault. Raises KeyError."""
    return {fault.name: fault for fault in FAULTS}[name]
