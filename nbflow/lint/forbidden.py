"""What a call of the standard library or a well-known package is to a replay: one table, by full names.

A name that ends with ``.*`` stands for everything below it; the longest one that fits counts. A row
without a rule is an exception from a wider one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Row:
    """What is wrong with a call.

    Attributes:
        code: The rule; empty: nothing is wrong with it.
        when: Whether it is wrong with these arguments; always, if there is none.
        is_value: Whether the thing itself is wrong to use, called or not.
    """

    code: str
    when: Callable[[ast.Call], bool] | None = None
    is_value: bool = False


def _at_most(count: int) -> Callable[[ast.Call], bool]:
    """Wrong with that many arguments at the most."""
    return lambda call: len(call.args) + len(call.keywords) <= count


def _without_seed(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return not given or (isinstance(given[0], ast.Constant) and given[0].value is None)


_FINE: Final = Row("")
_CLOCK: Final = Row("NBF001")
_RANDOM: Final = Row("NBF002")
_UUID: Final = Row("NBF003")
_ENVIRONMENT: Final = Row("NBF004")
_FILES: Final = Row("NBF005")
_NETWORK: Final = Row("NBF006")
_PROCESS: Final = Row("NBF007")
_THREAD: Final = Row("NBF008")
_BLOCKS: Final = Row("NBF009")
_LOOP: Final = Row("NBF019")


def _rows(row: Row, parent: str, names: str) -> dict[str, Row]:
    return {f"{parent}.{name}": row for name in names.split()}


TABLE: Final[dict[str, Row]] = {
    # -- the clock
    **_rows(
        _CLOCK,
        "time",
        "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns "
        "thread_time thread_time_ns clock_gettime clock_gettime_ns localtime mktime tzname timezone",
    ),
    **_rows(Row("NBF001", _at_most(0)), "time", "gmtime ctime asctime"),
    "time.strftime": Row("NBF001", _at_most(1)),
    **_rows(_CLOCK, "datetime.datetime", "now utcnow today"),
    "datetime.datetime.fromtimestamp": Row("NBF001", _at_most(1)),
    **_rows(_CLOCK, "datetime.date", "today fromtimestamp"),
    **_rows(_CLOCK, "pandas.Timestamp", "now utcnow today"),
    **_rows(_CLOCK, "arrow", "now utcnow"),
    **_rows(_CLOCK, "pendulum", "now today tomorrow yesterday"),
    **_rows(_CLOCK, "django.utils.timezone", "now localtime localdate"),
    "timeit.default_timer": _CLOCK,
    "email.utils.localtime": Row("NBF001", _at_most(0)),
    # -- chance
    "random.*": _RANDOM,
    "random.Random": Row("NBF002", _without_seed),
    "random.Random.*": _FINE,
    "secrets.*": _RANDOM,
    "secrets.compare_digest": _FINE,
    "os.urandom": _RANDOM,
    "os.getrandom": _RANDOM,
    "numpy.random.*": _RANDOM,
    **_rows(
        Row("NBF002", _without_seed),
        "numpy.random",
        "default_rng RandomState SeedSequence PCG64 Philox MT19937 SFC64 PCG64DXSM",
    ),
    "numpy.random.Generator": _FINE,
    "numpy.random.Generator.*": _FINE,
    # -- identifiers
    **_rows(_UUID, "uuid", "uuid1 uuid4 uuid6 uuid7 uuid8 getnode"),
    **_rows(_UUID, "uuid_utils", "uuid1 uuid4 uuid6 uuid7"),
    **_rows(_UUID, "shortuuid", "uuid random"),
    "nanoid.generate": _UUID,
    **_rows(_UUID, "ulid", "new ULID"),
    "bson.ObjectId": Row("NBF003", _at_most(0)),
    # -- the machine and its environment
    "os.environ": Row("NBF004", is_value=True),
    "os.environb": Row("NBF004", is_value=True),
    **_rows(
        _ENVIRONMENT,
        "os",
        "getenv getenvb putenv unsetenv getpid getppid getlogin getuid geteuid getgid getcwd getcwdb uname "
        "cpu_count process_cpu_count getloadavg times chdir",
    ),
    "sys.argv": Row("NBF004", is_value=True),
    **_rows(_ENVIRONMENT, "platform", "node uname platform machine processor system release version"),
    "getpass.getuser": _ENVIRONMENT,
    "locale.getlocale": _ENVIRONMENT,
    "dotenv.*": _ENVIRONMENT,
    "psutil.*": _ENVIRONMENT,
    # -- files and databases
    "builtins.open": _FILES,
    **_rows(_FILES, "io", "open FileIO open_code"),
    "codecs.open": _FILES,
    **_rows(
        _FILES,
        "os",
        "open fdopen read write listdir scandir walk fwalk stat lstat mkdir makedirs remove unlink rename renames "
        "replace rmdir removedirs access link symlink readlink truncate chmod chown utime statvfs",
    ),
    **_rows(
        _FILES,
        "os.path",
        "exists lexists isfile isdir islink getsize getmtime getatime getctime realpath "
        "abspath expanduser samefile",
    ),
    **_rows(
        _FILES,
        "pathlib.Path",
        "read_text read_bytes write_text write_bytes open exists is_file is_dir is_symlink iterdir glob rglob walk "
        "mkdir rmdir unlink rename replace touch stat lstat chmod symlink_to hardlink_to readlink resolve absolute "
        "expanduser owner group samefile cwd home copy move",
    ),
    "shutil.*": _FILES,
    "tempfile.*": _FILES,
    "glob.*": _FILES,
    "glob.escape": _FINE,
    "fileinput.*": _FILES,
    **_rows(_FILES, "gzip", "open"),
    **_rows(_FILES, "bz2", "open"),
    **_rows(_FILES, "lzma", "open"),
    "zipfile.ZipFile": _FILES,
    "tarfile.open": _FILES,
    "sqlite3.connect": _FILES,
    "duckdb.*": _FILES,
    "shelve.open": _FILES,
    "dbm.open": _FILES,
    "linecache.*": _FILES,
    "aiofiles.*": _FILES,
    **_rows(
        _FILES,
        "pandas",
        "read_csv read_table read_fwf read_json read_parquet read_excel read_feather read_pickle read_sql "
        "read_sql_query read_sql_table read_html read_xml read_hdf read_orc",
    ),
    **_rows(
        _FILES,
        "polars",
        "read_csv read_parquet read_json read_ndjson read_excel read_database read_ipc read_delta scan_csv "
        "scan_parquet scan_ndjson scan_ipc",
    ),
    **_rows(_FILES, "numpy", "load loadtxt genfromtxt fromfile save savez savez_compressed savetxt memmap"),
    **_rows(
        _FILES,
        "anyio",
        "open_file wrap_file TemporaryFile NamedTemporaryFile SpooledTemporaryFile "
        "TemporaryDirectory mkstemp mkdtemp gettempdir gettempdirb",
    ),
    **_rows(
        _FILES,
        "anyio.Path",
        "read_text read_bytes write_text write_bytes open exists is_file is_dir iterdir glob rglob mkdir rmdir "
        "unlink rename replace touch stat resolve absolute cwd home",
    ),
    # -- the network
    "requests.*": _NETWORK,
    "httpx.*": _NETWORK,
    **{f"httpx.{name}": _FINE for name in ("URL", "Timeout", "Limits", "Headers", "QueryParams", "codes")},
    "aiohttp.*": _NETWORK,
    "aiohttp.ClientTimeout": _FINE,
    "urllib3.*": _NETWORK,
    "urllib.request.*": _NETWORK,
    "urllib.request.Request": _FINE,
    "http.client.*": _NETWORK,
    "socket.*": _NETWORK,
    **{
        f"socket.{name}": _FINE
        for name in ("inet_aton", "inet_ntoa", "inet_pton", "inet_ntop", "htons", "ntohs")
    },
    "ssl.*": _NETWORK,
    "smtplib.*": _NETWORK,
    "ftplib.*": _NETWORK,
    "imaplib.*": _NETWORK,
    "poplib.*": _NETWORK,
    "xmlrpc.client.*": _NETWORK,
    "websockets.*": _NETWORK,
    "websocket.*": _NETWORK,
    "grpc.*": _NETWORK,
    "boto3.*": _NETWORK,
    "psycopg.connect": _NETWORK,
    "psycopg2.connect": _NETWORK,
    "asyncpg.*": _NETWORK,
    "pymongo.MongoClient": _NETWORK,
    "redis.*": _NETWORK,
    "sqlalchemy.create_engine": _NETWORK,
    "paramiko.*": _NETWORK,
    **_rows(
        _NETWORK,
        "openai",
        "OpenAI AsyncOpenAI AzureOpenAI AsyncAzureOpenAI",
    ),
    **_rows(_NETWORK, "anthropic", "Anthropic AsyncAnthropic"),
    **_rows(_NETWORK, "asyncio", "open_connection open_unix_connection start_server start_unix_server"),
    **_rows(
        _NETWORK,
        "anyio",
        "connect_tcp connect_unix create_tcp_listener create_unix_listener create_udp_socket "
        "create_connected_udp_socket create_unix_datagram_socket create_connected_unix_datagram_socket "
        "getaddrinfo getnameinfo wait_readable wait_writable wait_socket_readable wait_socket_writable",
    ),
    # -- processes
    "subprocess.*": _PROCESS,
    "subprocess.list2cmdline": _FINE,
    **_rows(
        _PROCESS,
        "os",
        "system popen fork forkpty kill killpg abort _exit wait waitpid startfile posix_spawn posix_spawnp "
        "execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnv spawnve spawnvp",
    ),
    **_rows(_PROCESS, "asyncio", "create_subprocess_exec create_subprocess_shell"),
    **_rows(_PROCESS, "asyncio.subprocess", "create_subprocess_exec create_subprocess_shell"),
    **_rows(_PROCESS, "anyio", "open_process run_process"),
    "pty.*": _PROCESS,
    # -- threads
    "threading.*": _THREAD,
    "_thread.*": _THREAD,
    "concurrent.futures.*": _THREAD,
    "multiprocessing.*": _THREAD,
    "queue.*": _THREAD,
    "joblib.*": _THREAD,
    **_rows(_THREAD, "asyncio", "to_thread run_coroutine_threadsafe wrap_future"),
    "anyio.to_thread.*": _THREAD,
    "anyio.from_thread.*": _THREAD,
    "anyio.to_process.*": _THREAD,
    "anyio.to_interpreter.*": _THREAD,
    "asgiref.sync.*": _THREAD,
    # -- what blocks
    "time.sleep": _BLOCKS,
    "builtins.input": _BLOCKS,
    "builtins.breakpoint": _BLOCKS,
    "getpass.getpass": _BLOCKS,
    **_rows(_BLOCKS, "signal", "pause sigwait sigwaitinfo"),
    "select.*": _BLOCKS,
    # -- loops of their own
    **_rows(_LOOP, "asyncio", "run Runner new_event_loop set_event_loop Future Task eager_task_factory"),
    **_rows(_LOOP, "anyio", "run open_signal_receiver"),
    **_rows(_LOOP, "signal", "signal setitimer alarm"),
    "nest_asyncio.*": _LOOP,
    "trio.run": _LOOP,
}

LOOP_METHODS: Final[dict[str, Row]] = {
    **dict.fromkeys(("run_in_executor", "call_soon_threadsafe", "set_default_executor"), _THREAD),
    **dict.fromkeys(("subprocess_exec", "subprocess_shell"), _PROCESS),
    **dict.fromkeys(
        ("create_connection", "create_server", "create_datagram_endpoint", "sock_connect"), _NETWORK
    ),
    **dict.fromkeys(("run_until_complete", "run_forever", "add_signal_handler"), _LOOP),
}
"""Methods of an event loop, whatever the variable is called that has it."""

_PURE_ENDINGS: Final = ("Error", "Exception", "Warning")


def row_for(path: str) -> Row | None:
    """What is known of a full name; None for whatever is fine."""
    if path in TABLE:
        return _wrong(TABLE[path])
    if path.endswith(_PURE_ENDINGS):
        return None
    parent = path
    while "." in parent:
        parent = parent.rpartition(".")[0]
        row = TABLE.get(f"{parent}.*") or (TABLE.get(parent) if TABLE.get(parent, _FINE).is_value else None)
        if row is not None:
            return _wrong(row)
    return None


def _wrong(row: Row) -> Row | None:
    return row if row.code else None
