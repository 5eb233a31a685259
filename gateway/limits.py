"""Every bound of the gateway, in one place. Beyond a bound there is a named refusal."""

from engine.kernel.limits import HISTORY_PAGE_MAX

CLOSE_BAD_TOKEN = 4001
CLOSE_NOT_THE_PROTOCOL = 4002
CLOSE_TOO_MANY = 4101
CLOSE_POSITION_LOST = 4202

MESSAGE_BYTES_MAX = 65_536
"""Largest frame or body in (PROTOCOL, connecting). The largest command is a tenth of it."""

REQUEST_HEAD_BYTES_MAX = 131_072
"""Largest head of an HTTP request."""

BROKEN_FRAMES_MAX = 3
"""Frames in a row that are no JSON: whoever sends so many does not speak the protocol (4002)."""

SUBSCRIPTIONS_MAX = 200
"""Rooms that one connection may listen to (operations 1)."""

JOINING_BYTES_MAX = 1_048_576
"""Frames kept for a subscriber whose snapshot is on its way: as many as a slow reader may owe."""

PACE_US = 40
"""How long a room rests after a push, for each listener, unless configured. A push costs about
7 us, so a room takes less than a fifth of the loop however much happens in it."""

REST_US_MIN = 2_000
"""A shorter rest is left out: what fifty listeners hear they hear at once."""

REST_US_MAX = 100_000
"""The longest rest, of 2,500 listeners and more. So much later may they hear of something."""

CHANNEL_PENDING_BYTES_MAX = 65_536
"""Frames that are kept during a rest. Beyond, they leave before it ends: pushes so large cost more
for their bytes than for their number."""

CONNECTIONS_MAX = 50_000
"""Open websockets of one process, unless configured: about 1 GiB at 20 KiB each."""

CONNECTIONS_PER_USER_MAX = 2_000
"""Open websockets of one user, unless configured. Generous: it stops a runaway client, while a
service or a load generator may hold many."""

RATE_WINDOW_MS = 60_000
"""Length of the sliding window of the rate limits (operations 1)."""

RATE_USER = 1_000
"""Calls in a window for each user with a valid token, unless configured (operations 1)."""

RATE_GUEST = 100
"""Calls in a window for each address without a valid token, unless configured (operations 1)."""

RATE_KEYS_MAX = 100_000
"""Users, and addresses, that are counted at a time; of as many again it is known what they did
before. A flood of addresses costs memory for so many and no more."""

ECHO_CHARACTERS_MAX = 100
"""How much of what a client sent is quoted back to it in an error."""

TOKEN_CHARACTERS_MAX = 8_192
"""Longest token that is looked at: common HTTP servers bound the whole header likewise."""

TOKENS_KNOWN = 4_096
"""Tokens whose signature need not be checked again."""

TOKEN_LEEWAY_S = 5
"""By how much the clock of whoever issues tokens may differ from ours."""

TOKEN_GRACE_MS = 60_000
"""How long a connection whose token has expired may take to send a new one, before it is closed."""

HOOK_TOLERANCE_MS = 300_000
"""How old or how far ahead a webhook's signature may be. Within it the payment's id is what
stops a replay: each counts once."""

UPLOADS_PER_USER = 60
"""Files that a user may upload in a window."""

UPLOAD_MS_MAX = 120_000
"""How long an upload may take. Each piece of it is waited for as long as for a whole request."""

HISTORY_PAGE = 100
"""Events in a page of history, if the client does not say how many."""

RECONNECT_MS_MIN = 500
"""The earliest that a client is asked to come back after a restart."""

RECONNECT_MS_SPREAD = 4_000
"""Over which the returns are spread, so that clients do not come back all at once."""

assert HISTORY_PAGE <= HISTORY_PAGE_MAX
