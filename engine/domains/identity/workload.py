"""A maker of commands, plausible and not: people who register, log in and are dealt with by staff.

Some people come in through a provider that vouches for `paper` tokens, as the testkit's does. Where
the house's keys are lent out, others type the codes that were sent to them, and keep their tokens.
"""

from collections.abc import Callable
from typing import Any

from engine.contract import Command, Dice, Stage
from engine.domains.identity import commands as c
from engine.domains.identity.otp import digits
from engine.domains.identity.terms import INDEX, Channel, DeviceType, File, Purpose, person_room
from engine.domains.identity.tokens import make
from engine.kernel.actor import ADMIN, USER, Actor

Asked = tuple[Actor, Command]
Maker = Callable[[Dice, Stage], Asked]

PASSWORD = "Paper-hat-1"
DEVICES: tuple[DeviceType, ...] = ("web", "ios", "android")
CHANNELS: tuple[Channel, ...] = ("email", "phone")
PURPOSES: tuple[Purpose, ...] = ("signup", "login")


def workload(dice: Dice, stage: Stage) -> Asked:
    """The domain's `contract.Workload`."""
    return dice.choice(_MAKERS)(dice, stage)


def _name(dice: Dice, stage: Stage) -> str:
    return f"p{dice.choice(stage.things)}"


def _email(dice: Dice, stage: Stage) -> str:
    return f"{_name(dice, stage)}@paper.example"


def _register(dice: Dice, stage: Stage) -> Asked:
    command = c.Register(
        id=stage.id,
        email=_email(dice, stage),
        phone=f"+23480300000{dice.choice(stage.things) % 100:02}",
        password=dice.choice((PASSWORD, PASSWORD, "short")),
        account_kind=dice.choice(("customer", "shopkeeper", "driver")),
    )
    return _somebody(dice, stage), command


def _start(dice: Dice, stage: Stage) -> Asked:
    return _somebody(dice, stage), c.StartEmailLogin(id=stage.id, email=_email(dice, stage))


def _newest(dice: Dice, stage: Stage) -> dict[str, Any]:
    """One of the newest accounts, as far as anybody has looked."""
    shown = stage.look(INDEX) or {"latest": []}
    users = [stage.look(person_room(user)) or {"user": user} for user in shown["latest"]]
    return dice.choice(users) if users else {}


def _read(dice: Dice, stage: Stage) -> Asked:
    """The code of a letter that came with the registration."""
    shown = _newest(dice, stage)
    missing = [name for name in shown.get("required", ()) if name not in shown["verified"]]
    if not missing or stage.keys is None:
        return _verify(dice, stage)
    channel, required = missing[0], shown["required"]
    purpose: Purpose = "signup" if len(required) > 1 else "login"
    serial = required.index(channel) + 1 + (not dice.randrange(0, 8))
    command = c.VerifyOtp(
        id=stage.id,
        email=shown["email"],
        channel=channel,
        purpose=purpose,
        code=digits(shown["user"], channel, purpose, serial, stage.keys),
        device_type=dice.choice(DEVICES),
    )
    return _somebody(dice, stage), command


def _resend(dice: Dice, stage: Stage) -> Asked:
    channel = dice.choice(CHANNELS)
    command = c.ResendOtp(id=stage.id, email=_email(dice, stage), channel=channel)
    return _somebody(dice, stage), command


def _verify(dice: Dice, stage: Stage) -> Asked:
    command = c.VerifyOtp(
        id=stage.id,
        email=_email(dice, stage),
        channel=dice.choice(CHANNELS),
        purpose=dice.choice(PURPOSES),
        code=f"{dice.randrange(0, 1_000_000):06}",
    )
    return _somebody(dice, stage), command


def _login(dice: Dice, stage: Stage) -> Asked:
    password = dice.choice((PASSWORD, "wrong"))
    command = c.Login(id=stage.id, email=_email(dice, stage), password=password)
    return _somebody(dice, stage), command


def _oauth(dice: Dice, stage: Stage) -> Asked:
    command = c.OAuthLogin(
        id=stage.id,
        provider="google",
        id_token=dice.choice(("paper", "paper", "paper", "forged")) + f" {_name(dice, stage)}",
        device_type=dice.choice(DEVICES),
        device_fingerprint=f"f{dice.randrange(0, 3)}",
    )
    return _somebody(dice, stage), command


def _refresh(dice: Dice, stage: Stage) -> Asked:
    """The token that somebody has, or one that was used before; now and then a forgery."""
    shown = _newest(dice, stage)
    sessions = shown.get("sessions")
    if not sessions or stage.keys is None or not dice.randrange(0, 8):
        token = f"{shown.get('user', 'nobody')}.s1.0.{dice.randrange(0, 1_000)}"
    else:
        session, counter = dice.choice(sessions)["session"], dice.choice((0, 0, 1))
        token = make(shown["user"], session, counter, stage.keys)
    return _somebody(dice, stage), c.Refresh(id=stage.id, refresh_token=token)


def _own(dice: Dice, stage: Stage) -> Asked:
    """What somebody does with an account, who mostly has one here."""
    shown = _newest(dice, stage)
    files = (File("VALID_ID", "f1"),)
    sessions = shown.get("sessions") or [{"session": ""}]
    commands: tuple[Command, ...] = (
        c.SubmitKyc(id=stage.id, kind="personal", files=files),
        c.SubmitKyc(id=stage.id, kind="personal", files=files),
        c.SetProfile(id=stage.id, display_name="Paper"),
        c.Logout(id=stage.id, session=sessions[0]["session"]),
        c.AddPhone(id=stage.id, phone="+2348030000000"),
        c.CloseAccount(id=stage.id),
    )
    user = shown.get("user") or dice.choice(stage.people[USER])
    return Actor(user, USER, "approved"), dice.choice(commands)


def _staff(dice: Dice, stage: Stage) -> Asked:
    """What staff do to one of the newest accounts, as far as anybody has looked."""
    shown = _newest(dice, stage)
    id_, reason = stage.id, dice.choice(("complaints", "complaints", ""))
    user = shown.get("user") or dice.choice(stage.people[USER])
    known = shown.get("applications")
    application = known[-1]["application"] if known else "k1"
    active: tuple[Command, ...] = (
        c.GrantRole(id=id_, user=user, role=dice.choice(("admin", "dealer")), reason=reason),
        c.RevokeRole(id=id_, user=user, role="admin", reason=reason),
        c.Suspend(id=id_, user=user, reason=reason),
        c.Suspend(id=id_, user=user, reason=reason),
        c.ForceLogout(id=id_, user=user, reason=reason),
        c.ApproveKyc(id=id_, user=user, application=application),
        c.RejectKyc(id=id_, user=user, application=application, reason=reason),
        c.OpenDocument(id=id_, user=user, file="f1"),
        c.CloseAccount(id=id_, user=user, reason=reason),
    )
    reinstate = c.Reinstate(id=id_, user=user, reason=reason)
    command = reinstate if shown.get("status") == "suspended" else dice.choice(active)
    return Actor(dice.choice(stage.people[ADMIN]), ADMIN, "approved"), command


def _somebody(dice: Dice, stage: Stage) -> Actor:
    """Who logs in may have come with a token of an outside issuer."""
    return Actor(dice.choice(stage.people[USER]), USER, "approved")


_MAKERS: tuple[Maker, ...] = (
    *(_register,) * 3,
    *(_start, _resend, _verify, _login),
    *(_read,) * 6,
    *(_oauth,) * 2,
    *(_refresh,) * 5,
    *(_own,) * 3,
    *(_staff,) * 3,
)
"""Each as often as it stands here."""
