"""The people of these tests, the commands that they send, and the letters that they get."""

from typing import Any

from engine.contract import Command
from engine.domains.identity import commands as c
from engine.domains.identity.state import Account
from engine.domains.identity.terms import INDEX, DealerForm, File, email_key, person_room
from engine.kernel.actor import ADMIN, ANYONE, CONCIERGE, MANAGER, USER, Actor
from engine.kernel.ids import split_room
from engine.kernel.outside import Letter
from testkit.house import House

BOSS = Actor("boss", ADMIN)
MEG = Actor("meg", MANAGER)
CON = Actor("con", CONCIERGE)
OUTSIDER = Actor("outsider", USER, "approved")
GUEST = ANYONE

ADA = "ada@example.com"
BOB = "bob@example.com"
PHONE = "+2348030000001"
OTHER_PHONE = "+2348030000002"
PASSWORD = "Paper-hat-1"

ID = File("VALID_ID", "f-id")
ADDRESS = File("PROOF_OF_ADDRESS", "f-address")
CAC = File("CAC_CERTIFICATE", "f-cac")
DRIVING = File("DRIVING_LICENCE", "f-driving")
FORM = DealerForm("Ada Motors", "RC 123", "1 Broad Street", PHONE)


def register(email: str = ADA, phone: str = PHONE, **changes: Any) -> c.Register:
    return c.Register(id="c", email=email, phone=phone, **({"password": PASSWORD} | changes))


def start(email: str = ADA) -> c.StartEmailLogin:
    return c.StartEmailLogin(id="c", email=email)


def resend(channel: Any = "email", purpose: Any = "signup", email: str = ADA) -> c.ResendOtp:
    return c.ResendOtp(id="c", email=email, channel=channel, purpose=purpose)


def verify(channel: Any, code: str, purpose: Any = "signup", **changes: Any) -> c.VerifyOtp:
    fields = {"email": ADA} | changes
    return c.VerifyOtp(id="c", channel=channel, code=code, purpose=purpose, **fields)


def login(password: str = PASSWORD, email: str = ADA, **device: Any) -> c.Login:
    return c.Login(id="c", email=email, password=password, **device)


def oauth(token: str = "paper ada", **device: Any) -> c.OAuthLogin:
    return c.OAuthLogin(id="c", provider="google", id_token=token, **device)


def refresh(token: str) -> c.Refresh:
    return c.Refresh(id="c", refresh_token=token)


def submit(kind: Any = "personal", *files: File, form: Any = None) -> c.SubmitKyc:
    return c.SubmitKyc(id="c", kind=kind, files=files or (ID,), form=form)


def dealer() -> c.SubmitKyc:
    return submit("dealer", CAC, ID, ADDRESS, form=FORM)


def letters(house: House) -> list[Letter]:
    """Every letter that was sent so far."""
    return [errand for errand in house.world.errands if isinstance(errand, Letter)]


def code(house: House, to: str) -> str:
    """The code in the latest letter to this address."""
    return next(x.fields["code"] for x in reversed(letters(house)) if x.to == to and x.fields)


def wrong(house: House, to: str) -> str:
    """Six digits that are not the code."""
    return f"{(int(code(house, to)) + 1) % 1_000_000:06}"


def user_of(house: House, email: str = ADA) -> str:
    """Whose address this is."""
    return split_room(house.core.claims[email_key(email)])[1]


def account(house: House, email: str = ADA) -> Account:
    """The account that holds this address."""
    found: Account = house.state(person_room(user_of(house, email)))
    return found


def me(house: House, email: str = ADA, session: str = "s1") -> Actor:
    """Whoever has logged in, as their token says."""
    return Actor(user_of(house, email), USER, session=session)


def pending(house: House, email: str = ADA, phone: str = PHONE, **changes: Any) -> House:
    """Somebody has registered and has the codes."""
    return house.given((GUEST, register(email, phone, **changes)))


def active(house: House, email: str = ADA, phone: str = PHONE, **changes: Any) -> House:
    """Somebody has an account, and a session on the web."""
    pending(house, email, phone, **changes)
    house.given((GUEST, verify("email", code(house, email), email=email)))
    return house.given((GUEST, verify("phone", code(house, phone), email=email)))


def approved(house: House, command: c.SubmitKyc | None = None, **terms: Any) -> House:
    """Ada's account, with documents approved by meg."""
    if email_key(ADA) not in house.core.claims:
        active(house)
    house.given((me(house), command or submit()))
    application = house.result["application"]
    user = user_of(house)
    approval = c.ApproveKyc(id="c", user=user, application=application, **terms)
    return house.given((MEG, approval))


def revealed(house: House, actor: Actor, command: Command) -> dict[str, Any]:
    """What the latest reply said, tokens and all."""
    found: dict[str, Any] = house.revealed(actor, command)
    return found


def index(house: House) -> Account:
    """The state of the index."""
    found: Account = house.state(INDEX)
    return found


def the_whole_log(house: House) -> str:
    """Everything that was written."""
    return " ".join((x.record.event + x.record.result).decode() for x in house.log)
