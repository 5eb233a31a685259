"""Parcels on their way from hand to hand: the rules in code; in prose they stand in README.md."""

from engine.contract import Domain, Wake
from engine.domains.custody import commands as c
from engine.domains.custody import decide_care as care
from engine.domains.custody import decide_look as look
from engine.domains.custody import decide_photos as pictures
from engine.domains.custody import decide_plan as plan
from engine.domains.custody import decide_proof as proof
from engine.domains.custody import decide_qr as codes
from engine.domains.custody import decide_rating as rating
from engine.domains.custody import decide_scan as scan
from engine.domains.custody import photos, timers
from engine.domains.custody.carriers import CARRIER
from engine.domains.custody.codes import CODES
from engine.domains.custody.evolve import EVOLVE
from engine.domains.custody.invariants import check
from engine.domains.custody.messages import FlagScan
from engine.domains.custody.notices import NOTICES
from engine.domains.custody.reactions import errands, react
from engine.domains.custody.scanner import SCANNER
from engine.domains.custody.shown import show
from engine.domains.custody.state import Shipment
from engine.domains.custody.terms import DOMAIN
from engine.domains.custody.views import audience, regroups, result, view
from engine.domains.custody.workload import workload

SHIPMENT = Domain(
    name=DOMAIN,
    summary="A parcel from hand to hand: codes, scans, photos, proof of delivery.",
    initial=Shipment,
    decide={
        c.PlanHandoffs: plan.plan_handoffs,
        c.Replan: plan.replan,
        c.DeclareCustoms: plan.declare_customs,
        c.CancelShipment: plan.cancel_shipment,
        c.ShowQr: codes.show_qr,
        c.ReissueQr: codes.reissue_qr,
        c.ExpireQr: codes.expire_qr,
        c.IssueLink: codes.issue_link,
        c.ScanHandoff: scan.scan_handoff,
        c.AddPhotos: proof.add_photos,
        c.RequestUpload: pictures.request_upload,
        c.OpenPhoto: pictures.open_photo,
        c.ConfirmReceipt: proof.confirm_receipt,
        c.EnterDeliveryCode: proof.enter_code,
        c.RecordTracking: care.record_tracking,
        c.CorrectTracking: care.correct_tracking,
        c.ReportProblem: care.report_problem,
        c.RateCarrier: rating.rate_carrier,
        c.StartReturn: care.start_return,
        c.ResolveCustody: care.resolve_custody,
        c.GetCustody: look.get_custody,
        c.Track: look.track,
        c.ExportEpcis: look.export_epcis,
        FlagScan: scan.flag,
        Wake: timers.wake,
    },
    evolve=EVOLVE,
    audience=audience,
    regroups=regroups,
    show=show,
    view=view,
    result=result,
    react=react,
    due=timers.due,
    check=check,
    notices=NOTICES,
    codes=CODES,
    prepare={c.AddPhotos: photos.find, c.ConfirmReceipt: photos.find, c.ReportProblem: photos.find},
    reveal={
        c.ShowQr: codes.revealed,
        c.Track: look.tracked,
        c.RequestUpload: pictures.upload_link,
        c.OpenPhoto: pictures.photo_link,
    },
    errands=errands,
    workload=workload,
)

DOMAINS: tuple[Domain, ...] = (CARRIER, SCANNER, SHIPMENT)
