"""Types of the measured core (`core/python/`)."""

from collections.abc import Mapping
from typing import TypedDict

class OptionTable(TypedDict):
    name: str
    meaning: str
    choices: list[str]
    low: int
    high: int
    default: int
    needs_option: int
    needs_values: int
    untried_values: int

class EngineTable(TypedDict):
    title: str
    calls: str
    summary: str
    other_side: str
    instead: str | None
    synchronous: bool
    blocking: bool
    in_matrix: bool
    figure: int
    complexity: int
    options: list[OptionTable]

class Caps(TypedDict):
    files: bool
    streams: bool
    waits: bool
    batches: bool
    spins: bool
    blocks_in_submit: bool
    nonblocking_descriptors: bool
    moves_data: bool
    cancels: bool
    waits_for_all: bool
    nowait: bool
    starts_in_reap: bool
    kernel_polls: bool
    links: bool
    edge_triggered: bool
    max_depth: int
    max_descriptor: int
    next_start: str

class EngineFacts(TypedDict):
    caps: Caps
    news: str
    worker: str
    threads: str | None
    calls: dict[str, tuple[str, int]]
    counters: list[tuple[str, str | None]]

class Answers(TypedDict):
    cannot: str | None
    probe: str | None
    degenerate: str | None

class RecordLayout(TypedDict):
    size: int
    words: dict[str, tuple[int, int]]
    calls: list[str]
    call_results: list[str]
    stages: list[str]

class EventLayout(TypedDict):
    ring: list[str]
    event: list[str]
    kinds: list[str]

class ClockInfo(TypedDict):
    source: str
    frequency_hz: int
    read_ns: float

def engines() -> dict[str, EngineTable]: ...
def load_plugin(path: str) -> tuple[str, EngineTable]: ...
def engine(name: str, settings: dict[str, int]) -> EngineFacts: ...
def channels() -> list[str]: ...
def complexities() -> list[tuple[str, str]]: ...
def ask(engine: str, channel: str, settings: dict[str, int]) -> Answers: ...
def setting_choices() -> dict[str, list[str]]: ...
def record_layout() -> RecordLayout: ...
def event_layout() -> EventLayout: ...

ABI: int
PEER_EXIT_WRONG_BYTES: int
SLEEPS_ANYWHERE: int
SLEEPS_ON_STREAMS: int
SLEEPS_ON_STORAGE: int

def histogram_lower() -> list[int]: ...
def clock_calibrate(window_ns: int) -> int: ...
def compute_calibrate(window_ns: int) -> int: ...
def clock_info() -> ClockInfo: ...
def die_with_parent(parent: int) -> None: ...
def make_file(folder: str, size: int, seed: int) -> int: ...
def direct_alignment(fd: int) -> int: ...

class Loop:
    def __init__(
        self, engine: str, channel: str, settings: Mapping[str, int], record_fd: int
    ) -> None: ...
    def is_open(self) -> bool: ...
    def run(self, duration_ns: int, max_operations: int = 0, part: int = 0) -> int: ...
    def close(self) -> int: ...

class Transfer:
    @property
    def slot(self) -> int: ...
    @property
    def fd(self) -> int: ...
    @property
    def operation(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def buffer(self) -> memoryview: ...
    @property
    def poll_first(self) -> bool: ...

class Work(Loop):
    def __init__(
        self,
        channel: str,
        settings: Mapping[str, int],
        record_fd: int,
        nonblocking: bool,
        moves_data: bool,
    ) -> None: ...
    def take(self) -> Transfer | None: ...
    def wait(self) -> bool: ...
    def fileno(self) -> int: ...
    def is_over(self) -> bool: ...
    def leave(self) -> None: ...
    def next(
        self, transfer: Transfer, result: int | bytes | bytearray | memoryview
    ) -> Transfer | None: ...
