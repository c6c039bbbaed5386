"""ABAC policies: fields, conditions, quotas, privileges."""

from __future__ import annotations

import uuid
from typing import Any

from localspace.core.clock import Clock
from localspace.core.errors import ApiError, already_exists, denied, invalid, not_found
from localspace.core.lag import Lag, LagKind
from localspace.core.principals import Principal
from localspace.core.store import Key, Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredPolicy
from localspace.core.stored_documents.kind import Document
from localspace.governance.legacy import is_legacy, refuse_legacy
from localspace.governance.privileges import GRANTED_BY_POLICY, Privileges, containers, grant_type, lacks, privilege_name
from localspace.governance.tagging import Tagging
from localspace.identity.memberships import Identity

QUOTAS = {"METASTORE": 100, "CATALOG": 100, "SCHEMA": 100, "TABLE": 50}
QUOTA_OF_METASTORE = 10_000
MAX_PRINCIPALS = 20
MAX_MATCH_COLUMNS = {"POLICY_TYPE_COLUMN_MASK": 3, "POLICY_TYPE_ROW_FILTER": 6}
MAX_CONSTANT = 1_024
_PART = {
    "POLICY_TYPE_COLUMN_MASK": "column_mask",
    "POLICY_TYPE_ROW_FILTER": "row_filter",
    "POLICY_TYPE_GRANT": "grant",
    "POLICY_TYPE_DENY": "deny",
}
_OUTPUT = ("id", "created_at", "created_by", "updated_at", "updated_by", "governed_tags")


class PolicyRepository:
    """Creates, changes, drops and lists policies on catalogs, schemas, tables and the metastore."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lag: Lag,
        identity: Identity,
        privileges: Privileges,
        tags: Tagging,
        metastore_id: str,
    ) -> None:
        """Read from and write to `store`."""
        self._store = store
        self._clock = clock
        self._lag = lag
        self._identity = identity
        self._privileges = privileges
        self._tags = tags
        self._metastore_id = metastore_id

    def on(self, actor: Principal, securable: str, full_name: str, *, inherited: bool = False) -> list[StoredPolicy]:
        """Return the policies attached to a securable, and with `inherited` those above it, nearest first."""
        where = self._securable(securable, full_name)
        self._require_view(actor, *where)
        securables = [where]
        if inherited:
            securables += containers(*where) if where[0] != "METASTORE" else ()
            securables += [("METASTORE", self._metastore_id)] if where[0] != "METASTORE" else []
        return [policy for on in securables for policy in self._store.list(kinds.POLICY, on)]

    def in_scope(self, table: str) -> list[StoredPolicy]:
        """Return every policy whose scope covers a table, nearest first, without a check of privileges."""
        if is_legacy(table):
            return []
        securables = [("TABLE", table), *containers("TABLE", table), ("METASTORE", self._metastore_id)]
        return [policy for on in securables for policy in self._store.list(kinds.POLICY, on)]

    def policy(self, actor: Principal, securable: str, full_name: str, name: str) -> StoredPolicy:
        """Return one policy; raises 404."""
        where = self._securable(securable, full_name)
        self._require_view(actor, *where)
        return self._require(where, name)

    def create(self, actor: Principal, body: Document, *, replace: bool = False) -> StoredPolicy:
        """Create a policy (SQL may replace one); what is wrong with it comes back as a 400."""
        where = self._securable(str(body.get("on_securable_type") or ""), str(body.get("on_securable_fullname") or ""))
        name = body.get("name")
        if not isinstance(name, str) or not name or len(name) > 255:
            raise invalid("A policy needs a name of 1 to 255 characters.")
        with self._store.transaction():
            self._require_change(actor, *where)
            old = self._store.get(kinds.POLICY, *where, name)
            if old is not None and not replace:
                raise already_exists(f"ABAC Policy '{name}' already exists on {where[0]} '{where[1]}'.", "ALREADY_EXISTS")
            if old is None:
                self._check_quota(where)
            new = {key: value for key, value in body.items() if key not in _OUTPUT}
            new |= {"on_securable_type": where[0], "on_securable_fullname": where[1]}
            if where[0] == "METASTORE" and body["on_securable_fullname"]:
                new["metastore_named"] = body["on_securable_fullname"]
            return self._save(actor, where, new, old)

    def update(
        self, actor: Principal, securable: str, full_name: str, name: str, body: Document, update_mask: str
    ) -> StoredPolicy:
        """Change a policy: the masked fields, an absent one is cleared; no mask means every field supplied.

        A different `name` in the body renames it. Place and type cannot change.
        """
        where = self._securable(securable, full_name)
        with self._store.transaction():
            self._require_change(actor, *where)
            old = self._require(where, name)
            fields = [one.strip() for one in update_mask.split(",") if one.strip()]
            if not fields or "*" in fields:
                fields = list(body)
            new: Document = dict(old)
            for field in fields:
                if field in _OUTPUT or field.startswith("on_securable_"):
                    continue
                if field in body:
                    new[field] = body[field]
                else:
                    new.pop(field, None)
            new.setdefault("name", name)
            if new.get("policy_type") != old.get("policy_type"):
                raise invalid("The type of a policy cannot change.")
            if new["name"] != name:
                if self._store.get(kinds.POLICY, *where, new["name"]) is not None and new["name"].casefold() != name.casefold():
                    raise already_exists(
                        f"ABAC Policy '{new['name']}' already exists on {where[0]} '{where[1]}'.", "ALREADY_EXISTS"
                    )
                self._store.delete(kinds.POLICY, *where, name)
            return self._save(actor, where, new, old)

    def delete(self, actor: Principal, securable: str, full_name: str, name: str) -> None:
        """Drop a policy; raises 404."""
        where = self._securable(securable, full_name)
        with self._store.transaction():
            self._require_change(actor, *where)
            old = self._require(where, name)
            self._lag.remember(LagKind.QUOTAS, kinds.POLICY, (*where, name), old)
            self._store.delete(kinds.POLICY, *where, name)

    def counts(self) -> dict[Key, int]:
        """Return the quota counters: policies by place, and of the whole metastore under ("*", ""); they may lag."""
        found: dict[Key, int] = {("*", ""): 0}
        gone = [one for one in self._lag.undone(LagKind.QUOTAS, kinds.POLICY).values() if one is not None]
        stored = self._store.list(kinds.POLICY)
        known = {(one["on_securable_type"], one["on_securable_fullname"], one["name"]) for one in stored}
        for policy in stored + [
            one for one in gone if (one["on_securable_type"], one["on_securable_fullname"], one["name"]) not in known
        ]:
            on = (policy["on_securable_type"], policy["on_securable_fullname"])
            found[on] = found.get(on, 0) + 1
            found[("*", "")] += 1
        return found

    # Inside

    def _securable(self, securable: str, full_name: str) -> tuple[str, str]:
        kind = grant_type(securable.rsplit(".", 1)[-1].upper())
        if kind not in QUOTAS:
            raise invalid(f"A policy cannot be on '{securable}': METASTORE, CATALOG, SCHEMA or TABLE is needed.")
        if kind == "METASTORE":
            return (kind, self._privileges.own_metastore(full_name))
        refuse_legacy(full_name, "policies")
        found = self._privileges.require_exists(kind, full_name)
        return (kind, str(found.get("full_name") or found["name"]))

    def _require(self, where: tuple[str, str], name: str) -> StoredPolicy:
        found = self._store.get(kinds.POLICY, *where, name)
        if found is None:
            raise not_found(f"ABAC Policy '{name}' does not exist on {where[0]} '{where[1]}'.", "POLICY_NOT_FOUND")
        return found

    def may_view(self, actor: Principal, securable: str, full_name: str) -> bool:
        """Return whether the policies on a securable that exists show to the actor."""
        if securable == "METASTORE":
            return self._identity.is_metastore_admin(actor.id)
        held = self._privileges.held(actor, securable, full_name)
        return "READ_METADATA" in held or self._privileges.manages(actor, securable, full_name)

    def _require_view(self, actor: Principal, securable: str, full_name: str) -> None:
        if not self.may_view(actor, securable, full_name):
            raise lacks("READ_METADATA", securable, full_name)

    def _require_change(self, actor: Principal, securable: str, full_name: str) -> None:
        if securable == "METASTORE":
            self._privileges.require_metastore_admin(actor)
        else:
            self._privileges.require_manage(actor, securable, full_name)

    def _check_quota(self, where: tuple[str, str]) -> None:
        if self._lag.seconds(LagKind.QUOTAS):
            counts = self.counts()
            here, everywhere = counts.get(where, 0), counts[("*", "")]
        else:
            here, everywhere = self._store.count(kinds.POLICY, where), self._store.count(kinds.POLICY)
        if here >= QUOTAS[where[0]]:
            raise _quota(f"{where[0]} '{where[1]}'", QUOTAS[where[0]])
        if everywhere >= QUOTA_OF_METASTORE:
            raise _quota("the metastore", QUOTA_OF_METASTORE)

    def _save(self, actor: Principal, where: tuple[str, str], body: Document, old: StoredPolicy | None) -> StoredPolicy:
        policy_type = body.get("policy_type")
        if policy_type not in _PART:
            raise invalid(f"Invalid policy_type '{policy_type}'. Known types: {', '.join(_PART)}.")
        self._check_principals(body)
        aliases = self._check_conditions(body, str(policy_type))
        self._check_action(actor, body, str(policy_type), aliases)
        now = self._clock.now_ms()
        body["id"] = str(uuid.uuid4()) if old is None else old["id"]
        body["created_at"] = now if old is None else old["created_at"]
        body["created_by"] = actor.name if old is None else old["created_by"]
        body |= {"updated_at": now, "updated_by": actor.name}
        self._lag.remember(LagKind.QUOTAS, kinds.POLICY, (*where, body["name"]), old)
        policy = kinds.POLICY.document(body)
        self._store.put(kinds.POLICY, (*where, policy["name"]), policy, where)
        return policy

    def _check_principals(self, body: Document) -> None:
        to, but = body.get("to_principals") or [], body.get("except_principals") or []
        if not to:
            raise invalid("A policy needs at least one principal in to_principals.")
        if len(to) + len(but) > MAX_PRINCIPALS:
            raise invalid(f"A policy can name at most {MAX_PRINCIPALS} principals.", "RESOURCE_LIMIT_EXCEEDED")
        for field, names in (("to_principals", to), ("except_principals", but)):
            if names:
                body[field] = [self._identity.require_name(name).name for name in names]
            else:
                body.pop(field, None)

    def _check_conditions(self, body: Document, policy_type: str) -> set[str]:
        matches = body.get("match_columns") or []
        limit = MAX_MATCH_COLUMNS.get(policy_type)
        if limit is not None and len(matches) > limit:
            raise invalid(f"A policy of this type can have at most {limit} MATCH COLUMNS expressions.")
        aliases: list[str] = []
        tags: list[Document] = []
        if body.get("when_condition"):
            tags += self._check_condition(body["when_condition"])
        for match in matches:
            if not isinstance(match, dict) or not match.get("condition"):
                raise invalid("Each of match_columns needs a condition.")
            tags += self._check_condition(match["condition"])
            if match.get("alias"):
                aliases.append(match["alias"])
        if len(aliases) != len({one.casefold() for one in aliases}):
            raise invalid("Aliases of match_columns must be unique.")
        body.pop("governed_tags", None)
        if tags:
            body["governed_tags"] = [one for at, one in enumerate(tags) if one not in tags[:at]]
        return {one.casefold() for one in aliases}

    def _check_condition(self, text: Any) -> list[Document]:
        # The grammar belongs to the SQL layer; its parser needs no engine and is loaded with the first policy.
        from localspace.core.statement_runner import SqlError
        from localspace.governance.conditions import invalid_condition, parse_condition, references

        if not isinstance(text, str):
            raise invalid("A policy condition must be a string.")
        found: list[Document] = []
        try:
            for tag in references(parse_condition(text)):
                problem = self._tags.check_condition_tag(tag.key, tag.value)
                if problem:
                    raise invalid_condition(text, problem)
                found.append({"tag_key": tag.key} | ({} if tag.value is None else {"tag_value": tag.value}))
        except SqlError as error:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"[{error.error_class}] {error.message}") from error
        return found

    def _check_action(self, actor: Principal, body: Document, policy_type: str, aliases: set[str]) -> None:
        part = _PART[policy_type]
        for other in set(_PART.values()) - {part}:
            if body.get(other):
                raise invalid(f"A policy of type {policy_type} cannot have '{other}'.")
        action = body.get(part)
        if not isinstance(action, dict) or not action:
            raise invalid(f"A policy of type {policy_type} needs '{part}'.")
        if part == "grant":
            _check_grant(body, action)
            return
        if part == "deny":
            # A policy that is kept and never evaluated would look like protection.
            raise ApiError(
                501,
                "NOT_IMPLEMENTED",
                f"The local workspace does not evaluate {part.upper()} policies ({policy_type}), so it does not keep them. Use"
                " grants, or policies of type POLICY_TYPE_GRANT, POLICY_TYPE_COLUMN_MASK and POLICY_TYPE_ROW_FILTER.",
            )
        if body.get("for_securable_type") != "TABLE":
            raise invalid(f"A policy of type {policy_type} must be for TABLE.")
        function = self._check_function(actor, action)
        using = action.get("using") or []
        for argument in using:
            _check_argument(argument, aliases)
        arity = len(function.get("input_params") or ())
        if part == "column_mask":
            if str(action.get("on_column") or "").casefold() not in aliases:
                raise invalid(f"on_column '{action.get('on_column')}' is not an alias of match_columns.")
            given = len(using) + 1
        else:
            given = len(using)
        if given != arity:
            raise invalid(f"Function '{action['function_name']}' takes {arity} argument(s), but the policy gives {given}.")

    def _check_function(self, actor: Principal, action: Document) -> Document:
        name = str(action.get("function_name") or "")
        if name.count(".") != 2:
            raise invalid(f"function_name '{name}' must be catalog.schema.function.")
        function = self._privileges.require_exists("FUNCTION", name)
        self._privileges.require_use(actor, "FUNCTION", name)
        if not self._privileges.holds(actor, "EXECUTE", "FUNCTION", name):
            raise denied(f"User does not have EXECUTE on Routine or Model '{name}'.")
        return function


def _quota(what: str, limit: int) -> ApiError:
    return ApiError(400, "QUOTA_EXCEEDED", f"Cannot create more than {limit} ABAC policies on {what}.")


def _check_argument(argument: Any, aliases: set[str]) -> None:
    if not isinstance(argument, dict):
        raise invalid("Each of using must be an object.")
    given = [one for one in ("alias", "constant", "function_arg_expression") if argument.get(one) is not None]
    if len(given) != 1:
        raise invalid("Each of using needs exactly one of alias, constant, function_arg_expression.")
    if given == ["alias"] and str(argument["alias"]).casefold() not in aliases:
        raise invalid(f"'{argument['alias']}' in using is not an alias of match_columns.")
    if given == ["constant"] and len(str(argument["constant"])) > MAX_CONSTANT:
        raise invalid(f"A constant in using can have at most {MAX_CONSTANT} characters.")
    if given == ["function_arg_expression"]:
        introspection = (argument["function_arg_expression"] or {}).get("tag_introspection") or {}
        column = introspection.get("column_tag_value")
        if column and str(column.get("column_alias") or "").casefold() not in aliases:
            raise invalid(f"'{column.get('column_alias')}' in using is not an alias of match_columns.")


def _check_grant(body: Document, action: Document) -> None:
    """Refuse a GRANT policy for what cannot be granted by one; spell its privileges as they are kept."""
    kind = grant_type(str(body.get("for_securable_type") or "").upper())
    if kind not in GRANTED_BY_POLICY:
        raise invalid(f"A policy of type POLICY_TYPE_GRANT must be for one of {', '.join(sorted(GRANTED_BY_POLICY))}.")
    if body.get("match_columns"):
        raise invalid("A policy of type POLICY_TYPE_GRANT cannot have 'match_columns'.")
    if body["on_securable_type"] == "TABLE":
        raise invalid("A policy of type POLICY_TYPE_GRANT is on a schema, a catalog or the metastore.")
    privileges = [privilege_name(str(one)) for one in action.get("privileges") or ()]
    unknown = next((one for one in privileges if one not in GRANTED_BY_POLICY[kind]), None)
    if unknown is not None or not privileges:
        known = ", ".join(sorted(GRANTED_BY_POLICY[kind]))
        raise invalid(f"Privilege {unknown} cannot be granted by a policy for {kind}. Known privileges: {known}.")
    body["for_securable_type"], body["grant"] = kind, {"privileges": privileges}
