"""A maker of commands, plausible and not: people who register, log in and are dealt with by staff.

It has no way to read the letters in which codes are sent, so people come in through a provider
that vouches for `paper` tokens, as the testkit's does; codes that it types are wrong.
"""

from collections.abc import Callable

from engine.contract import Command, Dice, Stage
from engine.domains.identity import commands as c
from engine.domains.identity.terms import INDEX, Channel, DeviceType, File, Purpose, person_room
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
    token = f"{_target(dice, stage)}.s1.0.{dice.randrange(0, 1_000)}"
    return _somebody(dice, stage), c.Refresh(id=stage.id, refresh_token=token)


def _own(dice: Dice, stage: Stage) -> Asked:
    """What somebody does who may have no account here."""
    files = (File("VALID_ID", "f1"),)
    commands: tuple[Command, ...] = (
        c.SubmitKyc(id=stage.id, kind="personal", files=files),
        c.SetProfile(id=stage.id, display_name="Paper"),
        c.Logout(id=stage.id),
        c.AddPhone(id=stage.id, phone="+2348030000000"),
        c.CloseAccount(id=stage.id),
    )
    return _somebody(dice, stage), dice.choice(commands)


def _staff(dice: Dice, stage: Stage) -> Asked:
    """What staff do to one of the newest accounts, as far as anybody has looked."""
    id_, user, reason = stage.id, _target(dice, stage), dice.choice(("complaints", ""))
    shown = stage.look(person_room(user)) or {}
    active: tuple[Command, ...] = (
        c.GrantRole(id=id_, user=user, role=dice.choice(("admin", "dealer")), reason=reason),
        c.RevokeRole(id=id_, user=user, role="admin", reason=reason),
        c.Suspend(id=id_, user=user, reason=reason),
        c.ForceLogout(id=id_, user=user, reason=reason),
        c.ApproveKyc(id=id_, user=user, application="k1"),
        c.RejectKyc(id=id_, user=user, application="k1", reason=reason),
        c.OpenDocument(id=id_, user=user, file="f1"),
        c.CloseAccount(id=id_, user=user, reason=reason),
    )
    reinstate = c.Reinstate(id=id_, user=user, reason=reason)
    command = reinstate if shown.get("status") == "suspended" else dice.choice(active)
    return Actor(dice.choice(stage.people[ADMIN]), ADMIN, "approved"), command


def _target(dice: Dice, stage: Stage) -> str:
    shown = stage.look(INDEX)
    return dice.choice(shown["latest"]) if shown else dice.choice(stage.people[USER])


def _somebody(dice: Dice, stage: Stage) -> Actor:
    """Who logs in may have come with a token of an outside issuer."""
    return Actor(dice.choice(stage.people[USER]), USER, "approved")


_MAKERS: tuple[Maker, ...] = (
    _register,
    _start,
    _resend,
    _verify,
    _verify,
    _login,
    _oauth,
    _oauth,
    _oauth,
    _refresh,
    _own,
    _staff,
    _staff,
    _staff,
)
"""Each as often as it stands here."""
