"""Files that people upload: how large, of which kinds, and why one is refused."""

from engine.kernel.outcome import Code

FILE_BYTES_MAX = 10_485_760
"""Largest file, bytes (notifications MSG-3)."""

HEAD_BYTES = 16
"""So many bytes tell what a file is."""

LINK_PURPOSE = "document-link"
"""Of the vault, for a token that opens a file: which one, until when, and perhaps whose it is."""
UPLOAD_PURPOSE = "upload-link"
"""Of the vault, for a token by which somebody without an account uploads: for whom, until when."""

FILE_TOO_LARGE = Code("FILE_TOO_LARGE", "never", 413)
FILE_TYPE_REFUSED = Code("FILE_TYPE_REFUSED", "never", 415)
FILE_NOT_FOUND = Code("FILE_NOT_FOUND", "never", 404)
FILES_FULL = Code("FILES_FULL", "later", 503)
FILE_CODES = (FILE_TOO_LARGE, FILE_TYPE_REFUSED, FILE_NOT_FOUND, FILES_FULL)

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def media_type_of(head: bytes) -> str:
    """What a file is by its first bytes, whatever its sender says; "" if it is nothing that is
    taken."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "image/heic"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    return ""
