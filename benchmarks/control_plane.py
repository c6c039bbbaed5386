"""Measure the control plane of the local workspace: start, and the latency of each kind of call. Prints a table.

Run: python benchmarks/control_plane.py [--calls N]
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

UC = "/api/2.1/unity-catalog"


@contextmanager
def served(data: Path) -> Iterator[tuple[httpx.Client, dict[str, str], float]]:
    """Start a server process; yield a client, the facts that it printed and the seconds until it was ready."""
    start = time.perf_counter()
    command = [sys.executable, "-c", "from localspace.main import run; run()", "serve", "--json", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    facts = json.loads(process.stdout.readline())
    seconds = time.perf_counter() - start
    headers = {"authorization": f"Bearer {facts['token']}"}
    try:
        with httpx.Client(base_url=facts["host"], headers=headers, timeout=30) as http:
            yield http, facts, seconds
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()


def seed(http: httpx.Client) -> None:
    """Make 200 tables of 20 columns, a function, governed tags and a group."""
    http.post(f"{UC}/schemas", json={"name": "bench", "catalog_name": "main"})
    credential = {"name": "b", "aws_iam_role": {"role_arn": "arn:aws:iam::000000000000:role/b"}}
    http.post(f"{UC}/storage-credentials", json=credential)
    http.post(f"{UC}/external-locations", json={"name": "b", "url": "s3://b", "credential_name": "b"})
    columns = [{"name": f"c{at}", "type_text": "string", "type_name": "STRING"} for at in range(20)]
    for at in range(200):
        table = {"name": f"t{at}", "catalog_name": "main", "schema_name": "bench", "table_type": "EXTERNAL"}
        http.post(f"{UC}/tables", json=table | {"storage_location": f"s3://b/t{at}", "columns": columns})
    function = {"name": "mask", "catalog_name": "main", "schema_name": "bench", "full_data_type": "STRING"}
    parameters = {"parameters": [{"name": "v", "type_text": "STRING"}]}
    http.post(f"{UC}/functions", json=function | {"routine_definition": "v", "input_params": parameters})
    http.post("/api/2.1/tag-policies", json={"tag_key": "pii", "values": [{"name": "email"}]})


def calls(http: httpx.Client, facts: dict[str, str]) -> dict[str, Callable[[int], httpx.Response]]:
    """Return the kinds of calls; each takes the number of the call."""
    groups = f"/api/2.0/accounts/{facts['account_id']}/scim/v2/Groups"
    policy = {
        "on_securable_type": "TABLE",
        "policy_type": "POLICY_TYPE_COLUMN_MASK",
        "for_securable_type": "TABLE",
        "to_principals": ["account users"],
        "match_columns": [{"alias": "c", "condition": "has_tag_value('pii', 'email')"}],
        "column_mask": {"function_name": "main.bench.mask", "on_column": "c"},
    }
    grant = {"changes": [{"principal": "account users", "add": ["SELECT"]}]}
    tag = {"entity_type": "columns", "tag_key": "pii", "tag_value": "email"}
    return {
        "read Me": lambda _: http.get("/api/2.0/preview/scim/v2/Me"),
        "read a catalog": lambda _: http.get(f"{UC}/catalogs/main"),
        "read a table (20 columns)": lambda at: http.get(f"{UC}/tables/main.bench.t{at % 200}"),
        "list 200 tables with columns": lambda _: http.get(
            f"{UC}/tables", params={"catalog_name": "main", "schema_name": "bench"}
        ),
        "read effective grants": lambda at: http.get(f"{UC}/effective-permissions/table/main.bench.t{at % 200}"),
        "list warehouses": lambda _: http.get("/api/2.0/sql/warehouses"),
        "write a group": lambda at: http.post(groups, json={"displayName": f"g{at}"}),
        "write a schema": lambda at: http.post(f"{UC}/schemas", json={"name": f"s{at}", "catalog_name": "main"}),
        "write a grant": lambda at: http.patch(f"{UC}/permissions/table/main.bench.t{at % 200}", json=grant),
        "write a tag": lambda at: http.post(
            f"{UC}/entity-tag-assignments",
            json=tag | {"entity_name": f"main.bench.t{at % 200}.c{at // 200}"},
        ),
        "write a policy": lambda at: http.post(
            f"{UC}/policies", json=policy | {"name": f"p{at}", "on_securable_fullname": f"main.bench.t{at % 200}"}
        ),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="calls of each kind")
    count = parser.parse_args().calls
    starts: list[float] = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "data") as (_, _, seconds):
            starts.append(seconds)
    print(f"{'start to ready (fresh, median of 3)':40} {statistics.median(starts):8.2f} s   goal < 1 s")
    print(f"{'call':40} {'p50 ms':>8} {'p95 ms':>8}   goal p50 <= 2 ms")
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "data") as (http, facts, _):
        seed(http)
        for name, call in calls(http, facts).items():
            times: list[float] = []
            for at in range(count):
                start = time.perf_counter()
                answer = call(at)
                times.append((time.perf_counter() - start) * 1000)
                if answer.is_error:
                    raise SystemExit(f"{name}: {answer.status_code} {answer.text}")
            ordered = sorted(times)
            print(f"{name:40} {statistics.median(times):8.2f} {ordered[int(len(ordered) * 0.95)]:8.2f}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{'peak memory of the server':40} {peak:8.0f} MB")


if __name__ == "__main__":
    main()
