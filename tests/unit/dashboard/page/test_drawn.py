from collections.abc import Iterator

import msgspec
import pytest
from nicegui import ui
from nicegui.client import Client

from dashboard.page.drawn import DrawnNode
from dashboard.page.nodes import Node, node
from dashboard.page.whole import whole
from dashboard.view.model import Page
from dashboard.view.selected import Selected
from tests.support.dashboard.pages import opened_window, shown_page


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(ui.page("/"))
    with made:
        yield made
    made.delete()


def _whole(page: Page) -> Node:
    return whole(page, Selected(), {}, (None, None, 0))


def _sent(client: Client) -> set[str]:
    """What kinds of elements the browser is told of since the last time."""
    told = {element.tag for element in client.outbox.updates.values() if hasattr(element, "tag")}
    client.outbox.updates.clear()
    return told


def _draw(shown: Node, client: Client) -> DrawnNode:
    drawn = DrawnNode(shown, print)
    client.outbox.updates.clear()
    return drawn


def _texts(drawn: DrawnNode) -> list[str]:
    own = [drawn.element._text] if drawn.element._text else []
    return own + [text for child in drawn.children for text in _texts(child)]


def test_the_same_again_sends_nothing(client: Client) -> None:
    drawn = _draw(_whole(shown_page()), client)
    assert drawn.become(_whole(shown_page()))
    assert _sent(client) == set()


def test_what_changed_is_sent_and_nothing_else(client: Client) -> None:
    page = shown_page()
    drawn = _draw(_whole(page), client)
    worse = msgspec.structs.replace(page.headline, word="WORSE")
    drawn.become(_whole(msgspec.structs.replace(page, headline=worse)))
    assert _sent(client) == {"span"}
    assert "WORSE" in _texts(drawn)
    assert "HEALTHY" not in _texts(drawn)


def test_an_element_stays_the_same_when_others_come_before_it(client: Client) -> None:
    old = node("ul", [node("li", "b", key="b"), node("li", "c", key="c")])
    new = node("ul", [node("li", "a", key="a"), node("li", "c", key="c"), node("li", "b!", key="b")])
    drawn = _draw(old, client)
    kept = {child.node.key: child.element.id for child in drawn.children}
    assert drawn.become(new)
    assert _texts(drawn) == ["a", "c", "b!"]
    assert [child.element._text for child in drawn.children] == ["a", "c", "b!"]
    assert drawn.element.default_slot.children == [child.element for child in drawn.children]
    assert {child.node.key: child.element.id for child in drawn.children if child.node.key != "a"} == kept


def test_what_is_gone_is_taken_away(client: Client) -> None:
    page = shown_page()
    drawn = _draw(_whole(msgspec.structs.replace(page, window=opened_window(page))), client)
    elements = len(client.elements)
    drawn.become(_whole(page))
    assert len(client.elements) < elements
    assert "5 – 8 Jan 2025" not in _texts(drawn)


def test_attributes_come_and_go(client: Client) -> None:
    drawn = _draw(node("a", "F1", href="?", aria_current="true"), client)
    drawn.become(node("a", "F1", href="?metric=f1"))
    assert dict(drawn.element.props) == {"href": "?metric=f1"}
    assert not drawn.become(node("b", "F1"))


@pytest.mark.usefixtures("client")
def test_it_follows_what_the_browser_sends_as_text_alone() -> None:
    followed: list[str] = []
    drawn = DrawnNode(node("a", "F1", href="?metric=f1", on=(("click", "(e) => emit('x')"),)), followed.append)
    (listener,) = drawn.element._event_listeners.values()
    for args in ("?metric=f1", {"no": "text"}, 7):
        drawn.element._handle_event({"listener_id": listener.id, "args": args})
    assert followed == ["?metric=f1"]
