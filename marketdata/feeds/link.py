"""The life of one connection as a state machine with the clock passed in (G-2).

The machine does nothing itself: events go in, `Action`s come out, for whoever holds the wire.
"""

import enum
import random
from collections import Counter
from dataclasses import dataclass, field

CONNECT_TIMEOUT_S = 15.0
LOGIN_TIMEOUT_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
FIRST_LOGIN_PAUSE_S, LONGEST_LOGIN_PAUSE_S = 60.0, 1_800.0
"""After a refused login: brokers lock accounts that try faster."""
SILENT_S = 30.0
STEADY_S = 60.0
"""A connection that stood this long begins again with the shortest pause."""
AUTHENTICATION_ERRORS = frozenset({3, 60, 63, 64, 75, 140, 141, 143})
"""Wrong name, password or authentication code, or locked: trying again makes it worse."""


class State(enum.StrEnum):
    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    LOGGED_IN = "LOGGED_IN"
    ERROR = "ERROR"
    DISABLED = "DISABLED"


class Action(enum.Enum):
    CONNECT = "connect"
    LOGIN = "login"
    RELEASE = "release"


@dataclass(frozen=True)
class LinkConfig:
    """How to reach a front; the password is plain here and nowhere else."""

    connection_id: str
    front_addr: str
    broker_id: str = ""
    broker_name: str = ""
    network: str = ""
    user_id: str = ""
    password: str = field(default="", repr=False)
    app_id: str = ""
    auth_code: str = field(default="", repr=False)
    max_subscriptions: int = 500
    priority: int = 1
    enabled: bool = True


@dataclass
class Link:
    """One connection: feed it events and `step`; act on what comes back.

    `is_fresh` in `step` says whether ticks are due: no ticks at lunch is health.
    """

    config: LinkConfig
    dice: random.Random = field(default_factory=random.Random, repr=False)
    state: State = State.DISCONNECTED
    since: float = 0.0
    error: str = ""
    error_code: int = 0
    last_tick_at: float = 0.0
    retry_at: float = 0.0
    stopped: bool = False
    """It will not try again by itself: the broker refused who we are."""
    transitions: Counter[str] = field(default_factory=Counter)
    history: list[tuple[float, str, str]] = field(default_factory=list)
    _pause_s: float = FIRST_PAUSE_S
    _login_pause_s: float = FIRST_LOGIN_PAUSE_S

    def __post_init__(self) -> None:
        if not self.config.enabled:
            self.state = State.DISABLED

    @property
    def is_up(self) -> bool:
        return self.state is State.LOGGED_IN

    # ----------------------------------------------------------------- orders

    def enable(self, now: float) -> None:
        """Let it connect."""
        if self.state is State.DISABLED:
            self._go(State.DISCONNECTED, now)
            self._forgive(now)

    def disable(self, now: float) -> list[Action]:
        """Close it and keep it closed."""
        if self.state is State.DISABLED:
            return []
        self._go(State.DISABLED, now)
        return [Action.RELEASE]

    def reconnect(self, now: float) -> list[Action]:
        """An operator's word: close it and try at once, whatever it was stopped for."""
        if self.state is State.DISABLED:
            return []
        self._go(State.DISCONNECTED, now, "reconnect asked")
        self._forgive(now)
        return [Action.RELEASE]

    def _forgive(self, now: float) -> None:
        self.stopped, self.error, self.error_code = False, "", 0
        self._pause_s, self._login_pause_s = FIRST_PAUSE_S, FIRST_LOGIN_PAUSE_S
        self.retry_at = now

    # ------------------------------------------------------------------ events

    def on_connected(self, now: float) -> list[Action]:
        """The front answers."""
        if self.state is not State.CONNECTING:
            return []
        self._go(State.CONNECTED, now)
        return [Action.LOGIN]

    def on_login(self, now: float, code: int = 0, message: str = "") -> list[Action]:
        """The answer to the login; `code` 0 is yes."""
        if self.state is not State.CONNECTED:
            return []
        if code == 0:
            self._go(State.LOGGED_IN, now)
            self.error, self.error_code = "", 0
            self._login_pause_s = FIRST_LOGIN_PAUSE_S
            self.last_tick_at = now
            return []
        return self._refused(now, code, message)

    def on_disconnected(self, now: float, reason: int) -> list[Action]:
        """The wire broke."""
        if self.state in (State.CONNECTING, State.CONNECTED, State.LOGGED_IN):
            return self.fail(now, f"disconnected 0x{reason:04x}")
        return []

    def on_tick(self, now: float) -> None:
        self.last_tick_at = now

    def fail(self, now: float, why: str) -> list[Action]:
        """It is of no use now; try again after a pause that grows."""
        if self.state is State.LOGGED_IN and now - self.since >= STEADY_S:
            self._pause_s = FIRST_PAUSE_S
        self._go(State.ERROR, now, why)
        self.retry_at = now + self._pause_s * self.dice.uniform(0.75, 1.25)
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        return [Action.RELEASE]

    def _refused(self, now: float, code: int, message: str) -> list[Action]:
        self.stopped = code in AUTHENTICATION_ERRORS
        self._go(State.ERROR, now, f"login refused: {code} {message}".rstrip())
        self.error_code = code
        self.retry_at = now + self._login_pause_s * self.dice.uniform(1.0, 1.25)
        self._login_pause_s = min(self._login_pause_s * 2, LONGEST_LOGIN_PAUSE_S)
        return [Action.RELEASE]

    # -------------------------------------------------------------------- time

    def step(self, now: float, is_open: bool = True, is_fresh: bool = False) -> list[Action]:
        """What is due: `is_open` by the calendar's connect window, `is_fresh` when ticks are due."""
        waited = now - self.since
        match self.state:
            case State.DISCONNECTED | State.ERROR if is_open and not self.stopped and now >= self.retry_at:
                self._go(State.CONNECTING, now)
                return [Action.CONNECT]
            case State.CONNECTING if waited > CONNECT_TIMEOUT_S:
                return self.fail(now, f"no answer in {CONNECT_TIMEOUT_S:.0f} s")
            case State.CONNECTED if waited > LOGIN_TIMEOUT_S:
                return self.fail(now, f"no answer to the login in {LOGIN_TIMEOUT_S:.0f} s")
            case State.CONNECTING | State.CONNECTED | State.LOGGED_IN if not is_open:
                self._go(State.DISCONNECTED, now, "")
                return [Action.RELEASE]
            case State.LOGGED_IN if is_fresh and self._is_silent(now):
                return self.fail(now, f"silent for {SILENT_S:.0f} s in a session")
        return []

    def fresh_since(self, now: float) -> None:
        """A session begins: silence counts from here."""
        self.last_tick_at = max(self.last_tick_at, now)

    def _is_silent(self, now: float) -> bool:
        return now - max(self.last_tick_at, self.since) > SILENT_S

    def _go(self, state: State, now: float, why: str = "") -> None:
        self.transitions[f"{self.state}->{state}"] += 1
        self.history.append((now, str(state), why))
        del self.history[:-50]
        self.state, self.since = state, now
        if why:
            self.error = why
