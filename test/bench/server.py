"""The server that is measured: statements, the client program, restarts, and what it keeps in memory.

run.sh has made the cluster and says in the environment where it is and as whom it runs.
"""
import ctypes
import json
import mmap
import os
import subprocess
import sys

CLUSTER = os.environ["CLUSTER"]
BASE_SETTINGS = {"shared_buffers": os.environ["SHARED_BUFFERS"],
                 "maintenance_work_mem": os.environ["MAINTENANCE_WORK_MEM"]}


def fail(message):
    sys.exit(f"bench: {message}")


def psql(database, sql):
    done = subprocess.run(
        [os.environ["PSQL"], "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql],
        capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{database}: {sql}\n{done.stderr}")
    return done.stdout.strip()


def client(*arguments):
    done = subprocess.run([os.environ["BENCH_CLIENT"], *map(str, arguments)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        fail(done.stderr)
    return json.loads(done.stdout) if done.stdout else None


def extension_available(name):
    return psql("postgres", f"SELECT 1 FROM pg_available_extensions WHERE name = '{name}'") == "1"


def database_exists(name):
    return psql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'") == "1"


def pg_ctl(*arguments, before=()):
    command = [*before, *os.environ["AS_SERVER"].split(), os.path.join(os.environ["BINDIR"], "pg_ctl"),
               "-D", CLUSTER, "-w", "-t", "300", *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          cwd=CLUSTER)
    if done.returncode != 0:
        fail(f"{' '.join(command)}: {done.stderr}")


def start(settings=None, group=None):
    """Starts the server, in a memory group if one is given, with other settings than usual."""
    options = " ".join(f"-c {name}={value}"
                       for name, value in {**BASE_SETTINGS, **(settings or {})}.items())
    pg_ctl("-l", os.path.join(os.path.dirname(CLUSTER), "server.log"), "-o", options, "start",
           before=group.command_prefix() if group else ())


def stop():
    pg_ctl("-m", "fast", "stop")


def restart(settings=None, group=None):
    stop()
    start(settings, group)


def database_files(database):
    """The paths of the files of a database; it is in the default tablespace."""
    oid = psql("postgres", f"SELECT oid FROM pg_database WHERE datname = '{database}'")
    directory = os.path.join(CLUSTER, "base", oid)
    return [os.path.join(directory, name) for name in os.listdir(directory)]


def evict(paths):
    """Has the kernel drop these files from its page cache; the server is stopped, so nobody maps them.

    Unlike /proc/sys/vm/drop_caches this needs no privilege and leaves the rest of the machine alone.
    """
    os.sync()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def resident_bytes(paths):
    """How much of the files is in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                          ctypes.c_long]
    total = 0
    for path in paths:
        size = os.path.getsize(path)
        if size == 0:
            continue
        descriptor = os.open(path, os.O_RDONLY)
        address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
        os.close(descriptor)
        if address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), f"could not map {path}")
        pages = (size + mmap.PAGESIZE - 1) // mmap.PAGESIZE
        present = (ctypes.c_ubyte * pages)()
        if libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), present) != 0:
            raise OSError(ctypes.get_errno(), f"mincore of {path}")
        libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(size))
        total += sum(byte & 1 for byte in present) * mmap.PAGESIZE
    return total


def restart_cold(database, settings=None, group=None):
    """Restarts the server with nothing of the database in memory."""
    psql("postgres", "CHECKPOINT")
    files = database_files(database)
    stop()
    evict(files)
    left = resident_bytes(files)
    if left > sum(map(os.path.getsize, files)) / 100:
        fail(f"{left} bytes of database {database} stay in the page cache")
    start(settings, group)


class MemoryGroup:
    """A memory cgroup with a limit, of version 1 or 2, for as long as a `with` block."""

    V1 = "/sys/fs/cgroup/memory"
    V2 = "/sys/fs/cgroup"

    def __init__(self, limit_bytes):
        self.limit_bytes = limit_bytes
        if os.path.exists(f"{self.V1}/memory.limit_in_bytes"):
            self.path, self.limit_file = f"{self.V1}/vectorstore-bench-{os.getpid()}", \
                "memory.limit_in_bytes"
        else:
            self.path, self.limit_file = f"{self.V2}/vectorstore-bench-{os.getpid()}", "memory.max"

    def __enter__(self):
        if self.limit_file == "memory.max":
            with open(f"{self.V2}/cgroup.subtree_control", "w", encoding="ascii") as file:
                file.write("+memory")
        os.mkdir(self.path)
        try:
            self.set_limit()
        except OSError:
            os.rmdir(self.path)
            raise
        return self

    def set_limit(self):
        with open(f"{self.path}/{self.limit_file}", "w", encoding="ascii") as file:
            file.write(str(self.limit_bytes))

    def __exit__(self, *_):
        """The server has been stopped by now."""
        os.rmdir(self.path)

    def command_prefix(self):
        """What moves the command behind it, and all that it starts, into the group."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', f"{self.path}/cgroup.procs"]

    @classmethod
    def why_not(cls):
        """None where groups with a limit can be made, or else what is in the way."""
        try:
            with cls(1 << 30):
                return None
        except OSError as error:
            return str(error)
