// The article beside the chat: opened by a marker, a title or a passage, at the place that it names.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  let opener = null;

  const close = () => {
    const pane = $("#article");
    if (!pane || pane.hidden) return;
    pane.hidden = true;
    document.body.classList.remove("article-open");
    if (opener && opener.isConnected) opener.focus();
  };

  const open = async (link) => {
    const { article, start = -1, end = -1, field = "text", phrase = "" } = link.dataset;
    const within = link.closest("[data-collection]") || (opener && opener.closest("[data-collection]"));
    const collection = encodeURIComponent(within ? within.dataset.collection : "first");
    const asked = new URLSearchParams({ id: article, start, end, field, phrase, in: document.documentElement.lang });
    const response = await fetch(`/page/collections/${collection}/article?${asked}`).catch(() => null);
    const pane = $("#article");
    if (!response || !(response.headers.get("content-type") || "").startsWith("text/html")) return;
    if (!pane.contains(link)) opener = link;
    pane.querySelector(".pane").innerHTML = await response.text();
    pane.hidden = false;
    document.body.classList.add("article-open");
    const marked = pane.querySelector("mark.exact") || pane.querySelector("mark");
    pane.querySelector(".pane").scrollTop = 0;
    const heading = pane.querySelector("h2");
    if (heading) heading.focus({ preventScroll: true });
    if (marked) marked.scrollIntoView({ block: "center", behavior: still() ? "instant" : "smooth" });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.open[data-article]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      open(link);
    } else if (event.target.closest("#article .close")) close();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
})();
