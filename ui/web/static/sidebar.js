// The list of conversations: fetched as a part, searched, renamed, deleted and brought back.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const language = () => document.documentElement.lang;
  const current = () => new URLSearchParams(location.search).get("c") || "";
  let deleted = "";
  let shown = "";

  const refresh = async () => {
    const wanted = $("#find") ? $("#find").value : "";
    const asked = new URLSearchParams({ in: language(), current: current(), wanted });
    const response = await fetch(`/page/conversations?${asked}`).catch(() => null);
    if (response && response.ok && $("#conversations")) $("#conversations").innerHTML = await response.text();
  };

  // The links that save the conversation name it as the address does.
  const name = () => {
    for (const link of document.querySelectorAll("#exports a")) {
      const wanted = `/page/export/${current()}.${link.dataset.kind}?in=${language()}`;
      if (current() && link.getAttribute("href") !== wanted) link.setAttribute("href", wanted);
    }
  };

  const frame = async () => {
    const response = await fetch(`/page/sidebar?in=${language()}`).catch(() => null);
    if (!response || !response.ok) return;
    const typed = $("#find").value;
    $("#server-gone").remove();
    $("#sidebar").outerHTML = await response.text();
    $("#find").value = typed;
    refresh();
  };

  const change = async (conversation, what) => {
    const response = await fetch(`/page/conversations/${encodeURIComponent(conversation)}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(what),
    }).catch(() => null);
    await refresh();
    return Boolean(response && response.ok);
  };

  const open = (wanted) => {
    document.body.classList.toggle("sidebar-open", wanted);
    const menu = $("#menu");
    if (menu) menu.setAttribute("aria-expanded", String(wanted));
    if (wanted) $("#sidebar a.new").focus();
    else if (menu && menu.offsetParent) menu.focus();
  };

  const rename = (row) => {
    const link = row.querySelector("a");
    const field = document.createElement("input");
    field.value = link.textContent;
    field.maxLength = 120;
    field.dir = "auto";
    field.setAttribute("aria-label", $("#sidebar").dataset.newTitle);
    link.replaceWith(field);
    field.select();
    let over = false;
    const end = (save) => {
      if (over) return;
      over = true;
      if (save && field.value.trim()) change(row.dataset.conversation, { do: "rename", title: field.value });
      else field.replaceWith(link);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") {
        event.stopPropagation();
        end(false);
      }
    });
    field.addEventListener("blur", () => end(true));
  };

  const remove = async (row) => {
    deleted = row.dataset.conversation;
    if (!(await change(deleted, { do: "delete" }))) return;
    $("#undo").hidden = false;
    $("#undo button").focus();
  };

  const restore = async () => {
    $("#undo").hidden = true;
    await change(deleted, { do: "restore" });
    $("#sidebar a.new").focus();
  };

  // Which collection is asked: kept like the page's language. A conversation is about the one that it was begun with.
  const choose = (collection) => {
    document.cookie = `jawab_collection=${collection}; path=/; max-age=157680000; samesite=lax`;
  };
  document.addEventListener("change", (event) => {
    if (!event.target.closest("#collections")) return;
    choose(event.target.value);
    location.assign(location.pathname);
  });

  document.addEventListener("click", (event) => {
    const row = event.target.closest("#conversations li");
    if (event.target.closest("#menu")) open(!document.body.classList.contains("sidebar-open"));
    else if (event.target.closest("#conversations .rename")) rename(row);
    else if (event.target.closest("#conversations .delete")) remove(row);
    else if (event.target.closest("#undo button")) restore();
    else if (document.body.classList.contains("sidebar-open") && !event.target.closest("#sidebar")) open(false);
  });
  document.addEventListener("input", (event) => event.target.id === "find" && refresh());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.body.classList.contains("sidebar-open")) open(false);
  });

  // A question that was asked has a conversation: the address takes its name, and the list shows it.
  const settle = () => {
    if ($("#sidebar") && $("#sidebar").lang !== language()) {
      $("#sidebar").lang = language();
      frame();
    }
    name();
    const turn = $("#now-answer .turn[data-conversation]");
    if (!turn) return;
    const select = $("#collections select");
    if (select && turn.dataset.collection && select.value !== turn.dataset.collection) {
      select.value = turn.dataset.collection;
      choose(turn.dataset.collection);
    }
    const state = `${turn.dataset.conversation} ${turn.dataset.turn} ${turn.hasAttribute("aria-busy")}`;
    if (state === shown) return;
    shown = state;
    if (current() !== turn.dataset.conversation) history.replaceState(null, "", `/?c=${turn.dataset.conversation}`);
    name();
    refresh();
  };
  new MutationObserver(settle).observe(document.documentElement, {
    subtree: true,
    childList: true,
    attributeFilter: ["data-conversation", "aria-busy", "lang"],
  });
  refresh();
})();
