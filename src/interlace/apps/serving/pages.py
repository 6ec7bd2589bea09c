"""Files of the page, which come with the package: read once, and served by an allow-list of their names."""

from importlib import resources

from starlette.responses import Response

from interlace.apps.serving.refusals import Refusal

INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
}  # fmt: skip


class Pages:
    """The files of folders of `interlace.apps`, by name; those of a later folder stand in for earlier ones."""

    def __init__(self, *folders: str) -> None:
        places = [resources.files("interlace.apps").joinpath(*folder.split("/")) for folder in folders]
        files = [each for place in places if place.is_dir() for each in place.iterdir() if each.is_file()]
        self._files = {
            each.name: (each.read_bytes(), kind)
            for each in files
            if (kind := TYPES.get(each.name[each.name.rfind(".") :])) is not None
        }

    def response(self, name: str) -> Response:
        """Return a file. Raises Refusal for any other name; no path is made of a name."""
        if name not in self._files:
            raise Refusal(404, "no such file of the page", "not_found")
        content, kind = self._files[name]
        return Response(content, media_type=kind)
