"""A PostgreSQL server as an ordinary process: in a temporary folder, on a free port of loopback, with a password.

It is found on PATH or where Debian puts it. Run as root it becomes another user, because PostgreSQL refuses root.
"""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

USER, PASSWORD = "osprey", "secret-of-the-test"
REQUIRED = "OSPREY_REQUIRE_POSTGRES"
"""Where this, or CI, is set, a test that needs PostgreSQL fails without it."""
START_S = 60


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, of the newest version."""
    debian = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[-2]))
    for folder in (*reversed(debian), *os.environ.get("PATH", "").split(os.pathsep)):
        if all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres")):
            return Path(folder)
    return None


def without(reason: str) -> Any:
    """Skip a test, or fail where PostgreSQL is required."""
    if os.environ.get(REQUIRED, "0") != "0" or os.environ.get("CI", "") not in ("", "0", "false"):
        pytest.fail(f"PostgreSQL is required here: {reason}")
    pytest.skip(reason)


class PostgresServer:
    """The server; `start` after `stop` goes on with the same data."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.data = folder / "data"
        self._log = folder / "log"
        self._as: dict[str, Any] = _other_user(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run("initdb", "-D", self.data, "-U", USER, "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8",
                  "--locale=C", "--no-sync")  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.port = self.port or _free_port()
        options = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off",
            "shared_buffers": "16MB", "max_connections": 60,
        }  # fmt: skip
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, *flags], stdout=log, stderr=log, cwd="/", **self._as
            )
        self._wait()

    def stop(self) -> None:
        """End it at once, as a crash would: connections break off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=START_S)
            self._process = None

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, command: str, database: str = "postgres") -> None:
        """Run a command as the superuser."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=START_S) as connection:
            connection.execute(command.encode())

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError as error:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()[-2000:]}") from error
                time.sleep(0.05)

    def _run(self, program: str, *arguments: object) -> None:
        command = [self.programs / program, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **self._as)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr[-2000:]}")


@contextmanager
def running() -> Iterator[PostgresServer]:
    """A started server; the test is skipped where there is none to be had."""
    programs = binaries()
    if programs is None:
        without("no PostgreSQL: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="osprey-postgres-"))
    try:
        server = PostgresServer(programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _other_user(folder: Path) -> dict[str, Any]:
    """For `subprocess`: as whom to run, where this is root; the folder then belongs to that user."""
    if os.geteuid() != 0:
        return {}
    known = {one.pw_name: one for one in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
