"""The page: one field, the answer, its quotations and the passages it rests on.

Gradio carries events between browser and program; what is shown is built in `ui/web/render.py`. The state of a visit
is a `Conversation` that stays on the server; the browser gets only its HTML.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

import gradio as gr

from index.articles import Language
from index.errors import JawabError
from index.text.language import language_of
from qa.answer import Event, Finished, PassagesFound, PhraseFound, Token
from qa.asking.conversation import Exchange, exchange_of
from qa.asking.question import LONGEST, language_to_answer_in
from ui.spoken import plural, spoken_date
from ui.strings import explain, say
from ui.web.render import Turn, answer_html, clean, direction, found_html, turn_html

_EXAMPLES = 4
_TURNS_KEPT = 40
# Streams that may run at once. The assistant takes its turns with the LLM itself; with one at a time here, a second
# reader would not even see the passages while the first one's answer is written.
_STREAMS = 8


class Assistant(Protocol):
    """Whatever answers questions. Closing the iterator stops the work; both steps may raise `JawabError`."""

    def stream(
        self, question: str, question_id: str | None = None, history: Sequence[Exchange] = ()
    ) -> Iterator[Event]:
        """The events of one answer: passages, tokens, the finished record. `history` is what was asked before."""
        ...


@dataclass(frozen=True)
class Overview:
    """What a visitor is told about the collection. Dates are ISO; `examples` are questions it can answer."""

    articles: int
    first: str | None
    last: str | None
    languages: tuple[Language, ...]
    examples: tuple[str, ...]


@dataclass
class Conversation:
    """The questions of one visit, oldest first. One at a time is answered: `busy` from the asking to the end."""

    turns: list[Turn] = field(default_factory=list)
    asked: int = 0
    busy: bool = False
    halted: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, question: str) -> Turn:
        """Adds a turn; old ones fall away, so that a page left open for a week stays light."""
        self.asked += 1
        self.busy, self.halted = True, asyncio.Event()
        turn = Turn(self.asked, question, language_to_answer_in(question))
        self.turns = [*self.turns, turn][-_TURNS_KEPT:]
        return turn

    @property
    def history(self) -> list[Exchange]:
        """What was asked and answered before the latest turn."""
        found = (exchange_of(turn.answer) for turn in self.turns[:-1] if turn.answer)
        return [exchange for exchange in found if exchange]

    @property
    def current(self) -> Turn | None:
        """The latest turn, if there is one."""
        return self.turns[-1] if self.turns else None


class _Steps:
    """An iterator that one thread steps and another may close: closing waits for the step in progress."""

    def __init__(self, iterator: Iterator[Event]) -> None:
        self._iterator = iterator
        self._lock = threading.Lock()
        self._closed = False

    def step(self) -> Event | None:
        with self._lock:
            return None if self._closed else next(self._iterator, None)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            close = getattr(self._iterator, "close", None)
            if close is not None:
                close()


async def follow(
    assistant: Assistant,
    question: str,
    halted: asyncio.Event | None = None,
    history: Sequence[Exchange] = (),
) -> AsyncGenerator[Event, None]:
    """The assistant's events without blocking the server; ends when `halted` is set.

    However this ends, the assistant's iterator is closed. That is not waited for: whoever pressed stop or closed
    the tab should not wait for the token that is being computed.
    """
    loop = asyncio.get_running_loop()
    steps = _Steps(assistant.stream(question, history=history))
    halt = asyncio.ensure_future((halted or asyncio.Event()).wait())
    try:
        while True:
            step = loop.run_in_executor(None, steps.step)
            either: set[asyncio.Future[Any]] = {step, halt}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            event = step.result() if step.done() else None
            if event is None:
                return
            yield event
    finally:
        halt.cancel()
        loop.run_in_executor(None, steps.close)


def page_language(accept_language: str) -> Language:
    """Arabic if the browser's Accept-Language puts it before English, else English."""
    for wanted in sorted(map(_weighted, accept_language.split(",")), key=lambda pair: -pair[0]):
        if wanted[0] > 0 and wanted[1] in ("ar", "en"):
            return "ar" if wanted[1] == "ar" else "en"
    return "en"


def _weighted(part: str) -> tuple[float, str]:
    tag, _, weight = part.partition(";")
    try:
        return (float(weight.strip().removeprefix("q=")) if weight else 1.0), tag.strip().lower()[:2]
    except ValueError:
        return 0.0, ""


def build_page(assistant: Assistant, overview: Overview) -> gr.Blocks:
    """The chat as a Gradio page; `ui/web/server.py` mounts it and gives it its styles."""
    page = gr.Blocks(analytics_enabled=False, title="Jawab · جواب", fill_width=True)
    with page:
        parts = _lay_out(overview)
        _wire(page, parts, assistant, overview)
        page.queue(api_open=False, default_concurrency_limit=_STREAMS)
    return page


@dataclass
class _Parts:
    language: gr.State
    conversation: gr.State
    masthead: gr.HTML
    switch: gr.Button
    welcome: gr.Column
    opening: gr.HTML
    examples: list[gr.Button]
    past: gr.HTML
    answer: gr.HTML
    found: gr.HTML
    question: gr.Textbox
    ask: gr.Button
    stop: gr.Button
    help: gr.HTML

    @property
    def worded(self) -> list[Any]:
        """The parts that speak the page's language, in the order of `_in_language`."""
        return [
            self.language, self.masthead, self.switch, self.opening, self.question, self.ask, self.stop, self.help,
            *self.examples,
        ]  # fmt: skip

    @property
    def begun(self) -> list[Any]:
        return [
            self.conversation, self.question, self.welcome, self.past, self.answer, self.found, self.ask, self.stop,
        ]  # fmt: skip


def _html(name: str) -> gr.HTML:
    return gr.HTML("", elem_id=name, js_on_load=None, apply_default_css=False)


def _lay_out(overview: Overview) -> _Parts:
    """The parts without their words: those come with the browser's language, before anything is read."""
    language, conversation = gr.State("en"), gr.State(Conversation())
    with gr.Row(elem_id="top"):
        masthead = _html("masthead")
        switch = gr.Button("", elem_id="switch", min_width=0)
    with gr.Column(elem_id="welcome") as welcome:
        opening = _html("opening")
        with gr.Row(elem_id="examples"):
            examples = [gr.Button("", elem_classes="example", min_width=0) for _ in overview.examples[:_EXAMPLES]]
    past = _html("past")
    with gr.Row(elem_id="now"):
        answer, found = _html("now-answer"), _html("now-found")
    with gr.Row(elem_id="ask-row"):
        question = gr.Textbox(
            elem_id="question", lines=1, max_lines=5, max_length=LONGEST, container=False, autofocus=True,
            show_label=False, html_attributes=gr.InputHTMLAttributes(autocomplete="off", enterkeyhint="send"),
        )  # fmt: skip
        ask = gr.Button("", elem_id="ask", min_width=0)
        stop = gr.Button("", elem_id="stop", min_width=0, visible=False)
    help_line = _html("help")
    return _Parts(
        language, conversation, masthead, switch, welcome, opening, examples, past, answer, found, question, ask,
        stop, help_line,
    )  # fmt: skip


def _wire(page: gr.Blocks, parts: _Parts, assistant: Assistant, overview: Overview) -> None:
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def arrive(request: gr.Request) -> list[Any]:
        return _in_language(page_language(request.headers.get("accept-language", "")), overview)

    def switch(language: Language) -> list[Any]:
        return _in_language("en" if language == "ar" else "ar", overview)

    async def write(conversation: Conversation) -> AsyncGenerator[tuple[Any, Any], None]:
        turn = conversation.current
        if turn is None or not turn.waiting:
            return
        async with aclosing(_filled(assistant, turn, conversation.halted, conversation.history)) as steps:
            async for found_changed in steps:
                yield answer_html(turn), found_html(turn) if found_changed else gr.skip()

    page.load(arrive, None, parts.worded, queue=False, **quiet)
    parts.switch.click(switch, parts.language, parts.worded, queue=False, **quiet)
    for trigger, words in _ways_to_ask(parts):
        begun = trigger(_begin, [words, parts.conversation], parts.begun, queue=False, **quiet)
        written = begun.then(write, parts.conversation, [parts.answer, parts.found], **quiet)
        written.then(_end, parts.conversation, [parts.answer, parts.ask, parts.stop], queue=False, **quiet)
    # Not Gradio's `cancels`: what was already on its way to the browser would then arrive after the last word.
    parts.stop.click(_halt, parts.conversation, None, queue=False, **quiet)


def _ways_to_ask(parts: _Parts) -> list[tuple[Any, Any]]:
    typed = [(parts.question.submit, parts.question), (parts.ask.click, parts.question)]
    return typed + [(button.click, button) for button in parts.examples]


async def _filled(
    assistant: Assistant, turn: Turn, halted: asyncio.Event, history: Sequence[Exchange]
) -> AsyncGenerator[bool, None]:
    """Fills the turn as events come; yields after each one whether the passages changed."""
    try:
        async with aclosing(follow(assistant, turn.question, halted, history)) as events:
            async for event in events:
                yield _take(turn, event)
    except JawabError as error:
        turn.problem = explain(error, turn.language)
    if turn.waiting and halted.is_set():
        turn.stopped = True
    yield False


def _take(turn: Turn, event: Event) -> bool:
    match event:
        case PassagesFound(passages):
            turn.passages = passages
            return True
        case PhraseFound(text):
            turn.phrase = text
        case Token(text):
            turn.written += text
        case Finished(answer):
            changed = answer.passages != turn.passages
            turn.answer = answer
            return changed
    return False


def _begin(question: str, conversation: Conversation) -> tuple[Any, ...]:
    """Puts the question on the page at once and makes stop the only button."""
    question = (question or "").strip()[:LONGEST]
    if not question or conversation.busy:
        return tuple(gr.skip() for _ in range(8))
    turn = conversation.ask(question)
    past = "".join(turn_html(earlier) for earlier in conversation.turns[:-1])
    return (
        conversation, "", gr.update(visible=False), past, answer_html(turn), "",
        gr.update(visible=False), gr.update(visible=True),
    )  # fmt: skip


def _end(conversation: Conversation) -> tuple[Any, Any, Any]:
    """Runs when writing is over, also when it broke: a question must not wait for ever."""
    conversation.busy = False
    turn = conversation.current
    answer: Any = gr.skip()
    if turn is not None and turn.waiting:
        turn.problem = say("page.turn.broken", turn.language)
        answer = answer_html(turn)
    return answer, gr.update(visible=True), gr.update(visible=False)


async def _halt(conversation: Conversation) -> None:
    # A coroutine, because the event belongs to the loop that `follow` runs in.
    conversation.halted.set()


def _in_language(language: Language, overview: Overview) -> list[Any]:
    label = say("page.field_label", language)
    return [
        language,
        _masthead(language),
        gr.update(value=say("page.other_language", language)),
        _opening(overview, language),
        gr.update(placeholder=say("page.placeholder", language), label=label, rtl=language == "ar"),
        gr.update(value=say("page.ask", language)),
        gr.update(value=say("page.stop", language)),
        _block("p", "page.help", language),
        *_example_texts(overview, language),
    ]


def _example_texts(overview: Overview, language: Language) -> list[str]:
    """Examples in the page's language first."""
    return sorted(overview.examples[:_EXAMPLES], key=lambda question: language_of(question) != language)


def _masthead(language: Language) -> str:
    # `static/page.js` copies this language to the document, which turns the page's direction.
    return f'<header data-language="{language}">{_block("h1", "page.title", language)}</header>'


def _opening(overview: Overview, language: Language) -> str:
    collection = f"<p {_marked(language)}>{clean(_collection(overview, language))}</p>"
    examples = _block("h3", "page.try_one", language) if overview.examples else ""
    return _block("p", "page.about", language) + collection + examples


def _collection(overview: Overview, language: Language) -> str:
    """How many articles, from when to when, in which languages: one sentence."""
    articles = say(f"page.articles.{plural(overview.articles)}", language, count=overview.articles)
    if not overview.articles:
        return articles
    spoken = overview.languages[0] if len(overview.languages) == 1 else "both"
    fields = {"articles": articles, "languages": say(f"page.languages.{spoken}", language)}
    if not (overview.first and overview.last):
        return say("page.collection", language, **fields)
    first, last = spoken_date(overview.first, language), spoken_date(overview.last, language)
    key = "page.collection_one_day" if first == last else "page.collection_dated"
    return say(key, language, **fields, first=first, last=last)


def _block(tag: str, key: str, language: Language) -> str:
    return f"<{tag} {_marked(language)}>{clean(say(key, language))}</{tag}>"


def _marked(language: Language) -> str:
    return f'lang="{language}" dir="{direction(language)}"'
