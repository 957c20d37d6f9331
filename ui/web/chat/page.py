"""Gradio chat page: question field, answer, quotations and retrieved passages.

Gradio transports events between browser and server; the HTML is built in `render.py`. The session state is a
`ChatSession` on the server; the browser gets only its HTML. The list of conversations and the article view are not
part of Gradio: `ui/web/conversations/` and `ui/web/article_view/`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import gradio as gr
from starlette.concurrency import run_in_threadpool

from index.articles import Language
from index.errors import JawabError
from qa.answer import Finished, PassagesFound, PhraseFound, Token
from qa.query.question import MAX_QUESTION_LENGTH
from ui.http.language import page_language, titled
from ui.http.visitor_cookie import visitor_in
from ui.i18n import error_message, translate
from ui.protocols import Overview
from ui.queue.runner import QuestionRequest, QueuePosition, StreamEvent, stream_answer
from ui.services import Services
from ui.templating import render
from ui.web.chat.render import Turn, answer_html, passages_html, turn_html
from ui.web.chat.session import ChatSession, ConversationSaver
from ui.web.chat.welcome import example_texts, exports_html, welcome_html
from ui.web.current_collection import chosen_id, opened
from ui.web.layout import masthead_html

EXAMPLES = 4
MAX_QUESTIONS = 64
"""Most pages that receive an answer at a time; Gradio queues the others."""
_ADDRESS = "() => [new URLSearchParams(location.search).get('c') || '']"
"""JavaScript that reads the conversation id from the page's URL, which Gradio does not pass on by itself."""
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build_page(services: Services) -> gr.Blocks:
    """Build the chat as a Gradio page; `gradio_mount.py` mounts it and adds its styles."""
    page = gr.Blocks(analytics_enabled=False, title="Jawab · جواب", fill_width=True)
    with page:
        _Chat(_lay_out(), services).wire(page)
        page.queue(api_open=False, default_concurrency_limit=MAX_QUESTIONS)
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
    after: gr.Row
    again: gr.Button
    edit: gr.Button
    exports: gr.HTML
    help: gr.HTML
    address: gr.Textbox

    @property
    def worded(self) -> list[Any]:
        """Components with text in the page's language, in the order of `_in_language`."""
        return [
            self.language, self.masthead, self.switch, self.opening, self.question, self.ask, self.stop, self.again,
            self.edit, self.exports, self.help, *self.examples,
        ]  # fmt: skip

    @property
    def shown(self) -> list[Any]:
        """Components that display a conversation, in the order of `_shown`."""
        return [self.conversation, self.welcome, self.past, self.answer, self.found, self.after]

    @property
    def begun(self) -> list[Any]:
        """Components that change when a question is asked, in the order of `_begun`."""
        return [*self.shown, self.question, self.ask, self.stop]

    @property
    def ended(self) -> list[Any]:
        """Components that change when it is answered, in the order of `_Chat.end`."""
        return [self.answer, self.ask, self.stop, self.after]


def _html(name: str) -> gr.HTML:
    return gr.HTML("", elem_id=name, js_on_load=None, apply_default_css=False)


def _lay_out() -> _Parts:
    """Create the components without texts: `arrive` sets these once the browser's language is known."""
    language, conversation = gr.State("en"), gr.State(ChatSession())
    with gr.Row(elem_id="top"):
        masthead = _html("masthead")
        switch = gr.Button("", elem_id="switch", min_width=0)
    with gr.Column(elem_id="welcome") as welcome:
        opening = _html("opening")
        with gr.Row(elem_id="examples"):
            examples = [gr.Button("", elem_classes="example", min_width=0) for _ in range(EXAMPLES)]
    past = _html("past")
    with gr.Row(elem_id="now"):
        answer, found = _html("now-answer"), _html("now-found")
    with gr.Row(elem_id="after", visible=False) as after:
        again = gr.Button("", elem_id="again", min_width=0)
        edit = gr.Button("", elem_id="edit", min_width=0)
        exports = _html("exports")
    with gr.Row(elem_id="ask-row"):
        question = gr.Textbox(
            elem_id="question", lines=1, max_lines=5, max_length=MAX_QUESTION_LENGTH, container=False, autofocus=True,
            show_label=False, html_attributes=gr.InputHTMLAttributes(autocomplete="off", enterkeyhint="send"),
        )  # fmt: skip
        ask = gr.Button("", elem_id="ask", min_width=0)
        stop = gr.Button("", elem_id="stop", min_width=0, visible=False)
    help_line = _html("help")
    address = gr.Textbox(visible=False)
    return _Parts(
        language, conversation, masthead, switch, welcome, opening, examples, past, answer, found, question, ask,
        stop, after, again, edit, exports, help_line, address,
    )  # fmt: skip


class _Chat:
    """Event handlers of the page."""

    def __init__(self, parts: _Parts, services: Services) -> None:
        self._parts = parts
        self._services = services
        self._keeper = ConversationSaver(services.conversations)

    def wire(self, page: gr.Blocks) -> None:
        """Connect the page's events to their handlers."""
        parts = self._parts
        page.load(
            self.arrive, parts.address, [*parts.worded, *parts.shown], js=_ADDRESS, queue=False, **_QUIET
        )  # fmt: skip
        parts.switch.click(self.switch, [parts.language, parts.conversation], parts.worded, queue=False, **_QUIET)
        for begun in self._ways_to_ask():
            written = begun.then(self.write, parts.conversation, [parts.answer, parts.found], **_QUIET)
            written.then(self.end, parts.conversation, parts.ended, queue=False, **_QUIET)
        parts.edit.click(self.edit, parts.conversation, parts.question, queue=False, **_QUIET)
        # Not Gradio's `cancels`: updates already on their way to the browser would then arrive after the final one.
        parts.stop.click(self.halt, parts.conversation, None, queue=False, **_QUIET)

    def _ways_to_ask(self) -> list[Any]:
        parts = self._parts
        typed = [(parts.question.submit, parts.question), (parts.ask.click, parts.question)]
        examples = [(button.click, button) for button in parts.examples]
        asked = [
            happens(self.begin, [words, parts.conversation], parts.begun, queue=False, **_QUIET)
            for happens, words in (*typed, *examples)
        ]
        return [*asked, parts.again.click(self.again, parts.conversation, parts.begun, queue=False, **_QUIET)]

    def arrive(self, wanted: str, request: gr.Request) -> list[Any]:
        """Return the page in the browser's language, with the conversation that its URL names."""
        language = page_language(request.headers)
        visitor, chosen = visitor_in(request.headers.get("cookie", "")), chosen_id(self._services, request.headers)
        conversation = self._keeper.restored(visitor, wanted, chosen)
        collection, problem = opened(self._services, conversation.collection)
        state, welcome, past, *rest = _shown(conversation)
        if problem and not conversation.turns:
            conversation.collection = collection.id
        if problem:
            past = f"{past}{render('chat/gone.html', language, why=error_message(problem, language))}"
        elif wanted and not conversation.turns:
            past = render("chat/gone.html", language, why=translate("page.conversation_missing", language))
        return [*_in_language(language, collection.overview()), state, welcome, past, *rest]

    def switch(self, language: Language, conversation: ChatSession) -> list[Any]:
        """Return the page's texts in the other language."""
        collection, _ = opened(self._services, conversation.collection)
        return _in_language("en" if language == "ar" else "ar", collection.overview())

    def begin(self, question: str, conversation: ChatSession) -> list[Any]:
        """Show the question at once and replace the ask button by the stop button."""
        question = (question or "").strip()[:MAX_QUESTION_LENGTH]
        if not question or conversation.busy:
            return self._nothing_begins()
        self._keeper.ask(conversation, question)
        return _begun(conversation)

    def again(self, conversation: ChatSession) -> list[Any]:
        """Ask the last question again, replacing its turn."""
        if not conversation.turns or conversation.busy:
            return self._nothing_begins()
        self._keeper.ask(conversation, conversation.take_back())
        return _begun(conversation)

    def _nothing_begins(self) -> list[Any]:
        return [gr.skip() for _ in self._parts.begun]

    async def write(self, conversation: ChatSession) -> AsyncGenerator[tuple[Any, Any], None]:
        """Stream the answer: yield updates of the answer and the passages."""
        turn = conversation.current
        if turn is None or not turn.waiting:
            return
        try:
            collection = await run_in_threadpool(self._services.collections.find, conversation.collection)
        except JawabError as error:
            turn.problem = error_message(error, turn.language)
            yield answer_html(turn), gr.skip()
            return
        # The page skips the answer cache: a user who asks again wants a new answer.
        asked = QuestionRequest(
            turn.question, tuple(conversation.history), f"page {conversation.visitor or ''}", anew=True
        )
        steps = stream_answer(collection, asked, self._services.queue, conversation.halted)
        async with aclosing(_filled(turn, steps, conversation.halted)) as changes:
            async for found_changed in changes:
                yield answer_html(turn), passages_html(turn) if found_changed else gr.skip()

    def end(self, conversation: ChatSession) -> list[Any]:
        """Finish a turn after `write`, also if that failed: no turn may remain pending."""
        conversation.busy = False
        turn = conversation.current
        if turn is None:
            return [gr.skip() for _ in self._parts.ended]
        if turn.waiting:
            turn.problem = translate("page.turn.broken", turn.language)
        self._keeper.keep(conversation)
        return [answer_html(turn), gr.update(visible=True), gr.update(visible=False), gr.update(visible=True)]

    def edit(self, conversation: ChatSession) -> Any:
        """Put the last question back into the field; the next question sent replaces it."""
        if conversation.current is None or conversation.busy:
            return gr.skip()
        conversation.editing = True
        return conversation.current.question

    async def halt(self, conversation: ChatSession) -> None:
        """Stop the answer that is being generated."""
        # A coroutine, because the event belongs to the loop that `stream_answer` runs in.
        conversation.halted.set()


async def _filled(turn: Turn, steps: AsyncGenerator[StreamEvent], halted: asyncio.Event) -> AsyncGenerator[bool, None]:
    """Update the turn with each event; yield after each whether the passages changed."""
    try:
        async with aclosing(steps):
            async for step in steps:
                yield _take(turn, step)
    except JawabError as error:
        turn.problem = error_message(error, turn.language)
    if turn.waiting and halted.is_set():
        turn.stopped = True
    yield False


def _take(turn: Turn, step: StreamEvent) -> bool:
    match step:
        case QueuePosition(before):
            turn.before = before
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


def _begun(conversation: ChatSession) -> list[Any]:
    """Return updates that show the new question, clear the field and replace the ask button by the stop button."""
    state, welcome, past, answer, found, _ = _shown(conversation)
    hidden, shown = gr.update(visible=False), gr.update(visible=True)
    return [state, welcome, past, answer, found, hidden, "", hidden, shown]


def _shown(conversation: ChatSession) -> list[Any]:
    """Return updates that display a conversation, its last turn in the answer area; or the welcome of a new one."""
    past = "".join(turn_html(earlier) for earlier in conversation.turns[:-1])
    last = conversation.current
    now = (answer_html(last), passages_html(last)) if last else ("", "")
    return [conversation, gr.update(visible=last is None), past, *now, gr.update(visible=last is not None)]


def _in_language(language: Language, overview: Overview) -> list[Any]:
    label = translate("page.field_label", language)
    return [
        language,
        masthead_html(language),
        gr.update(value=translate("page.other_language", language)),
        welcome_html(overview, language),
        gr.update(placeholder=translate("page.placeholder", language), label=label, rtl=language == "ar"),
        gr.update(value=translate("page.ask", language)),
        gr.update(value=translate("page.stop", language)),
        gr.update(value=translate("page.turn.again", language)),
        gr.update(value=translate("page.turn.edit", language)),
        exports_html(language),
        titled("p", "page.help", language),
        *_examples(overview, language),
    ]


def _examples(overview: Overview, language: Language) -> list[Any]:
    """Return updates of the example buttons; unused buttons are hidden."""
    texts = example_texts(overview, language, EXAMPLES)
    missing = [gr.update(value="", visible=False) for _ in range(EXAMPLES - len(texts))]
    return [*(gr.update(value=text, visible=True) for text in texts), *missing]
