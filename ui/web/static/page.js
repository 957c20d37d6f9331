// What neither CSS nor Gradio does: the document takes the page's language and direction, a new question comes to the
// top of the window once, and who edits a question finds the cursor in it. Nothing scrolls while an answer is written.
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
  new MutationObserver(settle).observe(document.documentElement, {
    subtree: true,
    childList: true,
    attributeFilter: ["data-language", "data-turn"],
  });
})();
