"""People: accounts, codes, sessions, roles, documents. In prose: README.md."""

from engine.contract import Domain, Wake
from engine.domains.identity import commands as c
from engine.domains.identity import (
    decide_account,
    decide_index,
    decide_kyc,
    decide_session,
    decide_staff,
    timers,
    tokens,
)
from engine.domains.identity import messages as m
from engine.domains.identity.codes import CODES
from engine.domains.identity.desk import IDENTITY_DESK
from engine.domains.identity.evolve import EVOLVE
from engine.domains.identity.invariants import check
from engine.domains.identity.letters import errands
from engine.domains.identity.notices import NOTICES
from engine.domains.identity.profile import PROFILE
from engine.domains.identity.reactions import react
from engine.domains.identity.state import Account, card
from engine.domains.identity.terms import DOMAIN
from engine.domains.identity.views import audience, result, show, view
from engine.domains.identity.workload import workload

IDENTITY = Domain(
    name=DOMAIN,
    summary="A person: addresses, codes, sessions, roles, documents, and whether they may act.",
    initial=Account,
    decide={
        c.Register: decide_index.register,
        c.StartEmailLogin: decide_index.start_email_login,
        c.OAuthLogin: decide_index.oauth_login,
        c.ResendOtp: decide_index.resend_otp,
        c.VerifyOtp: decide_account.verify_otp,
        c.Login: decide_session.login,
        c.Refresh: decide_session.refresh,
        c.Logout: decide_session.logout,
        c.SetProfile: decide_account.set_profile,
        c.AddPhone: decide_account.add_phone,
        c.SubmitKyc: decide_kyc.submit,
        c.CloseAccount: decide_staff.close,
        c.OpenDocument: decide_kyc.open_document,
        c.ForceLogout: decide_session.force_logout,
        c.ApproveKyc: decide_kyc.approve,
        c.RejectKyc: decide_kyc.reject,
        c.GrantRole: decide_staff.grant_role,
        c.RevokeRole: decide_staff.revoke_role,
        c.Suspend: decide_staff.suspend,
        c.Reinstate: decide_staff.reinstate,
        m.Enrol: decide_account.enrol,
        m.Repeat: decide_account.repeat,
        m.SendCode: decide_account.send_code,
        m.LetIn: decide_account.let_in,
        m.CountAdmin: decide_index.count_admin,
        Wake: timers.wake,
    },
    evolve=EVOLVE,
    audience=audience,
    show=show,
    view=view,
    result=result,
    react=react,
    due=timers.due,
    check=check,
    notices=NOTICES,
    codes=CODES,
    prepare={
        c.Register: decide_index.prepare_register,
        c.Login: decide_session.prepare_login,
        c.OAuthLogin: decide_index.prepare_oauth,
    },
    reveal={
        c.VerifyOtp: tokens.reveal,
        c.Login: tokens.reveal,
        c.OAuthLogin: tokens.reveal,
        c.Refresh: tokens.reveal,
        c.Logout: tokens.reveal,
        c.OpenDocument: decide_kyc.reveal_link,
    },
    errands=errands,
    card=card,
    vouch=decide_session.vouch,
    workload=workload,
)

DOMAINS: tuple[Domain, ...] = (IDENTITY, IDENTITY_DESK, PROFILE)
