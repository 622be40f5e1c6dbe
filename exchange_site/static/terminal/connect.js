// Copy buttons, and the user's accounts.
import { _, byId, h, setup } from "./dom.js";
import { get } from "./api.js";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
    button.textContent = _("Copied");
  });
}

if (setup.user_id) {
  const { items } = await get(`/api/user/${setup.user_id}/accounts`);
  byId("account-lines").append(...items.map((row) => h("li", {}, h("code", {}, row.account_id), ` ${row.account_name}`)));
}
