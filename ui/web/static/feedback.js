// What can be done with an answer: copy it with its sources, say whether it is right, and why not.
(() => {
  const copy = async (button) => {
    const text = button.dataset.copy;
    if (navigator.clipboard && window.isSecureContext) await navigator.clipboard.writeText(text);
    else {
      // Over plain HTTP from another machine there is no clipboard to write to.
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    const label = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => (button.textContent = label), 2000);
  };

  const judge = async (turn, verdict, why) => {
    const { conversation, turn: number } = turn.dataset;
    const response = await fetch(`/page/conversations/${encodeURIComponent(conversation)}/turns/${number}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ verdict, why }),
    }).catch(() => null);
    return Boolean(response && response.ok);
  };

  const pressed = async (button) => {
    const turn = button.closest(".turn");
    const verdict = button.getAttribute("aria-pressed") === "true" ? null : button.dataset.verdict;
    if (!(await judge(turn, verdict, ""))) return;
    for (const each of turn.querySelectorAll(".verdict")) {
      each.setAttribute("aria-pressed", String(each.dataset.verdict === verdict));
    }
    const why = turn.querySelector(".why");
    why.hidden = verdict !== "bad";
    why.querySelector("[role=status]").textContent = "";
    if (verdict === "bad") why.querySelector("input").focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".turn-actions button");
    if (button && button.matches(".copy")) copy(button);
    else if (button && button.matches(".verdict")) pressed(button);
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest(".turn-actions .why");
    if (!form) return;
    event.preventDefault();
    const kept = await judge(form.closest(".turn"), "bad", form.querySelector("input").value);
    const status = form.querySelector("[role=status]");
    if (kept) status.textContent = status.dataset.done;
  });
})();
