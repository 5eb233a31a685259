"""The way that most would write it: a table of auctions, and a transaction with a row lock for
each bid. The baseline of the hot and of the spread-out auctions.

The rules are the house's: a bid is at least one increment above the price, and the deposits on all
auctions that its bidder leads, this one included, are covered by their wallet. Statements are
prepared once for each connection, and the commit is durable.

Where there was a choice, it favours the baseline. It has no websockets: the workers call the
database at once. Each bid asks, under the lock, for exactly what is needed, so none is refused. It
remembers no command ids, tells nobody who was outbid, and does not lock the bidder's wallet, so
that two bids of one user in two auctions at a time may overdraw it. The house does all of that.

`stored` puts the same statements into a function of the database, so that a bid is one round trip
and the row is locked for less time. Few write it so; it is what row locks can do at their best.

There is no index on `leader`: with so few auctions a scan is cheap, while an index would have to be
changed by every bid, and every update would cost more (it could not be heap-only).
"""

import asyncio
import time

import asyncpg
import uvloop
from msgspec import Struct

from bench.gauge import cores_busy

BALANCE = 10**12
STEP = 1
START_PRICE = 100
DEPOSIT_BPS = 2_000

SCHEMA = """
DROP TABLE IF EXISTS bids, auctions, wallets;
CREATE TABLE wallets (
    user_id text PRIMARY KEY,
    balance bigint NOT NULL
);
CREATE TABLE auctions (
    auction_id  text PRIMARY KEY,
    status      text NOT NULL,
    end_at      timestamptz NOT NULL,
    start_price bigint NOT NULL,
    step        bigint NOT NULL,
    deposit_bps bigint NOT NULL,
    price       bigint,
    leader      text,
    bid_count   bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE bids (
    auction_id text NOT NULL,
    amount     bigint NOT NULL,
    bidder     text NOT NULL,
    placed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (auction_id, amount)
);
CREATE OR REPLACE FUNCTION deposit(amount bigint, bps bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS 'SELECT (amount * bps + 9999) / 10000';
CREATE OR REPLACE FUNCTION place_bid(lot text, who text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    auction   record;
    available bigint;
BEGIN
    SELECT status, end_at > now() AS is_open, coalesce(price + step, start_price) AS minimum,
           deposit_bps
      INTO auction FROM auctions WHERE auction_id = lot FOR UPDATE;
    IF auction.status <> 'live' OR NOT auction.is_open THEN RETURN false; END IF;
    SELECT balance - coalesce((SELECT sum(deposit(price, a.deposit_bps)) FROM auctions a
                                WHERE leader = who AND status = 'live' AND auction_id <> lot), 0)
      INTO available FROM wallets WHERE user_id = who;
    IF available < deposit(auction.minimum, auction.deposit_bps) THEN RETURN false; END IF;
    INSERT INTO bids (auction_id, amount, bidder) VALUES (lot, auction.minimum, who);
    UPDATE auctions SET price = auction.minimum, leader = who, bid_count = bid_count + 1
     WHERE auction_id = lot;
    RETURN true;
END $$;
"""
LOCK = """
SELECT status, end_at > now() AS is_open, coalesce(price + step, start_price) AS minimum,
       deposit_bps
  FROM auctions WHERE auction_id = $1 FOR UPDATE
"""
AVAILABLE = """
SELECT balance - coalesce((SELECT sum(deposit(price, deposit_bps)) FROM auctions
                            WHERE leader = $1 AND status = 'live' AND auction_id <> $2), 0)
  FROM wallets WHERE user_id = $1
"""
INSERT = "INSERT INTO bids (auction_id, amount, bidder) VALUES ($1, $2, $3)"
CALL = "SELECT place_bid($1, $2)"
UPDATE = """
UPDATE auctions SET price = $2, leader = $3, bid_count = bid_count + 1 WHERE auction_id = $1
"""


class RowLocks(Struct, frozen=True):
    """What is asked of the database."""

    pool: int
    """Connections to Postgres."""
    workers: int = 200
    """Each a user with one bid under way at a time: the closed loop of `bench.load`."""
    auctions: int = 1
    seconds: float = 10.0
    """Measured."""
    warmup: float = 1.0
    stored: bool = False
    """Whether a bid is one call of a function in the database."""


class Locked(Struct, frozen=True):
    """What came of it."""

    per_second: float
    """Bids accepted."""
    cores: float
    """Of the process that drives the database, busy on average."""


def run(url: str, plan: RowLocks) -> Locked:
    """Bid. Makes its tables anew, so that earlier rounds leave no dead rows.

    Raises OSError, asyncpg.PostgresError."""
    return uvloop.run(measure(url, plan))


async def measure(url: str, plan: RowLocks) -> Locked:
    """As `run`."""
    async with asyncpg.create_pool(url, min_size=plan.pool, max_size=plan.pool) as pool:
        await _fill(pool, plan)
        from_ns = time.monotonic_ns() + int(plan.warmup * 1e9)
        score = _Score(from_ns, from_ns + int(plan.seconds * 1e9))
        burdening = asyncio.create_task(cores_busy(0, score.from_ns, score.until_ns))
        await asyncio.gather(*(_work(pool, n, plan, score) for n in range(plan.workers)))
    return Locked(score.accepted / plan.seconds, (await burdening).load)


class _Score(Struct):
    from_ns: int
    until_ns: int
    accepted: int = 0


async def _fill(pool: "asyncpg.Pool[asyncpg.Record]", plan: RowLocks) -> None:
    await pool.execute(SCHEMA)
    users = [(_user(n), BALANCE) for n in range(plan.workers)]
    await pool.executemany("INSERT INTO wallets VALUES ($1, $2)", users)
    terms = (START_PRICE, STEP, DEPOSIT_BPS)
    await pool.executemany(
        "INSERT INTO auctions VALUES ($1, 'live', now() + interval '1 day', $2, $3, $4)",
        [(_auction(n), *terms) for n in range(plan.auctions)],
    )
    await pool.execute("ANALYZE")


async def _work(
    pool: "asyncpg.Pool[asyncpg.Record]", number: int, plan: RowLocks, score: _Score
) -> None:
    """One user's bids, one after another, until the time is over."""
    user, auction = _user(number), _auction(number % plan.auctions)
    while time.monotonic_ns() < score.until_ns:
        if plan.stored:
            is_accepted = await pool.fetchval(CALL, auction, user)
        else:
            async with pool.acquire() as connection, connection.transaction():
                is_accepted = await _bid(connection, auction, user)
        if score.from_ns <= time.monotonic_ns() < score.until_ns:
            score.accepted += is_accepted


async def _bid(
    connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", auction: str, user: str
) -> bool:
    row = await connection.fetchrow(LOCK, auction)
    assert row is not None, "the auction exists"
    if row["status"] != "live" or not row["is_open"]:
        return False
    amount: int = row["minimum"]
    required = (amount * row["deposit_bps"] + 9_999) // 10_000
    if await connection.fetchval(AVAILABLE, user, auction) < required:
        return False
    await connection.execute(INSERT, auction, amount, user)
    await connection.execute(UPDATE, auction, amount, user)
    return True


def _user(number: int) -> str:
    return f"user-{number}"


def _auction(number: int) -> str:
    return f"auction-{number}"
