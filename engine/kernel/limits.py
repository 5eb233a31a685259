"""Every bound of the engine, in one place. Beyond a bound there is a named refusal."""

BACKLOG_RECORDS_MAX = 20_000
"""Records decided but not yet durable. Beyond: OVERLOADED."""

BATCH_RECORDS_MAX = 4_096
"""Records in one transaction of the log; one command's records are never split."""

COMMANDS_REMEMBERED = 1_000_000
"""How many of the latest commands keep their first answer (architecture rule 8)."""

TAIL_RECORDS = 256
"""Latest events of a room kept in memory, from which subscribers resume without the log."""

REACTIONS_MAX = 10_000
"""Messages to other rooms that one command may cause, directly and indirectly."""

HISTORY_PAGE_MAX = 1_000
"""Events in one page of a room's history."""

RESUME_EVENTS_MAX = 1_000
"""Events that a returning subscriber is told one by one (operations 7). Who missed more gets a
snapshot: sooner there, and no larger than what a slow reader may owe."""

STATEMENT_ENTRIES = 50
"""Latest wallet and hold entries kept for each user and currency. Older ones are in the log."""

ESCROW_SHARES_MAX = 50
"""Shares of one escrow: each is named in its events."""

PAYOUT_BATCH_MAX = 1_000
"""Payouts that one command may ask for; the next one takes the rest."""

PENDING_PAYMENTS_MAX = 100_000
"""Payments of a currency that were begun and are not heard of. Beyond, they are not asked about."""

PAYMENTS_ASKED_AT_ONCE = 500
"""Of these, so many are asked about in one step; the rest in the next."""

PAYABLE_ARRIVALS = 100
"""Arrivals kept for each payable, by which a cut-off is reckoned. Beyond, the oldest are merged."""

SNAPSHOT_EVERY = 200_000
"""Records after which a new snapshot is taken."""

assert PAYOUT_BATCH_MAX <= BATCH_RECORDS_MAX
assert BATCH_RECORDS_MAX <= BACKLOG_RECORDS_MAX
assert TAIL_RECORDS <= RESUME_EVENTS_MAX
assert RESUME_EVENTS_MAX <= HISTORY_PAGE_MAX
