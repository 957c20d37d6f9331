// What neither CSS nor Gradio does: the document takes the page's language and direction, a new question comes to the
// top of the window once, who edits a question finds the cursor in it, and a server that has gone is noticed. Nothing scrolls while an answer is written.
(() => {
  let shown = "";

  const settle = () => {
    const masthead = document.querySelector("#masthead [data-language]");
    const language = masthead && masthead.dataset.language;
    if (language && document.documentElement.lang !== language) {
      document.documentElement.lang = language;
      document.cookie = `jawab_language=${language}; path=/; max-age=157680000; samesite=lax`;
    }
    if (language) document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
    const turn = document.querySelector("#now-answer .turn");
    if (turn && turn.dataset.turn !== shown) {
      shown = turn.dataset.turn;
      if (shown !== "1") turn.scrollIntoView({ block: "start" });
    }
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("#edit")) document.querySelector("#question textarea").focus();
  });
  // A server that has gone says nothing: somebody has to ask it. Twice without an answer, and the page says so.
  let missed = 0;
  const look = async () => {
    const response = document.hidden ? true : await fetch("/health").catch(() => null);
    missed = response ? 0 : missed + 1;
    const notice = document.querySelector("#server-gone");
    if (notice) notice.hidden = missed < 2;
  };
  setInterval(look, 3000);
  new MutationObserver(settle).observe(document.documentElement, {
    subtree: true,
    childList: true,
    attributeFilter: ["data-language", "data-turn"],
  });
})();
