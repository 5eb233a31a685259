"""Pictures: uploaded before by whoever names them, looked up in the world, and held against what
the caller says (H3); and who may see them (custody 10)."""

from collections.abc import Mapping

from engine.contract import Context
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody.codes import PHOTO_INVALID, PHOTO_REQUIRED
from engine.domains.custody.shown import RECIPIENT, carrier_in, show
from engine.domains.custody.state import Shipment, Step, step_of
from engine.domains.custody.terms import PHOTOS_MAX, PHOTOS_OF_A_STEP_MAX, Photo
from engine.kernel.outcome import Rejected
from engine.kernel.outside import FindFiles, StoredFile

WithPhotos = c.AddPhotos | c.ConfirmReceipt | c.ReportProblem


def find(_state: Shipment, command: WithPhotos, _: Context) -> FindFiles | None:
    """What the world is asked before the decision."""
    ids = command.photo_file_ids
    return FindFiles(ids) if 0 < len(ids) <= PHOTOS_MAX else None


def owner_for(ctx: Context) -> str:
    """Whose the files are that the actor uploads for this shipment: the room's, if they came by
    the recipient's link and have no account."""
    return ctx.actor.user or ctx.room


def found(command: WithPhotos, ctx: Context) -> tuple[Photo, ...] | Rejected:
    """The pictures that the command names: they exist, and are what the caller says they are.
    Those of others are none: a shipment must not open files to which it has no right."""
    ids, hashes = command.photo_file_ids, command.sha256
    if len(ids) > PHOTOS_MAX:
        return _invalid(f"`photo_file_ids`: at most {PHOTOS_MAX} photos at a time", "")
    needs_hashes = isinstance(command, c.AddPhotos) or bool(hashes)
    if needs_hashes and len(hashes) != len(ids):
        return _invalid("`sha256` must have one hash for each photo", "")
    if len(set(ids)) < len(ids):
        return _invalid("`photo_file_ids`: a photo is named twice", "")
    files: Mapping[str, StoredFile] = ctx.proof or {}
    photos = []
    for index, name in enumerate(ids):
        file = files.get(name)
        if file is None or file.owner != owner_for(ctx):
            return _invalid("`photo_file_ids`: you have uploaded no such file; do that first", name)
        if needs_hashes and file.sha256 != hashes[index]:
            return _invalid("`sha256`: the file has another hash; its upload answered which", name)
        if not file.media_type.startswith("image/"):
            return _invalid(f"`photo_file_ids`: it is {file.media_type}, and no picture", name)
        photos.append(Photo(name, file.sha256))
    return tuple(photos)


def new_for(step: Step, photos: tuple[Photo, ...]) -> Rejected | None:
    """Photos of a step are added, never replaced, and are not without number."""
    known = {photo.file_id for photo in step.photos}
    for photo in photos:
        if photo.file_id in known:
            return _invalid("this photo is there already", photo.file_id)
    if len(step.photos) + len(photos) > PHOTOS_OF_A_STEP_MAX:
        return _invalid(f"a step has at most {PHOTOS_OF_A_STEP_MAX} photos", "")
    return None


def seen_by(state: Shipment, step: Step) -> tuple[str, ...]:
    """The carriers who may see a step's photos: its own, and the receiver of the next (10)."""
    following = step_of(state, step.seq + 1)
    people = [step.terms.from_id, step.terms.to_id]
    if following:
        people.append(following.terms.to_id)
    return tuple(user for user in dict.fromkeys(people) if user in state.carriers)


def may_see(state: Shipment, step: Step, viewer: str) -> bool:
    """Whether a class sees the photos of a step. Carriers: of their own steps, and of the step
    before the one that they received."""
    carrier = carrier_in(viewer)
    if not carrier:
        return viewer != RECIPIENT or step.kind == "DELIVERY"
    following = step_of(state, step.seq + 1)
    before = following is not None and following.terms.to_id == carrier
    return before or carrier in (step.terms.from_id, step.terms.to_id)


def may_open(state: Shipment, viewer: str, file_id: str) -> bool:
    """Whether a class is shown this picture, with a step or in the timeline."""
    with_steps = [step.photos for step in state.steps if may_see(state, step, viewer)]
    told = [
        show(state, entry.event, viewer).get("photos", ())
        for entry in state.history
        if isinstance(entry.event, e.PhotosAdded | e.ProblemReported)
    ]
    return any(photo.file_id == file_id for found in (*with_steps, *told) for photo in found)


def required(why: str) -> Rejected:
    """Evidence is missing (H1, H2)."""
    return Rejected(PHOTO_REQUIRED, why, {"field": "photo_file_ids"})


def _invalid(why: str, file_id: str) -> Rejected:
    return Rejected(PHOTO_INVALID, why, {"file_id": file_id} if file_id else {})
