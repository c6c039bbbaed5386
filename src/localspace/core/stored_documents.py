# ruff: noqa: E501  (a table of shapes is read by rows)
"""The documents that the store keeps: kind, key, parent, fields.

One table, so that the API handlers that write a document and the SQL layer that reads it agree. What a client may write
of a document is declared in `localspace.http.request_schemas`; other fields that it sends are ignored.

| kind | key | parent | fields that others rely on |
|---|---|---|---|
| `user` | (id) | – | `id, userName, displayName, active, externalId, entitlements: [str], roles: [str]` |
| `service_principal` | (id) | – | `id, applicationId, displayName, active, externalId, entitlements, roles` |
| `group` | (id) | – | `id, displayName, externalId, members: [id], entitlements, roles, scope: account or workspace` |
| `token` | (sha256 of the token) | (principal id) | `id, principal_id, created_ms, expires_ms or None, comment, scope: pat, oauth or task, hash, created_by` |
| `sp_secret` | (service principal id, secret id) | (sp id) | `id, hash, created_ms, expires_ms` |
| `federation_policy` | (service principal id or `account`, policy id) | (owner as in the key) | as FederationPolicy |
| `workspace_assignment` | (workspace id, principal id) | (workspace id) | `principal_id, permissions: [USER or ADMIN]` |
| `metastore` | (metastore id) | – | `metastore_id, name, region, owner` |
| `catalog` | (catalog) | – | `name, owner, comment, properties, catalog_type, id` |
| `schema` | (catalog, schema) | (catalog) | `name, catalog_name, full_name, owner, comment, properties, schema_id` |
| `table` | (catalog, schema, table) | (catalog, schema) | `name, catalog_name, schema_name, full_name, table_type, owner, comment, properties, table_id, columns: [Column], row_filter or None, view_definition, storage` |
| `function` | (catalog, schema, function) | (catalog, schema) | `name, …, full_name, owner, input_params: [{name, type_text}], full_data_type, routine_definition, is_deterministic, comment, function_id, language` |
| `volume` | (catalog, schema, volume) | (catalog, schema) | as VolumeInfo |
| `grant` | (SECURABLE_TYPE, full name, principal) | (SECURABLE_TYPE, full name) | `securable_type, full_name, principal, privileges: [str]` |
| `tag_policy` | (tag key) | – | `id, tag_key, description, values: [{name}], create_time, update_time` |
| `tag` | (entity_type, entity_name, tag key) | (entity_type, entity_name) | `entity_type, entity_name, tag_key, tag_value, update_time, updated_by` |
| `policy` | (SECURABLE_TYPE, full name, policy) | (SECURABLE_TYPE, full name) | a PolicyInfo, `id, created_at, created_by` |
| `warehouse` | (id) | – | as EndpointInfo |
| `permission` | (object type, object id) | – | `access_control_list: [{principal, kind: user, group or service_principal, level}]`, object type in the URL's plural form |
| `genie_space` | (space id) | – | `space_id, title, description, warehouse_id, parent_path, serialized_space, etag, owner, trashed` |
| `secret_scope`, `secret`, `secret_acl` | (scope), (scope, key), (scope, principal) | –, (scope), (scope) | values only ever leave through the secrets API |
| `serving_endpoint` | (name) | – | as ServingEndpoint, `responder: str` |
| `rule_set` | (rule set name) | – | `name, etag, grant_rules` |
| `storage_credential`, `external_location` | (name) | – | as the SDK's infos |
| `object_tag` | (entity type, entity id, tag key) | (entity type, entity id) | `entity_type, entity_id, tag_key, tag_value`: tags of workspace objects |
| `account_workspace`, `metastore_assignment` | (workspace id) | – | as the account API's infos |
| `responder` | (endpoint name) | – | `kind: canned, rules, echo or error` and its fields |
| `workspace_object` | (path in hex) | (path of the folder in hex) | `path, object_id, object_type, language, size, created_at, modified_at, owner, blob`; `workspace_object_id` leads from an id to `path` |
| `job`, `run`, `task_run`, `run_token` | (id) or (idempotency token) | –, (job id), (run id), – | see `localspace.jobs.run_log` |
| `dashboard` | (dashboard id) | – | as Dashboard, `owner, published: None or PublishedDashboard` |
| `undo` | (lag kind, number) | (lag kind,) | `id, at_ms, kind, key, before`: how a document stood before a change that is not in effect yet |
| `setting` | (name) | – | `ids`, `clock`, `lag`, `warehouse_config` |

Column of a table: `{name, physical, type_text, type_name, type_json, nullable, comment, position, mask: None or
{function_name, using_column_names}}`. `physical` is the column's name in the files and never changes, so that RENAME and
DROP are metadata. Tag keys and tag values are case-sensitive on the platform: the tag and tag policy documents hold the
spelling, and readers compare spellings. A principal in a grant or a policy is named as the platform names it: user name,
group display name, application id of a service principal, or `account users`.
`storage` of a table: `{"path": folder relative to the data folder}`; every change of rows writes a new folder and swaps it.
"""
