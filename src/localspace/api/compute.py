"""Lists for configurations of clusters: versions, node types, zones; the lists of clusters and pools are empty.

Tasks run as processes here, so no cluster can be made; what a configuration looks up to name one is answered as the
platform does it on AWS (source: SDK 0.156, Clusters; platform docs, Databricks Runtime release notes).
"""

from __future__ import annotations

from localspace.http.request import Handler, Request, Route
from localspace.http.serialisation import Json

_RUNTIMES = (
    ("17.3", True, "4.0.0", "2.13"),
    ("17.2", False, "4.0.0", "2.13"),
    ("16.4", True, "3.5.2", "2.13"),
    ("16.4", True, "3.5.2", "2.12"),
    ("15.4", True, "3.5.0", "2.12"),
    ("14.3", True, "3.5.0", "2.12"),
    ("13.3", True, "3.4.1", "2.12"),
)
"""Version, long-term support, version of Spark, version of Scala."""

_VARIANTS = (("", ""), ("-ml", " ML"), ("-photon", " Photon"), ("-gpu-ml", " ML, GPU"))
_NODES = (
    ("m5d.large", 8_192, 2, 1, 75, "General Purpose"),
    ("m5d.xlarge", 16_384, 4, 1, 150, "General Purpose"),
    ("m5d.2xlarge", 32_768, 8, 1, 300, "General Purpose"),
    ("r5d.large", 16_384, 2, 1, 75, "Memory Optimized"),
    ("r5d.xlarge", 32_768, 4, 1, 150, "Memory Optimized"),
    ("i3.xlarge", 31_232, 4, 1, 950, "Storage Optimized"),
    ("i3.2xlarge", 62_464, 8, 1, 1_900, "Storage Optimized"),
    ("c5d.xlarge", 8_192, 4, 1, 100, "Compute Optimized"),
    ("m5.xlarge", 16_384, 4, 0, 0, "General Purpose"),
    ("g4dn.xlarge", 16_384, 4, 1, 125, "GPU Accelerated"),
)
"""Id, memory in MB, cores, local NVMe disks, gigabytes of each, category."""

_ZONES = ("a", "b", "c")


def spark_versions(request: Request) -> Json:
    """List the runtimes that a configuration may name."""
    found: list[Json] = []
    for version, long_term, spark, scala in _RUNTIMES:
        for suffix, word in _VARIANTS:
            name = f"{version}{' LTS' if long_term else ''}{word} (includes Apache Spark {spark}, Scala {scala})"
            found.append({"key": f"{version}.x{suffix}-scala{scala}", "name": name})
    return {"versions": found}


def list_node_types(request: Request) -> Json:
    """List the node types that a configuration may name."""
    return {"node_types": [_node_type(*one) for one in _NODES]}


def list_zones(request: Request) -> Json:
    """List the zones of the metastore's region."""
    metastore = request.repositories.privileges.document("METASTORE", "")
    region = str(metastore["region"]) if metastore is not None else "us-east-1"
    zones = [region + one for one in _ZONES]
    return {"zones": zones, "default_zone": zones[0]}


def no_clusters(request: Request) -> Json:
    """List the clusters: there are none."""
    return {}


def no_pools(request: Request) -> Json:
    """List the instance pools: there are none."""
    return {}


def _node_type(node_type_id: str, memory: int, cores: int, disks: int, size: int, category: str) -> Json:
    gpu = category.startswith("GPU")
    return {
        "node_type_id": node_type_id,
        "memory_mb": memory,
        "num_cores": float(cores),
        "description": node_type_id,
        "instance_type_id": node_type_id,
        "category": category,
        "is_deprecated": False,
        "is_hidden": False,
        "is_encrypted_in_transit": not gpu,
        "is_graviton": False,
        "is_io_cache_enabled": disks > 0,
        "num_gpus": 1 if gpu else 0,
        "photon_driver_capable": not gpu,
        "photon_worker_capable": not gpu,
        "support_cluster_tags": True,
        "support_ebs_volumes": True,
        "support_port_forwarding": True,
        "node_instance_type": {
            "instance_type_id": node_type_id,
            "local_disks": disks,
            "local_disk_size_gb": size,
            "local_nvme_disks": disks,
            "local_nvme_disk_size_gb": size,
        },
    }


def _both(path: str, handler: Handler, sdk: str, partial: str = "") -> tuple[Route, ...]:
    return (
        Route(method="GET", path=f"/api/2.1/clusters/{path}", handler=handler, sdk=(sdk,), partial=partial),
        Route(method="GET", path=f"/api/2.0/clusters/{path}", handler=handler, partial=partial),
    )


ROUTES = (
    *_both("spark-versions", spark_versions, "Clusters.spark_versions"),
    *_both("list-node-types", list_node_types, "Clusters.list_node_types"),
    *_both("list-zones", list_zones, "Clusters.list_zones"),
    *_both("list", no_clusters, "Clusters.list", "always empty: tasks run without clusters"),
    Route(
        method="GET",
        path="/api/2.0/instance-pools/list",
        handler=no_pools,
        sdk=("InstancePools.list",),
        partial="always empty: tasks run without clusters",
    ),
)
