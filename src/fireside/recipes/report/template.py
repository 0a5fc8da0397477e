"""`render`: a page from a template, one file that needs nothing beside it.

Everything from documents, models and users passes through Jinja's autoescape; nothing is marked safe but
figures, which escape their own text. All pages extend `base.html.jinja`: one style sheet, and a
content-security policy that forbids scripts and every fetch.
"""

from importlib.resources import files
from typing import Any

from fireside.core.extras import require

__all__ = ["render", "style_sheet"]

HOME = "fireside.recipes.report"


def render(name: str, *, package: str = HOME, **values: Any) -> str:
    """The text of a page.

    Args:
        name: the template's file.
        package: the package that the file lies in; what it extends or includes lies there, or beside this.
        values: what the template names; a name that is missing is an error.

    Raises:
        MissingExtraError: Jinja is not installed.
    """
    jinja2 = require("jinja2", extra="plots")

    def source(file: str) -> str | None:
        for place in (package, HOME):
            if (path := files(place).joinpath(file)).is_file():
                return path.read_text("utf-8")
        return None

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    return str(environment.get_template(name).render(**values))


def style_sheet() -> str:
    """What colours pages and figures."""
    return files(HOME).joinpath("style.css").read_text("utf-8")


def duration(seconds: float) -> str:
    """Seconds as a person would say them.

    >>> duration(0.25), duration(42), duration(754), duration(7500)
    ('0.2 s', '42 s', '12 min 34 s', '2 h 5 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 100:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
