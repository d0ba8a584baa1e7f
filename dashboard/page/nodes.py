"""What is drawn, as a tree of plain data: it is made by pure functions, and compared with the tree drawn before."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

On = tuple[str, str]
"""An event's name and what the browser does with it, JavaScript that calls ``emit``; never made of data."""
FOLLOW: On = (
    "click",
    "(e) => { if (e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;"
    " e.preventDefault(); emit(e.currentTarget.getAttribute('href')); }",
)
"""A link of the page itself: it is followed without loading the page anew, unless in another tab."""
CHOOSE: On = ("change", "(e) => emit(e.target.value)")
"""A list to choose from, whose values are addresses."""


class Node(msgspec.Struct, frozen=True):
    """An element: its ``tag``, its ``text`` (never markup), attributes, children, and what events it sends.

    ``key`` tells it apart from its siblings, so that it is recognised when others come or go.
    """

    tag: str
    text: str | None = None
    attrs: Mapping[str, Any] = {}
    children: tuple["Node", ...] = ()
    key: str = ""
    on: tuple[On, ...] = ()

    def walk(self) -> Iterable["Node"]:
        """It and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def node(
    tag: str,
    content: "str | Node | Iterable[Node | None] | None" = None,
    /,
    *,
    key: str = "",
    on: tuple[On, ...] = (),
    **attrs: Any,
) -> Node:
    """A node. ``content`` is its text or its children (None among them is left out).

    Names of attributes: ``class_`` is ``class``, and ``_`` stands for ``-``. One that is None or False is left out.
    """
    text = content if isinstance(content, str) else None
    children: tuple[Node, ...] = ()
    if isinstance(content, Node):
        children = (content,)
    elif content is not None and not isinstance(content, str):
        children = tuple(child for child in content if child is not None)
    named = {
        name.rstrip("_").replace("_", "-"): "" if value is True else value
        for name, value in attrs.items()
        if value is not None and value is not False
    }
    return Node(tag, text, named, children, key, on)


def local_link(text: str, address: str, **attrs: Any) -> Node:
    """A link to something else on the page, which is followed without loading it anew."""
    return node("a", text, href=address or "/", on=(FOLLOW,), **attrs)


def outer_link(text: str, address: str, **attrs: Any) -> Node:
    """A link that leaves the page, in a tab of its own."""
    return node("a", text, href=address, target="_blank", rel="noopener noreferrer", **attrs)


def unseen(text: str) -> Node:
    """Words for screen readers alone."""
    return node("span", text, class_="unseen")
