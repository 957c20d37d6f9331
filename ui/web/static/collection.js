// The collection's page: articles taken out and brought back, collections made, named and removed, the other language.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const here = () => $("main.collection").dataset.collection;
  let taken = null;

  const tell = async (address, what) => {
    const response = await fetch(`/page/collections${address}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(what),
    }).catch(() => null);
    return response && response.ok ? response.json() : null;
  };

  const take = async (row) => {
    if (!(await tell(`/${here()}/articles`, { do: "remove", id: row.dataset.article }))) return;
    taken = row;
    row.hidden = true;
    $("#removed").hidden = false;
    $("#removed button").focus();
  };

  const bringBack = async () => {
    $("#removed").hidden = true;
    if (!taken || !(await tell(`/${here()}/articles`, { do: "restore", id: taken.dataset.article }))) return;
    taken.hidden = false;
    taken.querySelector(".remove").focus();
    taken = null;
  };

  const goTo = (collection) => {
    document.cookie = `jawab_collection=${collection}; path=/; max-age=157680000; samesite=lax`;
    location.assign("/articles");
  };

  const named = async (form) => {
    const name = form.querySelector("input").value.trim();
    if (!name) return;
    if (form.dataset.do === "rename") {
      if (await tell(`/${here()}`, { do: "rename", name })) location.reload();
    } else {
      const made = await tell("", { name });
      if (made) goTo(made.id);
    }
  };

  const remove = async () => {
    if (!(await tell(`/${here()}`, { do: "remove" }))) return;
    document.cookie = "jawab_collection=first; path=/; max-age=157680000; samesite=lax";
    $("main.collection").classList.add("gone");
    $("#collection-gone").hidden = false;
    $("#collection-gone button").focus();
  };

  const restore = async () => {
    if (await tell(`/${here()}`, { do: "restore" })) goTo(here());
  };

  document.addEventListener("submit", (event) => {
    const form = event.target.closest(".collections form");
    if (!form) return;
    event.preventDefault();
    named(form);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest(".article-list .remove")) take(event.target.closest("li"));
    else if (event.target.closest("#removed button")) bringBack();
    else if (event.target.closest(".collections [data-do=remove]")) remove();
    else if (event.target.closest("#collection-gone button")) restore();
    else if (event.target.closest("#switch")) {
      const other = document.documentElement.lang === "ar" ? "en" : "ar";
      document.cookie = `jawab_language=${other}; path=/; max-age=157680000; samesite=lax`;
      location.reload();
    }
  });
})();
