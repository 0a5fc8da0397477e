"""The chat page: three files that need nothing from elsewhere."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["page_file"]

_FILES = {
    "/": ("index.html", "text/html"),
    "/chat.js": ("chat.js", "text/javascript"),
    "/chat.css": ("chat.css", "text/css"),
}
# Nothing is loaded from elsewhere, nothing inline is run, and no other page may frame this one.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def page_file(request: Request) -> Response:
    """`GET /`, and what it loads."""
    name, media_type = _FILES[request.url.path]
    data = files("fireside.lm.server").joinpath("page", name).read_bytes()
    return Response(data, headers=_HEADERS, media_type=media_type)
