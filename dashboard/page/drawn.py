"""Nodes as elements of NiceGUI: only what is different from before is changed, so that focus and scrolling stay."""

from collections.abc import Callable
from typing import Any

import msgspec
from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from dashboard.page.components import COMPONENTS, TimeCharts
from dashboard.page.nodes import Node

Follow = Callable[[str], Any]
"""Called with what an event sent: an address of this page."""


class DrawnNode:
    """A node and the element that shows it."""

    def __init__(self, shown: Node, follow: Follow) -> None:
        """Draws it where NiceGUI stands."""
        self._follow = follow
        self.node = shown
        make = COMPONENTS.get(shown.tag)
        self.element: Element = ui.element(shown.tag) if make is None else make()
        element = self.element
        with element.props.suspend_updates():
            element.props.update(_props(shown))
            if shown.text is not None:
                element._text = shown.text
            for event, handler in shown.on:
                element.on(event, self._sent, js_handler=handler)
        with element:
            self.children = [DrawnNode(child, follow) for child in shown.children]

    def _sent(self, event: GenericEventArguments) -> Any:
        if isinstance(event.args, str):
            return self._follow(event.args)
        return None

    def become(self, wanted: Node) -> bool:
        """Shows another node. False: it cannot become that, because it is of another kind."""
        had = self.node
        if (had.tag, had.key, had.on) != (wanted.tag, wanted.key, wanted.on):
            return False
        self.node = wanted
        if had == wanted:
            return True
        self._change(had, wanted)
        self._change_children(wanted)
        return True

    def _change(self, had: Node, wanted: Node) -> None:
        element = self.element
        old, new = _props(had), _props(wanted)
        if had.text != wanted.text:
            element._text = wanted.text
        elif old == new:
            return
        if old != new:
            with element.props.suspend_updates():
                for name in old.keys() - new.keys():
                    del element.props[name]
                element.props.update({name: value for name, value in new.items() if old.get(name) != value})
            if isinstance(element, TimeCharts):
                element.merge(had.attrs.get("overview"), wanted.attrs.get("overview"))
                if all(old.get(name) == value for name, value in new.items() if name != "overview"):
                    return
        element.update()

    def _change_children(self, wanted: Node) -> None:
        places: list[DrawnNode] = []
        left = {_name(child.node, number): child for number, child in enumerate(self.children)}
        for number, node in enumerate(wanted.children):
            found = left.get(_name(node, number))
            if found is not None and found.become(node):
                places.append(left.pop(_name(node, number)))
                continue
            with self.element:
                places.append(DrawnNode(node, self._follow))
        for gone in left.values():
            gone.element.delete()
        self.children = places
        order = [place.element for place in places]
        if self.element.default_slot.children != order:
            self.element.default_slot.children[:] = order
            self.element.update()


def _name(node: Node, number: int) -> str:
    return f"{node.tag}/{node.key}" if node.key else f"{node.tag}#{number}"


def _props(node: Node) -> dict[str, Any]:
    """What the browser gets. Structures go as one text, because NiceGUI would watch each list in them for changes."""
    return {
        name: value if isinstance(value, str | int | float) else msgspec.json.encode(value).decode()
        for name, value in node.attrs.items()
    }
