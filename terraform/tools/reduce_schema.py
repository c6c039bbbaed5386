"""Reduces the schema of the provider to the resources and data sources that the modules use.

    terraform providers schema -json >schema.json
    python terraform/tools/reduce_schema.py schema.json --version 1.128.0

writes `provider_schema.json` beside this script. The schema is part of databricks/terraform-provider-databricks (Apache-2.0);
it also takes a schema that is cut to `resource_schemas` and `data_source_schemas`.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TARGET = HERE / "provider_schema.json"
_BLOCK = re.compile(r'^(resource|data)\s+"(databricks_\w+)"', re.MULTILINE)
_FLAGS = ("required", "optional", "computed", "sensitive", "deprecated")


def used(modules: Path) -> dict[str, set[str]]:
    """Return the types of resources and data sources in all modules below a folder."""
    found: dict[str, set[str]] = {"resource": set(), "data": set()}
    for path in sorted(modules.glob("*/*.tf")):
        for block, name in _BLOCK.findall(path.read_text(encoding="utf-8")):
            found[block].add(name)
    return found


def reduced(schema: dict[str, Any], names: dict[str, set[str]], version: str) -> dict[str, Any]:
    """Return the table of the named types; raise KeyError for a type that the schema does not have."""
    whole = next(iter(schema["provider_schemas"].values())) if "provider_schemas" in schema else schema
    return {
        "source": "databricks/terraform-provider-databricks, printed by `terraform providers schema -json`",
        "license": "Apache-2.0",
        "version": version,
        "resource": {name: block(whole["resource_schemas"][name]["block"]) for name in sorted(names["resource"])},
        "data": {name: block(whole["data_source_schemas"][name]["block"]) for name in sorted(names["data"])},
    }


def block(raw: dict[str, Any]) -> dict[str, Any]:
    """Return arguments and blocks of a block of the schema."""
    arguments = {name: argument(each) for name, each in sorted((raw.get("attributes") or {}).items())}
    blocks = {
        name: {"min": each.get("min_items", 0), "max": each.get("max_items"), **block(each["block"])}
        for name, each in sorted((raw.get("block_types") or {}).items())
    }
    return {"arguments": arguments} | ({"blocks": blocks} if blocks else {})


def argument(raw: dict[str, Any]) -> dict[str, Any]:
    """Return flags and type of one argument; a nested one has its mode and its own arguments."""
    flags = [flag for flag in _FLAGS if raw.get(flag)]
    nested = raw.get("nested_type")
    if nested is None:
        return {"flags": flags, "type": raw["type"]}
    inner = {name: argument(each) for name, each in sorted(nested["attributes"].items())}
    return {"flags": flags, "nested": nested["nesting_mode"], "arguments": inner}


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("schema", type=Path)
    parser.add_argument("--version", required=True)
    given = parser.parse_args()
    table = reduced(json.loads(given.schema.read_text(encoding="utf-8")), used(HERE.parent), given.version)
    TARGET.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
